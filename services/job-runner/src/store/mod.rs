//! All SQL: one file for each aggregate.

mod asker;
mod event;
pub(crate) mod figures;
pub(crate) mod foreign;
pub(crate) mod job;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod op;
pub(crate) mod owner_tag;
pub(crate) mod reservation;
mod row;
#[cfg(test)]
mod tests;

use std::time::Duration;

use gwm_authz::Scope;
use gwm_pg::lease::{self, Held, Holder, LeaseSettings};
use gwm_pg::sets::Sets;
use gwm_pg::{PgSettings, Result};
use gwm_types::ClusterId;
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgListener;
use sqlx::{PgPool, Postgres, Transaction};
use tokio_util::sync::CancellationToken;

pub(crate) static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/jobs");

/// A new job was committed.
const CHANNEL: &str = "gwm_job";

/// The database of jobs.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: PgPool,
    sets: Sets,
}

/// A transaction.
pub(crate) type Tx = Transaction<'static, Postgres>;

/// Makes it so.
pub(crate) async fn commit(tx: Tx) -> Result<()> {
    Ok(tx.commit().await?)
}

/// A transaction that reads, and sees one moment only.
async fn snapshot(store: &Store) -> Result<Tx> {
    let mut tx = store.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *tx)
        .await?;
    Ok(tx)
}

impl Store {
    /// Makes the pool; connects when first used.
    pub(crate) fn connect(settings: &PgSettings) -> Result<Self> {
        Ok(Self::of(gwm_pg::connect(settings, "gwm-job-runner")?))
    }

    /// Over a pool.
    pub(crate) fn of(pool: PgPool) -> Self {
        Self { sets: Sets::new(pool.clone()), pool }
    }

    /// Makes sure that what the scope names as sets can be joined. Before each query that a scope limits.
    async fn keep_sets(&self, scope: &Scope) -> Result<()> {
        for set in scope.sets() {
            self.sets.keep(set.id(), set.columns()).await?;
        }
        Ok(())
    }

    /// For the relay.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) async fn migrate(&self) -> Result<()> {
        gwm_pg::migrate(&self.pool, &MIGRATOR).await
    }

    /// For reading outside a transaction.
    pub(crate) async fn connection(&self) -> Result<PoolConnection<Postgres>> {
        Ok(self.pool.acquire().await?)
    }

    pub(crate) async fn begin(&self) -> Result<Tx> {
        Ok(self.pool.begin().await?)
    }

    /// A transaction that fails unless the lease is held, and that keeps it from changing hands.
    pub(crate) async fn begin_fenced(&self, held: &Held) -> Result<Tx> {
        let mut tx = self.begin().await?;
        lease::assert_held(&mut tx, held).await?;
        Ok(tx)
    }

    /// Takes the right to talk to a cluster, if nobody has it.
    pub(crate) async fn acquire(
        &self,
        cluster: ClusterId,
        holder: &Holder,
        settings: &LeaseSettings,
    ) -> Result<Option<Held>> {
        lease::try_acquire(&self.pool, &format!("submit:{cluster}"), holder, settings).await
    }

    /// Renews the lease until it is lost or `stop`; then gives it back.
    pub(crate) async fn keep(&self, held: Held, stop: CancellationToken) {
        lease::keep(self.pool.clone(), held, stop).await;
    }

    /// Extends the lease now.
    pub(crate) async fn renew(&self, held: &Held) -> Result<()> {
        lease::renew(&self.pool, held).await
    }

    /// Wakes up at new jobs; a lost notification is made up for by the caller's own timer.
    pub(crate) async fn listen(&self) -> Result<Listener> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Listener(listener))
    }

    /// What cursors of lists are signed with.
    pub(crate) async fn cursor_secret(&self) -> Result<Vec<u8>> {
        Ok(sqlx::query_scalar("select secret from cursor_secret").fetch_one(&self.pool).await?)
    }

    /// Keys are kept for 24 hours.
    pub(crate) async fn purge_idempotency(&self) -> Result<u64> {
        gwm_pg::idempotency::purge(&self.pool).await
    }
}

/// Hears of new jobs.
#[derive(Debug)]
pub(crate) struct Listener(PgListener);

impl Listener {
    /// Waits for a new job, for at most `patience`.
    pub(crate) async fn wait(&mut self, patience: Duration) -> Result<()> {
        match tokio::time::timeout(patience, self.0.try_recv()).await {
            Ok(received) => Ok(received.map(|_| ())?),
            Err(_) => Ok(()),
        }
    }
}
