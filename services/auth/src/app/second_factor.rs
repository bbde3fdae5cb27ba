//! The second factor: setting it up, taking it away, and the second half of a login.

use gwm_authz::Principal;
use gwm_events::types::audit::Outcome;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::login::{LoggedIn, Login, Place};
use super::people::{act, still_admin};
use crate::domain::{Code, MasterKey, Secret, new_secret, recovery_codes, shown, step_of};
use crate::error::{Error, Result};
use crate::store::user::{Credential, UserRow};
use crate::store::{PgConnection, Store, audit, commit, policy, second_factor, user};

/// What an authenticator is fed with: typed, or as a picture.
pub(crate) struct Begun {
    pub(crate) secret: String,
    pub(crate) uri: String,
}

/// Makes a secret; it counts once a code of it was given.
pub(crate) async fn begin_second_factor(
    login: &Login,
    asker: &Principal,
    password: Zeroizing<String>,
) -> Result<Begun> {
    in_a_browser(asker)?;
    confirmed(login, asker, password).await?;
    let user = asker.user_id.0;
    let secret = new_secret();
    let sealed = login.master.seal(&second_factor::place(user), &secret);
    let mut tx = login.store.begin().await?;
    if !second_factor::begin(&mut tx, user, &sealed).await? {
        return Err(Error::SecondFactorOn);
    }
    commit(tx).await?;
    let (secret, uri) = shown(&secret, &asker.username)
        .ok_or_else(|| Error::Internal("a new secret can't be shown".to_owned()))?;
    Ok(Begun { secret, uri })
}

/// Asks for codes from now on; yields the recovery codes.
pub(crate) async fn confirm_second_factor(
    login: &Login,
    asker: &Principal,
    code: &str,
) -> Result<Vec<String>> {
    in_a_browser(asker)?;
    let wrong = || {
        let why = "this is not the code that the authenticator shows now; is its clock right?";
        Error::invalid("code", why)
    };
    let mut tx = login.store.begin().await?;
    let row = lock(&mut tx, asker).await?;
    let found = second_factor::fetch(&mut tx, row.user_id).await?;
    match found.and_then(|found| found.confirmed_at) {
        Some(_) => return Err(Error::SecondFactorOn),
        None => {
            let Some(code @ Code::Authenticator(_)) = Code::read(code) else { return Err(wrong()) };
            if !accept(&mut tx, &login.master, row.user_id, &code).await? {
                return Err(wrong());
            }
        }
    }
    let (codes, hashes) = recovery_codes();
    second_factor::turn_on(&mut tx, row.user_id, &hashes).await?;
    let done = act("second_factor.add", Outcome::Succeeded, None, asker, &row);
    audit::append(&mut tx, done).await?;
    commit(tx).await?;
    Ok(codes)
}

/// Takes one's own away.
pub(crate) async fn remove_second_factor(
    login: &Login,
    asker: &Principal,
    password: Zeroizing<String>,
    code: &str,
) -> Result<()> {
    in_a_browser(asker)?;
    confirmed(login, asker, password).await?;
    let tries = login.admit_user(&asker.username).await?;
    let mut tx = login.store.begin().await?;
    let row = lock(&mut tx, asker).await?;
    let good = match Code::read(code) {
        Some(code) => accept(&mut tx, &login.master, row.user_id, &code).await?,
        None => false,
    };
    if !good {
        return Err(Error::invalid("code", "this code is wrong, or was used already"));
    }
    second_factor::remove(&mut tx, row.user_id).await?;
    if policy::second_factor_missing(&mut tx, row.user_id).await? {
        return Err(Error::SecondFactorNeeded);
    }
    let done = act("second_factor.remove", Outcome::Succeeded, None, asker, &row);
    audit::append(&mut tx, done).await?;
    commit(tx).await?;
    login.give_back(&tries).await
}

