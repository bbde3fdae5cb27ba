//! Lists: filtered by what the person may see, by the query, page by page.

use std::collections::{BTreeSet, HashSet};

use gwm_authz::Scope;
use gwm_query::{Cursor, CursorKey, Expr, Field, Key, Kind, Sort, Table};
use gwm_types::{ClusterId, InstanceUuid};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder, Row};
use uuid::Uuid;

use super::Store;
use super::list_objects::Listable;
use crate::domain::ClusterRecord;
use crate::error::{Error, Result, bad_list};

/// Rows, total and stream sequence of one moment.
const SNAPSHOT: &str = "begin isolation level repeatable read, read only";
/// Totals are exact up to this.
pub(super) const EXACT: i64 = 10_000;

/// A page, asked for.
pub(crate) struct Request<'a> {
    pub(crate) q: &'a str,
    pub(crate) sort: &'a str,
    pub(crate) limit: u32,
    pub(crate) cursor: &'a str,
    pub(crate) scope: &'a Scope,
    /// Whom cursors are sealed to.
    pub(crate) person: &'a str,
    pub(crate) key: &'a CursorKey,
}

/// A page.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) next_cursor: String,
    pub(crate) total: u64,
    pub(crate) total_exact: bool,
    pub(crate) stream_sequence: Option<u64>,
}

/// A row with what belongs to its cluster and its place in the order.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub(crate) item: T,
    pub(crate) cluster_id: Uuid,
    pub(crate) cluster: String,
    place: String,
}

impl<'r, T: FromRow<'r, PgRow>> FromRow<'r, PgRow> for Listed<T> {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            item: T::from_row(row)?,
            cluster_id: row.try_get("cluster_id")?,
            cluster: row.try_get("cluster")?,
            place: row.try_get("place")?,
        })
    }
}

pub(super) const fn field(
    names: &'static [&'static str],
    sql: &'static str,
    kind: Kind,
    order: Option<&'static str>,
) -> Field {
    Field { names, sql, kind, order }
}

pub(super) const KEYS: &[Key] =
    &[Key { sql: "o.cluster_id", cast: "uuid" }, Key { sql: "o.uuid", cast: "uuid" }];

/// Ganeti's words, as it writes them.
const STATUSES: &[&str] = &[
    "running",
    "ADMIN_down",
    "ADMIN_offline",
    "USER_down",
    "ERROR_up",
    "ERROR_down",
    "ERROR_wrongnode",
    "ERROR_nodedown",
    "ERROR_nodeoffline",
];
const ADMIN_STATES: &[&str] = &["up", "down", "offline"];
const ROLES: &[&str] = &["master", "master-candidate", "regular", "drained", "offline"];

const MOMENT: Kind = Kind::Time { order: "::timestamptz" };
const ADDRESS: Kind = Kind::Found { by: "o.found_by" };

