//! Jobs about owner tags: one at a time and cluster, with a pause after each, a longer one after failures.

use gwm_pg::{Error, Result};
use gwm_types::{ClusterId, InstanceUuid, JobId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::event::{self, Happened};
use super::row::JobRow;
use crate::config::OwnerTags;
use crate::domain::parameters::OwnerTag;
use crate::domain::{Job, Kind, Parameters, Phase};

/// Who asked for them: no login name has a space.
pub(crate) const NOBODY: &str = "gwm itself";
/// More than that are not left out one by one.
const MOST: i64 = 10_000;

/// What is not to be looked for now.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    pub(crate) instances: Vec<(ClusterId, InstanceUuid)>,
    pub(crate) clusters: Vec<ClusterId>,
    /// One of those clusters is free again in a moment.
    pub(crate) soon: bool,
}

/// A change that cache-updater found to be done.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) cluster_id: ClusterId,
    pub(crate) cluster_slug: String,
    pub(crate) uuid: InstanceUuid,
    pub(crate) name: String,
    pub(crate) change: OwnerTag,
}

/// Seconds, for `$n` of the statements below.
fn seconds(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64()
}

/// Instances that have an open job, of whatever kind, and those whose last change of tags did not go well;
/// clusters where a change is at work, or was a moment ago.
pub(crate) async fn busy(connection: &mut PgConnection, pace: &OwnerTags) -> Result<Busy> {
    let instances: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "select cluster_id, instance_uuid from job
         where ended_at is null and instance_uuid is not null
         union
         select cluster_id, uuid from owner_tag_pause
         where uuid <> $1 and failures > 0 and clock_timestamp() < ended_at
             + make_interval(secs => least($2::float8 * power(2, least(failures, 30) - 1), $3))
         limit $4",
    )
    .bind(Uuid::nil())
    .bind(seconds(pace.first_pause))
    .bind(seconds(pace.longest_pause))
    .bind(MOST)
    .fetch_all(&mut *connection)
    .await?;
    let clusters: Vec<(Uuid, bool)> = sqlx::query_as(
        "select cluster_id, true from job where kind = 'owner_tag' and ended_at is null
         union
         select cluster_id, failures < 3 from owner_tag_pause
         where uuid = $1 and clock_timestamp() < ended_at
             + make_interval(secs => least($2::float8 * power(2, least(failures, 30)), $3))",
    )
    .bind(Uuid::nil())
    .bind(seconds(pace.pace))
    .bind(seconds(pace.longest_pause))
    .fetch_all(connection)
    .await?;
    Ok(Busy {
        instances: instances.into_iter().map(|(c, i)| (ClusterId(c), InstanceUuid(i))).collect(),
        soon: clusters.iter().any(|(_, soon)| *soon),
        clusters: clusters.into_iter().map(|(cluster, _)| ClusterId(cluster)).collect(),
    })
}

/// Makes the job, unless the cluster has one or had one a moment ago: another replica may have been
/// faster.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    due: &Due,
    pace: &OwnerTags,
) -> Result<Option<Job>> {
    let parameters = serde_json::to_value(Parameters::OwnerTag(due.change.clone()))
        .map_err(|error| Error::Internal(sqlx::Error::Encode(Box::new(error))))?;
    let row: Option<JobRow> = sqlx::query_as(
        "insert into job (job_id, cluster_id, cluster_slug, kind, instance_uuid, object_name,
             parameters, phase, requested_by, requested_by_id, not_before)
         select $1, $2, $3, $4, $5, $6, $7, 'queued', $8, $9, 'epoch'
         where not exists (select from owner_tag_pause where cluster_id = $2 and uuid = $9
             and clock_timestamp() < ended_at + make_interval(secs => $10))
         on conflict do nothing
         returning *",
    )
    .bind(JobId::generate().0)
    .bind(due.cluster_id.0)
    .bind(&due.cluster_slug)
    .bind(Kind::OwnerTag.as_str())
    .bind(due.uuid.0)
    .bind(&due.name)
    .bind(parameters)
    .bind(NOBODY)
    .bind(Uuid::nil())
    .bind(seconds(pace.pace))
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let job = row.job()?;
    event::append(tx, &job, Happened::Queued).await?;
    Ok(Some(job))
}

/// Remembers how one ended: the instance waits when it was no success, the cluster always, and longer the
/// more failed in a row.
pub(super) async fn ended(tx: &mut PgConnection, job: &Job) -> Result<()> {
    let uuid = job.instance_uuid.map_or_else(Uuid::nil, |uuid| uuid.0);
    let counts = [
        (uuid, job.phase != Phase::Succeeded),
        // One that is called off says nothing of the cluster.
        (Uuid::nil(), job.phase == Phase::Failed),
    ];
    for (uuid, failed) in counts {
        sqlx::query(
            "insert into owner_tag_pause as p (cluster_id, uuid, failures)
             values ($1, $2, $3::int)
             on conflict (cluster_id, uuid) do update set ended_at = clock_timestamp(),
                 failures = case when $3::int = 0 then 0 else p.failures + 1 end",
        )
        .bind(job.cluster_id.0)
        .bind(uuid)
        .bind(i32::from(failed))
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Forgets what nothing waits for any more.
pub(crate) async fn purge(connection: &mut PgConnection) -> Result<()> {
    sqlx::query(
        "delete from owner_tag_pause where ended_at < clock_timestamp() - interval '1 day'
             or failures = 0 and uuid <> '00000000-0000-0000-0000-000000000000'",
    )
    .execute(connection)
    .await?;
    Ok(())
}
