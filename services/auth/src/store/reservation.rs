//! What open jobs have reserved.

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

use super::seconds;
use crate::domain::Key;
use crate::error::Result;

/// What an instance takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sizes {
    pub(crate) memory_mib: i64,
    pub(crate) vcpus: i64,
    pub(crate) disk_mib: i64,
    pub(crate) admin_up: bool,
    /// cache-updater's of the instance.
    pub(crate) revision: i64,
}

/// One that is to be made.
#[derive(Debug, Clone)]
pub(crate) struct New<'a> {
    pub(crate) job: Uuid,
    /// The try to accept the job.
    pub(crate) attempt: Uuid,
    pub(crate) asked_by: Uuid,
    /// Who is charged for what is being made.
    pub(crate) persona: Option<Uuid>,
    pub(crate) cluster: Uuid,
    pub(crate) instance: Option<Uuid>,
    pub(crate) name: &'a str,
    pub(crate) sizes: Sizes,
}

/// Lets only one at a time decide about what these personas may use: held until the transaction ends, taken in one
/// order, before anything else is locked.
pub(crate) async fn hold(connection: &mut PgConnection, personas: &[Uuid]) -> Result<()> {
    let mut all = personas.to_vec();
    all.sort_unstable();
    all.dedup();
    for persona in all {
        sqlx::query("select pg_advisory_xact_lock(hashtextextended('quota/' || $1, 0))")
            .bind(persona.to_string())
            .execute(&mut *connection)
            .await
            .map_err(gwm_pg::Error::from)?;
    }
    Ok(())
}

/// Writes one, over that of an earlier try.
pub(crate) async fn put(connection: &mut PgConnection, new: &New<'_>) -> Result<()> {
    sqlx::query(
        "insert into reservation (job_id, attempt, asked_by, persona_id, cluster_id, instance_uuid, memory_mib,
             vcpus, disk_mib, admin_up, instance_name)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (job_id) do update set attempt = excluded.attempt, asked_by = excluded.asked_by,
             persona_id = excluded.persona_id, cluster_id = excluded.cluster_id,
             instance_uuid = excluded.instance_uuid, memory_mib = excluded.memory_mib,
             vcpus = excluded.vcpus, disk_mib = excluded.disk_mib, admin_up = excluded.admin_up,
             instance_name = excluded.instance_name, created_at = clock_timestamp()",
    )
    .bind(new.job)
    .bind(new.attempt)
    .bind(new.asked_by)
    .bind(new.persona)
    .bind(new.cluster)
    .bind(new.instance)
    .bind(new.sizes.memory_mib)
    .bind(new.sizes.vcpus)
    .bind(new.sizes.disk_mib)
    .bind(new.sizes.admin_up)
    .bind(new.name)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// The personas whose open jobs make an instance of this name. With its UUID none whose it can't be: it is somebody's
/// already, or was there before they asked.
pub(crate) async fn makers(
    connection: &mut PgConnection,
    cluster: Uuid,
    name: &str,
    instance: Option<Uuid>,
) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar(
        "select distinct r.persona_id from reservation r
         where r.cluster_id = $1 and lower(r.instance_name) = lower($2) and r.persona_id is not null
           and not exists (select from instance_owner o
               where o.cluster_id = $1 and o.instance_uuid = $3 and o.buried_at is null)
           and not exists (select from usage_ledger l
               where l.cluster_id = $1 and l.instance_uuid = $3 and l.known_since < r.created_at)",
    )
    .bind(cluster)
    .bind(name)
    .bind(instance)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Removes those of these jobs, of a try where one is named.
pub(crate) async fn delete(
    connection: &mut PgConnection,
    jobs: &[(Uuid, Option<Uuid>)],
) -> Result<()> {
    let (jobs, attempts): (Vec<Uuid>, Vec<Option<Uuid>>) = jobs.iter().copied().unzip();
    sqlx::query(
        "delete from reservation r using unnest($1::uuid[], $2::uuid[]) as l (job, attempt)
         where r.job_id = l.job and r.attempt = coalesce(l.attempt, r.attempt)",
    )
    .bind(jobs)
    .bind(attempts)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Jobs that have one which is so old, each with its try, in the order of their ids.
pub(crate) async fn list(
    connection: &mut PgConnection,
    age: Duration,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>> {
    Ok(sqlx::query_as(
        "select job_id, attempt from reservation
         where created_at <= clock_timestamp() - make_interval(secs => $1)
           and ($2::uuid is null or job_id > $2)
         order by job_id limit $3",
    )
    .bind(seconds(age))
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// The persona that is charged for an instance.
pub(crate) async fn payer(connection: &mut PgConnection, key: Key) -> Result<Option<Uuid>> {
    let owner: Option<Option<Uuid>> = sqlx::query_scalar(
        "select owner_id from instance_owner
         where cluster_id = $1 and instance_uuid = $2 and buried_at is null",
    )
    .bind(key.0)
    .bind(key.1)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(owner.flatten())
}
