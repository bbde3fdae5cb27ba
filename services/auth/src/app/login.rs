//! Logging in and out.

use std::time::Duration;

use gwm_authz::Principal;
use gwm_events::types::audit::{Outcome, Person, RecordObject};
use gwm_types::Username;
use prost_types::Timestamp;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::passwords::Passwords;
use super::provided;
use crate::clients::{Directories, Providers};
use crate::config::{LoginConfig, SessionConfig};
use crate::domain::{
    Answer, ImportedWork, LONGEST_PASSWORD, MasterKey, Secret, Verdict, directory_login,
};
use crate::error::{Error, Result};
use crate::metrics;
use crate::store::identity::IdentityRow;
use crate::store::session::SessionRow;
use crate::store::user::Credential;
use crate::store::{
    PgConnection, Postgres, Store, Transaction, audit, change, commit, event, identity,
    second_factor, session, throttle, user,
};

const LONGEST_TEXT: usize = 512;

/// What is needed to log people in.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) store: Store,
    pub(crate) passwords: Passwords,
    /// Opens the secrets of authenticators.
    pub(crate) master: MasterKey,
    /// Ask for people whom nobody knows here, and for those who came from there.
    pub(crate) directories: Directories,
    /// Where people can be sent to sign in.
    pub(crate) providers: Providers,
    pub(crate) throttle: LoginConfig,
    pub(crate) times: SessionConfig,
}

/// What a person gave.
pub(crate) struct LoginRequest {
    pub(crate) username: String,
    pub(crate) password: Zeroizing<String>,
    pub(crate) place: Place,
}

/// Where somebody signs in.
pub(crate) struct Place {
    pub(crate) client_address: String,
    pub(crate) user_agent: String,
}

/// What a right password leads to.
pub(crate) enum LoginOutcome {
    In(LoggedIn),
    /// A code of the authenticator is needed, too; this stands for the first half.
    CodeNeeded(Secret),
}

/// A session that just started.
pub(crate) struct LoggedIn {
    pub(crate) token: Secret,
    pub(crate) expires_at: Timestamp,
    pub(crate) user: user::UserRow,
}

/// What comparing came to.
struct Compared {
    /// Whose name it was.
    user_id: Option<uuid::Uuid>,
    /// Whether there is a password of it here.
    has_password: bool,
    /// Nothing: wrong.
    proven: Option<Proven>,
}

/// Somebody who gave the right password.
struct Proven {
    known: Credential,
    /// What takes the place of an imported hash.
    new_hash: Option<String>,
}

impl Login {
    /// Checks a password and starts a session.
    pub(crate) async fn login(&self, request: LoginRequest) -> Result<LoginOutcome> {
        if request.password.len() > LONGEST_PASSWORD {
            let message = format!("a password has at most {LONGEST_PASSWORD} bytes");
            return Err(Error::invalid("password", message));
        }
        let spelling = request.username.trim().to_lowercase();
        let buckets = self.buckets(&request.place.client_address, &spelling);
        if let Some(after) = self.full(&buckets).await? {
            metrics::login("throttled");
            tracing::warn!(client_address = request.place.client_address, "login throttled");
            return Err(Error::LoginThrottled { after });
        }
        // A name that can't be one is looked up all the same: it takes as long.
        let name = request.username.parse::<Username>().map_or_else(|_| String::new(), Into::into);
        let (mut user_id, mut has_password) = (None, false);
        // Twice when another login has put a new hash into the place of an imported one meanwhile.
        for _ in 0..2 {
            let compared = match self.compare(&name, &request.password).await {
                Ok(compared) => compared,
                Err(error) => {
                    // Nothing was looked at, so nothing was guessed.
                    self.give_back(&buckets).await?;
                    metrics::login("busy");
                    return Err(error);
                }
            };
            (user_id, has_password) = (compared.user_id, compared.has_password);
            let Some(proven) = compared.proven else { break };
            let mut tx = self.store.begin().await?;
            let Some(known) = renew(&mut tx, proven).await? else { continue };
            // Not when the password was changed, or the user disabled, while it was being compared.
            if let Some(outcome) = self.proceed(tx, &request.place, &known, &buckets).await? {
                return Ok(outcome);
            }
            break;
        }
        let refused = match self.elsewhere(&request, has_password, &buckets).await {
            Ok(Some(outcome)) => return Ok(outcome),
            Ok(None) => Error::LoginRefused,
            Err(error) if error.refuses_login() => error,
            Err(error) => return Err(error),
        };
        self.refuse(&request.place, &request.username, user_id, refused.reason()).await?;
        Err(refused)
    }

    /// What a right password leads to; nothing when it is not right any more.
    pub(super) async fn proceed(
        &self,
        mut tx: Transaction<'_, Postgres>,
        place: &Place,
        known: &Credential,
        buckets: &[Bucket; 2],
    ) -> Result<Option<LoginOutcome>> {
        if known.second_factor {
            let challenge = self.challenge(&mut tx, known).await?;
            commit(tx).await?;
            self.give_back(buckets).await?;
            metrics::login("code_needed");
            return Ok(Some(LoginOutcome::CodeNeeded(challenge)));
        }
        let Some(session) = self.open(&mut tx, place, known, buckets).await? else {
            return Ok(None);
        };
        commit(tx).await?;
        metrics::login("succeeded");
        Ok(Some(LoginOutcome::In(session)))
    }

