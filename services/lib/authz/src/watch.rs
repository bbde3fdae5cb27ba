//! Following auth, and what holds while it is silent.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use gwm_kernel::grpc::Peer;
use gwm_kernel::{Boot, Condition, ErrorCode, Fault};
use gwm_proto::auth::WatchRequest;
use gwm_proto::auth::access_client::AccessClient;
use gwm_proto::auth::watch_response::Body;
use gwm_types::{ClusterId, NodeGroupUuid, Object, Permission, PermissionSet, UserId};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_stream::StreamExt;
use uuid::Uuid;

use crate::assertion::{now, unauthenticated};
use crate::{Decided, Holder, Keys, Principal, Rights, Scope, SignedAssertion};

/// A snapshot holds every grant of the installation, about 100 bytes each: far more than tonic's own
/// limit of 4 MiB, which would leave a large installation without any decisions.
const LARGEST_SNAPSHOT: usize = 256 << 20;
/// How long, in seconds, what auth committed may take to be heard of here.
const NEWS_TAKES: i64 = 2;

/// Times of the watch.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthzConfig {
    /// After this much silence writes are refused.
    #[serde(with = "humantime_serde")]
    pub silence: Duration,
    /// For this much longer reads, streams and open consoles go on with what was last known.
    #[serde(with = "humantime_serde")]
    pub authz_grace: Duration,
}

impl Default for AuthzConfig {
    fn default() -> Self {
        Self { silence: Duration::from_millis(1500), authz_grace: Duration::from_secs(10) }
    }
}

/// Whether a call only reads, or makes, changes or opens something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Goes on for a while when auth is silent.
    Read,
    /// Is refused when auth is silent.
    Write,
}

/// The decisions of this process. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Authz(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: AuthzConfig,
    rights: RwLock<Rights>,
    keys: RwLock<Keys>,
    verified: Cache<SignedAssertion, Principal>,
    /// `None` until the first snapshot.
    heard: RwLock<Option<Instant>>,
    revision: watch::Sender<u64>,
}

impl Authz {
    /// Follows auth as long as the process lives; readiness does not depend on it.
    #[must_use]
    pub fn start(auth: Peer, config: AuthzConfig, boot: &Boot) -> Self {
        let authz = Self::detached(config);
        let (follower, hard) = (authz.clone(), boot.tasks().shutdown().hard.clone());
        boot.tasks().support("authz-watch", async move {
            tokio::select! {
                () = follower.follow(auth) => Ok(()),
                () = hard.cancelled() => Ok(()),
            }
        });
        authz
    }

    /// One that follows nobody: fed by [`Authz::receive`]. For auth itself, and for tests.
    #[must_use]
    pub fn detached(config: AuthzConfig) -> Self {
        Self(Arc::new(Inner {
            config,
            rights: RwLock::default(),
            keys: RwLock::default(),
            verified: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(Duration::from_secs(60))
                .build(),
            heard: RwLock::new(None),
            revision: watch::Sender::new(0),
        }))
    }

