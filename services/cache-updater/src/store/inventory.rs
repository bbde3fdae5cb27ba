//! Nodes and instances, read for pollers and single answers.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{Item, Store};
use crate::domain::{InstanceRecord, NodeRecord};
use crate::error::Result;

/// What a poller remembers of each object.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Known {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) raw_hash: i64,
    /// Absent or missing: to be written again when it is seen, even if it did not change.
    pub(crate) doubted: bool,
    /// Whether something is not known of it that a slower read tells.
    pub(crate) incomplete: bool,
    /// Where it stood in the last answer.
    #[sqlx(skip)]
    pub(crate) place: Option<usize>,
    /// How long its text was there, in bytes; 0: not known.
    #[sqlx(skip)]
    pub(crate) length: usize,
}

impl Known {
    /// Whether it needs no writing as long as its text is the same.
    pub(crate) fn is_settled(&self) -> bool {
        !self.doubted && !self.incomplete
    }
}

impl Store {
    /// All objects of a cluster, as pollers remember them.
    pub(crate) async fn list_known<T: Item>(&self, cluster: Uuid) -> Result<Vec<Known>> {
        let incomplete = match T::TABLE {
            "instance" => "hypervisor = ''",
            "node" => "node_group = ''",
            _ => "false",
        };
        let sql = format!(
            "select uuid, name, raw_hash, absent or missing as doubted, {incomplete} as incomplete
             from {} where cluster_id = $1",
            T::TABLE
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(cluster).fetch_all(&self.pool).await?)
    }

    /// The UUIDs of all objects that are marked missing.
    pub(crate) async fn list_missing(&self, cluster: Uuid) -> Result<Vec<Uuid>> {
        Ok(sqlx::query_scalar(
            "select uuid from node where cluster_id = $1 and missing
             union all select uuid from instance where cluster_id = $1 and missing
             union all select uuid from node_group where cluster_id = $1 and missing
             union all select uuid from network where cluster_id = $1 and missing",
        )
        .bind(cluster)
        .fetch_all(&self.pool)
        .await?)
    }

    /// UUIDs and names of all node groups of a cluster.
    pub(crate) async fn list_groups(&self, cluster: Uuid) -> Result<Vec<(Uuid, String)>> {
        Ok(sqlx::query_as("select uuid, name from node_group where cluster_id = $1 order by name")
            .bind(cluster)
            .fetch_all(&self.pool)
            .await?)
    }

    /// Names of nodes with their groups.
    pub(crate) async fn list_node_groups(&self, cluster: Uuid) -> Result<Vec<(String, String)>> {
        Ok(sqlx::query_as("select name, node_group from node where cluster_id = $1")
            .bind(cluster)
            .fetch_all(&self.pool)
            .await?)
    }

    /// Names of nodes that take new instances.
    pub(crate) async fn list_usable_nodes(&self, cluster: Uuid) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar(
            "select name from node where cluster_id = $1 and not offline and not drained
                 and not missing order by name",
        )
        .bind(cluster)
        .fetch_all(&self.pool)
        .await?)
    }

    /// An instance by name or UUID.
    pub(crate) async fn fetch_instance(
        &self,
        cluster: Uuid,
        name_or_uuid: &str,
    ) -> Result<Option<InstanceRecord>> {
        self.fetch_object(cluster, name_or_uuid).await
    }

    /// A node by name or UUID.
    pub(crate) async fn fetch_node(
        &self,
        cluster: Uuid,
        name_or_uuid: &str,
    ) -> Result<Option<NodeRecord>> {
        self.fetch_object(cluster, name_or_uuid).await
    }

    /// A node group or network, too, by name or UUID.
    pub(crate) async fn fetch_object<T: Item>(
        &self,
        cluster: Uuid,
        key: &str,
    ) -> Result<Option<T>> {
        // The time of the last look belongs to the cluster: rows are not stamped at each.
        let columns: Vec<String> = T::COLUMNS
            .iter()
            .map(|c| match *c {
                "seen_at" => {
                    "case when o.absent then o.seen_at else greatest(o.seen_at, c.last_success) end \
                     as seen_at"
                        .to_owned()
                }
                column => format!("o.{column}"),
            })
            .collect();
        let uuid = Uuid::try_parse(key).ok();
        let sql = format!(
            "select {} from {} o join cluster c using (cluster_id)
             where o.cluster_id = $1 and (o.uuid = $2 or ($2 is null and o.name = $3))
             order by o.absent limit 1",
            columns.join(", "),
            T::TABLE
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(cluster)
            .bind(uuid)
            .bind(key)
            .fetch_optional(&self.pool)
            .await?)
    }
}

/// The UUIDs of all objects of a cluster.
pub(crate) async fn list_uuids<T: Item>(
    connection: &mut PgConnection,
    cluster: Uuid,
) -> Result<Vec<Uuid>> {
    let sql = format!("select uuid from {} where cluster_id = $1", T::TABLE);
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(cluster).fetch_all(connection).await?)
}