/// Takes somebody else's away, who has lost it.
pub(crate) async fn reset_second_factor(
    store: &Store,
    asker: &Principal,
    who: &str,
) -> Result<UserRow> {
    let mut tx = store.begin().await?;
    user::lock_admins(&mut tx).await?;
    still_admin(&mut tx, asker).await?;
    let row = user::lock(&mut tx, who).await?.ok_or(Error::NotFound("user"))?;
    if row.user_id == asker.user_id.0 {
        return Err(Error::OwnSecondFactor);
    }
    if second_factor::remove(&mut tx, row.user_id).await? {
        let done = act("second_factor.reset", Outcome::Succeeded, None, asker, &row);
        audit::append(&mut tx, done).await?;
    }
    commit(tx).await?;
    Ok(UserRow { second_factor: false, ..row })
}

/// The second half of a login.
pub(crate) async fn finish_login(
    login: &Login,
    challenge: String,
    code: &str,
    place: &Place,
) -> Result<LoggedIn> {
    let hash = Secret::shown(challenge).ok_or(Error::ChallengeOver)?.hash();
    let mut tx = login.store.begin().await?;
    let known = second_factor::try_challenge(&mut tx, &hash).await?;
    let known = known.ok_or(Error::ChallengeOver)?;
    let row = user::fetch(&mut tx, known.user_id).await?.ok_or(Error::ChallengeOver)?;
    commit(tx).await?;
    let buckets = login.admit_both(&place.client_address, &row.username).await?;
    let mut tx = login.store.begin().await?;
    let good = match Code::read(code) {
        Some(code) => accept(&mut tx, &login.master, row.user_id, &code).await?,
        None => false,
    };
    if !good {
        drop(tx);
        login.refuse(place, &row.username, Some(row.user_id), "code_refused").await?;
        return Err(Error::CodeRefused);
    }
    let known = Credential {
        user_id: known.user_id,
        password_hash: known.password_hash,
        disabled: false,
        second_factor: true,
    };
    let Some(session) = login.open(&mut tx, place, &known, &buckets).await? else {
        drop(tx);
        login.refuse(place, &row.username, Some(row.user_id), "login_refused").await?;
        return Err(Error::LoginRefused);
    };
    second_factor::end_challenge(&mut tx, &hash).await?;
    commit(tx).await?;
    crate::metrics::login("succeeded");
    Ok(session)
}

/// Whether the code counts; it is used up then.
async fn accept(
    connection: &mut PgConnection,
    master: &MasterKey,
    user: Uuid,
    code: &Code,
) -> Result<bool> {
    let digits = match code {
        Code::Recovery(hash) => return second_factor::take_recovery(connection, user, hash).await,
        Code::Authenticator(digits) => digits,
    };
    let Some(row) = second_factor::fetch(connection, user).await? else { return Ok(false) };
    let secret = master
        .open(&second_factor::place(user), &row.sealed_secret)
        .ok_or_else(|| Error::Internal("an authenticator's secret can't be opened".to_owned()))?;
    match step_of(&secret, digits, chrono::Utc::now().timestamp()) {
        Some(step) => second_factor::take_step(connection, user, step).await,
        None => Ok(false),
    }
}

/// A token that leaked must not become the account itself.
fn in_a_browser(asker: &Principal) -> Result<()> {
    if asker.session_id.is_some() { Ok(()) } else { Err(Error::SessionNeeded) }
}

async fn confirmed(login: &Login, asker: &Principal, password: Zeroizing<String>) -> Result<()> {
    let known = login.confirm(asker, password).await?;
    known.map(|_| ()).ok_or_else(|| Error::invalid("password", "this is not your password"))
}

async fn lock(connection: &mut PgConnection, asker: &Principal) -> Result<UserRow> {
    let row = user::lock(connection, &asker.user_id.to_string()).await?;
    row.filter(|row| !row.disabled).ok_or(Error::NotSignedIn)
}
