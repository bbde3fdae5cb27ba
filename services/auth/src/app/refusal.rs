//! Refusing what somebody may not do, so that it is seen.

use gwm_authz::{Authz, Principal};
use gwm_events::types::audit::{Outcome, Person, RecordObject};
use gwm_kernel::{ErrorCode, Fault};
use gwm_types::{Object, Permission};
use uuid::Uuid;

use crate::domain::object_ref;
use crate::error::{Error, Result};
use crate::metrics;
use crate::store::{PgConnection, Store, audit, cluster, commit, role};

/// Of what somebody says is the matter; more is none of our words.
const LONGEST_SAID: usize = 100;

/// What a refused act was to be done to. Whoever was refused reads the record, too: so it has what they said themselves, and
/// of what they may see what that is called.
#[derive(Debug, Clone)]
pub(crate) enum On {
    /// A cluster, an instance, ..: with the slug and the name that were given along.
    Object { object: Object, slug: String, name: String },
    /// The limits in a place, of a persona or everybody's.
    Quota { place: Object, persona: String },
    /// A user by id or name.
    User(String),
    /// A group, by name.
    Group(String),
    /// A role, by name.
    Role(String),
    /// An invite by its id, or the one to be made by the name it is for.
    Invite(String),
    /// What there is only one of, and lists of everything.
    All(&'static str),
    /// What was looked at, and may be known.
    Known(RecordObject),
}

impl On {
    /// An object of which nothing more was said.
    pub(crate) fn object(object: Object) -> Self {
        Self::Object { object, slug: String::new(), name: String::new() }
    }
}

/// Goes on only for an administrator of everything; a refusal is logged, counted and put on record.
pub(crate) async fn require_admin(
    authz: &Authz,
    store: &Store,
    principal: &Principal,
    action: &'static str,
    on: On,
) -> Result<()> {
    let Err(fault) = authz.require(principal, Permission::Admin, Object::Fleet) else {
        return Ok(());
    };
    let mut tx = store.begin().await?;
    let (cluster, object) = named(&mut tx, authz, principal, on).await?;
    record(&mut tx, principal, action, cluster, object).await?;
    commit(tx).await?;
    Err(Error::Refused(fault))
}

/// The same for who holds `admin` on an object; the record says what was to be done to what on it.
pub(crate) async fn require_admin_of(
    authz: &Authz,
    store: &Store,
    principal: &Principal,
    action: &'static str,
    bounds: Object,
    on: On,
) -> Result<()> {
    let Err(fault) = authz.require(principal, Permission::Admin, bounds) else { return Ok(()) };
    let mut tx = store.begin().await?;
    let (cluster, object) = named(&mut tx, authz, principal, on).await?;
    record(&mut tx, principal, action, cluster, object).await?;
    commit(tx).await?;
    Err(Error::Refused(fault))
}

/// Puts on record that somebody may not do this to what they know, and yields the refusal that says so.
pub(crate) async fn refuse(
    store: &Store,
    principal: &Principal,
    action: &'static str,
    text: &'static str,
    on: RecordObject,
) -> Result<Error> {
    let mut tx = store.begin().await?;
    record(&mut tx, principal, action, None, on).await?;
    commit(tx).await?;
    let fault = Fault::new(ErrorCode::PermissionDenied, "permission_denied", text);
    Ok(Error::Refused(fault))
}

async fn record(
    connection: &mut PgConnection,
    principal: &Principal,
    action: &'static str,
    cluster: Option<audit::Cluster>,
    object: RecordObject,
) -> Result<()> {
    metrics::denied(action);
    tracing::warn!(action, user_id = %principal.user_id, username = principal.username, "refused");
    let refused = audit::Act {
        action,
        outcome: Outcome::Refused,
        reason: Some("permission_denied"),
        person: person(principal),
        cluster,
        object: Some(object),
    };
    audit::append(connection, refused).await
}

async fn named(
    connection: &mut PgConnection,
    authz: &Authz,
    principal: &Principal,
    on: On,
) -> Result<(Option<audit::Cluster>, RecordObject)> {
    let of = |kind: &str, id: Option<String>, name: &str| {
        let name: String = name.chars().filter(|c| !c.is_control()).take(LONGEST_SAID).collect();
        let name = Some(name).filter(|name| !name.is_empty());
        RecordObject { kind: kind.to_owned(), id, name }
    };
    Ok(match on {
        On::Object { object, slug, name } => {
            let place = place(connection, authz, principal, object, slug).await?;
            let slug = place.as_ref().map(|place| place.slug.clone()).unwrap_or_default();
            let (id, name) = match object {
                Object::Fleet => (None, String::new()),
                Object::Cluster(cluster) => (Some(cluster.to_string()), slug),
                Object::NodeGroup(..) | Object::Selector(_) | Object::Instance(..) => {
                    (Some(object_ref(object).uuid), name)
                }
            };
            (place, of(object.kind(), id, &name))
        }
        On::Quota { place: object, persona } => {
            let whose = if persona.is_empty() { "everybody" } else { &persona };
            let place = place(connection, authz, principal, object, String::new()).await?;
            (place, of("quota", None, whose))
        }
        On::User(said) if said == principal.username => {
            (None, of("user", Some(principal.user_id.to_string()), &said))
        }
        On::User(said) => (None, said_of("user", &said, of)),
        On::Group(said) => {
            let mine = authz.groups(principal).into_iter().find(|(_, name)| *name == said);
            (None, of("group", mine.map(|(id, _)| id.to_string()), &said))
        }
        On::Role(said) => {
            let known = role::ids(connection, std::slice::from_ref(&said), &[]).await?;
            (None, of("role", known.first().map(|(id, _)| id.to_string()), &said))
        }
        On::Invite(said) => (None, said_of("invite", &said, of)),
        On::All(kind) => (None, of(kind, None, "")),
        On::Known(object) => (None, object),
    })
}

/// By id or by name.
fn said_of(
    kind: &str,
    said: &str,
    of: impl Fn(&str, Option<String>, &str) -> RecordObject,
) -> RecordObject {
    match Uuid::try_parse(said) {
        Ok(id) => of(kind, Some(id.to_string()), ""),
        Err(_) => of(kind, None, said),
    }
}

/// Its cluster, with its slug if one may know it.
async fn place(
    connection: &mut PgConnection,
    authz: &Authz,
    principal: &Principal,
    object: Object,
    said: String,
) -> Result<Option<audit::Cluster>> {
    let Some(id) = object.cluster() else { return Ok(None) };
    let sees = authz.sees(principal, Object::Cluster(id));
    let known = if sees { cluster::slug(connection, id.0).await? } else { String::new() };
    let slug = if known.is_empty() { said.chars().take(LONGEST_SAID).collect() } else { known };
    Ok(Some(audit::Cluster { id: id.0, slug }))
}

/// As the audit log names somebody.
pub(crate) fn person(principal: &Principal) -> Person {
    Person {
        user_id: Some(principal.user_id.to_string()),
        username: Some(principal.username.clone()),
        acting_as: principal.group(),
        session_id: principal.session_id.map(|s| s.to_string()),
        token_id: principal.token_id.map(|t| t.to_string()),
        client_address: Some(principal.client_address.clone()),
    }
}
