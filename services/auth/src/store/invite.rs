//! Invites: one-time ways to a new account. All times are the database's.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::error::Result;

/// An invite, without its code.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct InviteRow {
    pub(crate) invite_id: Uuid,
    pub(crate) username: Option<String>,
    pub(crate) is_admin: bool,
    pub(crate) created_by: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) state: String,
    pub(crate) used_by: Option<String>,
    pub(crate) used_at: Option<DateTime<Utc>>,
}

/// Adds one, as long as there are fewer than `most` open ones.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    token_hash: &[u8],
    username: Option<&str>,
    is_admin: bool,
    created_by: Uuid,
    valid_hours: i32,
) -> Result<Uuid> {
    Ok(sqlx::query_scalar(
        "insert into invite (invite_id, token_hash, username, is_admin, created_by, expires_at)
         values ($1, $2, $3, $4, $5, now() + make_interval(hours => $6)) returning invite_id",
    )
    .bind(Uuid::now_v7())
    .bind(token_hash)
    .bind(username)
    .bind(is_admin)
    .bind(created_by)
    .bind(valid_hours)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// How many could be used now. Others who add one wait until the transaction ends.
pub(crate) async fn count_open_locked(connection: &mut PgConnection) -> Result<i64> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('gwm-auth invites', 0))")
        .execute(&mut *connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(sqlx::query_scalar(
        "select count(*) from invite
         where used_at is null and withdrawn_at is null and expires_at > now()",
    )
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

const SELECT: &str = "select invite_id, invite.username, invite.is_admin,
        maker.username as created_by, invite.created_at, expires_at,
        case when used_at is not null then 'used' when withdrawn_at is not null then 'withdrawn'
             when expires_at <= now() then 'expired'
             when maker.disabled or not maker.is_admin then 'void' else 'open' end as state,
        made.username as used_by, used_at
    from invite join app_user as maker on maker.user_id = invite.created_by
    left join app_user as made on made.user_id = invite.used_by";

/// Those of the last 30 days and those that are open, newest first.
pub(crate) async fn list(connection: &mut PgConnection) -> Result<Vec<InviteRow>> {
    let sql = format!(
        "{SELECT} where invite.created_at > now() - interval '30 days' or expires_at > now()
         order by invite.created_at desc, invite_id desc limit 500"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .fetch_all(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// One.
pub(crate) async fn fetch(connection: &mut PgConnection, id: Uuid) -> Result<Option<InviteRow>> {
    let sql = format!("{SELECT} where invite_id = $1");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// One that could be used now, by its code.
pub(crate) async fn find_open(
    connection: &mut PgConnection,
    token_hash: &[u8],
) -> Result<Option<InviteRow>> {
    let sql = format!("select * from ({SELECT} where token_hash = $1) as one where state = 'open'");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(token_hash)
        .fetch_optional(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// Uses it up, if it can be used still: of any number at once one does. The user is there by now.
pub(crate) async fn take(connection: &mut PgConnection, id: Uuid, user: Uuid) -> Result<bool> {
    let taken = sqlx::query(
        "update invite set used_at = now(), used_by = $2
         where invite_id = $1 and used_at is null and withdrawn_at is null and expires_at > now()
           and exists (select from app_user where app_user.user_id = created_by
                           and app_user.is_admin and not disabled)",
    )
    .bind(id)
    .bind(user)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(taken.rows_affected() == 1)
}

/// Withdraws it, if it was neither used nor withdrawn.
pub(crate) async fn withdraw(connection: &mut PgConnection, id: Uuid) -> Result<bool> {
    let done = sqlx::query(
        "update invite set withdrawn_at = now()
         where invite_id = $1 and used_at is null and withdrawn_at is null",
    )
    .bind(id)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(done.rows_affected() == 1)
}
