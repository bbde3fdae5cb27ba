//! The person, as auth vouches for them: signed with Ed25519, at most 60 s old.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::Assertion;
use gwm_types::{SessionId, TokenId, UserId};
use prost::Message;
use uuid::Uuid;

const ASSERTION: &str = "gwm-assertion-bin";
const SIGNATURE: &str = "gwm-signature-bin";
/// How far two machines' clocks may be apart.
const SKEW_SECONDS: i64 = 5;

/// An assertion and its signature as they travel.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SignedAssertion {
    /// The encoded [`Assertion`].
    pub assertion: Vec<u8>,
    /// By the key that it names.
    pub signature: Vec<u8>,
}

/// The person behind a call.
#[derive(Debug, Clone)]
pub struct Principal {
    /// gwm's id.
    pub user_id: UserId,
    /// Login name.
    pub username: String,
    /// Signed in by a browser's session, if so.
    pub session_id: Option<SessionId>,
    /// Came with an API token, if so.
    pub token_id: Option<TokenId>,
    /// That token may do less than its owner.
    pub restricted: bool,
    /// The group that they act as; none: themself.
    pub acting_as: Option<ActingAs>,
    /// Where from.
    pub client_address: String,
    /// To be passed on to the next service.
    pub signed: SignedAssertion,
    /// Unix seconds.
    pub issued_at: i64,
    /// Unix seconds.
    pub expires_at: i64,
}

/// A group that somebody acts as: it owns what they create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActingAs {
    /// The group's id.
    pub group_id: Uuid,
    /// Its name.
    pub name: String,
}

impl Principal {
    /// Whose rights count: the user's, or a restricted token's own, by its id.
    #[must_use]
    pub fn holder(&self) -> UserId {
        match self.token_id {
            Some(token) if self.restricted => UserId(token.0),
            _ => self.user_id,
        }
    }

    /// The person, unless they came with a restricted token.
    ///
    /// # Errors
    /// `token_restricted`.
    pub fn unrestricted(self) -> Result<Self, Fault> {
        if !self.restricted {
            return Ok(self);
        }
        let text = "this API token is limited to what it was made for, and this is not part of it";
        Err(Fault::new(ErrorCode::PermissionDenied, "token_restricted", text))
    }

    /// Whom they act as: the group's id, or their own.
    #[must_use]
    pub fn persona_id(&self) -> Uuid {
        self.acting_as.as_ref().map_or(self.user_id.0, |group| group.group_id)
    }

    /// `user/NAME` or `group/NAME`.
    #[must_use]
    pub fn persona(&self) -> String {
        self.group().unwrap_or_else(|| format!("user/{}", self.username))
    }

    /// `group/NAME` when they act as one, for records.
    #[must_use]
    pub fn group(&self) -> Option<String> {
        self.acting_as.as_ref().map(|group| format!("group/{}", group.name))
    }
}

impl SignedAssertion {
    /// Takes it from a call's metadata.
    ///
    /// # Errors
    /// `unauthenticated` when there is none.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<Self, Fault> {
        let bytes = |name| request.metadata().get_bin(name).and_then(|v| v.to_bytes().ok());
        let (Some(assertion), Some(signature)) = (bytes(ASSERTION), bytes(SIGNATURE)) else {
            return Err(unauthenticated("this call needs a person, and none came with it"));
        };
        Ok(Self { assertion: assertion.to_vec(), signature: signature.to_vec() })
    }

    /// Makes a call on this person's behalf.
    pub fn attach<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        let metadata = request.metadata_mut();
        let value = tonic::metadata::MetadataValue::from_bytes;
        metadata.insert_bin(ASSERTION, value(&self.assertion));
        metadata.insert_bin(SIGNATURE, value(&self.signature));
        request
    }
}

/// Signs what a person travels as; only auth has such a key.
#[must_use]
pub fn sign(key: &SigningKey, assertion: &Assertion) -> SignedAssertion {
    let assertion = assertion.encode_to_vec();
    let signature = key.sign(&assertion).to_bytes().to_vec();
    SignedAssertion { assertion, signature }
}

