//! Lists: filtered by what the person may see, by the query, page by page.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use gwm_authz::Scope;
use gwm_query::{Cursor, CursorKey, Expr, Field, Key, Kind, Sort, Table};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Postgres, QueryBuilder, Row};
use uuid::Uuid;

use super::Store;
use super::list_objects::Listable;
use crate::domain::{Freshness, unsigned};
use crate::error::{Error, Result, bad_list};
use crate::seen::Seen;

mod scope;

#[cfg(test)]
use scope::PLACEMENT;
use scope::push_among;
pub(crate) use scope::tells_placement;
pub(super) use scope::{Reading, ids, push_from, push_node_groups, push_whole_or_single};

/// From where on the inventory's stream must be read to miss nothing of what comes after a list.
const SEQUENCE: &str =
    "select coalesce(max(stream_sequence), 0) from outbox_acknowledged where class = 'inventory'";
/// Totals are exact up to this.
pub(super) const EXACT: i64 = 10_000;

/// A page, asked for.
pub(crate) struct Request<'a> {
    pub(crate) q: &'a str,
    pub(crate) sort: &'a str,
    pub(crate) limit: u32,
    pub(crate) cursor: &'a str,
    pub(crate) seen: &'a Seen,
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
    /// Of an instance: whether it may be seen where it runs.
    pub(crate) placed: bool,
    place: String,
}

impl<'r, T: FromRow<'r, PgRow>> FromRow<'r, PgRow> for Listed<T> {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            item: T::from_row(row)?,
            cluster_id: row.try_get("cluster_id")?,
            cluster: row.try_get("cluster")?,
            placed: row.try_get("placed")?,
            place: row.try_get("place")?,
        })
    }
}

/// What each row says of its cluster, under names that no column of an item has.
const FRESHNESS: &str = ", c.reachable as cluster_reachable, c.last_success as cluster_last_success, \
     c.error as cluster_error, c.error_code as cluster_error_code, \
     c.next_attempt as cluster_next_attempt, c.interval_seconds as cluster_interval_seconds, \
     c.missing as cluster_missing, \
     c.write_password_sealed is null or c.held_read_only as cluster_read_only";