    /// Asks the directories. Also about a name that has a password here, which is not shown to them: else the
    /// time of a refusal would tell which names have one.
    async fn elsewhere(
        &self,
        request: &LoginRequest,
        has_password: bool,
        buckets: &[Bucket; 2],
    ) -> Result<Option<LoginOutcome>> {
        if self.directories.is_empty() {
            return Ok(None);
        }
        let Some(login) = directory_login(&request.username) else { return Ok(None) };
        let password = Some(request.password.as_str()).filter(|_| !has_password);
        let identified = match self.directories.ask(&login, password).await {
            Answer::Is(identified) => identified,
            Answer::IsNot => return Ok(None),
            Answer::Silent => return Err(Error::DirectorySilent),
        };
        let mut tx = self.store.begin().await?;
        let address = &request.place.client_address;
        let row = provided::admit(&mut tx, &identified, address).await?;
        let known = user::credential_of(&mut tx, row.user_id).await?.ok_or(Error::LoginRefused)?;
        self.proceed(tx, &request.place, &known, buckets).await
    }

    /// Compares a password with what is known of a user name, in a time that tells nothing of it.
    async fn compare(&self, name: &str, password: &Zeroizing<String>) -> Result<Compared> {
        let mut tx = self.store.begin().await?;
        let known = user::credential(&mut tx, name).await?;
        let imported = user::imported_work(&mut tx).await?;
        commit(tx).await?;
        let user_id = known.as_ref().map(|c| c.user_id);
        let has_password = known.as_ref().is_some_and(|c| c.password_hash.is_some());
        let known = known.filter(|c| !c.disabled);
        let stored = known.as_ref().and_then(|c| c.password_hash.clone());
        let new_hash = match self.passwords.verify(password.clone(), stored, imported).await? {
            Verdict::Wrong => return Ok(Compared { user_id, has_password, proven: None }),
            Verdict::Right => None,
            Verdict::Outdated(new_hash) => Some(new_hash),
        };
        let proven = known.map(|known| Proven { known, new_hash });
        Ok(Compared { user_id, has_password, proven })
    }

    /// Keeps that the password was right, until the code comes.
    async fn challenge(&self, tx: &mut PgConnection, known: &Credential) -> Result<Secret> {
        let secret = Secret::generate("");
        let (hash, user_id) = (secret.hash(), known.user_id);
        second_factor::insert_challenge(tx, &hash, user_id, known.password_hash.as_deref()).await?;
        Ok(secret)
    }

    /// The same within a transaction.
    pub(super) async fn open(
        &self,
        tx: &mut PgConnection,
        place: &Place,
        known: &Credential,
        buckets: &[Bucket; 2],
    ) -> Result<Option<LoggedIn>> {
        let token = Secret::generate("");
        let address = cut(&place.client_address);
        let agent = cut(&place.user_agent);
        let hash = token.hash();
        let Some(row) = session::insert(tx, known, &hash, address, agent).await? else {
            return Ok(None);
        };
        let user = user::fetch(tx, known.user_id).await?.ok_or(Error::LoginRefused)?;
        let [address, name] = buckets;
        throttle::give_back(tx, &address.subject).await?;
        throttle::clear(tx, &name.subject).await?;
        event::session_started(tx, &row).await?;
        let person = session_person(&row);
        audit::append(tx, act("session.start", Outcome::Succeeded, None, person)).await?;
        let absolute = chrono::TimeDelta::from_std(self.times.absolute).unwrap_or_default();
        let expires_at = crate::grpc::timestamp(row.created_at + absolute);
        Ok(Some(LoggedIn { token, expires_at, user }))
    }

    /// Puts a refused login on record.
    pub(super) async fn refuse(
        &self,
        place: &Place,
        username: &str,
        user_id: Option<uuid::Uuid>,
        reason: &str,
    ) -> Result<()> {
        metrics::login("refused");
        tracing::warn!(client_address = place.client_address, "login refused");
        let person = Person {
            user_id: user_id.map(|u| u.to_string()),
            username: Some(username.chars().take(64).collect()),
            acting_as: None,
            session_id: None,
            token_id: None,
            client_address: Some(cut(&place.client_address).to_owned()),
        };
        let mut tx = self.store.begin().await?;
        let refused = act("session.start", Outcome::Refused, Some(reason), person);
        audit::append(&mut tx, refused).await?;
        commit(tx).await
    }

