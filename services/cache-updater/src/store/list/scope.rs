//! What somebody sees of a table: rows by their scope, columns by where they see instances run.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use gwm_authz::{InstanceSet, Scope};
use gwm_pg::sets::{push_is_member, push_keys};
use gwm_query::Table;
use gwm_types::{ClusterId, InstanceUuid};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::super::Store;
use super::super::list_objects::{Listable, NODE_GROUPS};
use super::{FRESHNESS, NODES};
use crate::error::Result;
use crate::seen::{Placement, Seen};

/// Table, column, and what stands there for those who may not see where instances run: it is hidden before
/// anything is filtered or sorted by it, so that neither tells.
pub(super) const PLACEMENT: [(&str, &str, &str); 6] = [
    ("instance", "primary_node", "''::text"),
    ("instance", "secondary_nodes", "'{}'::text[]"),
    ("instance", "node_group", "''::text"),
    (
        "instance",
        "nics",
        "(select coalesce(jsonb_agg(n.nic || '{\"link\": null, \"mode\": null}' order by n.place), '[]') \
         from jsonb_array_elements(i.nics) with ordinality n (nic, place))",
    ),
    ("network", "node_groups", "'{}'::text[]"),
    ("network", "connections", "'[]'::jsonb"),
];

/// Whether a field of a list says nothing to those who see nowhere where instances run. `text` is the field as it
/// is suggested.
pub(crate) fn tells_placement(table: &Table, text: &str) -> bool {
    if [NODES.name, NODE_GROUPS.name].contains(&table.name) {
        return true;
    }
    let field = table.field(text.trim_end_matches([':', '>']));
    field.is_some_and(|f| PLACEMENT_FIELDS.contains(&f.sql))
}

/// Of instances and networks.
const PLACEMENT_FIELDS: [&str; 4] =
    ["o.primary_node", "o.secondary_nodes", "o.node_group", "o.node_groups"];

/// Appends `from (..) o`: the table with what the scope shows of it.
pub(in crate::store) fn push_from<T: Listable>(
    sql: &mut QueryBuilder<Postgres>,
    seen: &Seen,
    reading: Reading,
) {
    let placed = match &seen.placement {
        Placement::In { clusters, node_groups } if !seen.hides_nothing() => {
            Some((clusters, node_groups))
        }
        Placement::Everywhere | Placement::In { .. } => None,
    };
    sql.push(" from (select i.cluster_id, c.slug as cluster, ");
    match placed {
        Some((clusters, _)) if T::TABLE == "instance" => {
            push_placed(sql, clusters, &seen.placement);
        }
        Some(_) | None => {
            sql.push("true");
        }
    }
    sql.push(" as placed");
    for column in T::COLUMNS {
        let hidden = PLACEMENT.iter().find(|(table, name, _)| *table == T::TABLE && name == column);
        match (hidden, placed, *column) {
            (Some((.., nothing)), Some(_), _) if seen.placement.nowhere() => {
                sql.push(format_args!(", {nothing} as {column}"));
            }
            (Some((table, _, nothing)), Some((clusters, _)), _) => {
                sql.push(", case when ");
                if *table == "instance" {
                    push_placed(sql, clusters, &seen.placement);
                } else {
                    sql.push("i.cluster_id = any(").push_bind(ids(clusters)).push(")");
                }
                sql.push(format_args!(" then i.{column} else {nothing} end as {column}"));
            }
            // Lists don't show parameters.
            (_, _, "hvparams" | "beparams" | "said") => {
                sql.push(format_args!(", '{{}}'::json as {column}"));
            }
            (_, _, "seen_at") => {
                sql.push(
                    ", case when i.absent then i.seen_at \
                     else greatest(i.seen_at, c.last_success) end as seen_at",
                );
            }
            _ => {
                sql.push(format_args!(", i.{column}"));
            }
        }
    }
    if T::TABLE == "instance" {
        sql.push(", i.found_by");
    }
    sql.push(FRESHNESS);
    let group = match T::TABLE {
        "node" => Some("node_group_uuid"),
        "node_group" => Some("uuid"),
        _ => None,
    };
    match (&seen.scope, group) {
        (Scope::Fleet, _) => {
            sql.push(format_args!(" from {} i", T::TABLE));
        }
        (Scope::Limited { clusters, .. }, Some(group))
            if !seen.placement.node_groups().is_empty() =>
        {
            sql.push(format_args!(" from (select i.* from {} i where i.", T::TABLE));
            push_among(sql, clusters);
            sql.push(format_args!(" or (i.cluster_id, i.{group}) in ("));
            push_node_groups(sql, &seen.placement);
            sql.push(")) i");
        }
        (Scope::Limited { clusters, instances, sets }, _) => {
            push_limited::<T>(sql, clusters, instances, (sets, reading));
        }
    }
    sql.push(" join cluster c using (cluster_id)) o");
}

/// Appends that it may be seen where an instance runs.
fn push_placed(sql: &mut QueryBuilder<Postgres>, clusters: &[ClusterId], placement: &Placement) {
    sql.push("(i.cluster_id = any(").push_bind(ids(clusters)).push(")");
    if !placement.node_groups().is_empty() {
        sql.push(" or ");
        push_within(sql, "i.cluster_id", "i.primary_node || i.secondary_nodes", placement);
    }
    sql.push(")");
}

