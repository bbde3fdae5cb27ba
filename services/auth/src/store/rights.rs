//! What the watch tells: everybody's rights, ended sessions, revoked tokens, keys.

use std::collections::HashMap;

use gwm_authz::Rights;
use gwm_proto::auth::{Change, GroupRef, PersonaRight, Right, SigningKey, Snapshot, UserRights};
use gwm_types::{Object, Permission, SelectorId};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::selector;
use crate::domain::object_ref;
use crate::error::Result;

/// How long ended sessions and revoked tokens are told of: longer than an assertion for them lives.
const TELL_ENDED_SECONDS: f64 = 180.0;

#[derive(FromRow)]
struct UserRow {
    user_id: Uuid,
    is_admin: bool,
    disabled: bool,
}

#[derive(FromRow)]
struct GrantRow {
    user_id: Uuid,
    permissions: Vec<String>,
    cluster_id: Option<Uuid>,
    instance_uuid: Option<Uuid>,
    selector_id: Option<Uuid>,
    /// Of a right on a node group.
    node_group: Option<Uuid>,
}

impl GrantRow {
    /// What it is a right on; of one on a node group also the selector of the instances there.
    fn objects(&self) -> impl Iterator<Item = Object> {
        let selector = self.selector_id.map(|id| Object::Selector(SelectorId(id)));
        let itself = match (self.cluster_id, self.instance_uuid, self.node_group) {
            (Some(cluster), None, Some(group)) => {
                Some(Object::NodeGroup(cluster.into(), group.into()))
            }
            _ if selector.is_some() => None,
            (None, ..) => Some(Object::Fleet),
            (Some(cluster), None, None) => Some(Object::Cluster(cluster.into())),
            (Some(cluster), Some(uuid), _) => Some(Object::Instance(cluster.into(), uuid.into())),
        };
        itself.into_iter().chain(selector)
    }
}

