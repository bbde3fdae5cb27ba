//! Whom providers mean.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::user::UserRow;
use crate::domain::Identified;
use crate::error::Result;

/// What is known of somebody at a provider.
#[derive(Debug, FromRow)]
pub(crate) struct IdentityRow {
    pub(crate) provider: String,
    pub(crate) subject: String,
    pub(crate) login: String,
}

/// Who it is here; notes that they were seen.
pub(crate) async fn seen(
    connection: &mut PgConnection,
    identified: &Identified,
) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar(
        "update identity set last_seen_at = now(), login = $3
         where provider = $1 and subject = $2 returning user_id",
    )
    .bind(&identified.provider)
    .bind(&identified.subject)
    .bind(&identified.login)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Makes the user whom a provider means; nothing when the name is taken.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    identified: &Identified,
    username: &str,
) -> Result<Option<UserRow>> {
    let row: Option<UserRow> = sqlx::query_as(
        "insert into app_user (user_id, username, origin) values ($1, $2, $3)
         on conflict (username) do nothing
         returning user_id, username, is_admin, disabled, revision, created_at,
             last_login_at, second_factor, origin",
    )
    .bind(Uuid::now_v7())
    .bind(username)
    .bind(&identified.provider)
    .fetch_optional(&mut *connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    let Some(row) = row else { return Ok(None) };
    sqlx::query("insert into identity (provider, subject, user_id, login) values ($1, $2, $3, $4)")
        .bind(&identified.provider)
        .bind(&identified.subject)
        .bind(row.user_id)
        .bind(&identified.login)
        .execute(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(Some(row))
}

/// Where a user's password is.
pub(crate) async fn of(connection: &mut PgConnection, user: Uuid) -> Result<Option<IdentityRow>> {
    Ok(sqlx::query_as(
        "select provider, subject, login from identity where user_id = $1
         order by last_seen_at desc limit 1",
    )
    .bind(user)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Who made the user an administrator, if it was a provider.
pub(crate) async fn admin_from(
    connection: &mut PgConnection,
    user: Uuid,
) -> Result<Option<String>> {
    Ok(sqlx::query_scalar("select admin_from from app_user where user_id = $1")
        .bind(user)
        .fetch_one(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// Notes who it was.
pub(crate) async fn set_admin_from(
    connection: &mut PgConnection,
    user: Uuid,
    provider: &str,
) -> Result<()> {
    sqlx::query("update app_user set admin_from = $2 where user_id = $1")
        .bind(user)
        .bind(provider)
        .execute(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// The groups that a user belongs to: each with whose choice it was.
pub(crate) async fn memberships(
    connection: &mut PgConnection,
    user: Uuid,
) -> Result<Vec<(Uuid, String, Option<String>)>> {
    Ok(sqlx::query_as(
        "select group_id, name, provider from group_member join persona_group using (group_id)
         where user_id = $1 order by name",
    )
    .bind(user)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Adds a member by a provider's choice, unless they are one.
pub(crate) async fn add_member(
    connection: &mut PgConnection,
    group: Uuid,
    user: Uuid,
    provider: &str,
) -> Result<bool> {
    let done = sqlx::query(
        "insert into group_member (group_id, user_id, provider) values ($1, $2, $3)
         on conflict on constraint group_member_pkey do nothing",
    )
    .bind(group)
    .bind(user)
    .bind(provider)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(done.rows_affected() == 1)
}
