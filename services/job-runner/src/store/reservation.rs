//! What has to be known of reservations: tries to accept a request, and jobs whose end auth has not heard of.

use std::collections::HashSet;

use gwm_pg::Result;
use gwm_types::JobId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::row::JobRow;
use crate::domain::Job;

/// A try begins: with the row it has the right to make the job, and an earlier try has it no more.
pub(crate) async fn begin(
    connection: &mut PgConnection,
    job_id: JobId,
    attempt: Uuid,
) -> Result<()> {
    sqlx::query(
        "insert into accepting (job_id, attempt) values ($1, $2)
         on conflict (job_id) do update set attempt = excluded.attempt, began_at = now()",
    )
    .bind(job_id.0)
    .bind(attempt)
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends these tries; yields how many there were. Of one it is true only in the transaction that may make the job.
pub(crate) async fn end(connection: &mut PgConnection, tries: &[(JobId, Uuid)]) -> Result<u64> {
    let (jobs, attempts): (Vec<Uuid>, Vec<Uuid>) = tries.iter().map(|(j, a)| (j.0, *a)).unzip();
    let ended = sqlx::query(
        "delete from accepting a using unnest($1::uuid[], $2::uuid[]) as l (job, attempt)
         where a.job_id = l.job and a.attempt = l.attempt",
    )
    .bind(jobs)
    .bind(attempts)
    .execute(connection)
    .await?;
    Ok(ended.rows_affected())
}

/// Forgets tries that were left behind long ago, of which auth may never have heard.
pub(crate) async fn purge(connection: &mut PgConnection) -> Result<()> {
    sqlx::query("delete from accepting where began_at < now() - interval '1 day'")
        .execute(connection)
        .await?;
    Ok(())
}

/// Which of these are jobs, and whether auth is to hear of their end.
pub(crate) async fn known(connection: &mut PgConnection, jobs: &[JobId]) -> Result<HashSet<JobId>> {
    let ids: Vec<Uuid> = jobs.iter().map(|id| id.0).collect();
    let rows: Vec<Uuid> = sqlx::query_scalar(
        "select job_id from job where job_id = any($1) and (ended_at is null or reserved)",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(JobId).collect())
}

/// Jobs that have ended, and auth has not heard of it.
pub(crate) async fn ended(connection: &mut PgConnection, limit: i64) -> Result<Vec<Job>> {
    let rows: Vec<JobRow> = sqlx::query_as(
        "select * from job where reserved and ended_at is not null order by job_id limit $1",
    )
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(JobRow::job).collect()
}

/// Auth has heard of the end of these.
pub(crate) async fn released(connection: &mut PgConnection, jobs: &[JobId]) -> Result<()> {
    let ids: Vec<Uuid> = jobs.iter().map(|id| id.0).collect();
    sqlx::query("update job set reserved = false where job_id = any($1)")
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(())
}
