//! The outbox: events committed with the change that they tell of, published afterwards.
//!
//! A service calls [`append`]; `gwm_events::Relay` calls the rest.

use std::time::Duration;

use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::Result;

/// The NOTIFY channel that wakes the relay. A trigger of the table speaks on it.
pub const CHANNEL: &str = "gwm_outbox";

/// Session advisory lock of the one relay that works on a database.
const RELAY_LOCK: i64 = 0x6777_6d5f_6f75_7462;

/// One event on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// The `CloudEvent`'s id, and its `Nats-Msg-Id`.
    pub event_id: Uuid,
    /// Events of one key are published in their order, one at a time.
    pub object_key: String,
    /// The event class, for instance `inventory`.
    pub class: String,
    /// The NATS subject.
    pub subject: String,
    /// The `CloudEvent` as JSON.
    pub payload: String,
    /// W3C trace context of the request that caused the change.
    pub traceparent: Option<String>,
}

/// A row that waits to be published.
#[derive(Debug, Clone, FromRow)]
pub struct Unpublished {
    /// Its place in the outbox.
    pub position: i64,
    /// See [`OutboxRow::event_id`].
    pub event_id: Uuid,
    /// See [`OutboxRow::object_key`].
    pub object_key: String,
    /// See [`OutboxRow::class`].
    pub class: String,
    /// See [`OutboxRow::subject`].
    pub subject: String,
    /// See [`OutboxRow::payload`].
    pub payload: String,
    /// See [`OutboxRow::traceparent`].
    pub traceparent: Option<String>,
}

/// A row that `JetStream` has acknowledged.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its place in the outbox.
    pub position: i64,
    /// Its class.
    pub class: String,
    /// Its sequence in the class's stream.
    pub stream_sequence: i64,
}

/// How much waits to be published.
#[derive(Debug, Clone, Copy, PartialEq, FromRow)]
pub struct Backlog {
    /// Number of rows.
    pub rows: i64,
    /// Age of the oldest, in seconds; 0 when none waits.
    pub oldest_seconds: f64,
}