    async fn follow(&self, auth: Peer) {
        loop {
            let client = AccessClient::new(auth.clone());
            let mut client = client.max_decoding_message_size(LARGEST_SNAPSHOT);
            match client.watch(WatchRequest {}).await {
                Ok(stream) => {
                    let mut stream = stream.into_inner();
                    // A connection that hangs is as good as none: heartbeats come twice a second.
                    let patience = self.0.config.silence * 2;
                    while let Ok(Some(Ok(message))) =
                        tokio::time::timeout(patience, stream.next()).await
                    {
                        if let Some(body) = message.body {
                            self.receive(message.revision, body);
                        }
                    }
                    tracing::warn!("auth fell silent");
                }
                Err(error) => tracing::debug!(%error, "auth can't be watched"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Takes in one message of the watch.
    pub fn receive(&self, revision: u64, body: Body) {
        let knows = self.0.heard.read().expect("no panic while held").is_some();
        if !knows && !matches!(body, Body::Snapshot(_)) {
            return;
        }
        match body {
            Body::Snapshot(mut snapshot) => {
                self.write_keys(std::mem::take(&mut snapshot.keys));
                self.0.rights.write().expect("no panic while held").replace(revision, snapshot);
            }
            Body::Change(mut change) => {
                self.write_keys(std::mem::take(&mut change.keys));
                self.0.rights.write().expect("no panic while held").apply(revision, change);
            }
            Body::Heartbeat(_) => {}
        }
        *self.0.heard.write().expect("no panic while held") = Some(Instant::now());
        self.0.revision.send_if_modified(|r| std::mem::replace(r, revision) != revision);
    }

    fn write_keys(&self, keys: Vec<gwm_proto::auth::SigningKey>) {
        self.0.keys.write().expect("no panic while held").extend(keys);
    }

    /// Wakes whoever holds something open on somebody's right, at every change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.revision.subscribe()
    }

    /// Whether decisions may be made now.
    ///
    /// # Errors
    /// `unavailable` while auth is silent for too long for this mode.
    pub fn fresh(&self, mode: Mode) -> Result<(), Fault> {
        let heard = *self.0.heard.read().expect("no panic while held");
        let limit = match mode {
            Mode::Write => self.0.config.silence,
            Mode::Read => self.0.config.silence + self.0.config.authz_grace,
        };
        if heard.is_some_and(|at| at.elapsed() <= limit) {
            return Ok(());
        }
        Err(Fault::new(
            ErrorCode::Unavailable,
            "auth_unavailable",
            "permissions can't be checked just now, so this is refused; try again in a moment",
        )
        .retry_after(Duration::from_secs(2)))
    }

    /// The verified person behind a call.
    ///
    /// # Errors
    /// `unauthenticated` without a valid assertion, `unavailable` while auth is silent.
    pub fn principal<T>(
        &self,
        request: &tonic::Request<T>,
        mode: Mode,
    ) -> Result<Principal, Fault> {
        self.verify(&SignedAssertion::of(request)?, mode)
    }

    /// The same for what is about a person's own account. A restricted token has no part in that, or it could make
    /// itself another one that may do more.
    ///
    /// # Errors
    /// As [`Authz::principal`]; `token_restricted`.
    pub fn account<T>(&self, request: &tonic::Request<T>, mode: Mode) -> Result<Principal, Fault> {
        self.principal(request, mode)?.unrestricted()
    }

    /// Verifies an assertion that came by another way than a call.
    ///
    /// # Errors
    /// As [`Authz::principal`].
    pub fn verify(&self, signed: &SignedAssertion, mode: Mode) -> Result<Principal, Fault> {
        self.fresh(mode)?;
        let known = self.0.verified.get(signed).filter(|p| p.expires_at + 5 >= now());
        let principal = match known {
            Some(principal) => principal,
            None => {
                let principal = self.0.keys.read().expect("no panic while held").verify(signed)?;
                self.0.verified.insert(signed.clone(), principal.clone());
                principal
            }
        };
        if !self.still_valid(&principal) {
            return Err(unauthenticated("the sign-in has ended; sign in again"));
        }
        self.require_persona(&principal)?;
        Ok(principal)
    }

    /// As [`Authz::verify`], also of a person who has to set up a second factor and may do nothing else.
    ///
    /// # Errors
    /// As [`Authz::principal`].
    pub fn verify_setting_up(
        &self,
        signed: &SignedAssertion,
        mode: Mode,
    ) -> Result<Principal, Fault> {
        self.fresh(mode)?;
        let keys = self.0.keys.read().expect("no panic while held").clone();
        let principal = keys.verify_setting_up(signed)?;
        if !self.still_valid(&principal) {
            return Err(unauthenticated("the sign-in has ended; sign in again"));
        }
        Ok(principal)
    }

    /// The person of a request that waited since `at`, in Unix seconds: whoever auth vouched for then.
    /// What they may do is asked for now.
    ///
    /// # Errors
    /// `unauthenticated` when it was not valid then, `unavailable` while auth is silent.
    pub fn principal_at(&self, signed: &SignedAssertion, at: i64) -> Result<Principal, Fault> {
        self.fresh(Mode::Write)?;
        self.0.keys.read().expect("no panic while held").verify_at(signed, at)
    }

    /// Whether a person who asked a while ago still is one: neither disabled nor, as far as it is known
    /// here, asking with a token that was revoked. Signing out takes no request back.
    #[must_use]
    pub fn still_a_person(&self, person: &Principal) -> bool {
        let rights = self.0.rights.read().expect("no panic while held");
        rights.valid(person.user_id, None, person.token_id)
    }

    /// Whether user, session and token still count. For what stays open longer than an assertion
    /// lives.
    #[must_use]
    pub fn still_valid(&self, person: &Principal) -> bool {
        let rights = self.0.rights.read().expect("no panic while held");
        rights.valid(person.user_id, person.session_id, person.token_id)
    }

    /// Goes on only if the person still belongs to the group that they act as.
    ///
    /// # Errors
    /// `not_a_member`.
    pub fn require_persona(&self, person: &Principal) -> Result<(), Fault> {
        let Some(group) = &person.acting_as else { return Ok(()) };
        let belongs = {
            let rights = self.0.rights.read().expect("no panic while held");
            rights.belongs(person.user_id, group.group_id)
        };
        // auth vouched for it a moment ago, and that they were added is still on its way here.
        if belongs || person.issued_at + NEWS_TAKES > now() {
            return Ok(());
        }
        let text = format!("{} does not belong to group/{}", person.username, group.name);
        Err(Fault::new(ErrorCode::PermissionDenied, "not_a_member", text))
    }

    /// The groups that the person belongs to and may act as, by id.
    #[must_use]
    pub fn groups(&self, person: &Principal) -> BTreeMap<Uuid, String> {
        self.0.rights.read().expect("no panic while held").groups(person.holder())
    }

    /// Whether the person may create there, by what the persona that they act as holds itself.
    #[must_use]
    pub fn creates(&self, person: &Principal, cluster: ClusterId) -> bool {
        let rights = self.0.rights.read().expect("no panic while held");
        rights.creates(person.holder(), person.persona_id(), cluster)
    }

    /// Whether there is any cluster on which the person may create as whom they act as.
    #[must_use]
    pub fn creates_anywhere(&self, person: &Principal) -> bool {
        let rights = self.0.rights.read().expect("no panic while held");
        rights.creates_anywhere(person.holder(), person.persona_id())
    }

    /// Goes on only if the person may create there as whom they act as.
    ///
    /// # Errors
    /// `not_found` when the person may not know of the cluster, else `permission_denied`.
    pub fn require_creates(&self, person: &Principal, cluster: ClusterId) -> Result<(), Fault> {
        if self.creates(person, cluster) {
            return Ok(());
        }
        if !self.sees(person, Object::Cluster(cluster)) {
            return Err(Fault::not_found("cluster"));
        }
        let text = format!("{} may not create instances on this cluster", person.persona());
        Err(Fault::new(ErrorCode::PermissionDenied, "permission_denied", text))
    }

    /// The revision since which the rights of this holder (see [`Principal::holder`]) are what they are now; none
    /// for one not heard of.
    #[must_use]
    pub fn rights_since(&self, user: UserId) -> Option<u64> {
        self.0.rights.read().expect("no panic while held").since(user)
    }

    /// Which rights an answer is decided by: taken before the first decision.
    #[must_use]
    pub fn decided(&self) -> Decided {
        Decided::by(*self.0.revision.borrow())
    }

    /// Whether the person is an administrator of everything.
    #[must_use]
    pub fn is_admin(&self, person: &Principal) -> bool {
        self.0.rights.read().expect("no panic while held").is_admin(person.holder())
    }

    /// Whether the person may do this to that.
    #[must_use]
    pub fn allows(&self, person: &Principal, permission: Permission, object: Object) -> bool {
        let rights = self.0.rights.read().expect("no panic while held");
        rights.allows(person.holder(), permission, object)
    }

    /// Everything that the person may do to that.
    #[must_use]
    pub fn held(&self, person: &Principal, object: Object) -> PermissionSet {
        self.0.rights.read().expect("no panic while held").held(person.holder(), object)
    }

    /// All who may do this to that, in no order.
    #[must_use]
    pub fn holders(&self, permission: Permission, object: Object) -> Vec<Holder> {
        self.0.rights.read().expect("no panic while held").holders(permission, object)
    }

    /// Whether the person may know that the object is there.
    #[must_use]
    pub fn sees(&self, person: &Principal, object: Object) -> bool {
        self.0.rights.read().expect("no panic while held").sees(person.holder(), object)
    }

    /// Goes on only if the person may.
    ///
    /// # Errors
    /// `not_found` when the person may not know of the object, else `permission_denied`.
    pub fn require(
        &self,
        person: &Principal,
        permission: Permission,
        object: Object,
    ) -> Result<(), Fault> {
        if self.allows(person, permission, object) {
            return Ok(());
        }
        if object != Object::Fleet && !self.sees(person, object) {
            return Err(Fault::not_found(object.kind()));
        }
        Err(Fault::new(
            ErrorCode::PermissionDenied,
            "permission_denied",
            format!("{} lacks the permission \"{permission}\" on this", person.username),
        ))
    }

    /// Goes on only for an administrator of everything.
    ///
    /// # Errors
    /// `permission_denied`.
    pub fn require_admin(&self, person: &Principal) -> Result<(), Fault> {
        self.require(person, Permission::Admin, Object::Fleet)
    }

    /// What a list may show this person.
    #[must_use]
    pub fn scope(&self, person: &Principal, permission: Permission) -> Scope {
        self.0.rights.read().expect("no panic while held").scope(person.holder(), permission)
    }

    /// The node groups on which the person holds `permission`, beside those of whole clusters.
    #[must_use]
    pub fn node_groups(
        &self,
        person: &Principal,
        permission: Permission,
    ) -> Vec<(ClusterId, NodeGroupUuid)> {
        self.0.rights.read().expect("no panic while held").node_groups(person.holder(), permission)
    }

    /// The clusters of which the person may know; none: all there are.
    #[must_use]
    pub fn known_clusters(&self, person: &Principal) -> Option<HashSet<ClusterId>> {
        self.0.rights.read().expect("no panic while held").known_clusters(person.holder())
    }

    /// The clusters with anything on which the person holds `permission`; none: all there are.
    #[must_use]
    pub fn clusters(
        &self,
        person: &Principal,
        permission: Permission,
    ) -> Option<HashSet<ClusterId>> {
        self.0.rights.read().expect("no panic while held").clusters(person.holder(), permission)
    }

    /// Keeps a condition in step with whether auth is heard. For services that want to show it.
    pub async fn report(&self, condition: Condition) {
        let mut changes = self.changes();
        loop {
            match self.fresh(Mode::Read) {
                Ok(()) => condition.up(),
                Err(fault) => condition.down(fault.message),
            }
            // Only the end of the sender ends this, and it lives as long as self.
            drop(tokio::time::timeout(Duration::from_secs(1), changes.changed()).await);
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use gwm_proto::auth::{Assertion, Change, GroupRef, Heartbeat, Snapshot, UserRights};
    use gwm_types::{SessionId, UserId};

    use super::*;
    use crate::sign;

    fn set_up(config: AuthzConfig) -> (Authz, SignedAssertion, SessionId) {
        let secret = SigningKey::from_bytes(&[7; 32]);
        let (user, session) = (UserId::generate(), SessionId::generate());
        let authz = Authz::detached(config);
        let snapshot = Snapshot {
            keys: vec![gwm_proto::auth::SigningKey {
                key_id: "k1".to_owned(),
                public_key: secret.verifying_key().to_bytes().to_vec(),
            }],
            users: vec![UserRights { user_id: user.to_string(), ..Default::default() }],
            ..Default::default()
        };
        authz.receive(1, Body::Snapshot(snapshot));
        let assertion = Assertion {
            key_id: "k1".to_owned(),
            user_id: user.to_string(),
            session_id: session.to_string(),
            issued_at: now(),
            expires_at: now() + 60,
            ..Default::default()
        };
        (authz, sign(&secret, &assertion), session)
    }

    #[test]
    fn an_assertion_verified_before_is_refused_once_its_session_has_ended() {
        let (authz, signed, session) = set_up(AuthzConfig::default());
        assert!(authz.verify(&signed, Mode::Write).is_ok());
        let ended = Change { ended_sessions: vec![session.to_string()], ..Default::default() };
        authz.receive(2, Body::Change(ended));
        let fault = authz.verify(&signed, Mode::Read).unwrap_err();
        assert_eq!(fault.code, ErrorCode::Unauthenticated);
    }

    #[test]
    fn who_left_a_group_acts_as_it_no_more() {
        let (authz, _, _) = set_up(AuthzConfig::default());
        let (user, group) = (UserId::generate(), Uuid::now_v7());
        let told = |groups| Change {
            users: vec![UserRights { user_id: user.to_string(), groups, ..Default::default() }],
            ..Default::default()
        };
        let acting = |age: i64| {
            let assertion = Assertion {
                key_id: "k1".to_owned(),
                user_id: user.to_string(),
                acting_as_id: group.to_string(),
                issued_at: now() - age,
                expires_at: now() + 60 - age,
                ..Default::default()
            };
            sign(&SigningKey::from_bytes(&[7; 32]), &assertion)
        };
        let name = "shop".to_owned();
        authz.receive(2, Body::Change(told(vec![GroupRef { group_id: group.to_string(), name }])));
        assert!(authz.verify(&acting(30), Mode::Write).is_ok());
        authz.receive(3, Body::Change(told(Vec::new())));
        assert_eq!(authz.verify(&acting(30), Mode::Read).unwrap_err().reason, "not_a_member");
        assert!(authz.verify(&acting(0), Mode::Read).is_ok(), "the news may be on its way");
    }

    #[test]
    fn while_auth_is_silent_writes_stop_first_and_reads_later() {
        let config =
            AuthzConfig { silence: Duration::ZERO, authz_grace: Duration::from_secs(3600) };
        let (authz, signed, _) = set_up(config);
        assert_eq!(authz.verify(&signed, Mode::Write).unwrap_err().reason, "auth_unavailable");
        assert!(authz.verify(&signed, Mode::Read).is_ok());
        let config = AuthzConfig { silence: Duration::ZERO, authz_grace: Duration::ZERO };
        let (authz, signed, _) = set_up(config);
        assert!(authz.verify(&signed, Mode::Read).is_err());
    }

    #[test]
    fn nothing_is_decided_before_the_first_snapshot() {
        let authz = Authz::detached(AuthzConfig::default());
        assert!(authz.fresh(Mode::Read).is_err());
        authz.receive(1, Body::Heartbeat(Heartbeat {}));
        assert!(authz.fresh(Mode::Read).is_err());
        authz.receive(1, Body::Snapshot(Snapshot::default()));
        assert!(authz.fresh(Mode::Read).is_ok());
    }
}
