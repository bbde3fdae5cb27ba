//! What is kept of removed objects and clusters for 30 days, and its end.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{Store, owner};
use crate::domain::ClusterRecord;
use crate::error::Result;

/// A cluster that was removed from gwm.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Forgotten {
    pub(crate) cluster_id: Uuid,
    pub(crate) revision: i64,
    pub(crate) config_version: i64,
}

/// Remembers a cluster that is being removed; its event told `revision`.
pub(crate) async fn remember(
    connection: &mut PgConnection,
    cluster: &ClusterRecord,
    revision: i64,
) -> Result<()> {
    sqlx::query(
        "insert into forgotten_cluster (ganeti_uuid, cluster_id, slug, revision, config_version)
         values ($1, $2, $3, $4, $5)
         on conflict (ganeti_uuid) do update set cluster_id = excluded.cluster_id,
             slug = excluded.slug, revision = excluded.revision,
             config_version = excluded.config_version, forgotten_at = now()",
    )
    .bind(cluster.ganeti_uuid)
    .bind(cluster.cluster_id)
    .bind(&cluster.slug)
    .bind(revision)
    .bind(cluster.config_version)
    .execute(&mut *connection)
    .await?;
    owner::tell(connection, "forgotten", cluster.cluster_id, None).await
}

/// The cluster is entered again, under its old id: it is forgotten no more.
pub(crate) async fn recall(connection: &mut PgConnection, cluster: Uuid) -> Result<()> {
    let back = sqlx::query("delete from forgotten_cluster where cluster_id = $1")
        .bind(cluster)
        .execute(&mut *connection)
        .await?;
    if back.rows_affected() > 0 {
        owner::tell(connection, "added", cluster, None).await?;
    }
    Ok(())
}

/// Forgets a removed object now, or a removed cluster with all that it held; `false`: there is none.
pub(crate) async fn purge(
    connection: &mut PgConnection,
    kind: &str,
    cluster: Uuid,
    uuid: Uuid,
) -> Result<bool> {
    if kind == "cluster" {
        let gone = sqlx::query(
            "delete from forgotten_cluster f where cluster_id = $1
               and not exists (select from cluster c where c.cluster_id = f.cluster_id)",
        )
        .bind(cluster)
        .execute(&mut *connection)
        .await?;
        if gone.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("delete from tombstone where cluster_id = $1")
            .bind(cluster)
            .execute(&mut *connection)
            .await?;
        sqlx::query("delete from instance_notes where cluster_id = $1")
            .bind(cluster)
            .execute(&mut *connection)
            .await?;
        owner::tell(connection, "purged", cluster, None).await?;
        return Ok(true);
    }
    let gone =
        sqlx::query("delete from tombstone where cluster_id = $1 and kind = $2 and uuid = $3")
            .bind(cluster)
            .bind(kind)
            .bind(uuid)
            .execute(&mut *connection)
            .await?;
    if gone.rows_affected() > 0 && kind == "instance" {
        sqlx::query("delete from instance_notes where cluster_id = $1 and uuid = $2")
            .bind(cluster)
            .bind(uuid)
            .execute(&mut *connection)
            .await?;
        owner::tell(connection, "purged", cluster, Some(&[uuid])).await?;
    }
    Ok(gone.rows_affected() > 0)
}

impl Store {
    /// What is remembered of a cluster with this UUID of Ganeti's.
    pub(crate) async fn fetch_forgotten(&self, ganeti_uuid: Uuid) -> Result<Option<Forgotten>> {
        Ok(sqlx::query_as(
            "select cluster_id, revision, config_version from forgotten_cluster
             where ganeti_uuid = $1",
        )
        .bind(ganeti_uuid)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// Forgets removed objects and clusters after their 30 days, and lets auth know.
    pub(crate) async fn purge_tombstones(&self) -> Result<u64> {
        let mut tx = self.begin().await?;
        let clusters: Vec<Uuid> = sqlx::query_scalar(
            "delete from forgotten_cluster where forgotten_at < now() - interval '30 days'
             returning cluster_id",
        )
        .fetch_all(&mut *tx)
        .await?;
        for cluster in &clusters {
            owner::tell(&mut tx, "purged", *cluster, None).await?;
        }
        let objects = sqlx::query(
            "with gone as (
                 delete from tombstone where removed_at < now() - interval '30 days'
                 returning cluster_id, kind, uuid),
             noted as (
                 delete from instance_notes using gone where gone.kind = 'instance'
                     and instance_notes.cluster_id = gone.cluster_id
                     and instance_notes.uuid = gone.uuid),
             told as (
                 insert into presence_news (what, cluster_id, uuid)
                 select 'purged', cluster_id, uuid from gone where kind = 'instance')
             select from gone",
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(objects.rows_affected() + clusters.len() as u64)
    }
}
