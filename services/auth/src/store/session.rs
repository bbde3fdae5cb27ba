//! Sessions. All times are the database's.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::seconds;
use crate::config::SessionConfig;
use crate::error::Result;

/// A session with its user's name, for events.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct SessionRow {
    pub(crate) session_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) username: String,
    pub(crate) client_address: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
}

/// Who came in, by session or token.
#[derive(Debug, FromRow)]
pub(crate) struct Resolved {
    /// Of the session or the token.
    pub(crate) credential_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) username: String,
    pub(crate) is_admin: bool,
    pub(crate) created_at: DateTime<Utc>,
    /// Whether its use is due to be recorded.
    pub(crate) stale: bool,
    /// The group that a session was switched to.
    #[sqlx(default)]
    pub(crate) acting_as: Option<Uuid>,
    // The rest is of tokens only.
    #[sqlx(default)]
    pub(crate) restricted: bool,
    #[sqlx(default)]
    pub(crate) expires_at: Option<DateTime<Utc>>,
    #[sqlx(default)]
    pub(crate) networks: Vec<String>,
    /// The only persona that a token acts as.
    #[sqlx(default)]
    pub(crate) persona_id: Option<Uuid>,
    #[sqlx(default)]
    pub(crate) token_name: String,
}

/// Starts one, if the user has this very password hash and second factor, and is not disabled: between the
/// look at them and here a tenth of a second went by. The user's row stays locked, so whoever disables them
/// at the same time finds the session.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    user: &super::user::Credential,
    token_hash: &[u8],
    client_address: &str,
    user_agent: &str,
) -> Result<Option<SessionRow>> {
    Ok(sqlx::query_as(
        "with known as (
             update app_user set last_login_at = now()
             where user_id = $2 and password_hash is not distinct from $6 and not disabled
               and second_factor = $7
             returning user_id, username),
         started as (
             insert into session (session_id, user_id, token_hash, client_address, user_agent)
             select $1, user_id, $3, $4, $5 from known
             returning session_id, user_id, client_address, created_at, ended_at)
         select session_id, user_id, username, client_address, created_at, ended_at
         from started join known using (user_id)",
    )
    .bind(Uuid::now_v7())
    .bind(user.user_id)
    .bind(token_hash)
    .bind(client_address)
    .bind(user_agent)
    .bind(&user.password_hash)
    .bind(user.second_factor)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// The person behind a session that is neither ended nor over by time.
pub(crate) async fn resolve(
    connection: &mut PgConnection,
    token_hash: &[u8],
    times: &SessionConfig,
) -> Result<Option<Resolved>> {
    Ok(sqlx::query_as(
        "select session_id as credential_id, user_id, username, is_admin, app_user.created_at,
                session.acting_as, last_seen_at < now() - make_interval(secs => $4) as stale
         from session join app_user using (user_id)
         where token_hash = $1 and ended_at is null and not disabled
           and last_seen_at > now() - make_interval(secs => $2)
           and session.created_at > now() - make_interval(secs => $3)",
    )
    .bind(token_hash)
    .bind(seconds(times.idle))
    .bind(seconds(times.absolute))
    .bind(seconds(times.touch_every()))
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// What an open one acts as from now on; none: its user.
pub(crate) async fn act_as(
    connection: &mut PgConnection,
    session: Uuid,
    group: Option<Uuid>,
) -> Result<()> {
    sqlx::query("update session set acting_as = $2 where session_id = $1 and ended_at is null")
        .bind(session)
        .bind(group)
        .execute(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Records that it is used. Of many requests at once the first one writes.
pub(crate) async fn touch(
    connection: &mut PgConnection,
    session: Uuid,
    every: Duration,
) -> Result<()> {
    sqlx::query(
        "update session set last_seen_at = now()
             where session_id = $1 and ended_at is null
               and last_seen_at < now() - make_interval(secs => $2)",
    )
    .bind(session)
    .bind(seconds(every))
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Ends the one with this token, if it is open.
pub(crate) async fn end_by_token(
    connection: &mut PgConnection,
    token_hash: &[u8],
) -> Result<Option<SessionRow>> {
    Ok(sqlx::query_as(
        "update session set ended_at = now(), end_reason = 'logout' from app_user
         where token_hash = $1 and ended_at is null and app_user.user_id = session.user_id
         returning session_id, session.user_id, username, client_address, session.created_at,
             ended_at",
    )
    .bind(token_hash)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Ends all of a user, but `keep`.
pub(crate) async fn end_all_of(
    connection: &mut PgConnection,
    user: Uuid,
    keep: Option<Uuid>,
    reason: &str,
) -> Result<Vec<SessionRow>> {
    Ok(sqlx::query_as(
        "update session set ended_at = now(), end_reason = $2 from app_user
         where session.user_id = $1 and ended_at is null and app_user.user_id = session.user_id
           and session_id is distinct from $3
         returning session_id, session.user_id, username, client_address, session.created_at,
             ended_at",
    )
    .bind(user)
    .bind(reason)
    .bind(keep)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// One that is open, as its person sees it.
#[derive(Debug, FromRow)]
pub(crate) struct OpenRow {
    pub(crate) session_id: Uuid,
    pub(crate) client_address: String,
    pub(crate) user_agent: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_seen_at: DateTime<Utc>,
}

/// Whether somebody signed in within the last ten minutes, by this session.
pub(crate) async fn is_fresh(connection: &mut PgConnection, session: Uuid) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select exists (select from session where session_id = $1 and ended_at is null
             and created_at > now() - interval '10 minutes')",
    )
    .bind(session)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// A user's that are open, the last used first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    user: Uuid,
    times: &SessionConfig,
) -> Result<Vec<OpenRow>> {
    Ok(sqlx::query_as(
        "select session_id, client_address, user_agent, created_at, last_seen_at from session
         where user_id = $1 and ended_at is null
           and last_seen_at > now() - make_interval(secs => $2)
           and created_at > now() - make_interval(secs => $3)
         order by last_seen_at desc, session_id desc limit 200",
    )
    .bind(user)
    .bind(seconds(times.idle))
    .bind(seconds(times.absolute))
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Whether the user has, or had, such a session.
pub(crate) async fn is_of(
    connection: &mut PgConnection,
    session: Uuid,
    user: Uuid,
) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select exists (select from session where session_id = $1 and user_id = $2)",
    )
    .bind(session)
    .bind(user)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Ends one of a user's, if it is open.
pub(crate) async fn end(
    connection: &mut PgConnection,
    user: Uuid,
    session: Uuid,
    reason: &str,
) -> Result<Vec<SessionRow>> {
    Ok(sqlx::query_as(
        "update session set ended_at = now(), end_reason = $3 from app_user
         where session.user_id = $1 and session_id = $2 and ended_at is null
           and app_user.user_id = session.user_id
         returning session_id, session.user_id, username, client_address, session.created_at,
             ended_at",
    )
    .bind(user)
    .bind(session)
    .bind(reason)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Ends those that are over by time, 500 at most; what another replica is ending is left to it.
pub(crate) async fn end_expired(
    connection: &mut PgConnection,
    times: &SessionConfig,
) -> Result<Vec<SessionRow>> {
    Ok(sqlx::query_as(
        "with expired as (
             select session_id, last_seen_at <= now() - make_interval(secs => $1) as idle
             from session where ended_at is null
               and (last_seen_at <= now() - make_interval(secs => $1)
                    or created_at <= now() - make_interval(secs => $2))
             limit 500 for update skip locked)
         update session set ended_at = now(),
             end_reason = case when idle then 'idle' else 'absolute' end
         from expired, app_user
         where session.session_id = expired.session_id and app_user.user_id = session.user_id
         returning session.session_id, session.user_id, username, client_address,
             session.created_at, ended_at",
    )
    .bind(seconds(times.idle))
    .bind(seconds(times.absolute))
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}
