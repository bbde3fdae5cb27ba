//! What administrators do to other people's accounts.

use gwm_authz::Principal;
use gwm_events::types::audit::{Outcome, RecordObject};
use gwm_kernel::{ErrorCode, Fault};
use serde_json::Value;
use zeroize::Zeroizing;

use super::ending::Ended;
use super::login::user_subject;
use super::passwords::Passwords;
use super::refusal::person;
use crate::error::{Error, Result};
use crate::store::user::UserRow;
use crate::store::{PgConnection, Store, audit, change, commit, event, throttle, user};

/// What a user shall be; nothing: as before.
#[derive(Debug, Default)]
pub(crate) struct ChangeUser {
    /// What the asker has seen; 0 for whatever it is.
    pub(crate) revision: i64,
    pub(crate) is_admin: Option<bool>,
    pub(crate) disabled: Option<bool>,
}

/// Changes a user. Who is disabled loses everything that they have open.
pub(crate) async fn change_user(
    store: &Store,
    asker: &Principal,
    who: &str,
    wanted: &ChangeUser,
) -> Result<UserRow> {
    let mut tx = store.begin().await?;
    user::lock_admins(&mut tx).await?;
    still_admin(&mut tx, asker).await?;
    let before = user::lock(&mut tx, who).await?.ok_or(Error::NotFound("user"))?;
    if wanted.revision != 0 && wanted.revision != before.revision {
        return Err(Error::UserChanged);
    }
    let is_admin = wanted.is_admin.unwrap_or(before.is_admin);
    let disabled = wanted.disabled.unwrap_or(before.disabled);
    if (is_admin, disabled) == (before.is_admin, before.disabled) {
        return Ok(before);
    }
    let leaves = before.is_admin && !before.disabled && (!is_admin || disabled);
    if leaves && !user::another_admin(&mut tx, before.user_id).await? {
        drop(tx);
        let action = if disabled { "user.disable" } else { "user.take_admin" };
        return Err(refuse_last(store, asker, &before, action).await?);
    }
    let row = user::change(&mut tx, before.user_id, is_admin, disabled).await?;
    let ended = if disabled && !before.disabled {
        Ended::everything(&mut tx, row.user_id, "disabled").await?
    } else {
        Ended::default()
    };
    change::record(&mut tx, &ended.touched(vec![row.user_id])).await?;
    let actor = event::actor_of(asker);
    let mut former = event::Changed::new();
    let mut acts = Vec::new();
    if is_admin != before.is_admin {
        former.insert("is_admin".to_owned(), Value::from(before.is_admin));
        acts.push(if is_admin { "user.make_admin" } else { "user.take_admin" });
    }
    if disabled != before.disabled {
        former.insert("disabled".to_owned(), Value::from(before.disabled));
        acts.push(if disabled { "user.disable" } else { "user.enable" });
    }
    event::user_changed(&mut tx, &row, former, Some(actor.clone())).await?;
    ended.tell(&mut tx, Some(&actor)).await?;
    for action in acts {
        audit::append(&mut tx, act(action, Outcome::Succeeded, None, asker, &row)).await?;
    }
    commit(tx).await?;
    Ok(row)
}

/// Gives somebody else a new password; all their sessions end, and their API tokens unless those are to be kept:
/// whoever had the account may have made one.
pub(crate) async fn set_password(
    store: &Store,
    passwords: &Passwords,
    asker: &Principal,
    who: &str,
    password: Zeroizing<String>,
    keep_tokens: bool,
) -> Result<UserRow> {
    let mut tx = store.begin().await?;
    let found = user::find(&mut tx, who).await?.ok_or(Error::NotFound("user"))?;
    commit(tx).await?;
    if found.user_id == asker.user_id.0 {
        return Err(Error::OwnPassword);
    }
    kept_here(&found)?;
    // Hashed outside: a transaction does not wait for it.
    let hash = passwords.hash_new("password", password, &found.username).await?;
    let id = found.user_id.to_string();
    let mut tx = store.begin().await?;
    user::lock_admins(&mut tx).await?;
    still_admin(&mut tx, asker).await?;
    let row = user::lock(&mut tx, &id).await?.ok_or(Error::NotFound("user"))?;
    user::set_password(&mut tx, row.user_id, None, &hash).await?;
    let ended = match keep_tokens {
        true => Ended::sessions(&mut tx, row.user_id, None, "password").await?,
        false => Ended::everything(&mut tx, row.user_id, "password").await?,
    };
    throttle::clear(&mut tx, &user_subject(&row.username)).await?;
    change::record(&mut tx, &ended.touched(Vec::new())).await?;
    let actor = event::actor_of(asker);
    ended.tell(&mut tx, Some(&actor)).await?;
    let details = [
        ("ended_sessions".to_owned(), ended.sessions.len().into()),
        ("ended_tokens".to_owned(), ended.tokens.len().into()),
    ];
    let done = audit::Entry {
        action: "user.set_password",
        person: Some(person(asker)),
        cluster: None,
        object: Some(object(&row)),
        details: details.into(),
    };
    audit::append_all(&mut tx, vec![done]).await?;
    commit(tx).await?;
    Ok(row)
}

/// Refuses what concerns a password that is not kept here.
pub(super) fn kept_here(row: &UserRow) -> Result<()> {
    match &row.origin {
        None => Ok(()),
        Some(origin) => Err(Error::NoPasswordHere(origin.clone())),
    }
}

/// Two administrators who take it from each other at once: the second one is none any more, whatever
/// this replica has heard by now.
pub(super) async fn still_admin(connection: &mut PgConnection, asker: &Principal) -> Result<()> {
    if user::is_enabled_admin(connection, asker.user_id.0).await? {
        return Ok(());
    }
    Err(Error::Refused(Fault::new(
        ErrorCode::PermissionDenied,
        "permission_denied",
        format!("{} is no administrator any more", asker.username),
    )))
}

/// Puts the refusal on record and yields it.
async fn refuse_last(
    store: &Store,
    asker: &Principal,
    row: &UserRow,
    action: &'static str,
) -> Result<Error> {
    let error = Error::LastAdministrator(row.username.clone());
    crate::metrics::denied(action);
    let mut tx = store.begin().await?;
    let refused = act(action, Outcome::Refused, Some(error.reason()), asker, row);
    audit::append(&mut tx, refused).await?;
    commit(tx).await?;
    Ok(error)
}

pub(super) fn act<'a>(
    action: &'a str,
    outcome: Outcome,
    reason: Option<&'a str>,
    asker: &Principal,
    row: &UserRow,
) -> audit::Act<'a> {
    audit::Act {
        action,
        outcome,
        reason,
        person: person(asker),
        cluster: None,
        object: Some(object(row)),
    }
}

fn object(row: &UserRow) -> RecordObject {
    RecordObject {
        kind: "user".to_owned(),
        id: Some(row.user_id.to_string()),
        name: Some(row.username.clone()),
    }
}
