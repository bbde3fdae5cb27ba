//! Roles: named sets of permissions, which grants give.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use gwm_pg::ResultExt;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::change::Touched;
use super::token;
use crate::error::{Error, Result};

/// A role.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct RoleRow {
    pub(crate) name: String,
    pub(crate) role_id: Uuid,
    pub(crate) description: String,
    pub(crate) permissions: Vec<String>,
    pub(crate) builtin: bool,
    pub(crate) revision: i64,
    pub(crate) created_at: DateTime<Utc>,
}

/// A role in the list.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct ListedRow {
    #[sqlx(flatten)]
    pub(crate) role: RoleRow,
    /// How many grants give it.
    pub(crate) grants: i64,
}

/// All: those that come with gwm first.
pub(crate) async fn list(connection: &mut PgConnection) -> Result<Vec<ListedRow>> {
    Ok(sqlx::query_as(
        "select name, role_id, description, permissions, builtin, role.revision, role.created_at,
             coalesce(n, 0) as grants
         from role left join (select role as name, count(*) as n from permission_grant group by role) g
             using (name)
         order by builtin desc, case when builtin then role.created_at end, name",
    )
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// One by name, held until the transaction ends: whoever gives it waits for whoever changes it.
pub(crate) async fn share(connection: &mut PgConnection, name: &str) -> Result<Option<RoleRow>> {
    Ok(sqlx::query_as(
        "select name, role_id, description, permissions, builtin, revision, created_at
         from role where name = $1 for key share",
    )
    .bind(name)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// What those of these names allow, as chosen.
pub(crate) async fn named(
    connection: &mut PgConnection,
    names: &[String],
) -> Result<HashMap<String, Vec<String>>> {
    let rows: Vec<(String, Vec<String>)> =
        sqlx::query_as("select name, permissions from role where name = any($1)")
            .bind(names)
            .fetch_all(connection)
            .await
            .map_err(gwm_pg::Error::from)?;
    Ok(rows.into_iter().collect())
}

/// One by name, locked.
pub(crate) async fn lock(connection: &mut PgConnection, name: &str) -> Result<Option<RoleRow>> {
    Ok(sqlx::query_as(
        "select name, role_id, description, permissions, builtin, revision, created_at
         from role where name = $1 for update",
    )
    .bind(name)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Adds one.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    name: &str,
    description: &str,
    permissions: &[&str],
) -> Result<RoleRow> {
    sqlx::query_as(
        "insert into role (name, description, permissions) values ($1, $2, $3)
         returning name, role_id, description, permissions, builtin, revision, created_at",
    )
    .bind(name)
    .bind(description)
    .bind(permissions)
    .fetch_one(connection)
    .await
    .on_constraint("role_pkey", || Error::RoleExists)
}

/// Id and name of those of these names, or of these ids.
pub(crate) async fn ids(
    connection: &mut PgConnection,
    names: &[String],
    ids: &[Uuid],
) -> Result<Vec<(Uuid, String)>> {
    Ok(sqlx::query_as(
        "select role_id, name from role where name = any($1) or role_id = any($2) order by name",
    )
    .bind(names)
    .bind(ids)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// How many there are. Holds off others who add one, until the transaction ends.
pub(crate) async fn count_locked(connection: &mut PgConnection) -> Result<i64> {
    sqlx::query("lock table role in share row exclusive mode")
        .execute(&mut *connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(sqlx::query_scalar("select count(*) from role")
        .fetch_one(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// Makes it allow this.
pub(crate) async fn update(
    connection: &mut PgConnection,
    name: &str,
    description: &str,
    permissions: &[&str],
) -> Result<RoleRow> {
    Ok(sqlx::query_as(
        "update role set description = $2, permissions = $3, revision = revision + 1 where name = $1
         returning name, role_id, description, permissions, builtin, revision, created_at",
    )
    .bind(name)
    .bind(description)
    .bind(permissions)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// How many grants give it.
pub(crate) async fn grants(connection: &mut PgConnection, name: &str) -> Result<i64> {
    Ok(sqlx::query_scalar("select count(*) from permission_grant where role = $1")
        .bind(name)
        .fetch_one(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// Removes one that nobody holds; what was kept of it for instances that are gone goes, too.
pub(crate) async fn delete(connection: &mut PgConnection, name: &str) -> Result<()> {
    sqlx::query(
        "with kept as (delete from grant_tombstone where role = $1) delete from role where name = $1",
    )
    .bind(name)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Everybody who holds it, or has a token that only does what it allows.
pub(crate) async fn holders(connection: &mut PgConnection, role: &RoleRow) -> Result<Touched> {
    let rows: Vec<(String, Uuid)> = sqlx::query_as(
        "select distinct persona_kind, persona_id from permission_grant where role = $1",
    )
    .bind(&role.name)
    .fetch_all(&mut *connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    let mut touched = Touched {
        users: token::owners_by_role(connection, role.role_id).await?,
        ..Touched::default()
    };
    for (kind, persona) in rows {
        let of = if kind == "group" { &mut touched.groups } else { &mut touched.users };
        of.push(persona);
    }
    Ok(touched)
}
