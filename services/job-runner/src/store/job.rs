//! Jobs.

use gwm_authz::Principal;
#[cfg(test)]
use gwm_pg::EnsureAffected as _;
use gwm_pg::{Error, Result};
use gwm_types::{ClusterId, InstanceUuid, JobId, Slug, UserId};
use sqlx::PgConnection;

use super::event::{self, Happened};
use super::owner_tag;
use super::row::{JobRow, signed};
use crate::domain::{Failure, Job, Kind, Outcome, Parameters, Phase};

/// The most that a runner looks at at once.
const OPEN_LIMIT: i64 = 2000;

/// What a person asked for, resolved and permitted.
#[derive(Debug)]
pub(crate) struct NewJob<'a> {
    pub(crate) job_id: JobId,
    /// Of all that was asked for.
    pub(crate) request_hash: &'a [u8],
    pub(crate) cluster_id: ClusterId,
    pub(crate) cluster_slug: &'a str,
    pub(crate) kind: Kind,
    pub(crate) instance_uuid: Option<InstanceUuid>,
    pub(crate) object_name: &'a str,
    pub(crate) parameters: &'a Parameters,
    pub(crate) person: &'a Principal,
    pub(crate) request_id: Option<String>,
    pub(crate) traceparent: Option<String>,
}

/// A request that waited and was refused.
#[derive(Debug)]
pub(crate) struct Refused<'a> {
    pub(crate) job_id: JobId,
    pub(crate) request_hash: &'a [u8],
    /// As it was asked for: it may not exist.
    pub(crate) cluster: &'a Slug,
    pub(crate) kind: Kind,
    pub(crate) object_name: &'a str,
    pub(crate) person: &'a Principal,
    pub(crate) request_id: Option<String>,
    pub(crate) traceparent: Option<String>,
    pub(crate) failure: Failure,
}

/// Accepts a job, for which auth has reserved, with its event; none when there is one with this id.
pub(crate) async fn insert(tx: &mut PgConnection, new: &NewJob<'_>) -> Result<Option<Job>> {
    let parameters = serde_json::to_value(new.parameters)
        .map_err(|error| Error::Internal(sqlx::Error::Encode(Box::new(error))))?;
    let row: Option<JobRow> = sqlx::query_as(
        "insert into job (job_id, cluster_id, cluster_slug, kind, instance_uuid, object_name,
             parameters, phase, requested_by, requested_by_id, session_id, token_id,
             client_address, request_id, traceparent, request_hash, acting_as, acting_as_id,
             not_before, reserved)
         values ($1, $2, $3, $4, $5, $6, $7, 'queued', $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
             'epoch', true)
         on conflict (job_id) do nothing
         returning *",
    )
    .bind(new.job_id.0)
    .bind(new.cluster_id.0)
    .bind(new.cluster_slug)
    .bind(new.kind.as_str())
    .bind(new.instance_uuid.map(|uuid| uuid.0))
    .bind(new.object_name)
    .bind(parameters)
    .bind(&new.person.username)
    .bind(new.person.user_id.0)
    .bind(new.person.session_id.map(|id| id.0))
    .bind(new.person.token_id.map(|id| id.0))
    .bind(&new.person.client_address)
    .bind(&new.request_id)
    .bind(&new.traceparent)
    .bind(new.request_hash)
    .bind(new.person.group())
    .bind(new.person.acting_as.as_ref().map(|group| group.group_id))
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let job = row.job()?;
    event::append(tx, &job, Happened::Queued).await?;
    Ok(Some(job))
}

