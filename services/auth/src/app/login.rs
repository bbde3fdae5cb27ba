//! Logging in and out.

use std::sync::Arc;
use std::time::Duration;

use gwm_events::types::audit::{Outcome, Person};
use gwm_types::Username;
use prost_types::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::config::{LoginConfig, SessionConfig};
use crate::domain::{LONGEST_PASSWORD, PasswordHasher, Secret};
use crate::error::{Error, Result};
use crate::metrics;
use crate::store::session::SessionRow;
use crate::store::{Store, audit, change, commit, event, session, throttle, user};

/// How long a login waits for its turn before it is told to come again.
const LONGEST_WAIT: Duration = Duration::from_secs(6);
const LONGEST_TEXT: usize = 512;

/// Hashes passwords, few at a time: each takes 64 MiB and a core.
#[derive(Clone)]
pub(crate) struct Passwords {
    hasher: Arc<PasswordHasher>,
    turns: Arc<Semaphore>,
}

impl Passwords {
    /// Takes a tenth of a second: it hashes once.
    pub(crate) fn new(concurrent: usize) -> Self {
        Self {
            hasher: Arc::new(PasswordHasher::new()),
            turns: Arc::new(Semaphore::new(concurrent)),
        }
    }

    /// A new hash.
    pub(crate) async fn hash(&self, password: Zeroizing<String>) -> Result<String> {
        self.turn(move |hasher| hasher.hash(&password)).await
    }

    async fn verify(&self, password: Zeroizing<String>, stored: Option<String>) -> Result<bool> {
        self.turn(move |hasher| hasher.verify(&password, stored.as_deref())).await
    }

    async fn turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&PasswordHasher) -> T + Send + 'static,
    ) -> Result<T> {
        let turn = tokio::time::timeout(LONGEST_WAIT, self.turns.clone().acquire_owned())
            .await
            .map_err(|_| Error::LoginBusy)?
            .map_err(|_| Error::LoginBusy)?;
        let hasher = Arc::clone(&self.hasher);
        // The turn goes with the work: a caller who leaves must not let another one in beside it.
        let work = move || {
            let _turn = turn;
            work(&hasher)
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Error::Internal("password hashing panicked".to_owned()))
    }
}

/// What is needed to log people in.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) store: Store,
    pub(crate) passwords: Passwords,
    pub(crate) throttle: LoginConfig,
    pub(crate) times: SessionConfig,
}

/// What a person gave.
pub(crate) struct LoginRequest {
    pub(crate) username: String,
    pub(crate) password: Zeroizing<String>,
    pub(crate) client_address: String,
    pub(crate) user_agent: String,
}

/// A session that just started.
pub(crate) struct LoggedIn {
    pub(crate) token: Secret,
    pub(crate) expires_at: Timestamp,
    pub(crate) user: user::UserRow,
}

impl Login {
    /// Checks a password and starts a session.
    pub(crate) async fn login(&self, request: LoginRequest) -> Result<LoggedIn> {
        if request.password.len() > LONGEST_PASSWORD {
            let message = format!("a password has at most {LONGEST_PASSWORD} bytes");
            return Err(Error::invalid("password", message));
        }
        let buckets = self.buckets(&request);
        if let Some(after) = self.full(&buckets).await? {
            metrics::login("throttled");
            tracing::warn!(client_address = request.client_address, "login throttled");
            return Err(Error::LoginThrottled { after });
        }
        // A name that can't be one is looked up all the same: it takes as long.
        let name = request.username.parse::<Username>().map_or_else(|_| String::new(), Into::into);
        let mut connection = self.store.begin().await?;
        let known = user::credential(&mut connection, &name).await?.filter(|c| !c.disabled);
        commit(connection).await?;
        let user_id = known.as_ref().map(|c| c.user_id);
        let stored = known.map(|c| c.password_hash);
        let verified = match self.passwords.verify(request.password.clone(), stored).await {
            Ok(verified) => verified,
            Err(error) => {
                // Nothing was looked at, so nothing was guessed.
                self.give_back(&buckets).await?;
                metrics::login("busy");
                return Err(error);
            }
        };
        match user_id.filter(|_| verified) {
            Some(user_id) => self.start(&request, user_id, &buckets).await,
            None => self.refuse(&request, user_id).await,
        }
    }

