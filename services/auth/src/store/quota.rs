//! Limits: in a place, of a persona or for everybody.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::domain::{ALL, Amounts, Choice, Choices};
use crate::error::Result;

/// What was chosen in one place for one persona, or for everybody.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct QuotaRow {
    pub(crate) place_id: Uuid,
    pub(crate) persona_id: Uuid,
    pub(crate) quota_id: Uuid,
    pub(crate) memory_mib: Option<i64>,
    pub(crate) vcpus: Option<i64>,
    pub(crate) disk_mib: Option<i64>,
    pub(crate) instances: Option<i64>,
    pub(crate) open_jobs: Option<i64>,
    pub(crate) counts_all: bool,
    pub(crate) most_memory_mib: Option<i64>,
    pub(crate) most_vcpus: Option<i64>,
    pub(crate) most_disk_mib: Option<i64>,
    pub(crate) revision: i64,
    pub(crate) changed_at: DateTime<Utc>,
    pub(crate) changed_by: String,
}

impl QuotaRow {
    /// Of a place where nothing was chosen.
    pub(crate) fn empty(place_id: Uuid, persona_id: Uuid) -> Self {
        Self {
            place_id,
            persona_id,
            quota_id: Uuid::nil(),
            memory_mib: None,
            vcpus: None,
            disk_mib: None,
            instances: None,
            open_jobs: None,
            counts_all: false,
            most_memory_mib: None,
            most_vcpus: None,
            most_disk_mib: None,
            revision: 0,
            changed_at: DateTime::UNIX_EPOCH,
            changed_by: String::new(),
        }
    }

    pub(crate) fn choices(&self) -> Choices {
        let columns = [self.memory_mib, self.vcpus, self.disk_mib, self.instances, self.open_jobs];
        columns.map(Choice::stored)
    }

    /// The most that one instance may have: memory, vCPUs, disk.
    pub(crate) fn most(&self) -> [Choice; 3] {
        [self.most_memory_mib, self.most_vcpus, self.most_disk_mib].map(Choice::stored)
    }
}

/// What a persona uses in one cluster.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct UsageRow {
    pub(crate) persona_id: Uuid,
    pub(crate) cluster_id: Uuid,
    memory_mib: i64,
    vcpus: i64,
    disk_mib: i64,
    instances: i64,
    open_jobs: i64,
}

impl UsageRow {
    pub(crate) fn amounts(&self) -> Amounts {
        Amounts([self.memory_mib, self.vcpus, self.disk_mib, self.instances, self.open_jobs])
    }
}

/// What was chosen for these personas, and for everybody, in these places, or in all.
pub(crate) async fn list(
    connection: &mut PgConnection,
    personas: &[Uuid],
    places: Option<&[Uuid]>,
) -> Result<Vec<QuotaRow>> {
    Ok(sqlx::query_as(
        "select * from quota
         where (persona_id = any($1) or persona_id = $3)
           and ($2::uuid[] is null or place_id = any($2))",
    )
    .bind(personas)
    .bind(places)
    .bind(ALL)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// What these personas use, by cluster.
pub(crate) async fn usage(
    connection: &mut PgConnection,
    personas: &[Uuid],
) -> Result<Vec<UsageRow>> {
    Ok(sqlx::query_as("select * from usage_of($1, null)")
        .bind(personas)
        .fetch_all(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// The same with and without one job, as of one moment.
pub(crate) async fn usage_around(
    connection: &mut PgConnection,
    personas: &[Uuid],
    job: Uuid,
) -> Result<(Vec<UsageRow>, Vec<UsageRow>)> {
    #[derive(FromRow)]
    struct Row {
        with_job: bool,
        #[sqlx(flatten)]
        usage: UsageRow,
    }
    let rows: Vec<Row> = sqlx::query_as(
        "select false as with_job, * from usage_of($1, $2)
         union all select true, * from usage_of($1, null)",
    )
    .bind(personas)
    .bind(job)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    let (after, before): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.with_job);
    let plain = |rows: Vec<Row>| rows.into_iter().map(|row| row.usage).collect();
    Ok((plain(before), plain(after)))
}

/// What was chosen there, locked against others who choose.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    place: Uuid,
    persona: Uuid,
) -> Result<QuotaRow> {
    // There may be no row to lock yet.
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('choose/' || $1 || '/' || $2, 0))")
        .bind(place.to_string())
        .bind(persona.to_string())
        .execute(&mut *connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    let row: Option<QuotaRow> =
        sqlx::query_as("select * from quota where place_id = $1 and persona_id = $2 for update")
            .bind(place)
            .bind(persona)
            .fetch_optional(connection)
            .await
            .map_err(gwm_pg::Error::from)?;
    Ok(row.unwrap_or_else(|| QuotaRow::empty(place, persona)))
}

/// Writes what is chosen now.
pub(crate) async fn put(
    connection: &mut PgConnection,
    row: &QuotaRow,
    by: &str,
) -> Result<QuotaRow> {
    Ok(sqlx::query_as(
        "insert into quota as q (place_id, persona_id, memory_mib, vcpus, disk_mib, instances, open_jobs,
             counts_all, most_memory_mib, most_vcpus, most_disk_mib, changed_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict (place_id, persona_id) do update set
             memory_mib = excluded.memory_mib, vcpus = excluded.vcpus,
             disk_mib = excluded.disk_mib, instances = excluded.instances,
             open_jobs = excluded.open_jobs, counts_all = excluded.counts_all,
             most_memory_mib = excluded.most_memory_mib, most_vcpus = excluded.most_vcpus,
             most_disk_mib = excluded.most_disk_mib, changed_by = excluded.changed_by,
             changed_at = now(), revision = q.revision + 1
         returning *",
    )
    .bind(row.place_id)
    .bind(row.persona_id)
    .bind(row.memory_mib)
    .bind(row.vcpus)
    .bind(row.disk_mib)
    .bind(row.instances)
    .bind(row.open_jobs)
    .bind(row.counts_all)
    .bind(row.most_memory_mib)
    .bind(row.most_vcpus)
    .bind(row.most_disk_mib)
    .bind(by)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Removes those of a cluster that will not come back.
pub(crate) async fn purge_cluster(connection: &mut PgConnection, cluster: Uuid) -> Result<()> {
    sqlx::query(
        "with ledger as (delete from usage_ledger where cluster_id = $1)
         delete from quota where place_id = $1",
    )
    .bind(cluster)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}
