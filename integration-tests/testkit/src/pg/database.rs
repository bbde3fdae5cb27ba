use std::path::{Path, PathBuf};

use sqlx::AssertSqlSafe;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};

use crate::Error;

/// What makes a fresh database's tables.
#[derive(Debug, Clone)]
pub enum Migrations<'a> {
    /// Nothing: the database stays empty.
    None,
    /// Those compiled in by `sqlx::migrate!`.
    Embedded(&'a Migrator),
    /// The files of a directory; a relative one is seen from the project's top.
    Directory(PathBuf),
}

impl<'a> From<&'a Migrator> for Migrations<'a> {
    fn from(migrator: &'a Migrator) -> Self {
        Self::Embedded(migrator)
    }
}

impl From<&Path> for Migrations<'_> {
    fn from(directory: &Path) -> Self {
        Self::Directory(directory.to_path_buf())
    }
}

impl From<&str> for Migrations<'_> {
    fn from(directory: &str) -> Self {
        Self::Directory(PathBuf::from(directory))
    }
}

impl Migrations<'_> {
    pub(super) async fn run(&self, url: &str) -> Result<(), Error> {
        let loaded;
        let migrator = match self {
            Self::None => return Ok(()),
            Self::Embedded(migrator) => *migrator,
            Self::Directory(directory) => {
                loaded = Migrator::new(crate::paths::project_root().join(directory)).await?;
                &loaded
            }
        };
        let pool = PgPoolOptions::new().max_connections(1).connect(url).await?;
        migrator.run(&pool).await?;
        pool.close().await;
        Ok(())
    }
}

/// A fresh database of a test.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    pub(super) name: String,
    pub(super) url: String,
}

impl TestDatabase {
    /// Its name on the server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where to connect, password included.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A small pool of the calling test's own runtime.
    ///
    /// # Panics
    /// When the server is not there.
    pub async fn pool(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(8)
            .connect(&self.url)
            .await
            .unwrap_or_else(|error| panic!("connecting to {}: {error}", self.name))
    }
}

pub(super) async fn create(connection: &mut PgConnection, name: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(name.chars().all(plain), "a database name of [a-z0-9_], not {name:?}");
    sqlx::query(AssertSqlSafe(format!("create database {name}"))).execute(connection).await?;
    Ok(())
}