const INSTANCE_FIELDS: &[Field] = &[
    field(&["name"], "o.name", Kind::Lower, Some("o.name")),
    field(&["uuid"], "o.uuid::text", Kind::Lower, None),
    field(&["cluster"], "o.cluster", Kind::Lower, Some("o.cluster")),
    field(&["status"], "o.status", Kind::Known(STATUSES), Some("o.status")),
    field(&["admin_state"], "o.admin_state", Kind::Known(ADMIN_STATES), None),
    field(
        &["node", "primary_node", "pnode"],
        "o.primary_node",
        Kind::Lower,
        Some("o.primary_node"),
    ),
    field(&["secondary_node", "snode"], "o.secondary_nodes", Kind::Texts, None),
    field(&["node_group", "group"], "o.node_group", Kind::Text, None),
    field(&["hypervisor", "hv"], "o.hypervisor", Kind::Text, None),
    field(&["os"], "o.os", Kind::Text, Some("o.os")),
    field(&["tag", "tags"], "o.tags", Kind::Texts, None),
    field(&["disk_template", "template"], "o.disk_template", Kind::Text, None),
    field(
        &["memory", "ram", "memory_mib"],
        "o.memory_mib",
        Kind::Size,
        Some("coalesce(o.memory_mib, -1)"),
    ),
    field(&["disk", "disk_mib"], "o.disk_mib", Kind::Size, Some("coalesce(o.disk_mib, -1)")),
    field(&["vcpus", "cpus"], "o.vcpus", Kind::Number, Some("coalesce(o.vcpus, -1)::bigint")),
    field(
        &["network"],
        "array(select nic->>'network' from jsonb_array_elements(o.nics) nic)",
        Kind::Texts,
        None,
    ),
    field(
        &["ip"],
        "(select array_agg(n ->> 'ip') from jsonb_array_elements(o.nics) n where n ->> 'ip' <> '')",
        ADDRESS,
        None,
    ),
    field(
        &["mac"],
        "(select array_agg(n ->> 'mac') from jsonb_array_elements(o.nics) n where n ->> 'mac' <> '')",
        ADDRESS,
        None,
    ),
    field(
        &["created"],
        "o.created_at",
        MOMENT,
        Some("coalesce(o.created_at, '-infinity'::timestamptz)"),
    ),
    field(
        &["modified"],
        "o.modified_at",
        MOMENT,
        Some("coalesce(o.modified_at, '-infinity'::timestamptz)"),
    ),
    field(&["owner"], "o.owner", Kind::Persona, Some("coalesce(o.owner, '')")),
    field(&["missing"], "o.missing", Kind::Flag, None),
];

const fn instances(name: &'static str) -> Table {
    Table { name, words: "o.found_by", default_sort: "name", keys: KEYS, fields: INSTANCE_FIELDS }
}

pub(crate) static INSTANCES: Table = instances("instances");
/// Those without an owner.
pub(crate) static ORPHANS: Table = instances("orphans");

pub(crate) static NODES: Table = Table {
    name: "nodes",
    words: "o.name",
    default_sort: "name",
    keys: KEYS,
    fields: &[
        field(&["name", "node"], "o.name", Kind::Lower, Some("o.name")),
        field(&["uuid"], "o.uuid::text", Kind::Lower, None),
        field(&["cluster"], "o.cluster", Kind::Lower, Some("o.cluster")),
        field(&["role", "status"], "o.role", Kind::Known(ROLES), Some("o.role")),
        field(&["node_group", "group"], "o.node_group", Kind::Text, Some("o.node_group")),
        field(&["tag", "tags"], "o.tags", Kind::Texts, None),
        field(
            &["memory", "ram", "memory_total_mib"],
            "o.memory_total_mib",
            Kind::Size,
            Some("coalesce(o.memory_total_mib, -1)"),
        ),
        field(
            &["memory_free", "free", "memory_free_mib"],
            "o.memory_free_mib",
            Kind::Size,
            Some("coalesce(o.memory_free_mib, -1)"),
        ),
        field(
            &["disk", "disk_total_mib"],
            "o.disk_total_mib",
            Kind::Size,
            Some("coalesce(o.disk_total_mib, -1)"),
        ),
        field(
            &["disk_free", "disk_free_mib"],
            "o.disk_free_mib",
            Kind::Size,
            Some("coalesce(o.disk_free_mib, -1)"),
        ),
        field(
            &["cpus", "cpus_total"],
            "o.cpus_total",
            Kind::Number,
            Some("coalesce(o.cpus_total, -1)::bigint"),
        ),
        field(
            &["instances", "instances_primary"],
            "o.instances_primary",
            Kind::Number,
            Some("o.instances_primary::bigint"),
        ),
        field(&["offline"], "o.offline", Kind::Flag, None),
        field(&["drained"], "o.drained", Kind::Flag, None),
        field(&["ip"], "array[o.primary_ip, o.secondary_ip]", Kind::Texts, None),
        field(&["silent"], "(not o.offline and o.memory_total_mib is null)", Kind::Flag, None),
        field(&["missing"], "o.missing", Kind::Flag, None),
    ],
};