/// auth's public keys, by id.
#[derive(Debug, Default, Clone)]
pub struct Keys(HashMap<String, VerifyingKey>);

impl Keys {
    /// Adds keys as the watch delivers them; a malformed one is ignored and logged.
    pub fn extend(&mut self, keys: Vec<gwm_proto::auth::SigningKey>) {
        for key in keys {
            let bytes: Result<[u8; 32], _> = key.public_key.as_slice().try_into();
            match bytes.map(|b| VerifyingKey::from_bytes(&b)) {
                Ok(Ok(public)) => {
                    self.0.insert(key.key_id, public);
                }
                _ => tracing::error!(key_id = key.key_id, "malformed signing key ignored"),
            }
        }
    }

    /// Verifies signature and times; says nothing of whether the session has ended since.
    ///
    /// # Errors
    /// `unauthenticated`, for each way in which it can be wrong; `second_factor_missing` of a person who
    /// may do nothing else before.
    pub fn verify(&self, signed: &SignedAssertion) -> Result<Principal, Fault> {
        self.verify_at(signed, now())
    }

    /// Verifies it as of another moment, in Unix seconds: that of a request that waited.
    ///
    /// # Errors
    /// As [`Keys::verify`].
    pub fn verify_at(&self, signed: &SignedAssertion, at: i64) -> Result<Principal, Fault> {
        let (principal, missing) = self.read(signed, at)?;
        if missing { Err(second_factor_missing()) } else { Ok(principal) }
    }

    /// Verifies also that of a person who may only set up a second factor, which nobody else is to take.
    ///
    /// # Errors
    /// As [`Keys::verify`].
    pub fn verify_setting_up(&self, signed: &SignedAssertion) -> Result<Principal, Fault> {
        Ok(self.read(signed, now())?.0)
    }

    /// The person, and whether they have to set up a second factor first.
    fn read(&self, signed: &SignedAssertion, at: i64) -> Result<(Principal, bool), Fault> {
        let bad = || unauthenticated("the caller's assertion is not valid");
        let assertion = Assertion::decode(signed.assertion.as_slice()).map_err(|_| bad())?;
        let key = self.0.get(&assertion.key_id).ok_or_else(bad)?;
        let signature = Signature::from_slice(&signed.signature).map_err(|_| bad())?;
        key.verify(&signed.assertion, &signature).map_err(|_| bad())?;
        if assertion.restricted && assertion.token_id.is_empty() {
            return Err(bad());
        }
        if assertion.expires_at + SKEW_SECONDS < at || assertion.issued_at - SKEW_SECONDS > at {
            return Err(unauthenticated("the caller's assertion has expired; try again"));
        }
        let missing = assertion.second_factor_missing;
        let principal = Principal {
            user_id: assertion.user_id.parse().map_err(|_| bad())?,
            username: assertion.username,
            session_id: optional(&assertion.session_id).map_err(|()| bad())?,
            token_id: optional(&assertion.token_id).map_err(|()| bad())?,
            restricted: assertion.restricted,
            acting_as: acting_as(&assertion.acting_as_id, assertion.acting_as_name)
                .map_err(|()| bad())?,
            client_address: assertion.client_address,
            signed: signed.clone(),
            issued_at: assertion.issued_at,
            expires_at: assertion.expires_at,
        };
        Ok((principal, missing))
    }
}

fn optional<T: std::str::FromStr>(text: &str) -> Result<Option<T>, ()> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| ()) }
}

fn acting_as(id: &str, name: String) -> Result<Option<ActingAs>, ()> {
    Ok(optional(id)?.map(|group_id| ActingAs { group_id, name }))
}

fn second_factor_missing() -> Fault {
    Fault::new(
        ErrorCode::PermissionDenied,
        "second_factor_missing",
        "this installation needs a second factor of you; set it up first (POST /me/second-factor)",
    )
}

