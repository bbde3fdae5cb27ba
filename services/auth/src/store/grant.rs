//! Grants, and the tombstones of those whose instance is gone.

use chrono::{DateTime, Utc};
use gwm_types::{Object, SelectorText};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::persona::PersonaRow;
use crate::error::Result;

/// A grant with the name of its persona.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct GrantRow {
    pub(crate) grant_id: Uuid,
    /// `user` or `group`.
    pub(crate) kind: String,
    pub(crate) persona_id: Uuid,
    pub(crate) name: String,
    /// What it allows.
    pub(crate) role: String,
    /// None: the whole installation.
    pub(crate) cluster_id: Option<Uuid>,
    pub(crate) instance_uuid: Option<Uuid>,
    /// What its cluster and it were called when it was given.
    pub(crate) slug: Option<String>,
    pub(crate) object_name: Option<String>,
    pub(crate) created_by: Option<String>,
    pub(crate) revision: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) selector_id: Option<Uuid>,
    /// The selector's: what it asks for.
    pub(crate) node_group: Option<Uuid>,
    pub(crate) node_group_name: Option<String>,
    pub(crate) selector_slug: Option<String>,
    pub(crate) selector_owner: Option<String>,
    pub(crate) selector_tags: Option<Vec<String>>,
}

impl GrantRow {
    /// `user/NAME` or `group/NAME`.
    pub(crate) fn persona(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// What it is on.
    pub(crate) fn object(&self) -> Object {
        match (self.selector_id, self.cluster_id, self.node_group) {
            (None, ..) => object(self.cluster_id, self.instance_uuid),
            (Some(_), Some(cluster), Some(group)) if self.selects_all() => {
                Object::NodeGroup(cluster.into(), group.into())
            }
            (Some(selector), ..) => Object::Selector(selector.into()),
        }
    }

    /// What one has to administer to give it and to take it away: the least that all is in which it is on.
    pub(crate) fn bounds(&self) -> Object {
        match self.selector_id {
            Some(_) => bounds(self.cluster_id, self.node_group),
            None => self.object(),
        }
    }

    /// Whether it asks for nothing but a node group.
    fn selects_all(&self) -> bool {
        self.selector_owner.is_none() && self.selector_tags.as_ref().is_none_or(Vec::is_empty)
    }

    /// A selector or a node group as people write it.
    pub(crate) fn selector(&self) -> Option<String> {
        self.selector_id?;
        let text = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
        let id = |id: Option<Uuid>| id.map(|id| id.to_string());
        let said = SelectorText {
            cluster: self.cluster_id.and(text(&self.selector_slug).or(id(self.cluster_id))),
            node_group: self.node_group.and(text(&self.node_group_name).or(id(self.node_group))),
            owner: self.selector_owner.clone(),
            tags: self.selector_tags.clone().unwrap_or_default(),
        };
        Some(said.to_string())
    }
}

/// Where a right stands: the whole installation, a cluster, an instance, or a selector.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    pub(crate) cluster: Option<Uuid>,
    pub(crate) instance: Option<Uuid>,
    pub(crate) selector: Option<Uuid>,
}

impl Place {
    /// Of an object that is none of a selector's.
    pub(crate) fn of(object: Object) -> Option<Self> {
        match object {
            Object::Fleet => Some(Self::default()),
            Object::Cluster(cluster) => Some(Self { cluster: Some(cluster.0), ..Self::default() }),
            Object::Instance(cluster, instance) => {
                let (cluster, instance) = (Some(cluster.0), Some(instance.0));
                Some(Self { cluster, instance, ..Self::default() })
            }
            Object::NodeGroup(..) | Object::Selector(_) => None,
        }
    }
}