/// Records a job that failed before it was one, with its event; nothing when there is one with this id.
pub(crate) async fn insert_refused(tx: &mut PgConnection, refused: &Refused<'_>) -> Result<()> {
    // What it named may not exist, and its parameters may be unreadable: neither is kept.
    let row: Option<JobRow> = sqlx::query_as(
        r#"insert into job (job_id, cluster_id, cluster_slug, kind, object_name, parameters, phase,
             error_code, error_message, error_hint, requested_by, requested_by_id, session_id,
             token_id, client_address, request_id, traceparent, request_hash, acting_as,
             acting_as_id, ended_at)
         values ($1, $2, $3, $4, $5, '{"kind": "remove"}', 'failed',
             $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, clock_timestamp())
         on conflict (job_id) do nothing
         returning *"#,
    )
    .bind(refused.job_id.0)
    .bind(uuid::Uuid::nil())
    .bind(refused.cluster.as_str())
    .bind(refused.kind.as_str())
    .bind(refused.object_name)
    .bind(&refused.failure.code)
    .bind(&refused.failure.message)
    .bind(&refused.failure.hint)
    .bind(&refused.person.username)
    .bind(refused.person.user_id.0)
    .bind(refused.person.session_id.map(|id| id.0))
    .bind(refused.person.token_id.map(|id| id.0))
    .bind(&refused.person.client_address)
    .bind(&refused.request_id)
    .bind(&refused.traceparent)
    .bind(refused.request_hash)
    .bind(refused.person.group())
    .bind(refused.person.acting_as.as_ref().map(|group| group.group_id))
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(()) };
    let job = row.job()?;
    event::append_refused(tx, &job).await
}

/// Whether the job with this id is this person's and was asked for in the same words.
pub(crate) async fn is_same(
    connection: &mut PgConnection,
    job: &Job,
    person: UserId,
    request_hash: &[u8],
) -> Result<bool> {
    let same: bool = sqlx::query_scalar(
        "select requested_by_id = $2 and request_hash is not distinct from $3 from job
         where job_id = $1",
    )
    .bind(job.job_id.0)
    .bind(person.0)
    .bind(request_hash)
    .fetch_one(connection)
    .await?;
    Ok(same)
}

/// One job.
pub(crate) async fn fetch(connection: &mut PgConnection, job_id: JobId) -> Result<Option<Job>> {
    let row: Option<JobRow> = sqlx::query_as("select * from job where job_id = $1")
        .bind(job_id.0)
        .fetch_optional(connection)
        .await?;
    row.map(JobRow::job).transpose()
}

