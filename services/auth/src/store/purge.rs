//! Removing what nobody asks for any more.

use std::time::Duration;

use sqlx::{AssertSqlSafe, PgPool};

use crate::error::Result;

/// What goes after how long, counted from which column.
const OLD: [(&str, &str, &str); 9] = [
    ("change_log", "created_at", "1 hour"),
    ("console_ticket", "expires_at", "1 day"),
    ("session", "ended_at", "1 day"),
    ("api_token", "revoked_at", "30 days"),
    ("grant_tombstone", "buried_at", "30 days"),
    ("login_challenge", "expires_at", "1 hour"),
    ("oidc_attempt", "expires_at", "1 hour"),
    ("invite", "expires_at", "30 days"),
    ("login_throttle", "updated_at", "1 day"),
];

/// A job is settled again at most this much later.
const SETTLED_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// One round; yields how many rows went.
pub(crate) async fn round(pool: &PgPool) -> Result<u64> {
    let mut rows = 0;
    for (table, column, age) in OLD {
        let text = format!("delete from {table} where {column} < now() - interval '{age}'");
        let deleted =
            sqlx::query(AssertSqlSafe(text)).execute(pool).await.map_err(gwm_pg::Error::from)?;
        rows += deleted.rows_affected();
    }
    rows += gwm_pg::inbox::purge(pool, SETTLED_KEPT).await?;
    Ok(rows)
}
