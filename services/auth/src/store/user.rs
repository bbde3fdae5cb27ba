//! Users.

use chrono::{DateTime, Utc};
use gwm_pg::ResultExt;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::error::{Error, Result};

/// A user, without the password.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct UserRow {
    pub(crate) user_id: Uuid,
    pub(crate) username: String,
    pub(crate) is_admin: bool,
    pub(crate) disabled: bool,
    pub(crate) revision: i64,
    pub(crate) created_at: DateTime<Utc>,
}

/// What a login compares with.
#[derive(FromRow)]
pub(crate) struct Credential {
    pub(crate) user_id: Uuid,
    pub(crate) password_hash: String,
    pub(crate) disabled: bool,
}

/// Adds one.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    username: &str,
    password_hash: &str,
    is_admin: bool,
) -> Result<UserRow> {
    sqlx::query_as(
        "insert into app_user (user_id, username, password_hash, is_admin) values ($1, $2, $3, $4)
         returning user_id, username, is_admin, disabled, revision, created_at",
    )
    .bind(Uuid::now_v7())
    .bind(username)
    .bind(password_hash)
    .bind(is_admin)
    .fetch_one(connection)
    .await
    .on_constraint("app_user_username_key", || Error::UserExists)
}

/// Sets a password anew and lets the user in again.
pub(crate) async fn reset_admin(
    connection: &mut PgConnection,
    username: &str,
    password_hash: &str,
) -> Result<Option<UserRow>> {
    Ok(sqlx::query_as(
        "update app_user set password_hash = $2, is_admin = true, disabled = false,
             revision = revision + 1, updated_at = now()
         where username = $1
         returning user_id, username, is_admin, disabled, revision, created_at",
    )
    .bind(username)
    .bind(password_hash)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// What to compare a password with.
pub(crate) async fn credential(
    connection: &mut PgConnection,
    username: &str,
) -> Result<Option<Credential>> {
    Ok(sqlx::query_as("select user_id, password_hash, disabled from app_user where username = $1")
        .bind(username)
        .fetch_optional(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// One, by id.
pub(crate) async fn fetch(connection: &mut PgConnection, user: Uuid) -> Result<Option<UserRow>> {
    Ok(sqlx::query_as(
        "select user_id, username, is_admin, disabled, revision, created_at
             from app_user where user_id = $1",
    )
    .bind(user)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// One, by login name.
pub(crate) async fn fetch_by_name(
    connection: &mut PgConnection,
    username: &str,
) -> Result<Option<UserRow>> {
    Ok(sqlx::query_as(
        "select user_id, username, is_admin, disabled, revision, created_at
             from app_user where username = $1",
    )
    .bind(username)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Whether there is any. Holds off others who ask the same, until the transaction ends.
pub(crate) async fn any_locked(connection: &mut PgConnection) -> Result<bool> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('gwm-auth first user', 0))")
        .execute(&mut *connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(sqlx::query_scalar("select exists (select from app_user)")
        .fetch_one(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// Those whose name holds `part`, by name, after `after`.
pub(crate) async fn list(
    connection: &mut PgConnection,
    part: &str,
    after: &str,
    descending: bool,
    limit: i64,
) -> Result<Vec<UserRow>> {
    Ok(sqlx::query_as(
        "select user_id, username, is_admin, disabled, revision, created_at from app_user
         where ($1 = '' or position($1 in username) > 0)
           and ($2 = '' or case when $3 then username < $2 else username > $2 end)
         order by case when $3 then username end desc, username limit $4",
    )
    .bind(part)
    .bind(after)
    .bind(descending)
    .bind(limit)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// How many names hold `part`; counts no further than 10,001.
pub(crate) async fn count(connection: &mut PgConnection, part: &str) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "select count(*) from (select from app_user
             where $1 = '' or position($1 in username) > 0 limit 10001) as some_users",
    )
    .bind(part)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}
