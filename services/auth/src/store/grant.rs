//! Grants, and the tombstones of those whose instance is gone.

use chrono::{DateTime, Utc};
use gwm_types::Object;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::error::Result;

/// A grant with its user's name.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct GrantRow {
    pub(crate) grant_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) username: String,
    pub(crate) permission: String,
    pub(crate) cluster_id: Uuid,
    pub(crate) instance_uuid: Option<Uuid>,
    pub(crate) created_by: Option<String>,
    pub(crate) revision: i64,
    pub(crate) created_at: DateTime<Utc>,
}

/// Cluster and instance columns of an object.
fn columns(object: Object) -> (Option<Uuid>, Option<Uuid>) {
    match object {
        Object::Fleet => (None, None),
        Object::Cluster(cluster) => (Some(cluster.0), None),
        Object::Instance(cluster, instance) => (Some(cluster.0), Some(instance.0)),
    }
}

/// Adds one; `None` when the user has it already.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    user: Uuid,
    permission: &str,
    object: Object,
    created_by: Option<&str>,
) -> Result<Option<GrantRow>> {
    let (cluster, instance) = columns(object);
    Ok(sqlx::query_as(
        "with made as (
             insert into permission_grant
                 (grant_id, user_id, permission, cluster_id, instance_uuid, created_by)
             values ($1, $2, $3, $4, $5, $6)
             on conflict on constraint permission_grant_object_key do nothing
             returning *)
         select grant_id, user_id, username, permission, cluster_id, instance_uuid, created_by,
             made.revision, made.created_at
         from made join app_user using (user_id)",
    )
    .bind(Uuid::now_v7())
    .bind(user)
    .bind(permission)
    .bind(cluster)
    .bind(instance)
    .bind(created_by)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// The one that says exactly this.
pub(crate) async fn find(
    connection: &mut PgConnection,
    user: Uuid,
    permission: &str,
    object: Object,
) -> Result<Option<GrantRow>> {
    let (cluster, instance) = columns(object);
    Ok(sqlx::query_as(
        "select grant_id, user_id, username, permission, cluster_id, instance_uuid, created_by,
             permission_grant.revision, permission_grant.created_at
         from permission_grant join app_user using (user_id)
         where user_id = $1 and permission = $2 and cluster_id = $3
           and instance_uuid is not distinct from $4",
    )
    .bind(user)
    .bind(permission)
    .bind(cluster)
    .bind(instance)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Takes one away; `None` when there is no such.
pub(crate) async fn remove(connection: &mut PgConnection, grant: Uuid) -> Result<Option<GrantRow>> {
    Ok(sqlx::query_as(
        "delete from permission_grant using app_user
         where grant_id = $1 and app_user.user_id = permission_grant.user_id
         returning grant_id, permission_grant.user_id, username, permission, cluster_id,
             instance_uuid, created_by, permission_grant.revision, permission_grant.created_at",
    )
    .bind(grant)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Those on an object (none: on anything) of a user (none: of anybody).
pub(crate) async fn list(
    connection: &mut PgConnection,
    object: Option<Object>,
    user: Option<Uuid>,
) -> Result<Vec<GrantRow>> {
    let (cluster, instance) = object.map_or((None, None), columns);
    Ok(sqlx::query_as(
        "select grant_id, user_id, username, permission, cluster_id, instance_uuid, created_by,
             permission_grant.revision, permission_grant.created_at
         from permission_grant join app_user using (user_id)
         where ($1::uuid is null
                or (cluster_id = $1 and instance_uuid is not distinct from $2))
           and ($3::uuid is null or user_id = $3)
         order by username, permission_grant.created_at, grant_id",
    )
    .bind(cluster)
    .bind(instance)
    .bind(user)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Whether the user may open the instance's console, straight from the tables.
pub(crate) async fn holds_console(
    connection: &mut PgConnection,
    user: Uuid,
    cluster: Uuid,
    instance: Uuid,
) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select exists (select from app_user where user_id = $1 and is_admin and not disabled)
             or exists (
                 select from permission_grant join app_user using (user_id)
                 where user_id = $1 and not disabled and permission in ('console', 'power')
                   and cluster_id = $2 and (instance_uuid is null or instance_uuid = $3))",
    )
    .bind(user)
    .bind(cluster)
    .bind(instance)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Moves all grants on an instance that is gone into tombstones.
pub(crate) async fn bury(
    connection: &mut PgConnection,
    cluster: Uuid,
    instance: Uuid,
) -> Result<Vec<GrantRow>> {
    Ok(sqlx::query_as(
        "with gone as (
             delete from permission_grant where cluster_id = $1 and instance_uuid = $2
             returning *
         ), kept as (
             insert into grant_tombstone (grant_id, user_id, permission, cluster_id,
                 instance_uuid, created_by, revision, created_at)
             select grant_id, user_id, permission, cluster_id, instance_uuid, created_by,
                 revision + 1, created_at
             from gone)
         select grant_id, user_id, username, permission, cluster_id, instance_uuid, created_by,
             gone.revision, gone.created_at
         from gone join app_user using (user_id) order by grant_id",
    )
    .bind(cluster)
    .bind(instance)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Brings the grants of an instance back whose UUID is there again.
pub(crate) async fn exhume(
    connection: &mut PgConnection,
    cluster: Uuid,
    instance: Uuid,
) -> Result<Vec<GrantRow>> {
    Ok(sqlx::query_as(
        "with back as (
             delete from grant_tombstone where cluster_id = $1 and instance_uuid = $2 returning *
         ), made as (
             insert into permission_grant (grant_id, user_id, permission, cluster_id,
                 instance_uuid, created_by, revision, created_at)
             select grant_id, user_id, permission, cluster_id, instance_uuid, created_by,
                 revision + 1, created_at
             from back on conflict do nothing returning *)
         select grant_id, user_id, username, permission, cluster_id, instance_uuid, created_by,
             made.revision, made.created_at
         from made join app_user using (user_id) order by grant_id",
    )
    .bind(cluster)
    .bind(instance)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}
