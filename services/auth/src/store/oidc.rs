//! Sign-ins that were begun at a provider.

use sqlx::{FromRow, PgConnection};

use crate::error::Result;

/// One of them.
#[derive(FromRow)]
pub(crate) struct Attempt {
    pub(crate) provider: String,
    pub(crate) browser_hash: Vec<u8>,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
    pub(crate) redirect_uri: String,
    pub(crate) next: String,
}

/// Keeps one for ten minutes.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    state_hash: &[u8],
    attempt: &Attempt,
) -> Result<()> {
    sqlx::query(
        "insert into oidc_attempt (state_hash, provider, browser_hash, nonce, verifier,
             redirect_uri, next, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, now() + interval '10 minutes')",
    )
    .bind(state_hash)
    .bind(&attempt.provider)
    .bind(&attempt.browser_hash)
    .bind(&attempt.nonce)
    .bind(&attempt.verifier)
    .bind(&attempt.redirect_uri)
    .bind(&attempt.next)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Takes one out, so that it counts once; nothing when it is over.
pub(crate) async fn take(
    connection: &mut PgConnection,
    state_hash: &[u8],
) -> Result<Option<Attempt>> {
    Ok(sqlx::query_as(
        "delete from oidc_attempt where state_hash = $1 and expires_at > now()
         returning provider, browser_hash, nonce, verifier, redirect_uri, next",
    )
    .bind(state_hash)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}
