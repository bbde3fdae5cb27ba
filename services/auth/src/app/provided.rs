//! People whom a directory or a provider means: finding or making their account, and what their groups there
//! stand for here.

use std::collections::BTreeMap;

use gwm_events::types::access::GROUP_CHANGED;
use gwm_events::types::audit::{Person, RecordObject};
use gwm_types::Username;
use serde_json::Value;

use super::members::member_act;
use crate::domain::Identified;
use crate::error::{Error, Result};
use crate::store::audit::Entry;
use crate::store::change::Touched;
use crate::store::user::UserRow;
use crate::store::{PgConnection, audit, change, event, group, identity, user};

/// Who it is here, made if they come for the first time, with what their groups stand for. Nothing is ever
/// taken over: an account of the same name that is somebody else's stays so.
pub(super) async fn admit(
    tx: &mut PgConnection,
    identified: &Identified,
    client_address: &str,
) -> Result<UserRow> {
    let row = match found(tx, identified).await? {
        Some(row) => row,
        None => match make(tx, identified, client_address).await? {
            Some(row) => row,
            // Another sign-in of theirs was first, or the name is somebody else's.
            None => found(tx, identified).await?.ok_or_else(|| taken(identified))?,
        },
    };
    if row.disabled {
        return Err(Error::LoginRefused);
    }
    let row = administration(tx, identified, row, client_address).await?;
    memberships(tx, identified, &row, client_address).await?;
    Ok(row)
}

async fn found(tx: &mut PgConnection, identified: &Identified) -> Result<Option<UserRow>> {
    match identity::seen(tx, identified).await? {
        Some(user) => user::fetch(tx, user).await,
        None => Ok(None),
    }
}

fn taken(identified: &Identified) -> Error {
    let Identified { username, provider, .. } = identified;
    Error::NameTaken { username: username.clone(), provider: provider.clone() }
}

async fn make(
    tx: &mut PgConnection,
    identified: &Identified,
    client_address: &str,
) -> Result<Option<UserRow>> {
    let Identified { username, provider, .. } = identified;
    let name = username.parse::<Username>().map_err(|rule| Error::NameUnusable {
        username: username.clone(),
        provider: provider.clone(),
        rule: rule.to_string(),
    })?;
    let Some(row) = identity::insert(tx, identified, name.as_str()).await? else { return Ok(None) };
    change::record(tx, &Touched::user(row.user_id)).await?;
    event::user_created(tx, &row, None).await?;
    let made = entry("user.create", identified, &row, client_address);
    audit::append_all(tx, vec![made]).await?;
    Ok(Some(row))
}

/// What the group of administrators there says: it makes somebody an administrator, and takes away what it gave.
async fn administration(
    tx: &mut PgConnection,
    identified: &Identified,
    row: UserRow,
    client_address: &str,
) -> Result<UserRow> {
    let provider = identified.provider.as_str();
    let wanted = match (identified.admin, row.is_admin) {
        (Some(true), false) => true,
        (Some(false), true) => {
            if identity::admin_from(tx, row.user_id).await?.as_deref() != Some(provider) {
                return Ok(row);
            }
            false
        }
        _ => return Ok(row),
    };
    user::lock_admins(tx).await?;
    if !wanted && !user::another_admin(tx, row.user_id).await? {
        tracing::warn!(
            username = row.username,
            "the last administrator stays one, whatever {provider} says"
        );
        return Ok(row);
    }
    let row = user::change(tx, row.user_id, wanted, row.disabled).await?;
    if wanted {
        identity::set_admin_from(tx, row.user_id, provider).await?;
    }
    change::record(tx, &Touched::user(row.user_id)).await?;
    let former = [("is_admin".to_owned(), Value::from(!wanted))].into();
    event::user_changed(tx, &row, former, None).await?;
    let action = if wanted { "user.make_admin" } else { "user.take_admin" };
    audit::append_all(tx, vec![entry(action, identified, &row, client_address)]).await?;
    Ok(row)
}

/// Makes memberships what the groups there stand for. Only those that came from there ever end by it.
async fn memberships(
    tx: &mut PgConnection,
    identified: &Identified,
    row: &UserRow,
    client_address: &str,
) -> Result<()> {
    let Some(wanted) = &identified.groups else { return Ok(()) };
    let provider = identified.provider.as_str();
    let held = identity::memberships(tx, row.user_id).await?;
    let ends = held
        .iter()
        .filter(|(_, name, of)| of.as_deref() == Some(provider) && !wanted.contains(name.as_str()));
    let mut changes: BTreeMap<&str, bool> =
        ends.map(|(_, name, _)| (name.as_str(), false)).collect();
    let holds = |name: &str| held.iter().any(|(_, other, _)| other == name);
    changes.extend(wanted.iter().filter(|name| !holds(name)).map(|name| (name.as_str(), true)));
    // By name, so that two sign-ins don't wait for each other.
    for (name, joins) in changes {
        let Some(found) = group::fetch(tx, name).await? else {
            tracing::warn!(group = name, "{provider} names a group that there is not");
            continue;
        };
        let Some(found) = group::lock(tx, found.group_id).await? else { continue };
        let action = if joins {
            if !identity::add_member(tx, found.group_id, row.user_id, provider).await? {
                continue;
            }
            "group.set_member"
        } else {
            group::remove_member(tx, found.group_id, row.user_id).await?;
            "group.remove_member"
        };
        let found = group::change(tx, found.group_id, None).await?;
        let members = group::members(tx, found.group_id).await?;
        change::record(tx, &Touched::user(row.user_id)).await?;
        event::group(tx, GROUP_CHANGED, &found, &members, None).await?;
        let member = (row.username.as_str(), row.user_id, joins.then_some(false));
        let by = by(identified, client_address);
        audit::append_all(tx, vec![member_act(action, &found, by, Some(member))]).await?;
    }
    Ok(())
}

/// Nobody here did it: the provider did.
fn by(identified: &Identified, client_address: &str) -> Person {
    Person {
        user_id: None,
        username: Some(identified.provider.clone()),
        acting_as: None,
        session_id: None,
        token_id: None,
        client_address: Some(client_address.chars().take(64).collect()),
    }
}

fn entry(
    action: &'static str,
    identified: &Identified,
    row: &UserRow,
    client_address: &str,
) -> Entry {
    let object = RecordObject {
        kind: "user".to_owned(),
        id: Some(row.user_id.to_string()),
        name: Some(row.username.clone()),
    };
    Entry {
        action,
        person: Some(by(identified, client_address)),
        cluster: None,
        object: Some(object),
        details: [("provider".to_owned(), identified.provider.as_str().into())].into(),
    }
}
