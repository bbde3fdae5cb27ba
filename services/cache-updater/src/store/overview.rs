//! The figures of the first page, within what the person may see.

use gwm_authz::Scope;
use sqlx::FromRow;
use uuid::Uuid;

use super::Store;
use super::list::ids;
use crate::domain::PAUSED;
use crate::error::Result;
use crate::seen::{FOR_OPERATORS, Seen};

/// How many troubles are named.
const WRONG: i64 = 50;

/// Sums.
#[derive(Debug, Default, FromRow)]
pub(crate) struct OverviewRow {
    pub(crate) clusters_total: i64,
    pub(crate) clusters_reachable: i64,
    pub(crate) nodes_total: i64,
    pub(crate) nodes_online: i64,
    pub(crate) instances_total: i64,
    pub(crate) instances_running: i64,
    pub(crate) instances_error: i64,
    pub(crate) memory_total_mib: i64,
    pub(crate) memory_free_mib: i64,
    pub(crate) disk_total_mib: i64,
    pub(crate) disk_free_mib: i64,
    pub(crate) memory_allocated_mib: i64,
    pub(crate) disk_allocated_mib: i64,
    pub(crate) nodes_silent: i64,
    pub(crate) missing: i64,
    pub(crate) certificates_expiring: i64,
    pub(crate) instances_owned: i64,
}

/// What somebody owns.
#[derive(Debug, Default, FromRow)]
pub(crate) struct OwnUse {
    pub(crate) instances: i64,
    pub(crate) running: i64,
    pub(crate) vcpus: i64,
    pub(crate) memory_mib: i64,
    pub(crate) disk_mib: i64,
}