/// Adds one event to the transaction of the change it tells of.
///
/// The object's own row must be locked before (it is, once it is inserted or updated): positions
/// of one object are then given in the order of commits, which is the order consumers see.
pub async fn append(connection: &mut PgConnection, row: &OutboxRow) -> Result<()> {
    sqlx::query(
        "insert into outbox (event_id, object_key, class, subject, payload, traceparent)
             values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(row.event_id)
    .bind(&row.object_key)
    .bind(&row.class)
    .bind(&row.subject)
    .bind(&row.payload)
    .bind(&row.traceparent)
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds many events in one statement, in their order; as [`append`] otherwise.
pub async fn append_all(connection: &mut PgConnection, rows: &[OutboxRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let column = |field: fn(&OutboxRow) -> &str| rows.iter().map(field).collect::<Vec<_>>();
    let event_ids: Vec<Uuid> = rows.iter().map(|row| row.event_id).collect();
    let traceparents: Vec<Option<&str>> =
        rows.iter().map(|row| row.traceparent.as_deref()).collect();
    sqlx::query(
        "insert into outbox (event_id, object_key, class, subject, payload, traceparent)
         select event_id, object_key, class, subject, payload, traceparent
         from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
             with ordinality
             as row (event_id, object_key, class, subject, payload, traceparent, number)
         order by number",
    )
    .bind(event_ids)
    .bind(column(|row| &row.object_key))
    .bind(column(|row| &row.class))
    .bind(column(|row| &row.subject))
    .bind(column(|row| &row.payload))
    .bind(traceparents)
    .execute(connection)
    .await?;
    Ok(())
}

/// The highest stream sequence of `class` that was acknowledged, 0 at first: the list's
/// `stream_sequence`. Read it in the list's own snapshot (one statement, or `repeatable read`):
/// every event up to it is then in the list already.
pub async fn acknowledged_sequence(connection: &mut PgConnection, class: &str) -> Result<i64> {
    let sequence: Option<i64> =
        sqlx::query_scalar("select stream_sequence from outbox_acknowledged where class = $1")
            .bind(class)
            .fetch_optional(connection)
            .await?;
    Ok(sequence.unwrap_or(0))
}

/// Tries to become this database's one relay, until the connection closes.
pub async fn try_lock_relay(connection: &mut PgConnection) -> Result<bool> {
    Ok(sqlx::query_scalar("select pg_try_advisory_lock($1)")
        .bind(RELAY_LOCK)
        .fetch_one(connection)
        .await?)
}

/// The first `limit` rows that wait, by position. There is no high-water mark on purpose:
/// positions become visible in the order of commits, not of numbers.
pub async fn fetch_unpublished(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Vec<Unpublished>> {
    Ok(sqlx::query_as(
        "select position, event_id, object_key, class, subject, payload, traceparent
             from outbox where published_at is null order by position limit $1",
    )
    .bind(limit)
    .fetch_all(connection)
    .await?)
}

/// Marks what `JetStream` acknowledged and moves each class's acknowledged sequence on, in one
/// statement.
pub async fn mark_published(connection: &mut PgConnection, rows: &[Published]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let positions: Vec<i64> = rows.iter().map(|row| row.position).collect();
    let classes: Vec<&str> = rows.iter().map(|row| row.class.as_str()).collect();
    let sequences: Vec<i64> = rows.iter().map(|row| row.stream_sequence).collect();
    sqlx::query(
        "with acknowledged as (
             select * from unnest($1::bigint[], $2::text[], $3::bigint[])
                 as row (position, class, stream_sequence)
         ), marked as (
             update outbox set published_at = now(), stream_sequence = acknowledged.stream_sequence
             from acknowledged
             where outbox.position = acknowledged.position and outbox.published_at is null
         )
         insert into outbox_acknowledged (class, stream_sequence)
         select class, max(stream_sequence) from acknowledged group by class
         on conflict (class) do update
             set stream_sequence = greatest(outbox_acknowledged.stream_sequence,
                                            excluded.stream_sequence)",
    )
    .bind(positions)
    .bind(classes)
    .bind(sequences)
    .execute(connection)
    .await?;
    Ok(())
}

/// Compares the stream behind `class` with the one known so far, by its time of creation. Yields
/// `true` when it is another one: its numbers began again, so the acknowledged sequence is set to
/// 0. Consumers must be told in the same transaction.
pub async fn observe_stream(
    connection: &mut PgConnection,
    class: &str,
    stream_created_at: &str,
) -> Result<bool> {
    let known: Option<Option<String>> = sqlx::query_scalar(
        "select stream_created_at from outbox_acknowledged where class = $1 for update",
    )
    .bind(class)
    .fetch_optional(&mut *connection)
    .await?;
    let known = known.flatten();
    if known.as_deref() == Some(stream_created_at) {
        return Ok(false);
    }
    let recreated = known.is_some();
    sqlx::query(
        "insert into outbox_acknowledged (class, stream_sequence, stream_created_at)
             values ($1, 0, $2)
         on conflict (class) do update set stream_created_at = excluded.stream_created_at,
             stream_sequence = case when $3 then 0 else outbox_acknowledged.stream_sequence end",
    )
    .bind(class)
    .bind(stream_created_at)
    .bind(recreated)
    .execute(connection)
    .await?;
    Ok(recreated)
}

/// How much waits to be published: a metric and an alarm.
pub async fn backlog(connection: &mut PgConnection) -> Result<Backlog> {
    Ok(sqlx::query_as(
        "select count(*) as rows,
                coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as oldest_seconds
             from outbox where published_at is null",
    )
    .fetch_one(connection)
    .await?)
}

/// Removes at most 10,000 rows that were published longer than `age` ago; yields how many.
pub async fn purge_published(pool: &PgPool, age: Duration) -> Result<u64> {
    let deleted = sqlx::query(
        "delete from outbox where position in (
             select position from outbox
             where published_at < now() - make_interval(secs => $1) limit 10000)",
    )
    .bind(age.as_secs_f64())
    .execute(pool)
    .await?;
    Ok(deleted.rows_affected())
}
