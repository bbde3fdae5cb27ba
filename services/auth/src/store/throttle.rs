//! Leaky buckets in the database: the same for all replicas, and kept over a restart.

use std::time::Duration;

use sqlx::PgConnection;

use super::seconds;
use crate::error::Result;

/// Puts one drop into the bucket, if it fits; `false` when it is full.
pub(crate) async fn take(
    connection: &mut PgConnection,
    subject: &str,
    burst: u32,
    every: Duration,
) -> Result<bool> {
    let taken = sqlx::query(
        "insert into login_throttle as bucket (subject, level) values ($1, 1)
         on conflict (subject) do update
             set level = greatest(0, bucket.level
                     - extract(epoch from now() - bucket.updated_at) / $3) + 1,
                 updated_at = now()
             where greatest(0, bucket.level
                     - extract(epoch from now() - bucket.updated_at) / $3) + 1 <= $2",
    )
    .bind(subject)
    .bind(f64::from(burst))
    .bind(seconds(every))
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(taken.rows_affected() == 1)
}

/// Takes one drop out again: the login was good after all.
pub(crate) async fn give_back(connection: &mut PgConnection, subject: &str) -> Result<()> {
    sqlx::query("update login_throttle set level = greatest(0, level - 1) where subject = $1")
        .bind(subject)
        .execute(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Empties the bucket.
pub(crate) async fn clear(connection: &mut PgConnection, subject: &str) -> Result<()> {
    sqlx::query("delete from login_throttle where subject = $1")
        .bind(subject)
        .execute(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(())
}
