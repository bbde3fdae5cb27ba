//! Users.

use chrono::{DateTime, Utc};
use gwm_pg::ResultExt;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::domain::{ImportedWork, MOST_ITERATIONS};
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
    pub(crate) last_login_at: Option<DateTime<Utc>>,
    /// A code is asked for at the login.
    pub(crate) second_factor: bool,
    /// Where the user comes from (`ldap/NAME`); nothing: from here.
    #[sqlx(default)]
    pub(crate) origin: Option<String>,
}

/// What a login compares with.
#[derive(Clone, FromRow)]
pub(crate) struct Credential {
    pub(crate) user_id: Uuid,
    /// None of those whose password is kept elsewhere.
    pub(crate) password_hash: Option<String>,
    pub(crate) disabled: bool,
    pub(crate) second_factor: bool,
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
         returning user_id, username, is_admin, disabled, revision, created_at,
             last_login_at, second_factor, origin",
    )
    .bind(Uuid::now_v7())
    .bind(username)
    .bind(password_hash)
    .bind(is_admin)
    .fetch_one(connection)
    .await
    .on_constraint("app_user_username_key", || Error::UserExists)
}

/// Whoever acts as a persona: the user, but as an administrator only if those are wanted; or the group's members.
pub(crate) async fn behind(
    connection: &mut PgConnection,
    persona: Uuid,
    administrators: bool,
) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar(
        "select user_id from app_user where user_id = $1 and not disabled and ($2 or not is_admin)
         union all
         select user_id from group_member join app_user using (user_id)
         where group_id = $1 and not disabled",
    )
    .bind(persona)
    .bind(administrators)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Adds one, unless the name is taken.
pub(crate) async fn insert_absent(
    connection: &mut PgConnection,
    username: &str,
    password_hash: &str,
    is_admin: bool,
) -> Result<Option<UserRow>> {
    Ok(sqlx::query_as(
        "insert into app_user (user_id, username, password_hash, is_admin) values ($1, $2, $3, $4)
         on conflict (username) do nothing
         returning user_id, username, is_admin, disabled, revision, created_at,
             last_login_at, second_factor, origin",
    )
    .bind(Uuid::now_v7())
    .bind(username)
    .bind(password_hash)
    .bind(is_admin)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Sets a password anew and lets the user in again.
pub(crate) async fn reset_admin(
    connection: &mut PgConnection,
    username: &str,
    password_hash: &str,
) -> Result<Option<UserRow>> {
    Ok(sqlx::query_as(
        "with gone as (delete from identity using app_user
             where identity.user_id = app_user.user_id and username = $1)
         update app_user set password_hash = $2, is_admin = true, disabled = false,
             admin_from = null, origin = null, revision = revision + 1, updated_at = now()
         where username = $1
         returning user_id, username, is_admin, disabled, revision, created_at,
             last_login_at, second_factor, origin",
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
    Ok(sqlx::query_as(
        "select user_id, password_hash, disabled, second_factor from app_user where username = $1",
    )
    .bind(username)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// What the costliest imported hashes take to compare with; nothing when there are none.
pub(crate) async fn imported_work(connection: &mut PgConnection) -> Result<ImportedWork> {
    let (sha256, sha1): (Option<i32>, Option<i32>) = sqlx::query_as(
        "select (select max(imported_sha256) from app_user where imported_sha256 <= $1),
             (select max(imported_sha1) from app_user where imported_sha1 <= $1)",
    )
    .bind(i32::try_from(MOST_ITERATIONS).unwrap_or(i32::MAX))
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    let iterations =
        |most: Option<i32>| most.and_then(|i| u32::try_from(i).ok()).unwrap_or_default();
    Ok(ImportedWork { sha256: iterations(sha256), sha1: iterations(sha1) })
}

/// One, by id.
pub(crate) async fn fetch(connection: &mut PgConnection, user: Uuid) -> Result<Option<UserRow>> {
    Ok(sqlx::query_as(
        "select user_id, username, is_admin, disabled, revision, created_at,
             last_login_at, second_factor, origin
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
        "select user_id, username, is_admin, disabled, revision, created_at,
             last_login_at, second_factor, origin
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

/// What the person's own password is compared with.
pub(crate) async fn credential_of(
    connection: &mut PgConnection,
    user: Uuid,
) -> Result<Option<Credential>> {
    Ok(sqlx::query_as(
        "select user_id, password_hash, disabled, second_factor from app_user where user_id = $1",
    )
    .bind(user)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// One, by id or login name; others who want to change it wait until the transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection, user: &str) -> Result<Option<UserRow>> {
    Ok(sqlx::query_as(
        "select user_id, username, is_admin, disabled, revision, created_at, last_login_at, second_factor, origin
             from app_user where user_id = $2 or username = $1
             order by user_id is distinct from $2 limit 1 for update",
    )
    .bind(user)
    .bind(user.parse::<Uuid>().ok())
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Likewise without keeping anybody waiting.
pub(crate) async fn find(connection: &mut PgConnection, user: &str) -> Result<Option<UserRow>> {
    Ok(sqlx::query_as(
        "select user_id, username, is_admin, disabled, revision, created_at, last_login_at, second_factor, origin
             from app_user where user_id = $2 or username = $1
             order by user_id is distinct from $2 limit 1",
    )
    .bind(user)
    .bind(user.parse::<Uuid>().ok())
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Holds off others who change who is an administrator, until the transaction ends: two that each
/// count the other one would leave none. Taken before rows of users are locked.
pub(crate) async fn lock_admins(connection: &mut PgConnection) -> Result<()> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('gwm-auth administrators', 0))")
        .execute(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Whether the user is an administrator who is not disabled, by what is committed now.
pub(crate) async fn is_enabled_admin(connection: &mut PgConnection, user: Uuid) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select exists (select from app_user where user_id = $1 and is_admin and not disabled)",
    )
    .bind(user)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Whether there is an enabled administrator besides this user.
pub(crate) async fn another_admin(connection: &mut PgConnection, user: Uuid) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select exists (select from app_user where user_id <> $1 and is_admin and not disabled)",
    )
    .bind(user)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Makes a user what these say.
pub(crate) async fn change(
    connection: &mut PgConnection,
    user: Uuid,
    is_admin: bool,
    disabled: bool,
) -> Result<UserRow> {
    Ok(sqlx::query_as(
        "update app_user set is_admin = $2, disabled = $3,
             admin_from = case when is_admin = $2 then admin_from end, revision = revision + 1,
             updated_at = now()
         where user_id = $1
         returning user_id, username, is_admin, disabled, revision, created_at, last_login_at, second_factor, origin",
    )
    .bind(user)
    .bind(is_admin)
    .bind(disabled)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Sets a password, if the one before is still `before` and the user is not disabled; without
/// `before` in any case.
pub(crate) async fn set_password(
    connection: &mut PgConnection,
    user: Uuid,
    before: Option<&str>,
    password_hash: &str,
) -> Result<bool> {
    let done = sqlx::query(
        "update app_user set password_hash = $3, updated_at = now()
         where user_id = $1 and ($2::text is null or password_hash = $2 and not disabled)",
    )
    .bind(user)
    .bind(before)
    .bind(password_hash)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(done.rows_affected() == 1)
}
