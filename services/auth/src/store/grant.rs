//! Grants, and the tombstones of those whose instance is gone.

use chrono::{DateTime, Utc};
use gwm_types::Object;
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
}

impl GrantRow {
    /// `user/NAME` or `group/NAME`.
    pub(crate) fn persona(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// What it is on.
    pub(crate) fn object(&self) -> Object {
        object(self.cluster_id, self.instance_uuid)
    }
}

/// Cluster and instance columns of an object.
fn columns(object: Object) -> (Option<Uuid>, Option<Uuid>) {
    match object {
        Object::Fleet => (None, None),
        Object::Cluster(cluster) => (Some(cluster.0), None),
        Object::Instance(cluster, instance) => (Some(cluster.0), Some(instance.0)),
    }
}

/// What these columns say.
pub(super) fn object(cluster: Option<Uuid>, instance: Option<Uuid>) -> Object {
    match (cluster, instance) {
        (None, _) => Object::Fleet,
        (Some(cluster), None) => Object::Cluster(cluster.into()),
        (Some(cluster), Some(instance)) => Object::Instance(cluster.into(), instance.into()),
    }
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
    object: Object,
    called: Called<'_>,
    created_by: Option<&str>,
) -> Result<Option<GrantRow>> {
    let (cluster, instance) = columns(object);
    Ok(sqlx::query_as(
        "with made as (
             insert into permission_grant
                 (grant_id, persona_kind, persona_id, role, cluster_id, instance_uuid,
                  created_by, slug, object_name)
             values ($1, $7, $2, $3, $4, $5, $6, nullif($8, ''), nullif($9, ''))
             on conflict on constraint permission_grant_object_key do nothing
             returning *)
         select grant_id, kind, persona_id, name, role, cluster_id, instance_uuid, slug,
             object_name, created_by, made.revision, made.created_at
         from made join persona using (persona_id)",
    )
    .bind(Uuid::now_v7())
    .bind(persona.persona_id)
    .bind(role)
    .bind(cluster)
    .bind(instance)
    .bind(created_by)
    .bind(&persona.kind)
    .bind(called.slug)
    .bind(called.name)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// The one that says exactly this.
pub(crate) async fn find(
    connection: &mut PgConnection,
    persona: Uuid,
    role: &str,
    object: Object,
) -> Result<Option<GrantRow>> {
    let (cluster, instance) = columns(object);
    Ok(sqlx::query_as(
        "select grant_id, kind, persona_id, name, role, cluster_id, instance_uuid, slug,
             object_name, created_by, permission_grant.revision, permission_grant.created_at
         from permission_grant join persona using (persona_id)
         where persona_id = $1 and role = $2 and cluster_id is not distinct from $3
           and instance_uuid is not distinct from $4",
    )
    .bind(persona)
    .bind(role)
    .bind(cluster)
    .bind(instance)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// What it is on; `None` when there is no such.
pub(crate) async fn fetch_object(
    connection: &mut PgConnection,
    grant: Uuid,
) -> Result<Option<Object>> {
    let row: Option<(Option<Uuid>, Option<Uuid>)> = sqlx::query_as(
        "select cluster_id, instance_uuid from permission_grant where grant_id = $1",
    )
    .bind(grant)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(row.map(|(cluster, instance)| object(cluster, instance)))
}

/// Takes one away; `None` when there is no such.
pub(crate) async fn remove(connection: &mut PgConnection, grant: Uuid) -> Result<Option<GrantRow>> {
    Ok(sqlx::query_as(
        "with gone as (delete from permission_grant where grant_id = $1 returning *)
         select grant_id, kind, persona_id, name, role, cluster_id, instance_uuid, slug,
             object_name, created_by, gone.revision, gone.created_at
         from gone join persona using (persona_id)",
    )
    .bind(grant)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Those on any of these objects (none: on anything) of a persona (none: of anybody); of a user also
/// those of the user's groups.
pub(crate) async fn list(
    connection: &mut PgConnection,
    objects: Option<&[Object]>,
    persona: Option<Uuid>,
) -> Result<Vec<GrantRow>> {
    let (clusters, instances): (Vec<_>, Vec<_>) =
        objects.unwrap_or_default().iter().copied().map(columns).unzip();
    Ok(sqlx::query_as(
        "select grant_id, kind, persona_id, name, role, cluster_id, instance_uuid, slug,
             object_name, created_by, permission_grant.revision, permission_grant.created_at
         from permission_grant join persona using (persona_id)
         where ($4 or exists (
                   select from unnest($1::uuid[], $2::uuid[]) o (c, i)
                   where cluster_id is not distinct from c and instance_uuid is not distinct from i))
           and ($3::uuid is null or persona_id = $3
                or persona_id in (select group_id from group_member where user_id = $3))
         order by name, kind, permission_grant.created_at, grant_id",
    )
    .bind(clusters)
    .bind(instances)
    .bind(persona)
    .bind(objects.is_none())
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
    Ok(sqlx::query_as(
        "with gone as (
             delete from permission_grant
             where cluster_id = $1 and ($2::uuid[] is null or instance_uuid = any($2))
             returning *
         ), kept as (
             insert into grant_tombstone (grant_id, persona_id, role, cluster_id,
                 instance_uuid, slug, object_name, created_by, revision, created_at)
             select grant_id, persona_id, role, cluster_id, instance_uuid, slug, object_name,
                 created_by, revision + 1, created_at
             from gone)
         select grant_id, kind, persona_id, name, role, cluster_id, instance_uuid, slug,
             object_name, created_by, gone.revision, gone.created_at
         from gone join persona using (persona_id) order by grant_id",
    )
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
    Ok(sqlx::query_as(
        "with back as (
             delete from grant_tombstone
             where cluster_id = $1
               and case when $2::uuid[] is null then instance_uuid is null
                   else instance_uuid = any($2) end
             returning *
         ), made as (
             insert into permission_grant (grant_id, persona_kind, persona_id, role,
                 cluster_id, instance_uuid, slug, object_name, created_by, revision, created_at)
             select grant_id, kind, persona_id, role, cluster_id, instance_uuid, slug, object_name,
                 created_by, revision + 1, created_at
             from back join persona using (persona_id) on conflict do nothing returning *)
         select grant_id, kind, persona_id, name, role, cluster_id, instance_uuid, slug,
             object_name, created_by, made.revision, made.created_at
         from made join persona using (persona_id) order by grant_id",
    )
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
        "select grant_id, kind, persona_id, name, role, cluster_id, instance_uuid, slug,
             object_name, created_by, g.revision, g.created_at
         from {table} g join persona using (persona_id)
         where (cluster_id, instance_uuid) in (select * from unnest($1::uuid[], $2::uuid[]))
         order by name, kind, g.created_at, grant_id"
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
    Ok(sqlx::query_as(
        "with made as (
             insert into permission_grant
                 (grant_id, persona_kind, persona_id, role, cluster_id, instance_uuid,
                  created_by, slug, object_name)
             select g, kind, w, p, c, i, $6, nullif(s, ''), nullif(n, '')
             from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $7::text[],
                     $8::text[]) as l (g, w, p, c, i, s, n) join persona on persona_id = w
             on conflict on constraint permission_grant_object_key do nothing
             returning *)
         select grant_id, kind, persona_id, name, role, cluster_id, instance_uuid, slug,
             object_name, created_by, made.revision, made.created_at
         from made join persona using (persona_id) order by grant_id",
    )
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
    Ok(sqlx::query_as(
        "with gone as (
             delete from permission_grant
             where (persona_id, cluster_id, instance_uuid)
                 in (select * from unnest($1::uuid[], $2::uuid[], $3::uuid[]))
             returning *)
         select grant_id, kind, persona_id, name, role, cluster_id, instance_uuid, slug,
             object_name, created_by, gone.revision, gone.created_at
         from gone join persona using (persona_id)",
    )
    .bind(personas)
    .bind(clusters)
    .bind(instances)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Takes away all that a persona holds on anything, and what was kept for it.
pub(crate) async fn strip_all(
    connection: &mut PgConnection,
    persona: Uuid,
) -> Result<Vec<GrantRow>> {
    Ok(sqlx::query_as(
        "with gone as (delete from permission_grant where persona_id = $1 returning *),
         kept as (delete from grant_tombstone where persona_id = $1)
         select grant_id, kind, persona_id, name, role, cluster_id, instance_uuid, slug,
             object_name, created_by, gone.revision, gone.created_at
         from gone join persona using (persona_id)",
    )
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
    Ok(sqlx::query_as(
        "with kept as (
             delete from grant_tombstone where cluster_id = $1 and instance_uuid = $2 returning *
         ), made as (
             insert into permission_grant (grant_id, persona_kind, persona_id, role,
                 cluster_id, instance_uuid, slug, object_name, created_by)
             select gen_random_uuid(), kind, persona_id, role, $3, $4, slug, object_name, $5
             from kept join persona using (persona_id)
             on conflict on constraint permission_grant_object_key do nothing returning *)
         select grant_id, kind, persona_id, name, role, cluster_id, instance_uuid, slug,
             object_name, created_by, made.revision, made.created_at
         from made join persona using (persona_id) order by grant_id",
    )
    .bind(from.0)
    .bind(from.1)
    .bind(to.0)
    .bind(to.1)
    .bind(by)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}
