//! API tokens.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::seconds;
use super::session::Resolved;
use crate::error::Result;

/// A use is recorded at most this often.
pub(crate) const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// A token, without its secret.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct TokenRow {
    pub(crate) token_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// Adds one.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    user: Uuid,
    name: &str,
    prefix: &str,
    token_hash: &[u8],
) -> Result<TokenRow> {
    Ok(sqlx::query_as(
        "with made as (
             insert into api_token (token_id, user_id, name, prefix, token_hash)
             values ($1, $2, $3, $4, $5) returning *)
         select token_id, user_id, username, name, prefix, made.created_at, last_used_at,
             revoked_at
         from made join app_user using (user_id)",
    )
    .bind(Uuid::now_v7())
    .bind(user)
    .bind(name)
    .bind(prefix)
    .bind(token_hash)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// A user's, newest first.
pub(crate) async fn list(connection: &mut PgConnection, user: Uuid) -> Result<Vec<TokenRow>> {
    Ok(sqlx::query_as(
        "select token_id, user_id, username, name, prefix, api_token.created_at, last_used_at,
             revoked_at
         from api_token join app_user using (user_id)
         where user_id = $1 and revoked_at is null order by api_token.created_at desc, token_id",
    )
    .bind(user)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// How many a user has; none for one who was disabled a moment ago. Others of the same user wait
/// until this transaction ends.
pub(crate) async fn count_locked(connection: &mut PgConnection, user: Uuid) -> Result<Option<i64>> {
    let enabled: Option<bool> =
        sqlx::query_scalar("select not disabled from app_user where user_id = $1 for update")
            .bind(user)
            .fetch_optional(&mut *connection)
            .await
            .map_err(gwm_pg::Error::from)?;
    if enabled != Some(true) {
        return Ok(None);
    }
    let count = sqlx::query_scalar(
        "select count(*) from api_token where user_id = $1 and revoked_at is null",
    )
    .bind(user)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(Some(count))
}

/// The person behind a token that is not revoked.
pub(crate) async fn resolve(
    connection: &mut PgConnection,
    token_hash: &[u8],
) -> Result<Option<Resolved>> {
    Ok(sqlx::query_as(
        "select token_id as credential_id, user_id, username, is_admin, app_user.created_at,
                coalesce(last_used_at < now() - make_interval(secs => $2), true) as stale
         from api_token join app_user using (user_id)
         where token_hash = $1 and revoked_at is null and not disabled",
    )
    .bind(token_hash)
    .bind(seconds(TOUCH_EVERY))
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Records that it is used. Of many requests at once the first one writes.
pub(crate) async fn touch(connection: &mut PgConnection, token: Uuid) -> Result<()> {
    sqlx::query(
        "update api_token set last_used_at = now()
             where token_id = $1
               and coalesce(last_used_at < now() - make_interval(secs => $2), true)",
    )
    .bind(token)
    .bind(seconds(TOUCH_EVERY))
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Whether the user has, or had, such a token.
pub(crate) async fn is_of(connection: &mut PgConnection, token: Uuid, user: Uuid) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select exists (select from api_token where token_id = $1 and user_id = $2)",
    )
    .bind(token)
    .bind(user)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Revokes these of a user that are not revoked yet: one, or all.
pub(crate) async fn revoke(
    connection: &mut PgConnection,
    user: Uuid,
    only: Option<Uuid>,
) -> Result<Vec<TokenRow>> {
    Ok(sqlx::query_as(
        "update api_token set revoked_at = now() from app_user
         where api_token.user_id = $1 and ($2::uuid is null or token_id = $2)
           and revoked_at is null and app_user.user_id = api_token.user_id
         returning token_id, api_token.user_id, username, name, prefix, api_token.created_at,
             last_used_at, revoked_at",
    )
    .bind(user)
    .bind(only)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}
