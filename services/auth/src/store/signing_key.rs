//! The signing key, its private half sealed.

use sqlx::PgConnection;

use crate::error::Result;

/// Where a private half is, for the seal.
pub(crate) fn place(key_id: &str) -> String {
    format!("signing_key|{key_id}|sealed_secret")
}

/// The newest: id and sealed private half. Holds off others who would make one.
pub(crate) async fn newest_locked(
    connection: &mut PgConnection,
) -> Result<Option<(String, Vec<u8>)>> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('gwm-auth signing key', 0))")
        .execute(&mut *connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(sqlx::query_as(
        "select key_id, sealed_secret from signing_key order by created_at desc, key_id limit 1",
    )
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Adds one.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    key_id: &str,
    public_key: &[u8],
    sealed_secret: &[u8],
) -> Result<()> {
    sqlx::query("insert into signing_key (key_id, public_key, sealed_secret) values ($1, $2, $3)")
        .bind(key_id)
        .bind(public_key)
        .bind(sealed_secret)
        .execute(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(())
}
