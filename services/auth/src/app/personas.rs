//! Acting as a group that one belongs to.

use gwm_authz::{ActingAs, Principal};
use gwm_events::types::audit::{Outcome, Person, RecordObject};
use uuid::Uuid;

use super::refusal::person;
use crate::domain::PersonaName;
use crate::error::{Error, Result};
use crate::metrics;
use crate::store::session::Resolved;
use crate::store::{PgConnection, Store, audit, commit, persona, session};

const ACTION: &str = "session.act_as";

/// Whom somebody acts as who asks for it by name, on each request; none: themself.
pub(crate) async fn named(
    connection: &mut PgConnection,
    user: Uuid,
    username: &str,
    asked: &str,
) -> Result<Option<ActingAs>> {
    let name = PersonaName::parse(asked).map_err(|why| Error::invalid("persona", why))?;
    if name.kind == "user" {
        return match name.name.as_str() == username {
            true => Ok(None),
            false => Err(Error::NotAMember(name.to_string())),
        };
    }
    let group = persona::group_of(connection, user, None, Some(name.name.as_str())).await?;
    group.map(Some).ok_or_else(|| Error::NotAMember(name.to_string()))
}

/// What a session was switched to, as long as its user belongs to it.
pub(crate) async fn switched_to(
    connection: &mut PgConnection,
    user: Uuid,
    group: Option<Uuid>,
) -> Result<Option<ActingAs>> {
    let Some(group) = group else { return Ok(None) };
    persona::group_of(connection, user, Some(group), None).await
}

/// Whom a token acts as that is bound to a persona: that one, and nobody else.
pub(crate) async fn bound(
    connection: &mut PgConnection,
    found: &Resolved,
    asked: &str,
) -> Result<Option<ActingAs>> {
    let own = found.persona_id == Some(found.user_id);
    let group = if own { None } else { found.persona_id };
    let acting_as = switched_to(connection, found.user_id, group).await?;
    let name = match &acting_as {
        Some(group) => format!("group/{}", group.name),
        None if own => format!("user/{}", found.username),
        None => return Err(Error::TokenPersona),
    };
    let same = asked.is_empty() || asked == name || own && asked == found.username;
    if same { Ok(acting_as) } else { Err(Error::TokenPersona) }
}

/// The session of who asks acts as this from now on; empty: as themself.
pub(crate) async fn switch_persona(store: &Store, who: &Principal, asked: &str) -> Result<()> {
    let Some(session) = who.session_id else { return Err(Error::SessionNeeded) };
    let mut tx = store.begin().await?;
    let to = match asked {
        "" => None,
        _ => match named(&mut tx, who.user_id.0, &who.username, asked).await {
            Err(Error::NotAMember(asked)) => {
                drop(tx);
                refuse_persona(store, person(who), &asked).await?;
                return Err(Error::NotAMember(asked));
            }
            found => found?,
        },
    };
    session::act_as(&mut tx, session.0, to.as_ref().map(|group| group.group_id)).await?;
    let by = Person { acting_as: to.map(|group| format!("group/{}", group.name)), ..person(who) };
    let object = Some(RecordObject {
        kind: "session".to_owned(),
        id: Some(session.to_string()),
        name: Some(who.username.clone()),
    });
    let done = audit::Act {
        action: ACTION,
        outcome: Outcome::Succeeded,
        reason: None,
        person: by,
        cluster: None,
        object,
    };
    audit::append(&mut tx, done).await?;
    commit(tx).await
}

/// Puts on record that somebody wanted to act as what they don't belong to.
pub(crate) async fn refuse_persona(store: &Store, person: Person, asked: &str) -> Result<()> {
    metrics::denied(ACTION);
    let (kind, name) = asked.split_once('/').unwrap_or(("user", asked));
    let refused = audit::Act {
        action: ACTION,
        outcome: Outcome::Refused,
        reason: Some("not_a_member"),
        person,
        cluster: None,
        object: Some(RecordObject { kind: kind.to_owned(), id: None, name: Some(name.to_owned()) }),
    };
    let mut tx = store.begin().await?;
    audit::append(&mut tx, refused).await?;
    commit(tx).await
}
