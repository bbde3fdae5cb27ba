//! Facts, written in the transaction of the change that they tell of.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use gwm_authz::Principal;
use gwm_events::types::access::{self, Grant, GrantObject, Session, Token, User};
use gwm_events::types::{EventType, Object};
use gwm_events::{Actor, Event};
use gwm_kernel::current_traceparent;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::cluster;
use super::grant::GrantRow;
use super::group::{GroupRow, MemberRow};
use super::owner::OwnerRow;
use super::quota::QuotaRow;
use super::role::RoleRow;
use super::session::SessionRow;
use super::ssh_key::SshKeyRow;
use super::token::TokenRow;
use super::user::UserRow;
use crate::domain::{ALL, Choice, object_ref};
use crate::error::Result;

/// What something was before, by field.
pub(crate) type Changed = BTreeMap<String, Value>;

/// This service's name in events.
pub(crate) const SERVICE: &str = "auth";

/// Appends one event. The object's row is locked by now.
pub(crate) async fn append<T: Object>(
    connection: &mut PgConnection,
    event_type: EventType<T>,
    at: DateTime<Utc>,
    object: T,
    actor: Option<Actor>,
) -> Result<()> {
    let event =
        Event::new(event_type, SERVICE, at, object).actor(actor).traceparent(current_traceparent());
    gwm_pg::outbox::append(connection, &event.outbox_row()?).await?;
    Ok(())
}

/// Appends an event that another service made.
pub(crate) async fn pass_on<T: Object>(
    connection: &mut PgConnection,
    event: &Event<T>,
) -> Result<()> {
    gwm_pg::outbox::append(connection, &event.outbox_row()?).await?;
    Ok(())
}

/// A user is there.
pub(crate) async fn user_created(
    connection: &mut PgConnection,
    row: &UserRow,
    actor: Option<Actor>,
) -> Result<()> {
    append(connection, access::USER_CREATED, row.created_at, user(row), actor).await
}

fn user(row: &UserRow) -> User {
    User {
        id: row.user_id.to_string(),
        username: row.username.clone(),
        is_admin: row.is_admin,
        disabled: row.disabled,
        created_at: row.created_at,
        revision: number(row.revision),
    }
}

/// A user is another than before; `former` names what changed, with what it was.
pub(crate) async fn user_changed(
    connection: &mut PgConnection,
    row: &UserRow,
    former: Changed,
    actor: Option<Actor>,
) -> Result<()> {
    let event = Event::new(access::USER_CHANGED, SERVICE, Utc::now(), user(row))
        .changed(former)
        .actor(actor)
        .traceparent(current_traceparent());
    gwm_pg::outbox::append(connection, &event.outbox_row()?).await?;
    Ok(())
}

fn session(row: &SessionRow) -> Session {
    Session {
        id: row.session_id.to_string(),
        user_id: row.user_id.to_string(),
        username: row.username.clone(),
        client_address: Some(row.client_address.clone()).filter(|a| !a.is_empty()),
        started_at: row.created_at,
        ended_at: row.ended_at,
        revision: if row.ended_at.is_some() { 2 } else { 1 },
    }
}

/// Somebody logged in.
pub(crate) async fn session_started(connection: &mut PgConnection, row: &SessionRow) -> Result<()> {
    let actor = Some(actor(&row.user_id.to_string(), &row.username));
    append(connection, access::SESSION_STARTED, row.created_at, session(row), actor).await
}

/// A session is over.
pub(crate) async fn session_ended(
    connection: &mut PgConnection,
    row: &SessionRow,
    actor: Option<Actor>,
) -> Result<()> {
    let at = row.ended_at.unwrap_or(row.created_at);
    append(connection, access::SESSION_ENDED, at, session(row), actor).await
}

fn token(row: &TokenRow) -> Token {
    Token {
        id: row.token_id.to_string(),
        name: row.name.clone(),
        user_id: row.user_id.to_string(),
        username: row.username.clone(),
        created_at: row.created_at,
        expires_at: row.expires_at,
        restricted: row.restricted,
        revoked_at: row.revoked_at,
        revision: if row.revoked_at.is_some() { 2 } else { 1 },
    }
}

/// A token is there.
pub(crate) async fn token_created(
    connection: &mut PgConnection,
    row: &TokenRow,
    actor: Option<Actor>,
) -> Result<()> {
    append(connection, access::TOKEN_CREATED, row.created_at, token(row), actor).await
}

