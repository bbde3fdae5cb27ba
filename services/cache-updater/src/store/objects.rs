//! What is known of clusters and objects beside their rows: `/2/info`, what queries say, OSes.

use std::collections::BTreeMap;

use gwm_pg::lease::Held;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Item, Store};
use crate::domain::said::Said;
use crate::error::Result;

/// Sums that the page of a cluster shows.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Holds {
    pub(crate) node_groups: i64,
    pub(crate) networks: i64,
    pub(crate) oses: i64,
    pub(crate) master_candidates: i64,
    pub(crate) memory_allocated_mib: i64,
    pub(crate) disk_allocated_mib: i64,
}

/// What the instances of a node were given.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Allocated {
    pub(crate) memory_mib: i64,
    pub(crate) disk_mib: i64,
    pub(crate) vcpus: i64,
}

impl Store {
    /// `/2/info` as it was read last.
    pub(crate) async fn fetch_info(&self, cluster: Uuid) -> Result<Option<Said>> {
        Ok(sqlx::query_scalar("select said from cluster_info where cluster_id = $1")
            .bind(cluster)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// What queries said of an object.
    pub(crate) async fn fetch_detail<T: Item>(
        &self,
        cluster: Uuid,
        uuid: Uuid,
    ) -> Result<Option<Value>> {
        Ok(sqlx::query_scalar(
            "select detail from object_detail where cluster_id = $1 and kind = $2 and uuid = $3",
        )
        .bind(cluster)
        .bind(T::TABLE)
        .bind(uuid)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// Sums of a cluster.
    pub(crate) async fn fetch_holds(&self, cluster: Uuid) -> Result<Holds> {
        Ok(sqlx::query_as(
            "select (select count(*) from node_group where cluster_id = $1) as node_groups,
                    (select count(*) from network where cluster_id = $1) as networks,
                    (select count(*) from os where cluster_id = $1) as oses,
                    (select count(*) from node where cluster_id = $1
                         and role in ('master', 'master-candidate')) as master_candidates,
                    coalesce(sum(memory_mib) filter (where admin_state = 'up'), 0)::bigint
                        as memory_allocated_mib,
                    coalesce(sum(disk_mib), 0)::bigint as disk_allocated_mib
             from instance where cluster_id = $1",
        )
        .bind(cluster)
        .fetch_one(&self.pool)
        .await?)
    }

    /// What the primary instances of a node were given.
    pub(crate) async fn fetch_allocated(&self, cluster: Uuid, node: &str) -> Result<Allocated> {
        Ok(sqlx::query_as(
            "select coalesce(sum(memory_mib), 0)::bigint as memory_mib,
                    coalesce(sum(disk_mib), 0)::bigint as disk_mib,
                    coalesce(sum(vcpus), 0)::bigint as vcpus
             from instance where cluster_id = $1 and primary_node = $2",
        )
        .bind(cluster)
        .bind(node)
        .fetch_one(&self.pool)
        .await?)
    }

    /// How many instances are in a node group.
    pub(crate) async fn count_in_group(&self, cluster: Uuid, group: &str) -> Result<i64> {
        Ok(sqlx::query_scalar(
            "select count(*) from instance where cluster_id = $1 and node_group = $2",
        )
        .bind(cluster)
        .bind(group)
        .fetch_one(&self.pool)
        .await?)
    }

    /// How many instances have each of these OSes: cluster, OS, number.
    pub(crate) async fn count_by_os(
        &self,
        oses: &[(Uuid, String)],
    ) -> Result<BTreeMap<(Uuid, String), i64>> {
        let (clusters, names): (Vec<Uuid>, Vec<String>) = oses.iter().cloned().unzip();
        let rows: Vec<(Uuid, String, i64)> = sqlx::query_as(
            "select i.cluster_id, i.os, count(*) from instance i
             join unnest($1::uuid[], $2::text[]) o (cluster_id, name)
                 on i.cluster_id = o.cluster_id and i.os = o.name
             group by i.cluster_id, i.os",
        )
        .bind(clusters)
        .bind(names)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|(cluster, os, n)| ((cluster, os), n)).collect())
    }

    /// Remembers the OSes and that they were asked for now; each with whether it is hidden and blacklisted.
    pub(crate) async fn replace_oses(
        &self,
        held: &Held,
        id: Uuid,
        oses: &[(String, bool, bool)],
    ) -> Result<()> {
        let names: Vec<&str> = oses.iter().map(|(name, ..)| name.as_str()).collect();
        let offered: Vec<&str> = oses
            .iter()
            .filter(|(_, hid, black)| !hid && !black)
            .map(|(n, ..)| n.as_str())
            .collect();
        let mut tx = self.begin_held(held).await?;
        sqlx::query("update cluster set oses = $2, oses_read_at = now() where cluster_id = $1")
            .bind(id)
            .bind(offered)
            .execute(&mut *tx)
            .await?;
        sqlx::query("delete from os where cluster_id = $1 and name <> all($2)")
            .bind(id)
            .bind(&names)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "insert into os (cluster_id, uuid, name, hidden, blacklisted, read_at)
             select $1, md5($1::text || '/' || name)::uuid, name, hidden, blacklisted, now()
             from unnest($2::text[], $3::boolean[], $4::boolean[]) o (name, hidden, blacklisted)
             on conflict (cluster_id, uuid) do update
                 set hidden = excluded.hidden, blacklisted = excluded.blacklisted,
                     read_at = excluded.read_at",
        )
        .bind(id)
        .bind(names)
        .bind(oses.iter().map(|(_, hidden, _)| *hidden).collect::<Vec<_>>())
        .bind(oses.iter().map(|(.., blacklisted)| *blacklisted).collect::<Vec<_>>())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Keeps `/2/info`.
pub(crate) async fn put_info(
    connection: &mut PgConnection,
    cluster: Uuid,
    said: &Said,
) -> Result<()> {
    sqlx::query(
        "insert into cluster_info (cluster_id, said) values ($1, $2)
         on conflict (cluster_id) do update set said = excluded.said",
    )
    .bind(cluster)
    .bind(said)
    .execute(connection)
    .await?;
    Ok(())
}

/// Replaces what queries said of all objects of one kind.
pub(crate) async fn replace_details<T: Item>(
    connection: &mut PgConnection,
    cluster: Uuid,
    details: &BTreeMap<Uuid, Value>,
) -> Result<()> {
    sqlx::query("delete from object_detail where cluster_id = $1 and kind = $2")
        .bind(cluster)
        .bind(T::TABLE)
        .execute(&mut *connection)
        .await?;
    let (uuids, texts): (Vec<Uuid>, Vec<&Value>) = details.iter().map(|(u, d)| (*u, d)).unzip();
    sqlx::query(
        "insert into object_detail (cluster_id, kind, uuid, detail)
         select $1, $2, * from unnest($3::uuid[], $4::jsonb[])",
    )
    .bind(cluster)
    .bind(T::TABLE)
    .bind(uuids)
    .bind(texts)
    .execute(connection)
    .await?;
    Ok(())
}
