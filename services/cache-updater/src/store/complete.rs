//! The values that a list's field has, within what the person may see.

use gwm_query::{Field, Table, push_values};
use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::Store;
use super::list::{INSTANCES, NODES, Reading, ids, push_from, push_node_groups};
use super::list_clusters::{CLUSTERS, push_clusters};
use super::list_objects::{NETWORKS, NODE_GROUPS, OSES, OsRecord};
use crate::domain::{InstanceSummary, NetworkRecord, NodeGroupRecord, NodeRecord};
use crate::error::Result;
use crate::seen::{Placement, Seen};

/// Nobody waits longer for a suggestion; then there is none.
const LONGEST: &str = "set local statement_timeout = '400ms'";

/// The list of this name.
pub(crate) fn table_of(list: &str) -> Option<&'static Table> {
    match list {
        "instances" => Some(&INSTANCES),
        "nodes" => Some(&NODES),
        "clusters" => Some(&CLUSTERS),
        "node-groups" => Some(&NODE_GROUPS),
        "networks" => Some(&NETWORKS),
        "oses" => Some(&OSES),
        _ => None,
    }
}

impl Store {
    /// Values of a field that begin so, in order.
    pub(crate) async fn values(
        &self,
        table: &'static Table,
        field: &Field,
        prefix: &str,
        seen: &Seen,
    ) -> Result<Vec<String>> {
        let mut sql = QueryBuilder::new("");
        let asked =
            push_values(&mut sql, field, prefix, |sql| push_source(sql, table, field, seen));
        if !asked {
            return Ok(Vec::new());
        }
        self.keep_sets(&seen.scope).await?;
        let mut tx = self.pool.begin().await?;
        sqlx::query(LONGEST).execute(&mut *tx).await?;
        let found = fetch(&mut tx, sql).await;
        match found {
            Ok(values) => {
                tx.commit().await?;
                Ok(values)
            }
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("57014") => {
                tracing::debug!(field = field.names[0], "no suggestions in time");
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }
}

async fn fetch(
    connection: &mut PgConnection,
    mut sql: QueryBuilder<Postgres>,
) -> Result<Vec<String>, sqlx::Error> {
    sql.build_query_scalar().fetch_all(connection).await
}

/// What the person sees of the list; names of clusters and nodes from where there are few of them.
fn push_source(
    sql: &mut QueryBuilder<Postgres>,
    table: &'static Table,
    field: &Field,
    seen: &Seen,
) {
    match (table.name, field.names[0]) {
        ("clusters", _) => {
            push_clusters_named(sql, seen, "slug");
        }
        ("instances", "cluster") => push_clusters_named(sql, seen, "cluster"),
        ("nodes", "cluster") if seen.placement.node_groups().is_empty() => {
            push_clusters_named(sql, &seen.placed(), "cluster");
        }
        ("instances", "node") => push_nodes(sql, &seen.placement, "name as primary_node"),
        ("instances", "secondary_node") => {
            push_nodes(sql, &seen.placement, "array[name] as secondary_nodes");
        }
        ("nodes", _) => push_from::<NodeRecord>(sql, &seen.placed(), Reading::Whole),
        (name, _) if name == NODE_GROUPS.name => {
            push_from::<NodeGroupRecord>(sql, &seen.placed(), Reading::Whole);
        }
        (name, _) if name == NETWORKS.name => push_from::<NetworkRecord>(sql, seen, Reading::Whole),
        (name, _) if name == OSES.name => push_from::<OsRecord>(sql, seen, Reading::Whole),
        _ => push_from::<InstanceSummary>(sql, seen, Reading::Whole),
    }
}

fn push_clusters_named(sql: &mut QueryBuilder<Postgres>, seen: &Seen, name: &str) {
    if name == "slug" {
        sql.push(" from (select o.*, s.tags as seen_tags");
        push_clusters(sql, seen);
        sql.push(") o cross join lateral (select o.seen_tags as tags) s");
    } else {
        sql.push(" from (select o.slug as cluster");
        push_clusters(sql, seen);
        sql.push(") o");
    }
}

/// The nodes that are shown.
fn push_nodes(sql: &mut QueryBuilder<Postgres>, placement: &Placement, column: &str) {
    sql.push(format_args!(" from (select {column} from node"));
    if let Placement::In { clusters, .. } = placement {
        sql.push(" where cluster_id = any(").push_bind(ids(clusters));
        sql.push(") or (cluster_id, node_group_uuid) in (");
        push_node_groups(sql, placement);
        sql.push(")");
    }
    sql.push(") o");
}
