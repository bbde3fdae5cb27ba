//! A Postgres of the bench's own.

use gwm_testkit::pg::PostgresServer;
use gwm_testkit::{Postgres, Scratch};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;

/// Gone with it.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) pool: PgPool,
    _server: PostgresServer,
    _scratch: Scratch,
}

impl Place {
    /// With cache-updater's tables in it. Nothing is synced to disk, for ours and the peer alike.
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let scratch = Scratch::new("gwm-bench-")?;
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(scratch.path(), open)?;
        let plan = Postgres::throw_away(&scratch.path().join("postgres"));
        let server =
            plan.setting("shared_buffers=512MB").setting("max_wal_size=4GB").start().await?;
        server.ensure_database("bench").await?;
        let pool = PgPoolOptions::new().max_connections(4).connect(&server.url("bench")).await?;
        let tables = gwm_testkit::paths::project_root().join("migrations/cache");
        Migrator::new(tables).await?.run(&pool).await?;
        Ok(Self { pool, _server: server, _scratch: scratch })
    }
}
