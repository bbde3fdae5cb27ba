//! How people sign in to this installation.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::session::SessionRow;
use crate::domain::Needed;
use crate::error::{Error, Result};

/// What is set, and how many have no second factor.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) second_factor: Needed,
    pub(crate) revision: i64,
    pub(crate) without: i64,
    pub(crate) administrators_without: i64,
}

#[derive(FromRow)]
struct Row {
    second_factor: String,
    revision: i64,
    without: i64,
    administrators_without: i64,
}

/// What is set.
pub(crate) async fn fetch(connection: &mut PgConnection) -> Result<Policy> {
    let row: Row = sqlx::query_as(
        "select second_factor, revision, counted.* from sign_in_policy,
             (select count(*) as without, count(*) filter (where is_admin) as administrators_without
              from app_user where not app_user.second_factor and not disabled) as counted",
    )
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    let second_factor = Needed::read(&row.second_factor)
        .ok_or_else(|| Error::Internal("the stored sign-in policy is none".to_owned()))?;
    let Row { revision, without, administrators_without, .. } = row;
    Ok(Policy { second_factor, revision, without, administrators_without })
}

/// Sets it; others who want to wait until the transaction ends.
pub(crate) async fn set(connection: &mut PgConnection, needed: Needed) -> Result<()> {
    sqlx::query(
        "update sign_in_policy set second_factor = $1, revision = revision + 1, updated_at = now()",
    )
    .bind(needed.word())
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Holds off others who want to change it, until the transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection) -> Result<()> {
    sqlx::query("select from sign_in_policy for update")
        .execute(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Whether the user has to set up a second factor before anything else.
pub(crate) async fn second_factor_missing(
    connection: &mut PgConnection,
    user: Uuid,
) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select not app_user.second_factor and case sign_in_policy.second_factor
             when 'everybody' then true when 'administrators' then is_admin else false end
         from app_user, sign_in_policy where user_id = $1",
    )
    .bind(user)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Ends the open sessions of all who have no second factor and need one.
pub(crate) async fn end_sessions_without(connection: &mut PgConnection) -> Result<Vec<SessionRow>> {
    Ok(sqlx::query_as(
        "update session set ended_at = now(), end_reason = 'second_factor'
         from app_user, sign_in_policy
         where session.user_id = app_user.user_id and ended_at is null
           and not app_user.second_factor and case sign_in_policy.second_factor
               when 'everybody' then true when 'administrators' then is_admin else false end
         returning session_id, session.user_id, username, client_address, session.created_at,
             ended_at",
    )
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}
