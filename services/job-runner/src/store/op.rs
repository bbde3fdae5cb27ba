//! Submissions.

use std::time::Duration;

use gwm_pg::{EnsureAffected as _, Result};
use gwm_types::{ClusterId, JobId, OpId};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::row::{signed, unsigned};
use crate::domain::{Op, OpState};

/// A submission that is about to be sent.
#[derive(Debug)]
pub(crate) struct NewOp {
    pub(crate) op_id: OpId,
    pub(crate) job_id: JobId,
    pub(crate) attempt: i32,
    pub(crate) after_ganeti_job: u64,
    pub(crate) lease_generation: i64,
    /// From now.
    pub(crate) deadline: Duration,
}

/// Writes down the intent. Fails on `op_open_key` while another submission of the job is open.
pub(crate) async fn insert(tx: &mut PgConnection, op: &NewOp) -> Result<()> {
    sqlx::query(
        "insert into op (op_id, job_id, attempt, state, after_ganeti_job, lease_generation, deadline)
         values ($1, $2, $3, 'sending', $4, $5, clock_timestamp() + make_interval(secs => $6))",
    )
    .bind(op.op_id.0)
    .bind(op.job_id.0)
    .bind(op.attempt)
    .bind(signed(op.after_ganeti_job))
    .bind(op.lease_generation)
    .bind(op.deadline.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(())
}

/// How a submission went on.
#[derive(Debug)]
pub(crate) struct Moved<'a> {
    pub(crate) state: OpState,
    pub(crate) ganeti_job: Option<u64>,
    pub(crate) error: Option<(&'a str, &'a str)>,
}

impl Moved<'_> {
    /// Ganeti has it.
    pub(crate) fn submitted(number: u64) -> Self {
        Self { state: OpState::Submitted, ganeti_job: Some(number), error: None }
    }
}

/// Moves a submission that is open and not submitted on.
pub(crate) async fn moved(tx: &mut PgConnection, op_id: OpId, moved: &Moved<'_>) -> Result<()> {
    let (state, ended) = (moved.state.as_str(), !matches!(moved.state, OpState::Unknown));
    sqlx::query(
        "update op set state = $2, ganeti_job = $3,
             error_code = coalesce($4, error_code), error_message = coalesce($5, error_message),
             unknown_since = case when $2 = 'unknown' then clock_timestamp() else unknown_since end,
             ended_at = case when $6 then clock_timestamp() end
         where op_id = $1 and state in ('sending', 'unknown')",
    )
    .bind(op_id.0)
    .bind(state)
    .bind(moved.ganeti_job.map(signed))
    .bind(moved.error.map(|(code, _)| code))
    .bind(moved.error.map(|(_, message)| message))
    .bind(ended)
    .execute(tx)
    .await?
    .ensure_affected(1)
}

#[derive(Debug, FromRow)]
struct OpRow {
    op_id: Uuid,
    job_id: Uuid,
    after_ganeti_job: i64,
    error_code: Option<String>,
    error_message: Option<String>,
    unknown_seconds: f64,
}

/// A cluster's submissions in a state that nobody has resolved, with how long they are unknown.
pub(crate) async fn unresolved(
    connection: &mut PgConnection,
    cluster: ClusterId,
    state: OpState,
) -> Result<Vec<(Op, Duration)>> {
    let rows: Vec<OpRow> = sqlx::query_as(
        "select op_id, job_id, after_ganeti_job, op.error_code, op.error_message,
             coalesce(extract(epoch from clock_timestamp() - unknown_since), 0)::float8
                 as unknown_seconds
         from op join job using (job_id)
         where cluster_id = $1 and state = $2 and job.ended_at is null order by op_id",
    )
    .bind(cluster.0)
    .bind(state.as_str())
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let unknown_for = Duration::try_from_secs_f64(row.unknown_seconds).unwrap_or_default();
            let op = Op {
                op_id: OpId(row.op_id),
                job_id: JobId(row.job_id),
                after_ganeti_job: unsigned("after_ganeti_job", row.after_ganeti_job)?,
                error_code: row.error_code,
                error_message: row.error_message,
            };
            Ok((op, unknown_for))
        })
        .collect()
}

/// How many submissions of a job counted: sent for all we know.
#[cfg(test)]
pub(crate) async fn count(connection: &mut PgConnection, job_id: JobId) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "select count(*) from op where job_id = $1 and state in ('sending', 'unknown', 'submitted')",
    )
    .bind(job_id.0)
    .fetch_one(connection)
    .await?)
}