/// What only those see who see the whole cluster: from the rest it is hidden before anything is
/// filtered or sorted by it.
const PLACEMENT: [(&str, &str); 4] = [
    ("primary_node", "''::text"),
    ("secondary_nodes", "'{}'::text[]"),
    ("node_group", "''::text"),
    (
        "nics",
        "(select coalesce(jsonb_agg(n.nic || '{\"link\": null}' order by n.place), '[]') \
         from jsonb_array_elements(i.nics) with ordinality n (nic, place))",
    ),
];

/// Appends `from (..) o`: the table with what the scope shows of it.
pub(super) fn push_from<T: Listable>(sql: &mut QueryBuilder<Postgres>, scope: &Scope) {
    sql.push(" from (select i.cluster_id, c.slug as cluster");
    for column in T::COLUMNS {
        let hidden = PLACEMENT.iter().find(|(name, _)| name == column && T::TABLE == "instance");
        match (hidden, scope, *column) {
            // Who sees only whole clusters sees all of their rows: nothing is hidden, and indexes serve.
            (Some(_), Scope::Limited { instances, .. }, _) if instances.is_empty() => {
                sql.push(format_args!(", i.{column}"));
            }
            (Some((_, nothing)), Scope::Limited { clusters, .. }, _) if clusters.is_empty() => {
                sql.push(format_args!(", {nothing} as {column}"));
            }
            (Some((_, nothing)), Scope::Limited { clusters, .. }, _) => {
                sql.push(", case when i.cluster_id = any(")
                    .push_bind(ids(clusters))
                    .push(format_args!(") then i.{column} else {nothing} end as {column}"));
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
    match scope {
        Scope::Fleet => {
            sql.push(format_args!(" from {} i", T::TABLE));
        }
        Scope::Limited { clusters, instances } => push_limited::<T>(sql, clusters, instances),
    }
    sql.push(" join cluster c using (cluster_id)) o");
}

/// Appends whole clusters and single instances, these by their key: what a customer sees must not cost
/// a walk over what all others have.
fn push_limited<T: Listable>(
    sql: &mut QueryBuilder<Postgres>,
    clusters: &[ClusterId],
    instances: &[(ClusterId, InstanceUuid)],
) {
    let whole: HashSet<ClusterId> = clusters.iter().copied().collect();
    let single: BTreeSet<(Uuid, Uuid)> = instances
        .iter()
        .filter(|(cluster, _)| T::TABLE == "instance" && !whole.contains(cluster))
        .map(|(cluster, uuid)| (cluster.0, uuid.0))
        .collect();
    sql.push(" from (");
    if single.is_empty() || !clusters.is_empty() {
        sql.push(format_args!("select i.* from {} i where i.cluster_id = any(", T::TABLE));
        sql.push_bind(ids(clusters)).push(")");
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

fn push_orphans(sql: &mut QueryBuilder<Postgres>, table: &Table) {
    if table.name == ORPHANS.name {
        sql.push(" and o.owner is null");
    }
}

pub(super) fn ids(clusters: &[ClusterId]) -> Vec<Uuid> {
    clusters.iter().map(|c| c.0).collect()
}

impl Store {
    /// A page of instances or nodes, and the clusters on it.
    pub(crate) async fn list<T: Listable>(
        &self,
        table: &'static Table,
        request: &Request<'_>,
    ) -> Result<(Page<Listed<T>>, Vec<ClusterRecord>)> {
        let bad = |error: gwm_query::Error| Error::Fault(bad_list(&error));
        let filter = gwm_query::parse(request.q).map_err(bad)?;
        let sort = Sort::parse(table, request.sort).map_err(bad)?;
        let limit = gwm_query::limit(request.limit).map_err(bad)?;
        let cursor = request
            .key
            .open(table, &sort, request.q, request.person, request.cursor)
            .map_err(bad)?;

        let mut tx = self.pool.begin_with(SNAPSHOT).await?;
        let mut sql = QueryBuilder::new("");
        push_page::<T>(&mut sql, table, request.scope, &filter, &sort, cursor.as_ref(), limit)?;
        let mut rows: Vec<Listed<T>> = sql.build_query_as().fetch_all(&mut *tx).await?;

        let (total, total_exact, stream_sequence) = match &cursor {
            Some(cursor) => (cursor.total, cursor.total_exact, None),
            None => {
                let total = count::<T>(&mut tx, table, &filter, request.scope).await?;
                let sequence = gwm_pg::outbox::acknowledged_sequence(&mut tx, "inventory").await?;
                (
                    u64::try_from(total.min(EXACT)).unwrap_or(0),
                    total <= EXACT,
                    Some(u64::try_from(sequence).unwrap_or(0)),
                )
            }
        };
        let size = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let next_cursor = match rows.last() {
            Some(last) if more => {
                let keys = vec![last.cluster_id.to_string(), last.item.uuid().to_string()];
                let cursor = Cursor::after(last.place.clone(), keys, total, total_exact);
                request.key.seal(table, &sort, request.q, request.person, &cursor)
            }
            _ => String::new(),
        };
        let mut on_page: Vec<Uuid> = rows.iter().map(|r| r.cluster_id).collect();
        on_page.sort_unstable();
        on_page.dedup();
        let clusters = fetch_cluster_rows(&mut tx, &on_page).await?;
        tx.commit().await?;
        Ok((Page { rows, next_cursor, total, total_exact, stream_sequence }, clusters))
    }
}

/// Appends the query of one page.
fn push_page<T: Listable>(
    sql: &mut QueryBuilder<Postgres>,
    table: &Table,
    scope: &Scope,
    filter: &Expr,
    sort: &Sort,
    cursor: Option<&Cursor>,
    limit: i64,
) -> Result<()> {
    sql.push(format_args!("select o.*, {} as place", sort.place_sql()));
    push_from::<T>(sql, scope);
    sql.push(" where ");
    gwm_query::push_filter(sql, table, filter).map_err(|error| Error::Fault(bad_list(&error)))?;
    push_orphans(sql, table);
    gwm_query::push_after(sql, table, sort, cursor);
    gwm_query::push_order(sql, table, sort, limit);
    Ok(())
}

/// How many rows there are: of whole clusters by their counters, else up to what is exact.
async fn count<T: Listable>(
    connection: &mut PgConnection,
    table: &Table,
    filter: &Expr,
    scope: &Scope,
) -> Result<i64> {
    let everything =
        matches!(filter, Expr::All(parts) if parts.is_empty()) && table.name != ORPHANS.name;
    let whole = match scope {
        Scope::Fleet => Some(None),
        Scope::Limited { clusters, instances } => {
            let whole = T::TABLE == "node" || instances.is_empty();
            whole.then(|| Some(ids(clusters)))
        }
    };
    // Of node groups, networks and OSes there are few, and no counters.
    let counted = ["node", "instance"].contains(&T::TABLE);
    if everything
        && counted
        && let Some(clusters) = whole
    {
        let sql = format!(
            "select coalesce(sum({}s_total), 0)::bigint from cluster
             where $1::uuid[] is null or cluster_id = any($1)",
            T::TABLE
        );
        return Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(clusters)
            .fetch_one(connection)
            .await?);
    }
    let mut sql = QueryBuilder::new("select count(*) from (select 1");
    push_from::<T>(&mut sql, scope);
    sql.push(" where ");
    gwm_query::push_filter(&mut sql, table, filter)
        .map_err(|error| Error::Fault(bad_list(&error)))?;
    push_orphans(&mut sql, table);
    sql.push(" limit ").push_bind(EXACT + 1).push(") counted");
    Ok(sql.build().fetch_one(connection).await?.get(0))
}

pub(crate) async fn fetch_cluster_rows(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<ClusterRecord>> {
    Ok(sqlx::query_as("select * from cluster where cluster_id = any($1) order by slug")
        .bind(ids)
        .fetch_all(connection)
        .await?)
}

#[cfg(test)]
mod plans;
