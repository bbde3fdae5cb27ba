//! Exchanging a cookie or an API token for the person.

use gwm_authz::SignedAssertion;
use gwm_events::types::audit::{Outcome, Person, RecordObject};

use super::personas::{self, refuse_persona};
use super::signer::{self, SignerSlot};
use crate::config::SessionConfig;
use crate::domain::{Secret, within};
use crate::error::{Error, Result};
use crate::metrics;
use crate::store::session::Resolved;
use crate::store::{Store, audit, commit, policy, session, token};

/// What the browser or the client showed.
pub(crate) enum Credential {
    Session(Secret),
    Token(Secret),
}

/// A person with what vouches for them.
pub(crate) struct Vouched {
    pub(crate) person: signer::Person,
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
        Credential::Token(secret) => {
            (token::resolve(&mut tx, &secret.hash(), &client_address).await?, false)
        }
    };
    let found: Resolved = found.ok_or(Error::NotSignedIn)?;
    if !within(&found.networks, &client_address) {
        drop(tx);
        return Err(refuse_network(store, found, client_address).await?);
    }
    if found.stale && is_session {
        session::touch(&mut tx, found.credential_id, times.touch_every()).await?;
    } else if found.stale {
        token::touch(&mut tx, found.credential_id, &client_address).await?;
    }
    let acting_as = match act_as {
        _ if found.persona_id.is_some() => personas::bound(&mut tx, &found, act_as).await,
        "" => personas::switched_to(&mut tx, found.user_id, found.acting_as).await,
        asked => personas::named(&mut tx, found.user_id, &found.username, asked).await,
    };
    let second_factor_missing = policy::second_factor_missing(&mut tx, found.user_id).await?;
    commit(tx).await?;
    let mut person = signer::Person {
        user_id: found.user_id,
        username: found.username,
        is_admin: found.is_admin,
        session_id: is_session.then_some(found.credential_id),
        token_id: (!is_session).then_some(found.credential_id),
        restricted: found.restricted,
        until: found.expires_at,
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

/// Puts on record that a token came from where it doesn't count, and yields the refusal.
async fn refuse_network(store: &Store, found: Resolved, client_address: String) -> Result<Error> {
    const ACTION: &str = "token.use";
    metrics::denied(ACTION);
    let object = RecordObject {
        kind: "token".to_owned(),
        id: Some(found.credential_id.to_string()),
        name: Some(found.token_name),
    };
    let refused = audit::Act {
        action: ACTION,
        outcome: Outcome::Refused,
        reason: Some("token_network"),
        person: Person {
            user_id: Some(found.user_id.to_string()),
            username: Some(found.username),
            acting_as: None,
            session_id: None,
            token_id: Some(found.credential_id.to_string()),
            client_address: Some(client_address.clone()),
        },
        cluster: None,
        object: Some(object),
    };
    let mut tx = store.begin().await?;
    if token::note_refusal(&mut tx, found.credential_id).await? {
        audit::append(&mut tx, refused).await?;
    }
    commit(tx).await?;
    Ok(Error::TokenNetwork(client_address))
}