/// What these columns of a right say that is on no selector.
pub(super) fn object(cluster: Option<Uuid>, instance: Option<Uuid>) -> Object {
    match (cluster, instance) {
        (None, _) => Object::Fleet,
        (Some(cluster), None) => Object::Cluster(cluster.into()),
        (Some(cluster), Some(instance)) => Object::Instance(cluster.into(), instance.into()),
    }
}

/// The least that everything is in which a selector may ever select.
pub(crate) fn bounds(cluster: Option<Uuid>, node_group: Option<Uuid>) -> Object {
    match (cluster, node_group) {
        (None, _) => Object::Fleet,
        (Some(cluster), None) => Object::Cluster(cluster.into()),
        (Some(cluster), Some(group)) => Object::NodeGroup(cluster.into(), group.into()),
    }
}

/// Rows of a table or of what a statement yields, as [`GrantRow`]s.
fn rows(of: &str) -> String {
    format!(
        "select g.grant_id, p.kind, p.persona_id, p.name, g.role, g.cluster_id, g.instance_uuid, g.slug,
             g.object_name, g.created_by, g.revision, g.created_at, g.selector_id, s.node_group,
             s.node_group_name, s.slug as selector_slug,
             case when s.owner_id is not null
                 then coalesce(w.kind || '/' || w.name, s.owner_id::text) end as selector_owner,
             s.tags as selector_tags
         from {of} g join persona p on p.persona_id = g.persona_id
             left join selector s on s.selector_id = g.selector_id
             left join persona w on w.persona_id = s.owner_id"
    )
}

/// What people call an object; empty where it isn't known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Called<'a> {
    pub(crate) slug: &'a str,
    pub(crate) name: &'a str,
}

/// Adds one; `None` when the persona has it already.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    persona: &PersonaRow,
    role: &str,
    place: Place,
    called: Called<'_>,
    created_by: Option<&str>,
) -> Result<Option<GrantRow>> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "with made as (
             insert into permission_grant
                 (grant_id, persona_kind, persona_id, role, cluster_id, instance_uuid,
                  created_by, slug, object_name, selector_id)
             values ($1, $7, $2, $3, $4, $5, $6, nullif($8, ''), nullif($9, ''), $10)
             on conflict on constraint permission_grant_object_key do nothing
             returning *)
         {rows}",
        rows = rows("made")
    )))
    .bind(Uuid::now_v7())
    .bind(persona.persona_id)
    .bind(role)
    .bind(place.cluster)
    .bind(place.instance)
    .bind(created_by)
    .bind(&persona.kind)
    .bind(called.slug)
    .bind(called.name)
    .bind(place.selector)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// The one that says exactly this.
pub(crate) async fn find(
    connection: &mut PgConnection,
    persona: Uuid,
    role: &str,
    place: Place,
) -> Result<Option<GrantRow>> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{rows}
         where g.persona_id = $1 and g.role = $2 and g.cluster_id is not distinct from $3
           and g.instance_uuid is not distinct from $4 and g.selector_id is not distinct from $5",
        rows = rows("permission_grant")
    )))
    .bind(persona)
    .bind(role)
    .bind(place.cluster)
    .bind(place.instance)
    .bind(place.selector)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// One, by its id.
pub(crate) async fn fetch(connection: &mut PgConnection, grant: Uuid) -> Result<Option<GrantRow>> {
    let sql = format!("{rows} where g.grant_id = $1", rows = rows("permission_grant"));
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(grant)
        .fetch_optional(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// Takes one away; `None` when there is no such.
pub(crate) async fn remove(connection: &mut PgConnection, grant: Uuid) -> Result<Option<GrantRow>> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "with gone as (delete from permission_grant where grant_id = $1 returning *)
         {rows}",
        rows = rows("gone")
    )))
    .bind(grant)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Those on any of these places (none: on anything) of a persona (none: of anybody); of a user also