/// One thing that is wrong now.
#[derive(Debug, FromRow)]
pub(crate) struct WrongRow {
    pub(crate) kind: String,
    pub(crate) cluster: String,
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Store {
    /// Sums over whole clusters by their counters, and over single instances one by one. Nodes that are not well
    /// are named only where the person sees nodes.
    pub(crate) async fn overview(&self, seen: &Seen) -> Result<(OverviewRow, Vec<WrongRow>)> {
        self.keep_sets(&seen.scope).await?;
        let (all, clusters, single) = parts(&seen.scope);
        let (group_clusters, group_uuids) = seen.placement.node_group_columns();
        let (placed_all, placed, _) = parts(&seen.placed().scope);
        let row = sqlx::query_as(
            "with whole as (
                 select * from cluster where $1 or cluster_id = any($2)
             ), single as (
                 select status, missing, memory_mib, disk_mib, owner from instance
                 where not $1 and cluster_id <> all($2)
                     and (cluster_id, uuid) in (select * from unnest($3::uuid[], $4::uuid[])
                         union all select first, second from key_set_member where set_id = any($5))
             ), seen as (
                 select reachable from cluster
                 where $6::uuid[] is null or cluster_id = any($6)
             )
             select (select count(*) from seen) as clusters_total,
                 (select count(*) from seen where reachable) as clusters_reachable,
                 coalesce(sum(nodes_total), 0)::bigint as nodes_total,
                 coalesce(sum(nodes_online), 0)::bigint as nodes_online,
                 coalesce(sum(instances_total), 0)::bigint
                     + (select count(*) from single) as instances_total,
                 coalesce(sum(instances_running), 0)::bigint
                     + (select count(*) from single where status = 'running') as instances_running,
                 coalesce(sum(instances_error), 0)::bigint
                     + (select count(*) from single where status like 'ERROR%') as instances_error,
                 coalesce(sum(memory_total_mib), 0)::bigint as memory_total_mib,
                 coalesce(sum(memory_free_mib), 0)::bigint as memory_free_mib,
                 coalesce(sum(disk_total_mib), 0)::bigint as disk_total_mib,
                 coalesce(sum(disk_free_mib), 0)::bigint as disk_free_mib,
                 coalesce(sum(memory_allocated_mib), 0)::bigint
                     + (select coalesce(sum(memory_mib), 0)::bigint from single)
                     as memory_allocated_mib,
                 coalesce(sum(disk_allocated_mib), 0)::bigint
                     + (select coalesce(sum(disk_mib), 0)::bigint from single)
                     as disk_allocated_mib,
                 coalesce(sum(nodes_silent), 0)::bigint as nodes_silent,
                 coalesce(sum(missing), 0)::bigint
                     + (select count(*) from single where missing) as missing,
                 coalesce(sum(instances_owned), 0)::bigint
                     + (select count(owner) from single) as instances_owned,
                 count(*) filter (where certificate_not_after < now() + interval '30 days')
                     as certificates_expiring
             from whole",
        )
        .bind(all)
        .bind(&clusters)
        .bind(&single.of)
        .bind(&single.uuids)
        .bind(&single.sets)
        .bind(&seen.clusters)
        .fetch_one(&self.pool)
        .await?;
        let wrong = sqlx::query_as(
            "select kind, cluster, name, text from (
                 select 0 as rank, 'cluster' as kind, slug as cluster, slug as name,
                     case when $6 or cluster_id = any($7) or error = '' or error_code = $8
                         then error else $9 end as text
                 from cluster where not reachable and ($11::uuid[] is null or cluster_id = any($11))
                 union all
                 select 1, 'node', c.slug, n.name, case when n.missing
                     then 'missing: vanished together with many others'
                     when n.offline then 'marked offline'
                     else 'silent: Ganeti has no figures of it' end
                 from node n join cluster c using (cluster_id)
                 where (n.offline or n.missing or n.memory_total_mib is null)
                     and ($6 or n.cluster_id = any($7) or (n.cluster_id, n.node_group_uuid)
                         in (select * from unnest($12::uuid[], $13::uuid[])))
                 union all
                 (select 2, 'instance', c.slug, i.name, i.status
                 from instance i join cluster c using (cluster_id)
                 where i.status like 'ERROR%' and not i.missing
                     and ($1 or i.cluster_id = any($2)
                     or (i.cluster_id, i.uuid) in (select * from unnest($3::uuid[], $4::uuid[])
                         union all select first, second from key_set_member where set_id = any($10)))
                 limit $5)
                 union all
                 (select 2, 'instance', c.slug, i.name,
                     'missing: vanished together with many others'
                 from instance i join cluster c using (cluster_id)
                 where i.missing and ($1 or i.cluster_id = any($2)
                     or (i.cluster_id, i.uuid) in (select * from unnest($3::uuid[], $4::uuid[])
                         union all select first, second from key_set_member where set_id = any($10)))
                 limit $5)
                 union all
                 select 3, 'certificate', slug, slug,
                     case when certificate_not_after < now() then 'certificate ended '
                         else 'certificate ends ' end
                     || to_char(certificate_not_after at time zone 'UTC', 'YYYY-MM-DD')
                 from cluster where certificate_not_after < now() + interval '30 days'
                     and ($1 or cluster_id = any($2))
             ) wrong order by rank, cluster, name limit $5",
        )
        .bind(all)
        .bind(clusters)
        .bind(single.of)
        .bind(single.uuids)
        .bind(WRONG)
        .bind(placed_all)
        .bind(placed)
        .bind(PAUSED)
        .bind(FOR_OPERATORS)
        .bind(single.sets)
        .bind(&seen.clusters)
        .bind(group_clusters)
        .bind(group_uuids)
        .fetch_all(&self.pool)
        .await?;
        Ok((row, wrong))
    }

    /// What a persona owns of what the person may see.
    pub(crate) async fn own_use(&self, owner: &str, scope: &Scope) -> Result<OwnUse> {
        self.keep_sets(scope).await?;
        let (all, clusters, single) = parts(scope);
        Ok(sqlx::query_as(
            "select count(*) as instances,
                 count(*) filter (where status = 'running') as running,
                 coalesce(sum(vcpus), 0)::bigint as vcpus,
                 coalesce(sum(memory_mib), 0)::bigint as memory_mib,
                 coalesce(sum(disk_mib), 0)::bigint as disk_mib
             from instance
             where owner = $5 and ($1 or cluster_id = any($2)
                 or (cluster_id, uuid) in (select * from unnest($3::uuid[], $4::uuid[])
                     union all select first, second from key_set_member where set_id = any($6)))",
        )
        .bind(all)
        .bind(clusters)
        .bind(single.of)
        .bind(single.uuids)
        .bind(owner)
        .bind(single.sets)
        .fetch_one(&self.pool)
        .await?)
    }

    /// How many removed instances and nodes are kept.
    pub(crate) async fn count_kept(&self) -> Result<i64> {
        Ok(sqlx::query_scalar(
            "select count(*) from tombstone join cluster using (cluster_id)
             where kind in ('instance', 'node')",
        )
        .fetch_one(&self.pool)
        .await?)
    }
}

/// Instances that are seen without all of their cluster.
#[derive(Default)]
struct Single {
    /// Side by side.
    of: Vec<Uuid>,
    uuids: Vec<Uuid>,
    sets: Vec<Uuid>,
}

/// Everything or not; whole clusters; single instances.
fn parts(scope: &Scope) -> (bool, Vec<Uuid>, Single) {
    match scope {
        Scope::Fleet => (true, Vec::new(), Single::default()),
        Scope::Limited { clusters, instances, sets } => {
            let (of, uuids): (Vec<Uuid>, Vec<Uuid>) =
                instances.iter().map(|(c, u)| (c.0, u.0)).unzip();
            let sets = sets.iter().map(|set| set.id()).collect();
            (false, ids(clusters), Single { of, uuids, sets })
        }
    }
}