    /// Whether this is the password of a person who is signed in, slowed as logins are: whoever has
    /// got hold of a session must not find it out.
    pub(crate) async fn confirm(
        &self,
        person: &Principal,
        password: Zeroizing<String>,
    ) -> Result<Option<Credential>> {
        if password.len() > LONGEST_PASSWORD {
            return Ok(None);
        }
        let buckets = self.buckets(&person.client_address, &person.username);
        if let Some(after) = self.full(&buckets).await? {
            return Err(Error::LoginThrottled { after });
        }
        let mut tx = self.store.begin().await?;
        let known = user::credential_of(&mut tx, person.user_id.0).await?;
        let identity = identity::of(&mut tx, person.user_id.0).await?;
        let fresh = match person.session_id {
            Some(session) => session::is_fresh(&mut tx, session.0).await?,
            None => false,
        };
        commit(tx).await?;
        let known = known.filter(|c| !c.disabled).ok_or(Error::NotSignedIn)?;
        if let (None, Some(identity)) = (&known.password_hash, identity) {
            // A provider asks for passwords only itself: having come from there just now proves as much.
            if let Some(provider) = identity.provider.strip_prefix("oidc/") {
                self.give_back(&buckets).await?;
                let label = self.providers.get(provider).map_or(provider, |p| p.label());
                let again = || Error::SignInAgain(label.to_owned());
                return if fresh { Ok(Some(known)) } else { Err(again()) };
            }
            let right = self.confirm_elsewhere(&identity, &password).await?;
            if right {
                self.give_back(&buckets).await?;
            }
            return Ok(right.then_some(known));
        }
        let stored = known.password_hash.clone();
        // Whose password it is is no secret here.
        let none = ImportedWork::default();
        let right = match self.passwords.verify(password, stored, none).await {
            Ok(verdict) => verdict != Verdict::Wrong,
            Err(error) => {
                self.give_back(&buckets).await?;
                return Err(error);
            }
        };
        if right {
            self.give_back(&buckets).await?;
        }
        Ok(right.then_some(known))
    }

    /// The same of a person whose password a directory keeps.
    async fn confirm_elsewhere(&self, identity: &IdentityRow, password: &str) -> Result<bool> {
        match self.directories.ask(&identity.login, Some(password)).await {
            Answer::Is(found) => Ok((found.provider, found.subject)
                == (identity.provider.clone(), identity.subject.clone())),
            Answer::IsNot => Ok(false),
            Answer::Silent => Err(Error::DirectorySilent),
        }
    }

    /// Counts a stranger's try by their address, until it is given back.
    pub(super) async fn admit(&self, client_address: &str) -> Result<[Bucket; 1]> {
        let [address, _] = self.buckets(client_address, "");
        let buckets = [address];
        match self.full(&buckets).await? {
            Some(after) => Err(Error::LoginThrottled { after }),
            None => Ok(buckets),
        }
    }

    /// The same for a code, which is guessed like a password.
    pub(super) async fn admit_both(
        &self,
        client_address: &str,
        username: &str,
    ) -> Result<[Bucket; 2]> {
        let buckets = self.buckets(client_address, username);
        match self.full(&buckets).await? {
            Some(after) => Err(Error::LoginThrottled { after }),
            None => Ok(buckets),
        }
    }

    /// The same by the user's name alone.
    pub(super) async fn admit_user(&self, username: &str) -> Result<[Bucket; 1]> {
        let [_, name] = self.buckets("", username);
        let buckets = [name];
        match self.full(&buckets).await? {
            Some(after) => Err(Error::LoginThrottled { after }),
            None => Ok(buckets),
        }
    }

    /// The buckets that this attempt goes into: the client's address first.
    pub(super) fn buckets(&self, client_address: &str, username: &str) -> [Bucket; 2] {
        let config = &self.throttle;
        [
            Bucket {
                subject: subject("address", client_address),
                burst: config.address_burst,
                every: config.address_every,
            },
            Bucket {
                subject: subject("user", username),
                burst: config.user_burst,
                every: config.user_every,
            },
        ]
    }

    /// Counts the attempt before its password is looked at, so that many at once count too; yields
    /// how long to wait when there were too many.
    async fn full(&self, buckets: &[Bucket]) -> Result<Option<Duration>> {
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

    pub(super) async fn give_back(&self, buckets: &[Bucket]) -> Result<()> {
        let mut tx = self.store.begin().await?;
        for bucket in buckets {
            throttle::give_back(&mut tx, &bucket.subject).await?;
        }
        commit(tx).await
    }
}

pub(super) struct Bucket {
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

/// Puts the new hash into the place of an imported one; nothing when it is not the stored one any more.
async fn renew(connection: &mut PgConnection, proven: Proven) -> Result<Option<Credential>> {
    let Proven { mut known, new_hash } = proven;
    if let Some(hash) = new_hash {
        let before = known.password_hash.as_deref();
        if !user::set_password(connection, known.user_id, before, &hash).await? {
            return Ok(None);
        }
        known.password_hash = Some(hash);
    }
    Ok(Some(known))
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
    // What is signed in to is the account: whoever looks after it finds what was tried.
    let object = RecordObject {
        kind: "user".to_owned(),
        id: person.user_id.clone(),
        name: person.username.clone(),
    };
    audit::Act { action, outcome, reason, person, cluster: None, object: Some(object) }
}

/// What a client says of itself is kept short.
fn cut(text: &str) -> &str {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}
