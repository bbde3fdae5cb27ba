//! The inbox: an event takes effect once for each consumer, however often it is delivered.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::Result;

/// Records that `consumer` takes `event_id` now and yields whether it is the first time.
///
/// Call it first, in the transaction of the effect: rolled back with it, committed with it.
/// `false` means done already: acknowledge and do nothing.
pub async fn first_time(
    connection: &mut PgConnection,
    consumer: &str,
    event_id: Uuid,
) -> Result<bool> {
    let inserted = sqlx::query(
        "insert into inbox (consumer, event_id) values ($1, $2) on conflict do nothing",
    )
    .bind(consumer)
    .bind(event_id)
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Removes entries older than `age`, which must be longer than the stream keeps its messages.
pub async fn purge(pool: &PgPool, age: Duration) -> Result<u64> {
    let deleted =
        sqlx::query("delete from inbox where received_at < now() - make_interval(secs => $1)")
            .bind(age.as_secs_f64())
            .execute(pool)
            .await?;
    Ok(deleted.rows_affected())
}
