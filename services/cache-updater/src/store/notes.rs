//! What people write down about instances.

use chrono::{DateTime, Utc};
use gwm_events::types::inventory::INSTANCE_NOTES_CHANGED;
use gwm_events::{Actor, Event};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::Store;
use super::item::{Item, SERVICE};
use crate::domain::InstanceRecord;
use crate::error::Result;

/// Notes as they are now.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Notes {
    pub(crate) notes: String,
    pub(crate) revision: i32,
    pub(crate) changed_by: String,
    pub(crate) changed_at: DateTime<Utc>,
}

const SELECT: &str = "select notes, revision, changed_by, changed_at from instance_notes
     where cluster_id = $1 and uuid = $2";

/// The instance and its notes, locked until the transaction ends; none if it is gone.
pub(crate) async fn lock_notes(
    connection: &mut PgConnection,
    cluster: Uuid,
    uuid: Uuid,
) -> Result<Option<(InstanceRecord, Option<Notes>)>> {
    let sql = format!(
        "select {} from instance where cluster_id = $1 and uuid = $2 for update",
        InstanceRecord::COLUMNS.join(", ")
    );
    let instance: Option<InstanceRecord> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(cluster)
        .bind(uuid)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(instance) = instance else { return Ok(None) };
    let notes =
        sqlx::query_as(SELECT).bind(cluster).bind(uuid).fetch_optional(&mut *connection).await?;
    Ok(Some((instance, notes)))
}

/// What is kept of a removed instance.
#[derive(Debug, FromRow)]
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) notes: Option<String>,
}

/// What is kept of a removed instance, locked until the transaction ends; none if it was forgotten.
pub(crate) async fn lock_kept(
    connection: &mut PgConnection,
    cluster: Uuid,
    uuid: Uuid,
) -> Result<Option<Kept>> {
    Ok(sqlx::query_as(
        "select t.name, n.notes from tombstone t left join instance_notes n using (cluster_id, uuid)
         where t.kind = 'instance' and t.cluster_id = $1 and t.uuid = $2 for update of t",
    )
    .bind(cluster)
    .bind(uuid)
    .fetch_optional(connection)
    .await?)
}

/// Takes away what was written down.
pub(crate) async fn delete_notes(
    connection: &mut PgConnection,
    cluster: Uuid,
    uuid: Uuid,
) -> Result<()> {
    sqlx::query("delete from instance_notes where cluster_id = $1 and uuid = $2")
        .bind(cluster)
        .bind(uuid)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes the notes of a locked instance, with its event, which leaves out what they say.
pub(crate) async fn put_notes(
    connection: &mut PgConnection,
    cluster: (Uuid, &str),
    mut instance: InstanceRecord,
    text: &str,
    by: Actor,
) -> Result<Notes> {
    let (cluster_id, slug) = cluster;
    let notes: Notes = sqlx::query_as(
        "insert into instance_notes (cluster_id, uuid, notes, revision, changed_by)
         values ($1, $2, $3, 1, $4)
         on conflict (cluster_id, uuid) do update set notes = excluded.notes,
             revision = instance_notes.revision + 1, changed_by = excluded.changed_by,
             changed_at = now()
         returning notes, revision, changed_by, changed_at",
    )
    .bind(cluster_id)
    .bind(instance.uuid)
    .bind(text)
    .bind(&by.username)
    .fetch_one(&mut *connection)
    .await?;
    instance.revision += 1;
    sqlx::query("update instance set revision = $3 where cluster_id = $1 and uuid = $2")
        .bind(cluster_id)
        .bind(instance.uuid)
        .bind(instance.revision)
        .execute(&mut *connection)
        .await?;
    let before = [("notes_revision".to_owned(), (notes.revision - 1).into())];
    let event = Event::new(INSTANCE_NOTES_CHANGED, SERVICE, Utc::now(), instance.object(slug))
        .changed(before.into())
        .actor(Some(by))
        .traceparent(gwm_kernel::current_traceparent());
    gwm_pg::outbox::append(connection, &event.outbox_row()?).await?;
    Ok(notes)
}

impl Store {
    /// What is written down about an instance.
    pub(crate) async fn fetch_notes(&self, cluster: Uuid, uuid: Uuid) -> Result<Option<Notes>> {
        Ok(sqlx::query_as(SELECT).bind(cluster).bind(uuid).fetch_optional(&self.pool).await?)
    }
}
