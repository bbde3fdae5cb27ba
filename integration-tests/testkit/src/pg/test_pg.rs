use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::sync::OnceCell;

use super::{Migrations, Postgres, PostgresServer, TestDatabase};
use crate::process::Scratch;
use crate::{Error, Supervised};

/// A throw-away Postgres for tests. Each test makes fresh databases in it.
#[derive(Debug)]
pub struct TestPg {
    server: PostgresServer,
    next: AtomicUsize,
    // After the server: its files go last.
    directory: Scratch,
}

impl TestPg {
    /// A server of one's own: for tests that stop, freeze or kill it.
    ///
    /// # Panics
    /// When it can't be started.
    pub async fn start() -> Self {
        Self::try_start().await.unwrap_or_else(|error| panic!("test Postgres: {}", chain(&error)))
    }

    /// The one server that all tests of this process share; it ends with the process.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<TestPg> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// A fresh database on the shared server.
    pub async fn fresh<'a>(name: &str, migrations: impl Into<Migrations<'a>>) -> TestDatabase {
        Self::shared().await.database(name, migrations).await
    }

    async fn try_start() -> Result<Self, Error> {
        let directory = Scratch::new("gwm-test-pg-")?;
        let server = Postgres::throw_away(directory.path()).start().await?;
        Ok(Self { server, next: AtomicUsize::new(1), directory })
    }

    /// A fresh database: `name` is for people, a number makes it unique.
    ///
    /// # Panics
    /// When it can't be made or migrated.
    pub async fn database<'a>(
        &self,
        name: &str,
        migrations: impl Into<Migrations<'a>>,
    ) -> TestDatabase {
        let name = format!("{name}_{}", self.next.fetch_add(1, Ordering::Relaxed));
        let made = self.make(&name, &migrations.into()).await;
        made.unwrap_or_else(|error| panic!("database {name}: {}", chain(&error)))
    }

    async fn make(&self, name: &str, migrations: &Migrations<'_>) -> Result<TestDatabase, Error> {
        let mut connection = PgConnection::connect(&self.server.url("postgres")).await?;
        super::database::create(&mut connection, name).await?;
        connection.close().await?;
        let database = TestDatabase { name: name.to_owned(), url: self.server.url(name) };
        migrations.run(&database.url).await?;
        Ok(database)
    }

    /// The URL of any of its databases.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.server.url(database)
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The process: `signal("STOP")` freezes only the postmaster, so no new connection is answered.
    pub fn process(&mut self) -> &mut Supervised {
        self.server.process()
    }

    /// Where its data is, until it ends.
    #[must_use]
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
