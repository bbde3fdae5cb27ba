//! Authenticators, recovery codes, and logins that wait for a code.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::error::Result;

/// How often a code may be tried in one login.
const MOST_TRIES: i32 = 5;

/// Where an authenticator's secret is sealed.
pub(crate) fn place(user: Uuid) -> String {
    format!("authenticator|{user}|sealed_secret")
}

/// An authenticator.
#[derive(FromRow)]
pub(crate) struct AuthenticatorRow {
    pub(crate) sealed_secret: Vec<u8>,
    pub(crate) confirmed_at: Option<DateTime<Utc>>,
}

/// A login whose password was right.
#[derive(FromRow)]
pub(crate) struct Challenge {
    pub(crate) user_id: Uuid,
    pub(crate) password_hash: Option<String>,
}

/// A user's, confirmed or not.
pub(crate) async fn fetch(
    connection: &mut PgConnection,
    user: Uuid,
) -> Result<Option<AuthenticatorRow>> {
    Ok(sqlx::query_as("select sealed_secret, confirmed_at from authenticator where user_id = $1")
        .bind(user)
        .fetch_optional(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// Begins anew; `false` when one is confirmed already.
pub(crate) async fn begin(
    connection: &mut PgConnection,
    user: Uuid,
    sealed: &[u8],
) -> Result<bool> {
    let done = sqlx::query(
        "insert into authenticator (user_id, sealed_secret) values ($1, $2)
         on conflict (user_id) do update
             set sealed_secret = $2, created_at = now(), last_step = 0
             where authenticator.confirmed_at is null",
    )
    .bind(user)
    .bind(sealed)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(done.rows_affected() == 1)
}

/// Uses up the code of a step: of any number at once, and ever, one is taken.
pub(crate) async fn take_step(
    connection: &mut PgConnection,
    user: Uuid,
    step: i64,
) -> Result<bool> {
    let taken = sqlx::query(
        "update authenticator set last_step = $2, confirmed_at = coalesce(confirmed_at, now())
         where user_id = $1 and last_step < $2",
    )
    .bind(user)
    .bind(step)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(taken.rows_affected() == 1)
}

/// Asks for a code from now on; logins that are under way find it in the user's row.
pub(crate) async fn turn_on(
    connection: &mut PgConnection,
    user: Uuid,
    recovery: &[Vec<u8>],
) -> Result<()> {
    sqlx::query("update app_user set second_factor = true, updated_at = now() where user_id = $1")
        .bind(user)
        .execute(&mut *connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    sqlx::query(
        "insert into recovery_code (user_id, code_hash) select $1, h from unnest($2::bytea[]) h",
    )
    .bind(user)
    .bind(recovery)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Forgets all of it; `false` when there was none.
pub(crate) async fn remove(connection: &mut PgConnection, user: Uuid) -> Result<bool> {
    let was: Option<bool> = sqlx::query_scalar(
        "update app_user set second_factor = false, updated_at = now()
         where user_id = $1 and second_factor returning true",
    )
    .bind(user)
    .fetch_optional(&mut *connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    for table in ["recovery_code", "authenticator", "login_challenge"] {
        let text = format!("delete from {table} where user_id = $1");
        sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(user)
            .execute(&mut *connection)
            .await
            .map_err(gwm_pg::Error::from)?;
    }
    Ok(was.is_some())
}

/// Uses up a recovery code.
pub(crate) async fn take_recovery(
    connection: &mut PgConnection,
    user: Uuid,
    hash: &[u8],
) -> Result<bool> {
    let taken = sqlx::query(
        "update recovery_code set used_at = now()
         where user_id = $1 and code_hash = $2 and used_at is null",
    )
    .bind(user)
    .bind(hash)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(taken.rows_affected() == 1)
}

/// How many recovery codes are left.
pub(crate) async fn recovery_left(connection: &mut PgConnection, user: Uuid) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "select count(*) from recovery_code where user_id = $1 and used_at is null",
    )
    .bind(user)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// A login whose password was right waits for a code, five minutes.
pub(crate) async fn insert_challenge(
    connection: &mut PgConnection,
    token_hash: &[u8],
    user: Uuid,
    password_hash: Option<&str>,
) -> Result<()> {
    sqlx::query(
        "insert into login_challenge (token_hash, user_id, password_hash, expires_at)
         values ($1, $2, $3, now() + interval '5 minutes')",
    )
    .bind(token_hash)
    .bind(user)
    .bind(password_hash)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Counts a try of one; nothing when it is over.
pub(crate) async fn try_challenge(
    connection: &mut PgConnection,
    token_hash: &[u8],
) -> Result<Option<Challenge>> {
    Ok(sqlx::query_as(
        "update login_challenge set tries = tries + 1
         where token_hash = $1 and tries < $2 and expires_at > now()
         returning user_id, password_hash",
    )
    .bind(token_hash)
    .bind(MOST_TRIES)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// It has served.
pub(crate) async fn end_challenge(connection: &mut PgConnection, token_hash: &[u8]) -> Result<()> {
    sqlx::query("delete from login_challenge where token_hash = $1")
        .bind(token_hash)
        .execute(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(())
}
