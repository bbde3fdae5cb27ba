//! Ganeti jobs that this gwm did not submit.

use chrono::{DateTime, Utc};
use gwm_pg::Result;
use gwm_types::{ClusterId, InstanceUuid, JobId};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::row::{signed, unsigned};
use crate::domain::ForeignJob;

#[derive(Debug, FromRow)]
struct ForeignRow {
    job_id: Uuid,
    cluster_id: Uuid,
    cluster_slug: String,
    kind: String,
    object_kind: String,
    instance_uuid: Option<Uuid>,
    object_name: String,
    summary: Vec<String>,
    phase: String,
    ganeti_job: i64,
    ganeti_status: String,
    error_code: Option<String>,
    error_message: Option<String>,
    revision: i64,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
}

impl ForeignRow {
    fn job(self) -> Result<ForeignJob> {
        let ganeti_job = unsigned("ganeti_job", self.ganeti_job)?;
        Ok(ForeignJob {
            job_id: JobId(self.job_id),
            cluster_id: ClusterId(self.cluster_id),
            cluster_slug: self.cluster_slug,
            kind: self.kind,
            object_kind: self.object_kind,
            instance_uuid: self.instance_uuid.map(InstanceUuid),
            object_name: self.object_name,
            summary: self.summary,
            state: self.phase,
            ganeti_job,
            ganeti_status: self.ganeti_status,
            error: self.error_code.map(|code| (code, self.error_message.unwrap_or_default())),
            revision: self.revision,
            created_at: self.created_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
        })
    }
}

/// Keeps what an event told, unless a later one was kept already. What Ganeti has forgotten leaves
/// what is known as it is but for its end.
pub(crate) async fn put(tx: &mut PgConnection, job: &ForeignJob) -> Result<()> {
    sqlx::query(
        "insert into foreign_job as known (job_id, cluster_id, cluster_slug, kind, object_kind,
             instance_uuid, object_name, summary, phase, ganeti_job, ganeti_status, error_code,
             error_message, revision, created_at, started_at, ended_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         on conflict (job_id) do update set
             kind = case when excluded.kind = 'unknown' then known.kind else excluded.kind end,
             object_kind = coalesce(nullif(excluded.object_kind, ''), known.object_kind),
             instance_uuid = coalesce(known.instance_uuid, excluded.instance_uuid),
             object_name = coalesce(nullif(excluded.object_name, ''), known.object_name),
             summary = case when excluded.summary = '{}' then known.summary else excluded.summary end,
             phase = excluded.phase, ganeti_status = excluded.ganeti_status,
             error_code = excluded.error_code, error_message = excluded.error_message,
             revision = excluded.revision,
             started_at = coalesce(excluded.started_at, known.started_at),
             ended_at = excluded.ended_at
             where known.revision < excluded.revision",
    )
    .bind(job.job_id.0)
    .bind(job.cluster_id.0)
    .bind(&job.cluster_slug)
    .bind(&job.kind)
    .bind(&job.object_kind)
    .bind(job.instance_uuid.map(|uuid| uuid.0))
    .bind(&job.object_name)
    .bind(&job.summary)
    .bind(&job.state)
    .bind(signed(job.ganeti_job))
    .bind(&job.ganeti_status)
    .bind(job.error.as_ref().map(|(code, _)| code))
    .bind(job.error.as_ref().map(|(_, text)| text))
    .bind(job.revision)
    .bind(job.created_at)
    .bind(job.started_at)
    .bind(job.ended_at)
    .execute(tx)
    .await?;
    Ok(())
}

/// One of them.
pub(crate) async fn fetch(
    connection: &mut PgConnection,
    job_id: JobId,
) -> Result<Option<ForeignJob>> {
    let row: Option<ForeignRow> = sqlx::query_as("select * from foreign_job where job_id = $1")
        .bind(job_id.0)
        .fetch_optional(connection)
        .await?;
    row.map(ForeignRow::job).transpose()
}

/// Several of them.
pub(crate) async fn list(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<ForeignJob>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<ForeignRow> = sqlx::query_as("select * from foreign_job where job_id = any($1)")
        .bind(ids)
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(ForeignRow::job).collect()
}

/// Whether a job of ours has this id on this cluster: what a reason claims is not believed blindly.
pub(crate) async fn is_ours(
    connection: &mut PgConnection,
    job_id: Uuid,
    cluster: ClusterId,
) -> Result<bool> {
    Ok(sqlx::query_scalar("select exists (select from job where job_id = $1 and cluster_id = $2)")
        .bind(job_id)
        .bind(cluster.0)
        .fetch_one(connection)
        .await?)
}
