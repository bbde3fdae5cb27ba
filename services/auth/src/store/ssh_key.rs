//! Public SSH keys of people.

use chrono::{DateTime, Utc};
use gwm_pg::ResultExt;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::domain::ParsedKey;
use crate::error::{Error, Result};

/// A key with its owner's name.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct SshKeyRow {
    pub(crate) key_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) algorithm: String,
    pub(crate) public_key: String,
    pub(crate) fingerprint: String,
    pub(crate) created_at: DateTime<Utc>,
}

/// Adds one.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    user: Uuid,
    name: &str,
    key: &ParsedKey,
) -> Result<SshKeyRow> {
    sqlx::query_as(
        "with made as (
             insert into ssh_key (key_id, user_id, name, algorithm, public_key, fingerprint)
             values ($1, $2, $3, $4, $5, $6) returning *)
         select key_id, user_id, username, name, algorithm, public_key, fingerprint, made.created_at
         from made join app_user using (user_id)",
    )
    .bind(Uuid::now_v7())
    .bind(user)
    .bind(name)
    .bind(&key.algorithm)
    .bind(&key.public_key)
    .bind(&key.fingerprint)
    .fetch_one(connection)
    .await
    .on_constraint("ssh_key_user_id_fingerprint_key", || Error::SshKeyExists)
}

/// How many a user has; none for one who was disabled a moment ago. Others of the same user wait until this
/// transaction ends.
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
    let count = sqlx::query_scalar("select count(*) from ssh_key where user_id = $1")
        .bind(user)
        .fetch_one(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(Some(count))
}

/// Those of these users, by user name and then oldest first.
pub(crate) async fn list(connection: &mut PgConnection, users: &[Uuid]) -> Result<Vec<SshKeyRow>> {
    Ok(sqlx::query_as(
        "select key_id, user_id, username, name, algorithm, public_key, fingerprint, ssh_key.created_at
         from ssh_key join app_user using (user_id)
         where user_id = any($1) order by username, ssh_key.created_at, key_id",
    )
    .bind(users)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Removes one of a user's; `None` when there is no such.
pub(crate) async fn remove(
    connection: &mut PgConnection,
    user: Uuid,
    key: Uuid,
) -> Result<Option<SshKeyRow>> {
    Ok(sqlx::query_as(
        "with gone as (delete from ssh_key where key_id = $1 and user_id = $2 returning *)
         select key_id, user_id, username, name, algorithm, public_key, fingerprint, gone.created_at
         from gone join app_user using (user_id)",
    )
    .bind(key)
    .bind(user)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}
