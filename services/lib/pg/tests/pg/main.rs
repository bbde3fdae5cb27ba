//! The library on a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod cancelled;
mod errors;
mod idempotency;
mod inbox;
mod lease;
mod migrations;
mod outbox;
mod sets;

use gwm_pg::PgSettings;
use gwm_testkit::TestPg;
use gwm_testkit::pg::Migrations;
use sqlx::PgPool;

/// A database that has the foundation and nothing else.
async fn database(name: &str) -> PgPool {
    let pool = empty_database(name).await;
    sqlx::raw_sql(gwm_pg::FOUNDATION_SQL).execute(&pool).await.unwrap();
    pool
}

async fn empty_database(name: &str) -> PgPool {
    pool(TestPg::fresh(name, Migrations::None).await.url())
}

fn pool(url: &str) -> PgPool {
    let settings = PgSettings { url: url.to_owned(), ..PgSettings::default() };
    gwm_pg::connect(&settings, "test").unwrap()
}
