//! Groups and their members.

use chrono::{DateTime, Utc};
use gwm_pg::ResultExt;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::error::{Error, Result};

/// A group.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct GroupRow {
    pub(crate) group_id: Uuid,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) revision: i64,
    pub(crate) created_at: DateTime<Utc>,
}

/// One who belongs to it.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct MemberRow {
    pub(crate) user_id: Uuid,
    pub(crate) username: String,
    pub(crate) is_admin: bool,
    pub(crate) added_at: DateTime<Utc>,
}

/// A group in a list.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct ListedRow {
    #[sqlx(flatten)]
    pub(crate) group: GroupRow,
    pub(crate) members: i64,
    /// Whether who asks administers it.
    pub(crate) administered: bool,
}

/// Adds one.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    name: &str,
    description: &str,
) -> Result<GroupRow> {
    sqlx::query_as(
        "insert into persona_group (group_id, name, description) values ($1, $2, $3)
         returning group_id, name, description, revision, created_at",
    )
    .bind(Uuid::now_v7())
    .bind(name)
    .bind(description)
    .fetch_one(connection)
    .await
    .on_constraint("persona_group_name_key", || Error::GroupExists)
}

/// How many there are. Holds off others who add one, until the transaction ends.
pub(crate) async fn count_locked(connection: &mut PgConnection) -> Result<i64> {
    sqlx::query("lock table persona_group in share row exclusive mode")
        .execute(&mut *connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(sqlx::query_scalar("select count(*) from persona_group")
        .fetch_one(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// One, by name, as it is now.
pub(crate) async fn fetch(connection: &mut PgConnection, name: &str) -> Result<Option<GroupRow>> {
    Ok(sqlx::query_as(
        "select group_id, name, description, revision, created_at
         from persona_group where name = $1",
    )
    .bind(name)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// One, by id, locked: whoever changes a group or its members comes here first.
pub(crate) async fn lock(connection: &mut PgConnection, group: Uuid) -> Result<Option<GroupRow>> {
    Ok(sqlx::query_as(
        "select group_id, name, description, revision, created_at
         from persona_group where group_id = $1 for update",
    )
    .bind(group)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Counts a change, with another description if one is given; yields the group as it is then.
pub(crate) async fn change(
    connection: &mut PgConnection,
    group: Uuid,
    description: Option<&str>,
) -> Result<GroupRow> {
    Ok(sqlx::query_as(
        "update persona_group set description = coalesce($2, description), revision = revision + 1
         where group_id = $1 returning group_id, name, description, revision, created_at",
    )
    .bind(group)
    .bind(description)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Removes one, which holds and owns nothing any more.
pub(crate) async fn delete(connection: &mut PgConnection, group: Uuid) -> Result<()> {
    sqlx::query("delete from persona_group where group_id = $1")
        .bind(group)
        .execute(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// All, or those that who asks belongs to; of these perhaps only those of one user.
pub(crate) async fn list(
    connection: &mut PgConnection,
    asker: Uuid,
    all: bool,
    member: &str,
) -> Result<Vec<ListedRow>> {
    Ok(sqlx::query_as(
        "select group_id, name, description, revision, created_at,
             (select count(*) from group_member m where m.group_id = g.group_id) as members,
             exists (select from group_member m
                 where m.group_id = g.group_id and user_id = $1 and is_admin) as administered
         from persona_group g
         where ($2 or exists (select from group_member m
                 where m.group_id = g.group_id and user_id = $1))
           and ($3 = '' or exists (select from group_member m join app_user using (user_id)
                 where m.group_id = g.group_id and username = $3))
         order by name",
    )
    .bind(asker)
    .bind(all)
    .bind(member)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Its members, by name.
pub(crate) async fn members(connection: &mut PgConnection, group: Uuid) -> Result<Vec<MemberRow>> {
    Ok(sqlx::query_as(
        "select user_id, username, m.is_admin, added_at
         from group_member m join app_user using (user_id)
         where group_id = $1 order by username",
    )
    .bind(group)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Whether the user belongs to it, and if so, whether the user administers it.
pub(crate) async fn membership(
    connection: &mut PgConnection,
    group: Uuid,
    user: Uuid,
) -> Result<Option<bool>> {
    Ok(sqlx::query_scalar("select is_admin from group_member where group_id = $1 and user_id = $2")
        .bind(group)
        .bind(user)
        .fetch_optional(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// Adds a member, or makes one an administrator of the group or no more.
pub(crate) async fn set_member(
    connection: &mut PgConnection,
    group: Uuid,
    user: Uuid,
    is_admin: bool,
) -> Result<()> {
    sqlx::query(
        "insert into group_member (group_id, user_id, is_admin) values ($1, $2, $3)
         on conflict on constraint group_member_pkey do update set is_admin = excluded.is_admin",
    )
    .bind(group)
    .bind(user)
    .bind(is_admin)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Takes a member out.
pub(crate) async fn remove_member(
    connection: &mut PgConnection,
    group: Uuid,
    user: Uuid,
) -> Result<()> {
    // Added again one day, the user's sessions don't act as it by themselves.
    sqlx::query(
        "with gone as (delete from group_member where group_id = $1 and user_id = $2)
         update session set acting_as = null where user_id = $2 and acting_as = $1",
    )
    .bind(group)
    .bind(user)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Those whose members a user chooses, in the order of their ids.
pub(crate) async fn administered_by(
    connection: &mut PgConnection,
    user: Uuid,
) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar(
        "select group_id from group_member where user_id = $1 and is_admin order by group_id",
    )
    .bind(user)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}
