//! Who vouches for people: the installation's signing key.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use ed25519_dalek::SigningKey;
use gwm_authz::{ActingAs, SignedAssertion, sign};
use gwm_events::types::audit;
use gwm_proto::auth::Assertion;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::domain::MasterKey;
use crate::error::{Error, Result};
use crate::store::{Store, change, commit, signing_key};

/// How long an assertion is good for.
const LIFETIME_SECONDS: i64 = 60;

/// The key that signs.
pub(crate) struct Signer {
    key_id: String,
    key: SigningKey,
}

/// Empty until the database was reached for the first time.
#[derive(Clone, Default)]
pub(crate) struct SignerSlot(Arc<OnceLock<Signer>>);

/// Whom an assertion is about.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) user_id: Uuid,
    pub(crate) username: String,
    pub(crate) is_admin: bool,
    pub(crate) session_id: Option<Uuid>,
    pub(crate) token_id: Option<Uuid>,
    /// The token may do less than its owner.
    pub(crate) restricted: bool,
    /// When the token is over, if ever: nobody is vouched for beyond that.
    pub(crate) until: Option<DateTime<Utc>>,
    pub(crate) acting_as: Option<ActingAs>,
    pub(crate) client_address: String,
    /// They have to set it up before anything else.
    pub(crate) second_factor_missing: bool,
}

impl Person {
    /// As the audit log names somebody.
    pub(crate) fn in_records(&self) -> audit::Person {
        audit::Person {
            user_id: Some(self.user_id.to_string()),
            username: Some(self.username.clone()),
            acting_as: self.acting_as.as_ref().map(|group| format!("group/{}", group.name)),
            session_id: self.session_id.map(|s| s.to_string()),
            token_id: self.token_id.map(|t| t.to_string()),
            client_address: Some(self.client_address.clone()),
        }
    }
}

impl SignerSlot {
    pub(crate) fn fill(&self, signer: Signer) {
        // Filled once only: a second start of the same task brings the same key.
        drop(self.0.set(signer));
    }

    /// Vouches for a person, until a minute from now; yields that moment in Unix seconds too.
    pub(crate) fn vouch(&self, person: &Person) -> Result<(SignedAssertion, i64)> {
        let signer = self.0.get().ok_or(Error::NotReady)?;
        let issued_at = Utc::now().timestamp();
        let minute = issued_at + LIFETIME_SECONDS;
        let expires_at = person.until.map_or(minute, |until| minute.min(until.timestamp()));
        let text = |id: Option<Uuid>| id.map(|i| i.to_string()).unwrap_or_default();
        let assertion = Assertion {
            key_id: signer.key_id.clone(),
            user_id: person.user_id.to_string(),
            username: person.username.clone(),
            is_admin: person.is_admin,
            session_id: text(person.session_id),
            token_id: text(person.token_id),
            client_address: person.client_address.clone(),
            issued_at,
            expires_at,
            acting_as_id: text(person.acting_as.as_ref().map(|group| group.group_id)),
            restricted: person.restricted,
            acting_as_name: person.acting_as.as_ref().map_or_else(String::new, |g| g.name.clone()),
            second_factor_missing: person.second_factor_missing,
        };
        Ok((sign(&signer.key, &assertion), expires_at))
    }
}

/// The newest key of the database; makes the first one. Fails for good when the master key does
/// not open it.
pub(crate) async fn load_or_create(store: &Store, master: &MasterKey) -> Result<Signer> {
    let mut tx = store.begin().await?;
    if let Some((key_id, sealed)) = signing_key::newest_locked(&mut tx).await? {
        let opened = master.open(&signing_key::place(&key_id), &sealed);
        let bytes = opened.as_deref().and_then(|b| <&[u8; 32]>::try_from(b.as_slice()).ok());
        let Some(bytes) = bytes else {
            return Err(Error::Internal(format!(
                "the signing key {key_id} can't be opened with this master_key: it must be the \
                 same for all replicas and over time"
            )));
        };
        return Ok(Signer { key_id, key: SigningKey::from_bytes(bytes) });
    }
    let secret = Zeroizing::new(rand::random::<[u8; 32]>());
    let key = SigningKey::from_bytes(&secret);
    let key_id = Uuid::now_v7().to_string();
    let sealed = master.seal(&signing_key::place(&key_id), secret.as_slice());
    let public = key.verifying_key().to_bytes();
    signing_key::insert(&mut tx, &key_id, &public, &sealed).await?;
    change::record(&mut tx, &change::Touched { keys: true, ..Default::default() }).await?;
    commit(tx).await?;
    tracing::info!(key_id, "signing key made");
    Ok(Signer { key_id, key })
}