/// Clusters with work to do.
pub(crate) async fn open_clusters(
    connection: &mut PgConnection,
) -> Result<Vec<(ClusterId, String)>> {
    let rows: Vec<(uuid::Uuid, String)> = sqlx::query_as(
        "select distinct on (cluster_id) cluster_id, cluster_slug from job
         where ended_at is null",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(id, slug)| (ClusterId(id), slug)).collect())
}

/// A cluster's jobs that have not ended, oldest first.
pub(crate) async fn open(connection: &mut PgConnection, cluster: ClusterId) -> Result<Vec<Job>> {
    let rows: Vec<JobRow> = sqlx::query_as(
        "select * from job where cluster_id = $1 and ended_at is null order by number limit $2",
    )
    .bind(cluster.0)
    .bind(OPEN_LIMIT)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(JobRow::job).collect()
}

/// Writes a job back, unless somebody else did since `before` was read, with its event. Call it in
/// a fenced transaction.
///
/// # Errors
/// [`gwm_pg::Kind::Conflict`] when somebody was faster; [`gwm_pg::Kind::Internal`] for a transition
/// that is not legal.
pub(crate) async fn save(tx: &mut PgConnection, before: &Job, after: &Job) -> Result<Job> {
    if before.phase != after.phase && !before.phase.may_become(after.phase) {
        let text = format!("a job can't become {} from {}", after.phase, before.phase);
        return Err(Error::Internal(sqlx::Error::Encode(text.into())));
    }
    let ended = after.phase.is_final();
    let started = before.started_at.is_none() && after.phase != Phase::Queued;
    let observed = after
        .observed
        .map(serde_json::to_value)
        .transpose()
        .map_err(|error| Error::Internal(sqlx::Error::Encode(Box::new(error))))?;
    let row: Option<JobRow> = sqlx::query_as(
        "update job set instance_uuid = $3, phase = $4, attempt = $5, ganeti_job = $6,
             ganeti_status = $7, ganeti_ended_at = $8, outcome = $9, error_code = $10,
             error_message = $11, error_hint = $12, waiting_for = $13, stale = $14,
             log_lines = $15, not_before = $16,
             started_at = case when $17 then clock_timestamp() else started_at end,
             ended_at = case when $18 then clock_timestamp() end, observed = $19,
             progress_pending = not ($17 or $18),
             revision = revision + 1
         where job_id = $1 and revision = $2 and ended_at is null
         returning *",
    )
    .bind(before.job_id.0)
    .bind(before.revision)
    .bind(after.instance_uuid.map(|uuid| uuid.0))
    .bind(after.phase.as_str())
    .bind(after.attempt)
    .bind(after.ganeti_job.map(signed))
    .bind(&after.ganeti_status)
    .bind(after.ganeti_ended_at)
    .bind(after.outcome.map(Outcome::as_str))
    .bind(after.failure.as_ref().map(|f| f.code.as_str()))
    .bind(after.failure.as_ref().map(|f| f.message.as_str()))
    .bind(after.failure.as_ref().map(|f| f.hint.as_str()))
    .bind(after.waiting_for.as_ref().filter(|_| !ended))
    .bind(after.stale)
    .bind(signed(after.log_lines))
    .bind(after.not_before)
    .bind(started)
    .bind(ended)
    .bind(observed)
    .fetch_optional(&mut *tx)
    .await?;
    let job = row.ok_or(Error::RowsAffected { expected: 1, actual: 0 })?.job()?;
    if ended {
        if job.kind == Kind::OwnerTag {
            owner_tag::ended(tx, &job).await?;
        }
        event::append(tx, &job, Happened::Ended).await?;
    } else if started {
        event::append(tx, &job, Happened::Started).await?;
    } else {
        announce_progress(tx, &job).await?;
    }
    Ok(job)
}

/// At most one `job.progressed` a second: what is held back is told by [`flush_progress`] or by the
/// next event, each of which has the whole job.
async fn announce_progress(tx: &mut PgConnection, job: &Job) -> Result<()> {
    let due = sqlx::query(
        "update job set progress_pending = false, progressed_at = clock_timestamp()
         where job_id = $1 and progress_pending
             and (progressed_at is null
                 or progressed_at <= clock_timestamp() - interval '1 second')",
    )
    .bind(job.job_id.0)
    .execute(&mut *tx)
    .await?;
    if due.rows_affected() == 1 {
        event::append(tx, job, Happened::Progressed).await?;
    }
    Ok(())
}

/// Tells of the progress of a cluster's jobs that was held back, as far as a second has passed.
pub(crate) async fn flush_progress(tx: &mut PgConnection, cluster: ClusterId) -> Result<()> {
    let rows: Vec<JobRow> = sqlx::query_as(
        "select * from job where cluster_id = $1 and ended_at is null and progress_pending
             and progressed_at <= clock_timestamp() - interval '1 second'
         order by number for update",
    )
    .bind(cluster.0)
    .fetch_all(&mut *tx)
    .await?;
    for row in rows {
        announce_progress(tx, &row.job()?).await?;
    }
    Ok(())
}

/// How many jobs of the cluster that were not sent yet stand before this one.
pub(crate) async fn ahead(connection: &mut PgConnection, job: &Job) -> Result<usize> {
    let ahead: i64 = sqlx::query_scalar(
        "select count(*) from job where cluster_id = $1 and ended_at is null
             and phase in ('queued', 'claimed', 'sending')
             and number < (select number from job where job_id = $2)",
    )
    .bind(job.cluster_id.0)
    .bind(job.job_id.0)
    .fetch_one(connection)
    .await?;
    Ok(usize::try_from(ahead).unwrap_or_default())
}

/// Forgets that progress was held back; for tests of the limit.
#[cfg(test)]
pub(crate) async fn age_progress(connection: &mut PgConnection, job_id: JobId) -> Result<()> {
    sqlx::query(
        "update job set progressed_at = progressed_at - interval '2 seconds' where job_id = $1",
    )
    .bind(job_id.0)
    .execute(connection)
    .await?
    .ensure_affected(1)
}
