//! All SQL of this service: one file an aggregate, free functions over a connection.

pub(crate) mod audit;
pub(crate) mod audit_list;
pub(crate) mod audit_verify;
pub(crate) mod change;
pub(crate) mod cluster;
pub(crate) mod event;
pub(crate) mod grant;
pub(crate) mod group;
pub(crate) mod identity;
pub(crate) mod invite;
pub(crate) mod ledger;
pub(crate) mod oidc;
pub(crate) mod owner;
pub(crate) mod persona;
pub(crate) mod policy;
pub(crate) mod purge;
pub(crate) mod quota;
pub(crate) mod reservation;
pub(crate) mod rights;
pub(crate) mod role;
pub(crate) mod second_factor;
pub(crate) mod selector;
pub(crate) mod session;
pub(crate) mod signing_key;
pub(crate) mod ssh_key;
pub(crate) mod throttle;
pub(crate) mod ticket;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod user_list;
pub(crate) mod view;

use std::time::Duration;

use gwm_pg::sets::Sets;
use sqlx::postgres::PgListener;
use sqlx::{Connection, PgPool};
pub(crate) use sqlx::{PgConnection, Postgres, Transaction};

use crate::error::Result;

/// The migrations of `gwm_auth`, compiled in.
pub(crate) static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/auth");

const SNAPSHOT: &str = "begin isolation level repeatable read, read only";

/// The database.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: PgPool,
    pub(crate) sets: Sets,
}

impl Store {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { sets: Sets::new(pool.clone()), pool }
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// One transaction, rolled back unless it is committed.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Postgres>> {
        Ok(self.pool.begin().await.map_err(gwm_pg::Error::from)?)
    }

    /// One that reads several tables as of one moment.
    pub(crate) async fn begin_snapshot(&self) -> Result<Transaction<'static, Postgres>> {
        Ok(self.pool.begin_with(SNAPSHOT).await.map_err(gwm_pg::Error::from)?)
    }

    /// A connection outside the pool: one that hangs is dropped, and holds no place there.
    pub(crate) async fn connect(&self) -> Result<PgConnection> {
        let options = self.pool.connect_options();
        Ok(PgConnection::connect_with(&options).await.map_err(gwm_pg::Error::from)?)
    }

    /// Hears of each new number in the change log.
    pub(crate) async fn listen(&self) -> Result<PgListener> {
        self.listen_to("gwm_access_changed").await
    }

    /// Hears of each change of owners.
    pub(crate) async fn listen_owners(&self) -> Result<PgListener> {
        self.listen_to("gwm_owner_changed").await
    }

    async fn listen_to(&self, channel: &str) -> Result<PgListener> {
        let mut listener =
            PgListener::connect_with(&self.pool).await.map_err(gwm_pg::Error::from)?;
        listener.listen(channel).await.map_err(gwm_pg::Error::from)?;
        Ok(listener)
    }
}

/// As [`Store::begin_snapshot`], on a connection that one has.
pub(crate) async fn snapshot(connection: &mut PgConnection) -> Result<Transaction<'_, Postgres>> {
    Ok(connection.begin_with(SNAPSHOT).await.map_err(gwm_pg::Error::from)?)
}

/// Ends a transaction.
pub(crate) async fn commit(tx: Transaction<'_, Postgres>) -> Result<()> {
    Ok(tx.commit().await.map_err(gwm_pg::Error::from)?)
}

/// Whether the failure is that the tables are not there yet.
pub(crate) fn schema_missing(error: &crate::error::Error) -> bool {
    let crate::error::Error::Database(gwm_pg::Error::Internal(error)) = error else {
        return false;
    };
    // undefined_table, undefined_column
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|c| c == "42P01" || c == "42703")
}

/// For `make_interval(secs => ..)`.
fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