pub(crate) fn unauthenticated(message: &str) -> Fault {
    Fault::new(ErrorCode::Unauthenticated, "unauthenticated", message)
}

/// Unix seconds.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> (SigningKey, Keys) {
        let secret = SigningKey::from_bytes(&[7; 32]);
        let mut keys = Keys::default();
        keys.extend(vec![gwm_proto::auth::SigningKey {
            key_id: "k1".to_owned(),
            public_key: secret.verifying_key().to_bytes().to_vec(),
        }]);
        (secret, keys)
    }

    fn assertion(issued: i64, expires: i64) -> Assertion {
        Assertion {
            key_id: "k1".to_owned(),
            user_id: UserId::generate().to_string(),
            username: "jane".to_owned(),
            issued_at: issued,
            expires_at: expires,
            ..Default::default()
        }
    }

    #[test]
    fn a_good_one_passes_and_survives_the_metadata() {
        let (secret, keys) = key();
        let signed = sign(&secret, &assertion(now(), now() + 60));
        let request = signed.attach(());
        let person = keys.verify(&SignedAssertion::of(&request).unwrap()).unwrap();
        assert_eq!(person.username, "jane");
    }

    #[test]
    fn whom_somebody_acts_as_is_vouched_for_too() {
        let (secret, keys) = key();
        let own = keys.verify(&sign(&secret, &assertion(now(), now() + 60))).unwrap();
        assert_eq!((own.persona_id(), own.persona()), (own.user_id.0, "user/jane".to_owned()));
        let group = Uuid::now_v7();
        let (acting_as_id, acting_as_name) = (group.to_string(), "shop".to_owned());
        let mut acting = Assertion { acting_as_id, acting_as_name, ..assertion(now(), now() + 60) };
        let person = keys.verify(&sign(&secret, &acting)).unwrap();
        assert_eq!((person.persona_id(), person.persona()), (group, "group/shop".to_owned()));
        assert_eq!(person.group().as_deref(), Some("group/shop"));
        "everybody".clone_into(&mut acting.acting_as_id);
        assert!(keys.verify(&sign(&secret, &acting)).is_err(), "unreadable is not oneself");
    }

    #[test]
    fn who_has_to_set_up_a_second_factor_is_nobody_elsewhere() {
        let (secret, keys) = key();
        let signed = Assertion { second_factor_missing: true, ..assertion(now(), now() + 60) };
        let signed = sign(&secret, &signed);
        for refused in [keys.verify(&signed), keys.verify_at(&signed, now())] {
            assert_eq!(refused.unwrap_err().reason, "second_factor_missing");
        }
        assert_eq!(keys.verify_setting_up(&signed).unwrap().username, "jane");
        let mut bent = signed;
        bent.assertion[10] ^= 1;
        assert!(keys.verify_setting_up(&bent).is_err());
    }

    #[test]
    fn one_changed_bit_an_old_one_a_future_one_and_a_strangers_key_are_refused() {
        let (secret, keys) = key();
        let mut bent = sign(&secret, &assertion(now(), now() + 60));
        bent.assertion[10] ^= 1;
        assert!(keys.verify(&bent).is_err());
        assert!(keys.verify(&sign(&secret, &assertion(now() - 120, now() - 60))).is_err());
        assert!(keys.verify(&sign(&secret, &assertion(now() + 60, now() + 120))).is_err());
        let stranger = SigningKey::from_bytes(&[8; 32]);
        assert!(keys.verify(&sign(&stranger, &assertion(now(), now() + 60))).is_err());
        assert!(keys.verify(&SignedAssertion::default()).is_err());
        let waited = sign(&secret, &assertion(now() - 600, now() - 540));
        assert!(keys.verify(&waited).is_err() && keys.verify_at(&waited, now() - 550).is_ok());
        assert!(keys.verify_at(&waited, now() - 500).is_err(), "it had expired when it was sent");
    }
}
