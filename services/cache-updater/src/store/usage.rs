//! What instances take.

use gwm_pg::Result;
use sqlx::FromRow;
use uuid::Uuid;

use super::Store;

/// What one takes; sizes that Ganeti doesn't say count nothing.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct UsageRow {
    pub(crate) cluster_id: Uuid,
    pub(crate) uuid: Uuid,
    pub(crate) memory_mib: i64,
    pub(crate) vcpus: i64,
    pub(crate) disk_mib: i64,
    pub(crate) admin_up: bool,
    pub(crate) revision: i64,
}

const ROW: &str = "cluster_id, uuid, coalesce(memory_mib, 0) as memory_mib,
    coalesce(vcpus, 0)::bigint as vcpus, -- disk_mib has what Ganeti adds for mirrors, too.
    (select coalesce(sum((d ->> 'size_mib')::bigint), 0)::bigint from jsonb_array_elements(disks) d) as disk_mib,
    admin_state = 'up' as admin_up, revision";

impl Store {
    /// The oldest transaction that has not ended: what is committed from now on belongs to it or to later ones.
    pub(crate) async fn oldest_open(&self) -> Result<String> {
        Ok(sqlx::query_scalar("select pg_snapshot_xmin(pg_current_snapshot())::text")
            .fetch_one(&self.pool)
            .await?)
    }

    /// All, so many after one, in order.
    pub(crate) async fn usage_after(
        &self,
        after: Option<(Uuid, Uuid)>,
        limit: i64,
    ) -> Result<Vec<UsageRow>> {
        let (cluster, uuid) = after.unzip();
        let sql = format!(
            "select {ROW} from instance
             where $1::uuid is null or (cluster_id, uuid) > ($1, $2)
             order by cluster_id, uuid limit $3"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(cluster)
            .bind(uuid)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?)
    }

    /// Those that this transaction or later ones changed.
    pub(crate) async fn usage_since(&self, transaction: &str) -> Result<Vec<UsageRow>> {
        let sql =
            format!("select {ROW} from instance where counted_in >= $1::xid8 order by counted_in");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(transaction).fetch_all(&self.pool).await?)
    }
}
