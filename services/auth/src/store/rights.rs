//! What the watch tells: everybody's rights, ended sessions, revoked tokens, keys.

use std::collections::HashMap;

use gwm_authz::Rights;
use gwm_proto::auth::{Change, GroupRef, PersonaRight, Right, SigningKey, Snapshot, UserRights};
use gwm_types::{Object, Permission, PermissionSet, SelectorId};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{grant, selector, token};
use crate::domain::{TokenScope, object_ref, permissions};
use crate::error::Result;

/// How long ended sessions and revoked tokens are told of: longer than an assertion for them lives.
const TELL_ENDED_SECONDS: f64 = 180.0;

#[derive(FromRow, Clone)]
struct UserRow {
    user_id: Uuid,
    is_admin: bool,
    disabled: bool,
}

#[derive(FromRow)]
struct GrantRow {
    user_id: Uuid,
    /// Who holds it: the user, or a group of the user's.
    persona_id: Uuid,
    permissions: Vec<String>,
    cluster_id: Option<Uuid>,
    instance_uuid: Option<Uuid>,
    selector_id: Option<Uuid>,
    /// Of a right on a node group, or on some of the instances in it.
    node_group: Option<Uuid>,
    /// It is on the node group, and not on some of its instances only.
    whole_group: bool,
}

impl GrantRow {
    /// What it is a right on; of one on a node group also the selector of the instances there.
    fn objects(&self) -> impl Iterator<Item = Object> {
        let selector = self.selector_id.map(|id| Object::Selector(SelectorId(id)));
        let node_group = self.node_group.filter(|_| self.whole_group);
        let itself = match (self.cluster_id, self.instance_uuid, node_group) {
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

    /// The least that all of it is in, whatever a selector may come to select.
    fn bounds(&self) -> Object {
        match (self.selector_id, self.cluster_id, self.instance_uuid) {
            (Some(_), cluster, _) => grant::bounds(cluster, self.node_group),
            (None, cluster, instance) => grant::object(cluster, instance),
        }
    }
}

/// The rights of these users, or of all: their own, and those of their groups; and those of their restricted tokens.
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
                 s.node_group,
                 coalesce(s.owner_id is null and s.tags = '{}', false) as whole_group
             from permission_grant g left join selector s using (selector_id))
         select persona_id as user_id, persona_id, permissions, cluster_id, instance_uuid, selector_id,
             node_group, whole_group
         from held join role on name = role
         where persona_kind = 'user' and ($1::uuid[] is null or persona_id = any($1))
         union all
         select m.user_id, persona_id, permissions, cluster_id, instance_uuid, selector_id, node_group,
             whole_group
         from held join role on name = role join group_member m on m.group_id = persona_id
         where $1::uuid[] is null or m.user_id = any($1)",
    )
    .bind(users)
    .fetch_all(&mut *connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    let mut held: ByUser<GrantRow> = ByUser::new();
    for grant in grants {
        held.entry(grant.user_id).or_default().push(grant);
    }
    let (mut groups, mut create_vm) = personas(connection, users).await?;
    let mut tokens = token::restricted(connection, users).await?;
    let mut told = Vec::with_capacity(rows.len());
    for row in rows {
        let of_user = Of {
            held: held.remove(&row.user_id).unwrap_or_default(),
            groups: groups.remove(&row.user_id).unwrap_or_default(),
            creates: create_vm.remove(&row.user_id).unwrap_or_default(),
            row,
        };
        for restricted in tokens.remove(&of_user.row.user_id).unwrap_or_default() {
            told.push(of_user.narrowed(restricted.token_id, &restricted.scope));
        }
        told.push(of_user.whole());
    }
    Ok(told)
}

/// One user, and all that is the user's.
struct Of {
    row: UserRow,
    held: Vec<GrantRow>,
    groups: Vec<(Uuid, String)>,
    /// Which persona may create, and where.
    creates: Vec<(Uuid, Object)>,
}

impl Of {
    fn whole(self) -> UserRights {
        let rights = self.held.iter().flat_map(|grant| {
            grant.objects().map(|object| Right {
                permissions: grant.permissions.clone(),
                object: Some(object_ref(object)),
            })
        });
        UserRights {
            user_id: self.row.user_id.to_string(),
            is_admin: self.row.is_admin,
            disabled: self.row.disabled,
            rights: rights.collect(),
            groups: self.groups.into_iter().map(group_ref).collect(),
            create_vm: self.creates.into_iter().map(persona_right).collect(),
            token_id: String::new(),
        }
    }

    /// What is left of it for a token. It is no administrator's, even if its owner is one: where that would have
    /// decided, what administrators may do counts as held.
    fn narrowed(&self, token: Uuid, scope: &TokenScope) -> UserRights {
        let user = self.row.user_id;
        let granted = self.held.iter().filter(|grant| scope.counts(grant.persona_id));
        let mut left: Vec<(PermissionSet, Object)> = granted
            .flat_map(|grant| {
                let (of, bounds) = (permissions(&grant.permissions), grant.bounds());
                grant
                    .objects()
                    .flat_map(move |on| scope.narrow(of.within(on.may_hold()), on, bounds))
            })
            .collect();
        let mut creates: Vec<(Uuid, Object)> = self.creates.clone();
        if self.row.is_admin {
            if scope.counts(user) {
                left.extend(scope.narrow(PermissionSet::ALL, Object::Fleet, Object::Fleet));
            }
            let personas = self.groups.iter().map(|(id, _)| *id).chain([user]);
            creates.extend(personas.map(|persona| (persona, Object::Fleet)));
        }
        let creates = creates.into_iter().filter(|(persona, _)| scope.counts(*persona)).flat_map(
            |(persona, on)| {
                let create = PermissionSet::EMPTY.with(Permission::CreateVm);
                scope.narrow(create, on, on).into_iter().map(move |(_, on)| (persona, on))
            },
        );
        let groups = self.groups.iter().filter(|(id, _)| scope.counts(*id)).cloned();
        UserRights {
            user_id: user.to_string(),
            is_admin: false,
            disabled: self.row.disabled,
            rights: left
                .into_iter()
                .map(|(set, on)| Right {
                    permissions: set.iter().map(|p| p.as_str().to_owned()).collect(),
                    object: Some(object_ref(on)),
                })
                .collect(),
            groups: groups.map(group_ref).collect(),
            create_vm: creates.map(persona_right).collect(),
            token_id: token.to_string(),
        }
    }
}

fn group_ref((id, name): (Uuid, String)) -> GroupRef {
    GroupRef { group_id: id.to_string(), name }
}

fn persona_right((persona, on): (Uuid, Object)) -> PersonaRight {
    PersonaRight { persona_id: persona.to_string(), object: Some(object_ref(on)) }
}

/// Whether a user, or a restricted token of theirs, may do this to that, straight from the tables.
pub(crate) async fn allows(
    connection: &mut PgConnection,
    user: Uuid,
    restricted: Option<Uuid>,
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
    Ok(rights.allows(restricted.unwrap_or(user).into(), permission, object))
}

type ByUser<T> = HashMap<Uuid, Vec<T>>;

/// What these users, or all, may act as, and where each of that creates by what it holds itself.
async fn personas(
    connection: &mut PgConnection,
    users: Option<&[Uuid]>,
) -> Result<(ByUser<(Uuid, String)>, ByUser<(Uuid, Object)>)> {
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
        groups.entry(user).or_insert_with(Vec::new).push((group, name));
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
        let right = (persona, object);
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
