//! Idempotency keys: the same request with the same key gets the same answer for 24 hours.
//!
//! Everything happens in the transaction of the effect: [`begin`], the effect, [`complete`],
//! commit. A rolled back request leaves no trace, and its key is free again.

use sqlx::{PgConnection, PgPool};

use crate::cas::EnsureAffected;
use crate::{Error, Result};

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// The key is new: do the work, then [`complete`] in this transaction.
    Fresh,
    /// The work is done already: answer this.
    Replay(Vec<u8>),
    /// The key belongs to another request: `422 idempotency_key_reused`.
    Reused,
    /// The same key is being worked on at this moment: 409.
    InProgress,
}

/// Claims `key` of `principal` for one call of `rpc`, in the transaction of the effect.
pub async fn begin(
    connection: &mut PgConnection,
    principal: &str,
    rpc: &str,
    key: &str,
    request_hash: &[u8],
) -> Result<Begin> {
    // The insert alone would make a second request wait for the first one's commit.
    let mine: bool = sqlx::query_scalar(
        "select pg_try_advisory_xact_lock(hashtextextended(
             jsonb_build_array('idempotency', $1::text, $2::text, $3::text)::text, 0))",
    )
    .bind(principal)
    .bind(rpc)
    .bind(key)
    .fetch_one(&mut *connection)
    .await?;
    if !mine {
        return Ok(Begin::InProgress);
    }
    sqlx::query(
        "delete from idempotency where principal = $1 and rpc = $2 and key = $3
             and created_at < now() - interval '24 hours'",
    )
    .bind(principal)
    .bind(rpc)
    .bind(key)
    .execute(&mut *connection)
    .await?;
    let inserted = sqlx::query(
        "insert into idempotency (principal, rpc, key, request_hash) values ($1, $2, $3, $4)
             on conflict do nothing",
    )
    .bind(principal)
    .bind(rpc)
    .bind(key)
    .bind(request_hash)
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(Begin::Fresh);
    }
    let row: Option<(Vec<u8>, Option<Vec<u8>>)> = sqlx::query_as(
        "select request_hash, response from idempotency
             where principal = $1 and rpc = $2 and key = $3",
    )
    .bind(principal)
    .bind(rpc)
    .bind(key)
    .fetch_optional(&mut *connection)
    .await?;
    Ok(match row {
        None => Begin::InProgress,
        Some((hash, _)) if hash != request_hash => Begin::Reused,
        Some((_, Some(response))) => Begin::Replay(response),
        Some((_, None)) => Begin::InProgress,
    })
}

/// Stores the answer of a [`Begin::Fresh`] request, in the same transaction.
pub async fn complete(
    connection: &mut PgConnection,
    principal: &str,
    rpc: &str,
    key: &str,
    response: &[u8],
) -> Result<()> {
    sqlx::query(
        "update idempotency set response = $4
             where principal = $1 and rpc = $2 and key = $3 and response is null",
    )
    .bind(principal)
    .bind(rpc)
    .bind(key)
    .bind(response)
    .execute(connection)
    .await
    .map_err(Error::from)?
    .ensure_affected(1)
}

/// Removes keys older than 24 hours.
pub async fn purge(pool: &PgPool) -> Result<u64> {
    let deleted =
        sqlx::query("delete from idempotency where created_at < now() - interval '24 hours'")
            .execute(pool)
            .await?;
    Ok(deleted.rows_affected())
}
