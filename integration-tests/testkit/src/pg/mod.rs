//! Postgres: a throw-away server with fresh databases for tests, a lasting private one for `make run`.
//!
//! Postgres refuses to run as root; then it runs as the user `postgres`, with its data under `/var/tmp`.

mod database;
mod server;
mod test_pg;

pub use database::{Migrations, TestDatabase};
pub use server::{Postgres, PostgresServer};
pub use test_pg::TestPg;