    async fn start(
        &self,
        request: &LoginRequest,
        user_id: uuid::Uuid,
        buckets: &[Bucket; 2],
    ) -> Result<LoggedIn> {
        let token = Secret::generate("");
        let mut tx = self.store.begin().await?;
        let address = cut(&request.client_address);
        let agent = cut(&request.user_agent);
        let row = session::insert(&mut tx, user_id, &token.hash(), address, agent).await?;
        let user = user::fetch(&mut tx, user_id).await?.ok_or(Error::LoginRefused)?;
        let [address, name] = buckets;
        throttle::give_back(&mut tx, &address.subject).await?;
        throttle::clear(&mut tx, &name.subject).await?;
        event::session_started(&mut tx, &row).await?;
        let person = session_person(&row);
        audit::append(&mut tx, act("session.start", Outcome::Succeeded, None, person)).await?;
        commit(tx).await?;
        metrics::login("succeeded");
        let absolute = chrono::TimeDelta::from_std(self.times.absolute).unwrap_or_default();
        let expires_at = crate::grpc::timestamp(row.created_at + absolute);
        Ok(LoggedIn { token, expires_at, user })
    }

    async fn refuse(
        &self,
        request: &LoginRequest,
        user_id: Option<uuid::Uuid>,
    ) -> Result<LoggedIn> {
        metrics::login("refused");
        tracing::warn!(client_address = request.client_address, "login refused");
        let person = Person {
            user_id: user_id.map(|u| u.to_string()),
            username: Some(request.username.chars().take(64).collect()),
            acting_as: None,
            session_id: None,
            token_id: None,
            client_address: Some(cut(&request.client_address).to_owned()),
        };
        let mut tx = self.store.begin().await?;
        let refused = act("session.start", Outcome::Refused, Some("login_refused"), person);
        audit::append(&mut tx, refused).await?;
        commit(tx).await?;
        Err(Error::LoginRefused)
    }

    /// The buckets that this attempt goes into: the client's address first.
    fn buckets(&self, request: &LoginRequest) -> [Bucket; 2] {
        let config = &self.throttle;
        [
            Bucket {
                subject: subject("address", &request.client_address),
                burst: config.address_burst,
                every: config.address_every,
            },
            Bucket {
                subject: subject("user", &request.username),
                burst: config.user_burst,
                every: config.user_every,
            },
        ]
    }

    /// Counts the attempt before its password is looked at, so that many at once count too; yields
    /// how long to wait when there were too many.
    async fn full(&self, buckets: &[Bucket; 2]) -> Result<Option<Duration>> {
        for bucket in buckets {
            let mut tx = self.store.begin().await?;
            let fits = throttle::take(&mut tx, &bucket.subject, bucket.burst, bucket.every).await?;
            commit(tx).await?;
            if !fits {
                return Ok(Some(bucket.every));
            }
        }
        Ok(None)
    }

    async fn give_back(&self, buckets: &[Bucket; 2]) -> Result<()> {
        let mut tx = self.store.begin().await?;
        for bucket in buckets {
            throttle::give_back(&mut tx, &bucket.subject).await?;
        }
        commit(tx).await
    }
}

struct Bucket {
    subject: String,
    burst: u32,
    every: Duration,
}

/// Names of any length and content become keys of one length.
fn subject(kind: &str, text: &str) -> String {
    format!("{kind}:{}", hex::encode(&Sha256::digest(text.as_bytes())[..16]))
}

/// The bucket of a user name, for those who empty it by hand.
pub(super) fn user_subject(username: &str) -> String {
    subject("user", username)
}

/// Ends the session of a token; ending an ended one succeeds.
pub(crate) async fn logout(store: &Store, token: &Secret) -> Result<()> {
    let mut tx = store.begin().await?;
    let Some(row) = session::end_by_token(&mut tx, &token.hash()).await? else { return Ok(()) };
    let ended = change::Touched { ended_sessions: vec![row.session_id], ..Default::default() };
    change::record(&mut tx, &ended).await?;
    let actor = event::actor(&row.user_id.to_string(), &row.username);
    event::session_ended(&mut tx, &row, Some(actor)).await?;
    let person = session_person(&row);
    audit::append(&mut tx, act("session.end", Outcome::Succeeded, None, person)).await?;
    commit(tx).await
}

fn session_person(row: &SessionRow) -> Person {
    Person {
        user_id: Some(row.user_id.to_string()),
        username: Some(row.username.clone()),
        acting_as: None,
        session_id: Some(row.session_id.to_string()),
        token_id: None,
        client_address: Some(row.client_address.clone()),
    }
}

fn act<'a>(
    action: &'a str,
    outcome: Outcome,
    reason: Option<&'a str>,
    person: Person,
) -> audit::Act<'a> {
    audit::Act { action, outcome, reason, person, object: None }
}

/// What a client says of itself is kept short.
fn cut(text: &str) -> &str {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}