/// those of the user's groups.
pub(crate) async fn list(
    connection: &mut PgConnection,
    places: Option<&[Place]>,
    persona: Option<Uuid>,
) -> Result<Vec<GrantRow>> {
    let of = places.unwrap_or_default().iter();
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{rows}
         where ($4 or exists (
                   select from unnest($1::uuid[], $2::uuid[], $5::uuid[]) o (c, i, x)
                   where g.cluster_id is not distinct from c and g.instance_uuid is not distinct from i
                     and g.selector_id is not distinct from x))
           and ($3::uuid is null or g.persona_id = $3
                or g.persona_id in (select group_id from group_member where user_id = $3))
         order by p.name, p.kind, g.created_at, g.grant_id",
        rows = rows("permission_grant")
    )))
    .bind(of.clone().map(|p| p.cluster).collect::<Vec<_>>())
    .bind(of.clone().map(|p| p.instance).collect::<Vec<_>>())
    .bind(persona)
    .bind(places.is_none())
    .bind(of.map(|p| p.selector).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Moves all grants on instances that are gone into tombstones; none given: all of the cluster's
/// instances, and those on the cluster itself.
pub(crate) async fn bury(
    connection: &mut PgConnection,
    cluster: Uuid,
    instances: Option<&[Uuid]>,
) -> Result<Vec<GrantRow>> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "with gone as (
             delete from permission_grant
             where cluster_id = $1 and ($2::uuid[] is null or instance_uuid = any($2))
             returning *
         ), kept as (
             insert into grant_tombstone (grant_id, persona_id, role, cluster_id,
                 instance_uuid, slug, object_name, created_by, revision, created_at, selector_id)
             select grant_id, persona_id, role, cluster_id, instance_uuid, slug, object_name,
                 created_by, revision + 1, created_at, selector_id
             from gone)
         {rows} order by g.grant_id",
        rows = rows("gone")
    )))
    .bind(cluster)
    .bind(instances)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Brings the grants of instances back whose UUIDs are there again; none given: those on the
/// cluster itself.
pub(crate) async fn exhume(
    connection: &mut PgConnection,
    cluster: Uuid,
    instances: Option<&[Uuid]>,
) -> Result<Vec<GrantRow>> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "with back as (
             delete from grant_tombstone
             where cluster_id = $1
               and case when $2::uuid[] is null then instance_uuid is null
                   else instance_uuid = any($2) end
             returning *
         ), made as (
             insert into permission_grant (grant_id, persona_kind, persona_id, role,
                 cluster_id, instance_uuid, slug, object_name, created_by, revision, created_at,
                 selector_id)
             select grant_id, kind, persona_id, role, cluster_id, instance_uuid, slug, object_name,
                 created_by, revision + 1, created_at, selector_id
             from back join persona using (persona_id) on conflict do nothing returning *)
         {rows} order by g.grant_id",
        rows = rows("made")
    )))
    .bind(cluster)
    .bind(instances)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Those on these instances: in force, or kept of instances that are gone.
