//! Exchanging a cookie or an API token for the person.

use gwm_authz::SignedAssertion;

use super::personas::{self, refuse_persona};
use super::signer::{Person, SignerSlot};
use crate::config::SessionConfig;
use crate::domain::Secret;
use crate::error::{Error, Result};
use crate::store::session::Resolved;
use crate::store::{Store, commit, policy, session, token};

/// What the browser or the client showed.
pub(crate) enum Credential {
    Session(Secret),
    Token(Secret),
}

/// A person with what vouches for them.
pub(crate) struct Vouched {
    pub(crate) person: Person,
    pub(crate) created_at: chrono::DateTime<chrono::Utc>,
    pub(crate) signed: SignedAssertion,
    /// Unix seconds.
    pub(crate) expires_at: i64,
}

/// The person behind a credential that counts now.
pub(crate) async fn resolve(
    store: &Store,
    signer: &SignerSlot,
    times: &SessionConfig,
    credential: Credential,
    client_address: String,
    act_as: &str,
) -> Result<Vouched> {
    let mut tx = store.begin().await?;
    let (found, is_session) = match &credential {
        Credential::Session(secret) => {
            (session::resolve(&mut tx, &secret.hash(), times).await?, true)
        }
        Credential::Token(secret) => (token::resolve(&mut tx, &secret.hash()).await?, false),
    };
    let found: Resolved = found.ok_or(Error::NotSignedIn)?;
    if found.stale && is_session {
        session::touch(&mut tx, found.credential_id, times.touch_every()).await?;
    } else if found.stale {
        token::touch(&mut tx, found.credential_id).await?;
    }
    let acting_as = match act_as {
        "" => personas::switched_to(&mut tx, found.user_id, found.acting_as).await,
        asked => personas::named(&mut tx, found.user_id, &found.username, asked).await,
    };
    let second_factor_missing = policy::second_factor_missing(&mut tx, found.user_id).await?;
    commit(tx).await?;
    let mut person = Person {
        user_id: found.user_id,
        username: found.username,
        is_admin: found.is_admin,
        session_id: is_session.then_some(found.credential_id),
        token_id: (!is_session).then_some(found.credential_id),
        acting_as: None,
        client_address,
        second_factor_missing,
    };
    match acting_as {
        Err(Error::NotAMember(asked)) => {
            refuse_persona(store, person.in_records(), &asked).await?;
            return Err(Error::NotAMember(asked));
        }
        found => person.acting_as = found?,
    }
    let (signed, expires_at) = signer.vouch(&person)?;
    Ok(Vouched { person, created_at: found.created_at, signed, expires_at })
}