/// The clusters of the rows, each once, by slug.
fn clusters_of(rows: &[PgRow]) -> Result<Vec<Freshness>, sqlx::Error> {
    let mut clusters: BTreeMap<&str, Freshness> = BTreeMap::new();
    for row in rows {
        let slug: &str = row.try_get("cluster")?;
        let Entry::Vacant(entry) = clusters.entry(slug) else { continue };
        entry.insert(Freshness {
            cluster_id: row.try_get("cluster_id")?,
            slug: slug.to_owned(),
            reachable: row.try_get("cluster_reachable")?,
            last_success: row.try_get("cluster_last_success")?,
            error: row.try_get("cluster_error")?,
            error_code: row.try_get("cluster_error_code")?,
            next_attempt: row.try_get("cluster_next_attempt")?,
            interval_seconds: row.try_get("cluster_interval_seconds")?,
            missing: row.try_get("cluster_missing")?,
            read_only: row.try_get("cluster_read_only")?,
        });
    }
    Ok(clusters.into_values().collect())
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

fn push_orphans(sql: &mut QueryBuilder<Postgres>, table: &Table) {
    if table.name == ORPHANS.name {
        sql.push(" and o.owner is null");
    }
}

impl Store {
    /// A page of instances or nodes, and the clusters on it: rows, total and stream sequence in one
    /// statement, so that they are of one moment, and cost one way to the database.
    pub(crate) async fn list<T: Listable>(
        &self,
        table: &'static Table,
        request: &Request<'_>,
    ) -> Result<(Page<Listed<T>>, Vec<Freshness>)> {
        let bad = |error: gwm_query::Error| Error::Fault(bad_list(&error));
        let filter = gwm_query::parse(request.q).map_err(bad)?;
        let sort = Sort::parse(table, request.sort).map_err(bad)?;
        let limit = gwm_query::limit(request.limit).map_err(bad)?;
        let cursor = request
            .key
            .open(table, &sort, request.q, request.person, request.cursor)
            .map_err(bad)?;

        self.keep_sets(&request.seen.scope).await?;
        let mut none_after = None;
        let mut rows = loop {
            let mut sql = QueryBuilder::new("");
            push_page::<T>(&mut sql, table, request.seen, &filter, &sort, cursor.as_ref(), limit)?;
            let rows = sql.build().fetch_all(&self.pool).await?;
            if !rows.is_empty() || cursor.is_some() || none_after.is_some() {
                break rows;
            }
            // No row tells the sequence: it is read apart, and what it comes before once more.
            let sequence = sqlx::query_scalar(SEQUENCE).fetch_one(&self.pool).await?;
            none_after = Some(sequence);
        };
        let (total, total_exact, stream_sequence) = match (&cursor, rows.first()) {
            (Some(cursor), _) => (cursor.total, cursor.total_exact, None),
            (None, Some(row)) => {
                let total: i64 = row.try_get("page_total")?;
                (unsigned(total.min(EXACT)), total <= EXACT, Some(row.try_get("page_sequence")?))
            }
            (None, None) => (0, true, none_after),
        };
        let size = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let clusters = clusters_of(&rows)?;
        let rows: Vec<Listed<T>> =
            rows.iter().map(Listed::from_row).collect::<Result<_, sqlx::Error>>()?;
        let next_cursor = match rows.last() {
            Some(last) if more => {
                let keys = vec![last.cluster_id.to_string(), last.item.uuid().to_string()];
                let cursor = Cursor::after(last.place.clone(), keys, total, total_exact);
                request.key.seal(table, &sort, request.q, request.person, &cursor)
            }
            _ => String::new(),
        };
        let stream_sequence = stream_sequence.map(unsigned);
        Ok((Page { rows, next_cursor, total, total_exact, stream_sequence }, clusters))
    }
}

/// Appends the query of one page.
fn push_page<T: Listable>(
    sql: &mut QueryBuilder<Postgres>,
    table: &Table,
    seen: &Seen,
    filter: &Expr,
    sort: &Sort,
    cursor: Option<&Cursor>,
    limit: i64,
) -> Result<()> {
    sql.push(format_args!("select o.*, {} as place", sort.place_sql()));
    if cursor.is_none() {
        sql.push(format_args!(", ({SEQUENCE}) as page_sequence, ("));
        push_count::<T>(sql, table, filter, seen)?;
        sql.push(") as page_total");
    }
    push_from::<T>(sql, seen, Reading::InOrder);
    sql.push(" where ");
    gwm_query::push_filter(sql, table, filter).map_err(|error| Error::Fault(bad_list(&error)))?;
    push_orphans(sql, table);
    gwm_query::push_after(sql, table, sort, cursor);
    gwm_query::push_order(sql, table, sort, limit);
    Ok(())
}

/// Appends how many rows there are: of whole clusters by their counters, else up to what is exact.
fn push_count<T: Listable>(
    sql: &mut QueryBuilder<Postgres>,
    table: &Table,
    filter: &Expr,
    seen: &Seen,
) -> Result<()> {
    let everything =
        matches!(filter, Expr::All(parts) if parts.is_empty()) && table.name != ORPHANS.name;
    // Of node groups, networks and OSes there are few, and no counters.
    let counted = everything && ["node", "instance"].contains(&T::TABLE);
    let sum = format!("select coalesce(sum({}s_total), 0)::bigint from cluster", T::TABLE);
    // Of node groups there are no counters.
    let whole = T::TABLE != "node" || seen.placement.node_groups().is_empty();
    let counted = counted && whole;
    match &seen.scope {
        Scope::Fleet if counted => {
            sql.push(sum);
        }
        Scope::Limited { clusters, instances, sets }
            if counted && (T::TABLE == "node" || (instances.is_empty() && sets.is_empty())) =>
        {
            push_among(sql.push(sum).push(" where "), clusters);
        }
        Scope::Fleet | Scope::Limited { .. } => {
            sql.push("select count(*) from (select 1");
            push_from::<T>(sql, seen, Reading::Whole);
            sql.push(" where ");
            gwm_query::push_filter(sql, table, filter)
                .map_err(|error| Error::Fault(bad_list(&error)))?;
            push_orphans(sql, table);
            sql.push(" limit ").push_bind(EXACT + 1).push(") counted");
        }
    }
    Ok(())
}

#[cfg(test)]
mod plans;
#[cfg(test)]
mod sets;