/// Appends that all of these nodes are in node groups that are shown; no nodes are in none.
fn push_within(
    sql: &mut QueryBuilder<Postgres>,
    cluster: &str,
    nodes: &str,
    placement: &Placement,
) {
    sql.push(format_args!(
        "not exists (select from unnest({nodes}) named (name) where not exists ( \
         select from node n where n.cluster_id = {cluster} and n.name = named.name \
         and (n.cluster_id, n.node_group_uuid) in ("
    ));
    push_node_groups(sql, placement);
    sql.push(")))");
}

/// Appends a query for the node groups that are shown, by cluster and UUID.
pub(in crate::store) fn push_node_groups(sql: &mut QueryBuilder<Postgres>, placement: &Placement) {
    let (of, uuids) = placement.node_group_columns();
    sql.push("select * from unnest(").push_bind(of).push("::uuid[], ");
    sql.push_bind(uuids).push("::uuid[])");
}

/// Of how many clusters Postgres is told the very ones when it makes its plan.
const PLANNED: usize = 16;

/// Appends that the cluster is one of these.
pub(super) fn push_among(sql: &mut QueryBuilder<Postgres>, clusters: &[ClusterId]) {
    // A few decide which index is right. Of many, Postgres would compare each with its statistics, and make a
    // new plan for each page (a fifth of its CPU time with 100 clusters): behind a select it does not see them.
    if clusters.len() > PLANNED {
        sql.push("cluster_id = any((select ").push_bind(ids(clusters)).push(")::uuid[])");
    } else {
        sql.push("cluster_id = any(").push_bind(ids(clusters)).push(")");
    }
}

/// How rows are gone through that a scope limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Reading {
    /// In an order of their own, until there are enough.
    InOrder,
    /// All of them.
    Whole,
}

/// Appends whole clusters and single instances, these by their key: what a customer sees must not cost
/// a walk over what all others have.
fn push_limited<T: Listable>(
    sql: &mut QueryBuilder<Postgres>,
    clusters: &[ClusterId],
    instances: &[(ClusterId, InstanceUuid)],
    (sets, reading): (&[Arc<InstanceSet>], Reading),
) {
    if T::TABLE == "instance" && !sets.is_empty() {
        sql.push(" from (select i.* from instance i where (");
        push_whole_or_single(sql, clusters, instances, (sets, reading));
        sql.push(")) i");
        return;
    }
    let whole: HashSet<ClusterId> = clusters.iter().copied().collect();
    let single: BTreeSet<(Uuid, Uuid)> = instances
        .iter()
        .filter(|(cluster, _)| T::TABLE == "instance" && !whole.contains(cluster))
        .map(|(cluster, uuid)| (cluster.0, uuid.0))
        .collect();
    sql.push(" from (");
    if single.is_empty() || !clusters.is_empty() {
        sql.push(format_args!("select i.* from {} i where i.", T::TABLE));
        push_among(sql, clusters);
    }
    if !single.is_empty() {
        let (owners, uuids): (Vec<Uuid>, Vec<Uuid>) = single.into_iter().unzip();
        let and = if clusters.is_empty() { "" } else { " union all " };
        sql.push(and).push("select i.* from unnest(").push_bind(owners).push("::uuid[], ");
        sql.push_bind(uuids).push("::uuid[]) s (cluster_id, uuid)");
        sql.push(format_args!(" join {} i using (cluster_id, uuid)", T::TABLE));
    }
    sql.push(") i");
}

/// Appends that an instance is in one of these clusters, or one of these.
pub(in crate::store) fn push_whole_or_single(
    sql: &mut QueryBuilder<Postgres>,
    clusters: &[ClusterId],
    instances: &[(ClusterId, InstanceUuid)],
    (sets, reading): (&[Arc<InstanceSet>], Reading),
) {
    if !clusters.is_empty() {
        sql.push("i.");
        push_among(sql, clusters);
        sql.push(" or ");
    }
    if !sets.is_empty() {
        if reading == Reading::Whole && clusters.is_empty() && instances.is_empty() {
            sql.push("(i.cluster_id, i.uuid) in (");
            push_keys(sql, sets.iter().map(|set| set.id()));
            sql.push(")");
        } else {
            let sets: Vec<_> = sets.iter().map(|set| set.sized()).collect();
            push_is_member(sql, ("i.cluster_id", "i.uuid"), &sets);
        }
        if instances.is_empty() {
            return;
        }
        sql.push(" or ");
    }
    sql.push("(i.cluster_id, i.uuid) in (");
    let (of, uuids): (Vec<Uuid>, Vec<Uuid>) = instances.iter().map(|(c, u)| (c.0, u.0)).unzip();
    sql.push("select * from unnest(").push_bind(of).push("::uuid[], ");
    sql.push_bind(uuids).push("::uuid[]))");
}

pub(in crate::store) fn ids(clusters: &[ClusterId]) -> Vec<Uuid> {
    clusters.iter().map(|c| c.0).collect()
}

impl Store {
    /// Whether it may be seen where an instance runs that has its primary and its secondary nodes there.
    pub(crate) async fn shows_placement(
        &self,
        placement: &Placement,
        cluster: Uuid,
        (primary, secondary): (&str, &[String]),
    ) -> Result<bool> {
        if placement.shows(cluster) || placement.node_groups().is_empty() {
            return Ok(placement.shows(cluster));
        }
        let nodes: Vec<&str> =
            std::iter::once(primary).chain(secondary.iter().map(String::as_str)).collect();
        let mut sql = QueryBuilder::new("select ");
        push_within(&mut sql, "of.cluster_id", "of.nodes", placement);
        sql.push(" from (select ").push_bind(cluster).push(" as cluster_id, ");
        sql.push_bind(nodes).push("::text[] as nodes) of");
        Ok(sql.build_query_scalar().fetch_one(&self.pool).await?)
    }
}