/// A token counts no more.
pub(crate) async fn token_revoked(
    connection: &mut PgConnection,
    row: &TokenRow,
    actor: Option<Actor>,
) -> Result<()> {
    let at = row.revoked_at.unwrap_or(row.created_at);
    append(connection, access::TOKEN_REVOKED, at, token(row), actor).await
}

/// What the clusters of these rights are called now.
async fn slugs_of<'a>(
    connection: &mut PgConnection,
    rows: impl Iterator<Item = &'a GrantRow>,
) -> Result<HashMap<Uuid, String>> {
    cluster::slugs(connection, rows.filter_map(|row| row.cluster_id)).await
}

fn grant(row: &GrantRow, revision: i64, slugs: &HashMap<Uuid, String>) -> Grant {
    let of_user = row.kind == "user";
    Grant {
        id: row.grant_id.to_string(),
        persona: row.persona(),
        persona_id: row.persona_id.to_string(),
        user_id: of_user.then(|| row.persona_id.to_string()),
        username: of_user.then(|| row.name.clone()),
        role: row.role.clone(),
        object: grant_object(row, slugs),
        created_at: row.created_at,
        created_by: row.created_by.clone(),
        revision: number(revision),
    }
}

fn grant_object(row: &GrantRow, slugs: &HashMap<Uuid, String>) -> GrantObject {
    let object = object_ref(row.object());
    GrantObject {
        kind: object.kind,
        cluster_id: row.cluster_id.map(|id| id.to_string()),
        cluster: row
            .cluster_id
            .and_then(|id| slugs.get(&id).or(row.slug.as_ref()).cloned())
            .filter(|slug| !slug.is_empty()),
        uuid: Some(object.uuid).filter(|uuid| !uuid.is_empty()),
        selector: row.selector(),
    }
}

/// A key was added or removed.
pub(crate) async fn ssh_key(
    connection: &mut PgConnection,
    kind: EventType<access::SshKey>,
    at: DateTime<Utc>,
    row: &SshKeyRow,
    actor: Actor,
) -> Result<()> {
    let key = access::SshKey {
        id: row.key_id.to_string(),
        name: row.name.clone(),
        user_id: row.user_id.to_string(),
        username: row.username.clone(),
        algorithm: row.algorithm.clone(),
        public_key: row.public_key.clone(),
        fingerprint: row.fingerprint.clone(),
        created_at: row.created_at,
        revision: if at == row.created_at { 1 } else { 2 },
    };
    append(connection, kind, at, key, Some(actor)).await
}

/// Something happened to a group, which is like this now.
pub(crate) async fn group(
    connection: &mut PgConnection,
    kind: EventType<access::Group>,
    row: &GroupRow,
    members: &[MemberRow],
    actor: Option<Actor>,
) -> Result<()> {
    let member = |m: &MemberRow| access::GroupMember {
        user_id: m.user_id.to_string(),
        username: m.username.clone(),
        is_admin: m.is_admin,
        added_at: m.added_at,
    };
    let group = access::Group {
        id: row.group_id.to_string(),
        name: row.name.clone(),
        description: row.description.clone(),
        members: members.iter().map(member).collect(),
        created_at: row.created_at,
        revision: number(row.revision),
    };
    append(connection, kind, Utc::now(), group, actor).await
}

/// Something happened to a role, which is like this now; `changed` has what was before.
pub(crate) async fn role(
    connection: &mut PgConnection,
    kind: EventType<access::Role>,
    row: &RoleRow,
    changed: Changed,
    actor: Actor,
) -> Result<()> {
    let role = access::Role {
        id: row.role_id.to_string(),
        name: row.name.clone(),
        description: row.description.clone(),
        permissions: row.permissions.clone(),
        created_at: row.created_at,
        revision: number(row.revision),
    };
    let event = Event::new(kind, SERVICE, Utc::now(), role)
        .changed(changed)
        .actor(Some(actor))
        .traceparent(current_traceparent());
    gwm_pg::outbox::append(connection, &event.outbox_row()?).await?;
    Ok(())
}

