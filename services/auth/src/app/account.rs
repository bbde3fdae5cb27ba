//! What people do to their own account.

use std::collections::BTreeMap;

use gwm_authz::Principal;
use gwm_events::types::audit::{Outcome, RecordObject};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::ending::Ended;
use super::login::Login;
use super::members::of_user;
use super::people::{act, kept_here};
use super::refusal::person;
use crate::error::{Error, Result};
use crate::store::{PgConnection, Store, audit, change, commit, event, session, user};

/// Changes one's own password; all other sessions end. Yields how many.
pub(crate) async fn change_password(
    login: &Login,
    asker: &Principal,
    old: Zeroizing<String>,
    new: Zeroizing<String>,
) -> Result<usize> {
    // A token that leaked must not become the account itself.
    let Some(session) = asker.session_id else { return Err(Error::SessionNeeded) };
    let store = &login.store;
    let user_id = asker.user_id.0;
    let mut tx = store.begin().await?;
    kept_here(&user::fetch(&mut tx, user_id).await?.ok_or(Error::NotSignedIn)?)?;
    commit(tx).await?;
    let Some(known) = login.confirm(asker, old.clone()).await? else {
        return Err(refuse_wrong(store, asker).await?);
    };
    if old == new {
        return Err(Error::invalid("new_password", "this is the password you have already"));
    }
    let hash = login.passwords.hash_new("new_password", new, &asker.username).await?;
    let mut tx = store.begin().await?;
    // Whoever changed it meanwhile, an administrator for instance, wins.
    if !user::set_password(&mut tx, user_id, known.password_hash.as_deref(), &hash).await? {
        return Err(Error::NotSignedIn);
    }
    let row = user::fetch(&mut tx, user_id).await?.ok_or(Error::NotSignedIn)?;
    let ended = Ended::sessions(&mut tx, user_id, Some(session.0), "password").await?;
    tell(&mut tx, asker, &ended).await?;
    let done = act("user.change_password", Outcome::Succeeded, None, asker, &row);
    audit::append(&mut tx, done).await?;
    commit(tx).await?;
    Ok(ended.sessions.len())
}

/// Ends one of a user's sessions; ending an ended one succeeds.
pub(crate) async fn end_session(
    store: &Store,
    asker: &Principal,
    user: Uuid,
    which: Uuid,
) -> Result<()> {
    let mut tx = store.begin().await?;
    if !session::is_of(&mut tx, which, user).await? {
        return Err(Error::NotFound("session"));
    }
    let sessions = session::end(&mut tx, user, which, "ended").await?;
    finish(&mut tx, asker, &Ended { sessions, ..Ended::default() }).await?;
    commit(tx).await
}

/// Ends all of a user's sessions but the one that asks. Yields how many.
pub(crate) async fn end_other_sessions(
    store: &Store,
    asker: &Principal,
    user: Uuid,
) -> Result<usize> {
    let mut tx = store.begin().await?;
    let keep = asker.session_id.map(|s| s.0);
    let ended = Ended::sessions(&mut tx, user, keep, "ended").await?;
    finish(&mut tx, asker, &ended).await?;
    commit(tx).await?;
    Ok(ended.sessions.len())
}

async fn finish(connection: &mut PgConnection, asker: &Principal, ended: &Ended) -> Result<()> {
    if ended.sessions.is_empty() {
        return Ok(());
    }
    tell(connection, asker, ended).await?;
    let details = |row: &session::SessionRow| {
        let mut details = match row.user_id == asker.user_id.0 {
            true => BTreeMap::new(),
            false => of_user(&row.username, row.user_id),
        };
        details.insert("client_address".to_owned(), row.client_address.clone().into());
        details
    };
    let entry = |row: &session::SessionRow| audit::Entry {
        action: "session.end",
        person: Some(person(asker)),
        cluster: None,
        object: Some(RecordObject {
            kind: "session".to_owned(),
            id: Some(row.session_id.to_string()),
            name: Some(row.username.clone()),
        }),
        details: details(row),
    };
    audit::append_all(connection, ended.sessions.iter().map(entry).collect()).await
}

async fn tell(connection: &mut PgConnection, asker: &Principal, ended: &Ended) -> Result<()> {
    if ended.sessions.is_empty() {
        return Ok(());
    }
    change::record(connection, &ended.touched(Vec::new())).await?;
    let actor = event::actor_of(asker);
    ended.tell(connection, Some(&actor)).await
}

/// Puts a wrong password on record and yields the refusal.
async fn refuse_wrong(store: &Store, asker: &Principal) -> Result<Error> {
    let mut tx = store.begin().await?;
    let row = user::fetch(&mut tx, asker.user_id.0).await?.ok_or(Error::NotSignedIn)?;
    let (action, reason) = ("user.change_password", Some("wrong_password"));
    audit::append(&mut tx, act(action, Outcome::Refused, reason, asker, &row)).await?;
    commit(tx).await?;
    Ok(Error::invalid("old_password", "this is not the password you have now"))
}