pub(crate) async fn list_on(
    connection: &mut PgConnection,
    keys: &[(Uuid, Uuid)],
    kept: bool,
) -> Result<Vec<GrantRow>> {
    let (clusters, instances): (Vec<Uuid>, Vec<Uuid>) = keys.iter().copied().unzip();
    let table = if kept { "grant_tombstone" } else { "permission_grant" };
    let sql = format!(
        "{rows}
         where (g.cluster_id, g.instance_uuid) in (select * from unnest($1::uuid[], $2::uuid[]))
         order by p.name, p.kind, g.created_at, g.grant_id",
        rows = rows(table)
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(clusters)
        .bind(instances)
        .fetch_all(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// One of many that are to be given.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) persona: Uuid,
    pub(crate) role: String,
    pub(crate) key: (Uuid, Uuid),
    /// As in [`Called`].
    pub(crate) slug: String,
    pub(crate) name: String,
}

/// Adds many on instances; what somebody has already is left out of the answer.
pub(crate) async fn insert_all(
    connection: &mut PgConnection,
    given: &[Given],
    created_by: Option<&str>,
) -> Result<Vec<GrantRow>> {
    let (clusters, instances): (Vec<Uuid>, Vec<Uuid>) = given.iter().map(|g| g.key).unzip();
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "with made as (
             insert into permission_grant
                 (grant_id, persona_kind, persona_id, role, cluster_id, instance_uuid,
                  created_by, slug, object_name)
             select g, kind, w, p, c, i, $6, nullif(s, ''), nullif(n, '')
             from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $7::text[],
                     $8::text[]) as l (g, w, p, c, i, s, n) join persona on persona_id = w
             on conflict on constraint permission_grant_object_key do nothing
             returning *)
         {rows} order by g.grant_id",
        rows = rows("made")
    )))
    .bind(given.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>())
    .bind(given.iter().map(|g| g.persona).collect::<Vec<_>>())
    .bind(given.iter().map(|g| g.role.as_str()).collect::<Vec<_>>())
    .bind(clusters)
    .bind(instances)
    .bind(created_by)
    .bind(given.iter().map(|g| g.slug.as_str()).collect::<Vec<_>>())
    .bind(given.iter().map(|g| g.name.as_str()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Takes away all that these personas hold on these instances: persona, cluster, instance.
pub(crate) async fn strip(
    connection: &mut PgConnection,
    whose: &[(Uuid, (Uuid, Uuid))],
) -> Result<Vec<GrantRow>> {
    let personas: Vec<Uuid> = whose.iter().map(|(persona, _)| *persona).collect();
    let (clusters, instances): (Vec<Uuid>, Vec<Uuid>) = whose.iter().map(|(_, key)| *key).unzip();
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "with gone as (
             delete from permission_grant
             where (persona_id, cluster_id, instance_uuid)
                 in (select * from unnest($1::uuid[], $2::uuid[], $3::uuid[]))
             returning *)
         {rows}",
        rows = rows("gone")
    )))
    .bind(personas)
    .bind(clusters)
    .bind(instances)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Takes away all that a persona holds on anything, and what was kept for it; and what anybody holds on what it owns.
pub(crate) async fn strip_all(
    connection: &mut PgConnection,
    persona: Uuid,
) -> Result<Vec<GrantRow>> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "with gone as (
             delete from permission_grant
             where persona_id = $1 or selector_id in (select selector_id from selector where owner_id = $1)
             returning *),
         kept as (delete from grant_tombstone where persona_id = $1)
         {rows}",
        rows = rows("gone")
    )))
    .bind(persona)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Forgets what was kept of instances that are gone; none given: of the whole cluster.
pub(crate) async fn purge_kept(
    connection: &mut PgConnection,
    cluster: Uuid,
    instances: Option<&[Uuid]>,
) -> Result<()> {
    sqlx::query(
        "delete from grant_tombstone
         where cluster_id = $1 and ($2::uuid[] is null or instance_uuid = any($2))",
    )
    .bind(cluster)
    .bind(instances)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Gives what was kept of one instance to another.
pub(crate) async fn hand_over(
    connection: &mut PgConnection,
    from: (Uuid, Uuid),
    to: (Uuid, Uuid),
    by: &str,
) -> Result<Vec<GrantRow>> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "with kept as (
             delete from grant_tombstone where cluster_id = $1 and instance_uuid = $2 returning *
         ), made as (
             insert into permission_grant (grant_id, persona_kind, persona_id, role,
                 cluster_id, instance_uuid, slug, object_name, created_by)
             select gen_random_uuid(), kind, persona_id, role, $3, $4, slug, object_name, $5
             from kept join persona using (persona_id)
             on conflict on constraint permission_grant_object_key do nothing returning *)
         {rows} order by g.grant_id",
        rows = rows("made")
    )))
    .bind(from.0)
    .bind(from.1)
    .bind(to.0)
    .bind(to.1)
    .bind(by)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}