/// Other limits were chosen; `changed` has what was before, and the slug is the cluster's, if one is known.
pub(crate) async fn quota(
    connection: &mut PgConnection,
    row: &QuotaRow,
    slug: Option<&str>,
    persona: Option<&str>,
    changed: Changed,
    actor: Actor,
) -> Result<()> {
    let choice = |choice: Choice| access::QuotaChoice {
        choice: choice.as_str().to_owned(),
        value: choice.value().map(number),
    };
    let [memory, vcpus, disk, instances, open_jobs] = row.choices().map(choice);
    let [most_memory_mib, most_vcpus, most_disk_mib] = row.most().map(choice);
    let some = |id: Uuid| Some(id).filter(|id| *id != ALL).map(|id| id.to_string());
    let quota = access::Quota {
        id: row.quota_id.to_string(),
        persona: persona.map(str::to_owned),
        persona_id: some(row.persona_id),
        cluster_id: some(row.place_id),
        cluster: slug.map(str::to_owned),
        memory_mib: memory,
        vcpus,
        disk_mib: disk,
        instances,
        open_jobs,
        counts: if row.counts_all { "all" } else { "running" }.to_owned(),
        most_memory_mib,
        most_vcpus,
        most_disk_mib,
        revision: number(row.revision),
    };
    let event = Event::new(access::QUOTA_CHANGED, SERVICE, row.changed_at, quota)
        .changed(changed)
        .actor(Some(actor))
        .traceparent(current_traceparent());
    gwm_pg::outbox::append(connection, &event.outbox_row()?).await?;
    Ok(())
}

/// A right was given.
pub(crate) async fn grant_added(
    connection: &mut PgConnection,
    row: &GrantRow,
    at: DateTime<Utc>,
    actor: Option<Actor>,
) -> Result<()> {
    let slugs = slugs_of(&mut *connection, [row].into_iter()).await?;
    append(connection, access::GRANT_ADDED, at, grant(row, row.revision, &slugs), actor).await
}

/// A right was taken away.
pub(crate) async fn grant_removed(
    connection: &mut PgConnection,
    row: &GrantRow,
    at: DateTime<Utc>,
    actor: Option<Actor>,
) -> Result<()> {
    let slugs = slugs_of(&mut *connection, [row].into_iter()).await?;
    append(connection, access::GRANT_REMOVED, at, grant(row, row.revision + 1, &slugs), actor).await
}

/// Rights that were given or taken, in one statement.
pub(crate) async fn grants(
    connection: &mut PgConnection,
    added: &[GrantRow],
    removed: &[GrantRow],
    actor: Option<&Actor>,
) -> Result<()> {
    let now = Utc::now();
    let slugs = slugs_of(&mut *connection, added.iter().chain(removed)).await?;
    let one = |kind, row: &GrantRow, revision| -> Result<_> {
        let event = Event::new(kind, SERVICE, now, grant(row, revision, &slugs))
            .actor(actor.cloned())
            .traceparent(current_traceparent());
        Ok(event.outbox_row()?)
    };
    let mut rows = Vec::new();
    for row in removed {
        rows.push(one(access::GRANT_REMOVED, row, row.revision + 1)?);
    }
    for row in added {
        rows.push(one(access::GRANT_ADDED, row, row.revision)?);
    }
    gwm_pg::outbox::append_all(connection, &rows).await?;
    Ok(())
}

/// Instances have other owners: each with the former one.
pub(crate) async fn owners(
    connection: &mut PgConnection,
    changed: &[(OwnerRow, Option<String>)],
    actor: Option<&Actor>,
) -> Result<()> {
    let clusters = changed.iter().map(|(row, _)| row.cluster_id);
    let slugs = cluster::slugs(&mut *connection, clusters).await?;
    let mut rows = Vec::new();
    for (row, former) in changed {
        let object = access::InstanceOwner {
            uuid: row.instance_uuid.to_string(),
            cluster_id: row.cluster_id.to_string(),
            cluster: slugs.get(&row.cluster_id).cloned(),
            name: Some(row.instance_name.clone()).filter(|n| !n.is_empty()),
            owner: row.owner(),
            owner_id: row.owner_id.map(|id| id.to_string()),
            since: row.since,
            set_by: row.set_by.clone(),
            revision: number(row.revision),
        };
        let former = [("owner".to_owned(), former.clone().into())].into();
        let event = Event::new(access::OWNER_CHANGED, SERVICE, row.since, object)
            .changed(former)
            .actor(actor.cloned())
            .traceparent(current_traceparent());
        rows.push(event.outbox_row()?);
    }
    gwm_pg::outbox::append_all(connection, &rows).await?;
    Ok(())
}

/// Who did it, and as whom.
pub(crate) fn actor_of(who: &Principal) -> Actor {
    Actor { acting_as: who.group(), ..actor(&who.user_id.to_string(), &who.username) }
}

/// Who did it, as themself.
pub(crate) fn actor(user_id: &str, username: &str) -> Actor {
    Actor { user_id: user_id.to_owned(), username: username.to_owned(), acting_as: None }
}

/// Revisions count up from 1.
fn number(revision: i64) -> u64 {
    u64::try_from(revision).unwrap_or_default()
}
