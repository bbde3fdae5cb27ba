//! What each instance takes.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::reservation::Sizes;
use crate::domain::Key;
use crate::error::Result;

/// Writes what instances take, where it is newer than what is known.
///
/// `all_before`: what was written before then is older whatever its revision says: cache-updater's numbers may have
/// begun anew.
pub(crate) async fn put(
    connection: &mut PgConnection,
    lines: &[(Key, Sizes)],
    all_before: Option<DateTime<Utc>>,
) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let clusters: Vec<Uuid> = lines.iter().map(|(key, _)| key.0).collect();
    let instances: Vec<Uuid> = lines.iter().map(|(key, _)| key.1).collect();
    let column = |of: fn(&Sizes) -> i64| -> Vec<i64> { lines.iter().map(|(_, s)| of(s)).collect() };
    let up: Vec<bool> = lines.iter().map(|(_, sizes)| sizes.admin_up).collect();
    sqlx::query(
        "insert into usage_ledger as l (cluster_id, instance_uuid, memory_mib, vcpus, disk_mib, admin_up, revision)
         select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[],
             $6::boolean[], $7::bigint[])
         on conflict (cluster_id, instance_uuid) do update set memory_mib = excluded.memory_mib,
             vcpus = excluded.vcpus, disk_mib = excluded.disk_mib, admin_up = excluded.admin_up,
             revision = excluded.revision, recorded_at = clock_timestamp()
         where (excluded.revision > l.revision or l.recorded_at < $8)
           and (excluded.memory_mib, excluded.vcpus, excluded.disk_mib, excluded.admin_up, excluded.revision)
               is distinct from (l.memory_mib, l.vcpus, l.disk_mib, l.admin_up, l.revision)",
    )
    .bind(clusters)
    .bind(instances)
    .bind(column(|s| s.memory_mib))
    .bind(column(|s| s.vcpus))
    .bind(column(|s| s.disk_mib))
    .bind(up)
    .bind(column(|s| s.revision))
    .bind(all_before)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Removes these.
pub(crate) async fn delete(connection: &mut PgConnection, keys: &[Key]) -> Result<()> {
    let (clusters, instances): (Vec<Uuid>, Vec<Uuid>) = keys.iter().copied().unzip();
    sqlx::query(
        "delete from usage_ledger
         where (cluster_id, instance_uuid) in (select * from unnest($1::uuid[], $2::uuid[]))",
    )
    .bind(clusters)
    .bind(instances)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// What was not written since then.
pub(crate) async fn older(connection: &mut PgConnection, than: DateTime<Utc>) -> Result<Vec<Key>> {
    Ok(sqlx::query_as("select cluster_id, instance_uuid from usage_ledger where recorded_at < $1")
        .bind(than)
        .fetch_all(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// The time by the database's clock.
pub(crate) async fn now(connection: &mut PgConnection) -> Result<DateTime<Utc>> {
    Ok(sqlx::query_scalar("select clock_timestamp()")
        .fetch_one(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}