/// The rights of these users, or of all: their own, and those of their groups.
pub(crate) async fn load(
    connection: &mut PgConnection,
    users: Option<&[Uuid]>,
) -> Result<Vec<UserRights>> {
    let rows: Vec<UserRow> = sqlx::query_as(
        "select user_id, is_admin, disabled from app_user
             where $1::uuid[] is null or user_id = any($1)",
    )
    .bind(users)
    .fetch_all(&mut *connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    let grants: Vec<GrantRow> = sqlx::query_as(
        "with held as (
             select g.persona_id, g.persona_kind, g.role, g.cluster_id, instance_uuid, selector_id,
                 case when s.owner_id is null and s.tags = '{}' then s.node_group end as node_group
             from permission_grant g left join selector s using (selector_id))
         select persona_id as user_id, permissions, cluster_id, instance_uuid, selector_id, node_group
         from held join role on name = role
         where persona_kind = 'user' and ($1::uuid[] is null or persona_id = any($1))
         union
         select m.user_id, permissions, cluster_id, instance_uuid, selector_id, node_group
         from held join role on name = role join group_member m on m.group_id = persona_id
         where $1::uuid[] is null or m.user_id = any($1)",
    )
    .bind(users)
    .fetch_all(&mut *connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    let mut rights: HashMap<Uuid, Vec<Right>> = HashMap::new();
    for grant in grants {
        for object in grant.objects() {
            let (permissions, object) = (grant.permissions.clone(), Some(object_ref(object)));
            rights.entry(grant.user_id).or_default().push(Right { permissions, object });
        }
    }
    let (mut groups, mut create_vm) = personas(connection, users).await?;
    let told = |row: UserRow| UserRights {
        user_id: row.user_id.to_string(),
        is_admin: row.is_admin,
        disabled: row.disabled,
        rights: rights.remove(&row.user_id).unwrap_or_default(),
        groups: groups.remove(&row.user_id).unwrap_or_default(),
        create_vm: create_vm.remove(&row.user_id).unwrap_or_default(),
    };
    Ok(rows.into_iter().map(told).collect())
}

/// Whether a user may do this to that, straight from the tables.
pub(crate) async fn allows(
    connection: &mut PgConnection,
    user: Uuid,
    permission: Permission,
    object: Object,
) -> Result<bool> {
    let mut rights = Rights::default();
    let users = load(&mut *connection, Some(&[user])).await?;
    let mut told = Change { users, ..Change::default() };
    if let Object::Instance(cluster, instance) = object {
        let key = (cluster.0, instance.0);
        told.selected = selector::selected(connection, &[key]).await?;
    }
    rights.apply(0, told);
    Ok(rights.allows(user.into(), permission, object))
}

type ByUser<T> = HashMap<Uuid, Vec<T>>;

/// What these users, or all, may act as, and where each of that creates by what it holds itself.
async fn personas(
    connection: &mut PgConnection,
    users: Option<&[Uuid]>,
) -> Result<(ByUser<GroupRef>, ByUser<PersonaRight>)> {
    let rows: Vec<(Uuid, Uuid, String)> = sqlx::query_as(
        "select user_id, group_id, name from group_member join persona_group using (group_id)
         where $1::uuid[] is null or user_id = any($1) order by name",
    )
    .bind(users)
    .fetch_all(&mut *connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    let (mut groups, mut create_vm) = (ByUser::new(), ByUser::new());
    for (user, group, name) in rows {
        let group = GroupRef { group_id: group.to_string(), name };
        groups.entry(user).or_insert_with(Vec::new).push(group);
    }
    let rows: Vec<(Uuid, Uuid, Option<Uuid>)> = sqlx::query_as(
        "select distinct coalesce(m.user_id, persona_id), persona_id, cluster_id
         from permission_grant join role on name = role
             left join group_member m on m.group_id = persona_id
         where permissions && array['create_vm', 'admin'] and instance_uuid is null
           and selector_id is null
           and (persona_kind = 'user' or m.user_id is not null)
           and ($1::uuid[] is null or coalesce(m.user_id, persona_id) = any($1))",
    )
    .bind(users)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    for (user, persona, cluster) in rows {
        let object = cluster.map_or(Object::Fleet, |cluster| Object::Cluster(cluster.into()));
        let object = Some(object_ref(object));
        let right = PersonaRight { persona_id: persona.to_string(), object };
        create_vm.entry(user).or_insert_with(Vec::new).push(right);
    }
    Ok((groups, create_vm))
}

/// Everything, as of the transaction's snapshot.
pub(crate) async fn snapshot(connection: &mut PgConnection) -> Result<Snapshot> {
    let ended: Vec<Uuid> = sqlx::query_scalar(
        "select session_id from session where ended_at > now() - make_interval(secs => $1)",
    )
    .bind(TELL_ENDED_SECONDS)
    .fetch_all(&mut *connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    let revoked: Vec<Uuid> = sqlx::query_scalar(
        "select token_id from api_token where revoked_at > now() - make_interval(secs => $1)",
    )
    .bind(TELL_ENDED_SECONDS)
    .fetch_all(&mut *connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(Snapshot {
        keys: keys(&mut *connection).await?,
        users: load(&mut *connection, None).await?,
        ended_sessions: ended.iter().map(Uuid::to_string).collect(),
        revoked_tokens: revoked.iter().map(Uuid::to_string).collect(),
        selectors: selector::members(connection, None).await?,
    })
}

/// The public keys.
pub(crate) async fn keys(connection: &mut PgConnection) -> Result<Vec<SigningKey>> {
    let rows: Vec<(String, Vec<u8>)> =
        sqlx::query_as("select key_id, public_key from signing_key order by created_at, key_id")
            .fetch_all(connection)
            .await
            .map_err(gwm_pg::Error::from)?;
    Ok(rows.into_iter().map(|(key_id, public_key)| SigningKey { key_id, public_key }).collect())
}
