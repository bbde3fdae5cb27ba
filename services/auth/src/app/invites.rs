//! Invites: an administrator makes a code, whoever has it makes their account with it, once.

use gwm_authz::Principal;
use gwm_events::types::audit::{Outcome, Person, RecordObject};
use gwm_types::Username;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::login::Login;
use super::people::still_admin;
use super::refusal::person;
use crate::domain::Secret;
use crate::error::{Error, Result};
use crate::store::invite::InviteRow;
use crate::store::user::UserRow;
use crate::store::{Store, audit, change, commit, event, invite, user};

const MOST_OPEN: i64 = 200;
const OWN_HOURS: u32 = 7 * 24;
const MOST_HOURS: u32 = 30 * 24;

/// Makes one; its code is told this once.
pub(crate) async fn create_invite(
    store: &Store,
    asker: &Principal,
    username: &str,
    is_admin: bool,
    valid_hours: u32,
) -> Result<(InviteRow, Secret)> {
    let name = match username {
        "" => None,
        name => {
            Some(name.parse::<Username>().map_err(|e| Error::invalid("username", e.to_string()))?)
        }
    };
    let hours = if valid_hours == 0 { OWN_HOURS } else { valid_hours };
    if hours > MOST_HOURS {
        return Err(Error::invalid("valid_hours", format!("at most {MOST_HOURS} hours")));
    }
    let hours = i32::try_from(hours).unwrap_or(i32::MAX);
    let code = Secret::generate("");
    let mut tx = store.begin().await?;
    if invite::count_open_locked(&mut tx).await? >= MOST_OPEN {
        return Err(Error::TooManyInvites(MOST_OPEN));
    }
    still_admin(&mut tx, asker).await?;
    let name = name.as_ref().map(Username::as_str);
    if let Some(name) = name
        && user::fetch_by_name(&mut tx, name).await?.is_some()
    {
        return Err(Error::UserExists);
    }
    let by = asker.user_id.0;
    let id = invite::insert(&mut tx, &code.hash(), name, is_admin, by, hours).await?;
    let row = invite::fetch(&mut tx, id).await?.ok_or(Error::NotFound("invite"))?;
    let details = [
        ("is_admin".to_owned(), row.is_admin.into()),
        ("expires_at".to_owned(), row.expires_at.to_rfc3339().into()),
    ];
    let made = audit::Entry {
        action: "invite.create",
        person: Some(person(asker)),
        cluster: None,
        object: Some(object(&row)),
        details: details.into(),
    };
    audit::append_all(&mut tx, vec![made]).await?;
    commit(tx).await?;
    Ok((row, code))
}

/// Withdraws one; what was withdrawn already stays so.
pub(crate) async fn withdraw_invite(store: &Store, asker: &Principal, id: Uuid) -> Result<()> {
    let mut tx = store.begin().await?;
    let row = invite::fetch(&mut tx, id).await?.ok_or(Error::NotFound("invite"))?;
    if invite::withdraw(&mut tx, id).await? {
        let done = act("invite.withdraw", person(asker), &row);
        audit::append(&mut tx, done).await?;
    }
    commit(tx).await
}

/// Makes the account that a code stands for, with the password that its person chose.
pub(crate) async fn redeem_invite(
    login: &Login,
    code: &str,
    username: &str,
    password: Zeroizing<String>,
    client_address: &str,
) -> Result<UserRow> {
    let store = &login.store;
    // Guessing is hopeless; each try writes a record.
    let tries = login.admit(client_address).await?;
    let hash = Secret::shown(code.to_owned()).map(|code| code.hash());
    let mut tx = store.begin().await?;
    let found = match hash {
        Some(hash) => invite::find_open(&mut tx, &hash).await?,
        None => None,
    };
    commit(tx).await?;
    let Some(found) = found else {
        tracing::warn!(client_address, "invite refused");
        return Err(refuse(store, None, client_address).await?);
    };
    login.give_back(&tries).await?;
    let name = name_of(&found, username)?;
    let hash = login.passwords.hash_new("password", password, name.as_str()).await?;
    let mut tx = store.begin().await?;
    let row = user::insert(&mut tx, name.as_str(), &hash, found.is_admin).await?;
    // Rolled back with the user, unless the invite can be used to this very moment.
    if !invite::take(&mut tx, found.invite_id, row.user_id).await? {
        drop(tx);
        return Err(refuse(store, Some(&found), client_address).await?);
    }
    change::record(&mut tx, &change::Touched::user(row.user_id)).await?;
    let actor = event::actor(&row.user_id.to_string(), &row.username);
    event::user_created(&mut tx, &row, Some(actor)).await?;
    let invited = Person {
        user_id: Some(row.user_id.to_string()),
        username: Some(row.username.clone()),
        ..stranger(client_address)
    };
    let done = act("invite.redeem", invited, &found);
    audit::append(&mut tx, done).await?;
    commit(tx).await?;
    Ok(row)
}

/// The name that the invite is for, or the chosen one.
fn name_of(found: &InviteRow, chosen: &str) -> Result<Username> {
    let name = match (found.username.as_deref(), chosen) {
        (Some(name), "") => name,
        (Some(name), chosen) if name == chosen => name,
        (Some(name), _) => {
            return Err(Error::invalid("username", format!("this invite is for {name}")));
        }
        (None, "") => return Err(Error::invalid("username", "choose a user name")),
        (None, chosen) => chosen,
    };
    name.parse().map_err(|e| Error::invalid("username", format!("{e}")))
}

async fn refuse(store: &Store, found: Option<&InviteRow>, client_address: &str) -> Result<Error> {
    let error = Error::InviteInvalid;
    let mut tx = store.begin().await?;
    let refused = audit::Act {
        action: "invite.redeem",
        outcome: Outcome::Refused,
        reason: Some(error.reason()),
        person: stranger(client_address),
        cluster: None,
        object: found.map(object),
    };
    audit::append(&mut tx, refused).await?;
    commit(tx).await?;
    Ok(error)
}

fn stranger(client_address: &str) -> Person {
    Person {
        user_id: None,
        username: None,
        acting_as: None,
        session_id: None,
        token_id: None,
        client_address: Some(client_address.chars().take(64).collect()),
    }
}

fn object(row: &InviteRow) -> RecordObject {
    RecordObject {
        kind: "invite".to_owned(),
        id: Some(row.invite_id.to_string()),
        name: row.username.clone(),
    }
}

fn act<'a>(action: &'a str, person: Person, row: &InviteRow) -> audit::Act<'a> {
    let outcome = Outcome::Succeeded;
    audit::Act { action, outcome, reason: None, person, cluster: None, object: Some(object(row)) }
}
