//! Postgres for the services that own a database: the pool, migrations, errors by constraint name,
//! optimistic updates, leases with a fence, the outbox and inbox of events, idempotency keys, large
//! sets of keys that queries are limited to.
//!
//! Nothing here knows a domain word. The tables that this crate reads and writes are made by
//! `sql/foundation.sql`, which is each database's first migration (`0001_foundation.sql`).
//!
//! Each service embeds its own migrations:
//!
//! ```ignore
//! static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/auth");
//!
//! let pool = gwm_pg::connect(&config.database, "gwm-auth")?; // lazy: an absent database is no error
//! gwm_pg::migrate(&pool, &MIGRATOR).await?;
//!
//! let mut tx = pool.begin().await?;
//! sqlx::query("insert into app_user ..")
//!     .execute(&mut *tx)
//!     .await
//!     .on_constraint("app_user_name_key", || Error::NameTaken)?;
//! gwm_pg::outbox::append(&mut tx, &row).await?; // the object's row is locked by now
//! tx.commit().await?;
//! ```
//!
//! A `build.rs` with `println!("cargo::rerun-if-changed=../../migrations/auth")` makes cargo see
//! new migrations.

mod cas;
mod error;
pub mod idempotency;
pub mod inbox;
pub mod lease;
pub mod outbox;
mod pool;
mod retry;
pub mod sets;
mod settings;

pub use cas::EnsureAffected;
pub use error::{Error, Kind, Result, ResultExt};
pub use pool::{connect, migrate, ping, wait_until_reachable};
pub use retry::retry;
pub use settings::PgSettings;

/// The first migration of every database, as text: tests of this crate's users apply it alone.
pub const FOUNDATION_SQL: &str = include_str!("../sql/foundation.sql");
