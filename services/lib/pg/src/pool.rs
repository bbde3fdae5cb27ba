//! The pool and the migrations.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, PgConnection, PgPool, Row as _};
use tokio_util::sync::CancellationToken;

use crate::{Kind, PgSettings, Result};

const POLL: Duration = Duration::from_millis(500);
/// A connection that rests longer than this is asked whether it is still there before it is used.
const TRUSTED: Duration = Duration::from_secs(1);

/// Makes the pool without connecting: a database that is absent at start is a matter of readiness,
/// not a reason to exit.
pub fn connect(settings: &PgSettings, application_name: &str) -> Result<PgPool> {
    settings.validate()?;
    Ok(PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(settings.acquire_timeout)
        // One that was in use a moment ago answered a moment ago (below): asking whether it still does
        // would double the ways to the database.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > TRUSTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_release(|connection, _| Box::pin(is_outside_transactions(connection)))
        .connect_lazy_with(settings.options(application_name)?))
}

/// Whether the connection may go back to the pool. sqlx 0.9 forgets a `begin` whose caller went away
/// before the answer, as callers of an RPC do: what the next one wrote without a transaction of its own
/// would sit in that forgotten one, and be lost with it.
async fn is_outside_transactions(connection: &mut PgConnection) -> sqlx::Result<bool> {
    // As one simple query: there the two times are the same exactly when it is a transaction by itself.
    let row = sqlx::raw_sql("select now() = statement_timestamp()").fetch_one(connection).await?;
    let outside: bool = row.try_get(0)?;
    if !outside {
        tracing::warn!("closing a database connection that was left inside a transaction");
    }
    Ok(outside)
}

/// Applies what is missing, under the migrator's advisory lock: replicas that start at once wait
/// for each other.
pub async fn migrate(pool: &PgPool, migrator: &'static Migrator) -> Result<()> {
    // A connection of its own: waiting for the lock and long index builds must not hit the
    // pool's time-outs, and they must not be changed on a connection that goes back.
    let mut connection = pool.acquire().await?.detach();
    sqlx::query("select set_config('lock_timeout', '0', false), set_config('statement_timeout', '0', false)")
        .execute(&mut connection)
        .await?;
    migrator.run_direct(None, &mut connection, false).await?;
    Ok(())
}

/// Asks the database for a sign of life, for readiness.
pub async fn ping(pool: &PgPool) -> Result<()> {
    sqlx::query("select 1").execute(pool).await?;
    Ok(())
}

/// Waits until the database answers, or until `shutdown`. Yields whether it answered; any failure
/// but an unreachable database is passed on.
pub async fn wait_until_reachable(pool: &PgPool, shutdown: &CancellationToken) -> Result<bool> {
    let mut told = false;
    loop {
        match ping(pool).await {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == Kind::Unavailable => {
                if !told {
                    tracing::warn!(error = %error, "waiting for the database");
                    told = true;
                }
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(false),
            () = tokio::time::sleep(POLL) => {}
        }
    }
}
