//! The list of clusters: few rows, the same grammar and paging.

use gwm_authz::Scope;
use gwm_query::{Cursor, Field, Key, Kind, Sort, Table};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, QueryBuilder, Row};

use super::Store;
use super::list::{Page, Request, ids};
use crate::domain::ClusterRecord;
use crate::error::{Error, Result, bad_list};
use crate::seen::Seen;

const fn field(
    names: &'static [&'static str],
    sql: &'static str,
    kind: Kind,
    order: Option<&'static str>,
) -> Field {
    Field { names, sql, kind, order }
}

/// `s` is what the person sees of the cluster: its sums and tags only with all of it.
pub(crate) static CLUSTERS: Table = Table {
    name: "clusters",
    words: "(o.slug || ' ' || o.name)",
    default_sort: "slug",
    keys: &[Key { sql: "o.cluster_id", cast: "uuid" }],
    fields: &[
        field(&["slug", "cluster"], "o.slug", Kind::Lower, Some("o.slug")),
        field(&["name"], "o.name", Kind::Text, Some("o.name")),
        field(&["tag", "tags"], "s.tags", Kind::Texts, None),
        field(&["reachable"], "o.reachable", Kind::Flag, None),
        field(&["read_only"], "(o.write_password_sealed is null)", Kind::Flag, None),
        field(&["version"], "o.ganeti_version", Kind::Text, None),
        field(
            &["instances"],
            "s.instances",
            Kind::Number,
            Some("coalesce(s.instances, -1)::bigint"),
        ),
        field(&["nodes"], "s.nodes", Kind::Number, Some("coalesce(s.nodes, -1)::bigint")),
        field(&["missing"], "s.missing", Kind::Number, None),
        field(&["memory", "ram"], "s.memory", Kind::Size, Some("coalesce(s.memory, -1)::bigint")),
        field(
            &["memory_free", "free"],
            "s.memory_free",
            Kind::Size,
            Some("coalesce(s.memory_free, -1)::bigint"),
        ),
        field(&["disk"], "s.disk", Kind::Size, Some("coalesce(s.disk, -1)::bigint")),
        field(&["disk_free"], "s.disk_free", Kind::Size, Some("coalesce(s.disk_free, -1)::bigint")),
        field(
            &["certificate"],
            "s.certificate",
            Kind::Until,
            Some("coalesce(s.certificate, 'infinity'::timestamptz)"),
        ),
    ],
};

/// Appends ` from ..`: the clusters of which the person sees something, with what they see.
pub(super) fn push_clusters(sql: &mut QueryBuilder<sqlx::Postgres>, seen: &Seen) {
    sql.push(
        " from cluster o cross join lateral (select o.tags, o.instances_total as instances, \
         o.nodes_total as nodes, o.missing, o.memory_total_mib as memory, \
         o.memory_free_mib as memory_free, o.disk_total_mib as disk, o.disk_free_mib as disk_free, \
         o.certificate_not_after as certificate",
    );
    match &seen.scope {
        Scope::Limited { clusters, .. } => {
            sql.push(" where o.cluster_id = any(").push_bind(ids(clusters));
            sql.push(") union all select '{}', null, null, null, null, null, null, null, null");
            sql.push(" where o.cluster_id <> all(").push_bind(ids(clusters));
            sql.push(")) s where (").push_bind(seen.clusters.is_none());
            sql.push(" or o.cluster_id = any(")
                .push_bind(seen.clusters.clone().unwrap_or_default());
            sql.push("))");
        }
        Scope::Fleet => {
            sql.push(") s where true");
        }
    }
}

struct Placed {
    cluster: ClusterRecord,
    place: String,
}

impl<'r> FromRow<'r, PgRow> for Placed {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self { cluster: ClusterRecord::from_row(row)?, place: row.try_get("place")? })
    }
}

impl Store {
    /// A page of the clusters of which the person sees at least something.
    pub(crate) async fn list_clusters(&self, request: &Request<'_>) -> Result<Page<ClusterRecord>> {
        let bad = |error: gwm_query::Error| Error::Fault(bad_list(&error));
        let filter = gwm_query::parse(request.q).map_err(bad)?;
        let sort = Sort::parse(&CLUSTERS, request.sort).map_err(bad)?;
        let limit = gwm_query::limit(request.limit).map_err(bad)?;
        let cursor = request
            .key
            .open(&CLUSTERS, &sort, request.q, request.person, request.cursor)
            .map_err(bad)?;
        let mut tx = self.pool.begin().await?;
        sqlx::query("set transaction isolation level repeatable read, read only")
            .execute(&mut *tx)
            .await?;
        let mut sql = QueryBuilder::new(format!("select o.*, {} as place", sort.place_sql()));
        let push_where = |sql: &mut QueryBuilder<sqlx::Postgres>| {
            push_clusters(sql, request.seen);
            sql.push(" and ");
            gwm_query::push_filter(sql, &CLUSTERS, &filter).map_err(bad)
        };
        push_where(&mut sql)?;
        gwm_query::push_after(&mut sql, &CLUSTERS, &sort, cursor.as_ref());
        gwm_query::push_order(&mut sql, &CLUSTERS, &sort, limit);
        let mut rows: Vec<Placed> = sql.build_query_as().fetch_all(&mut *tx).await?;
        let (total, stream_sequence) = match &cursor {
            Some(cursor) => (cursor.total, None),
            None => {
                let mut sql = QueryBuilder::new("select count(*)");
                push_where(&mut sql)?;
                let total: i64 = sql.build().fetch_one(&mut *tx).await?.get(0);
                let sequence = gwm_pg::outbox::acknowledged_sequence(&mut tx, "inventory").await?;
                (u64::try_from(total).unwrap_or(0), Some(u64::try_from(sequence).unwrap_or(0)))
            }
        };
        tx.commit().await?;
        let size = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let next_cursor = match rows.last() {
            Some(last) if more => {
                let keys = vec![last.cluster.cluster_id.to_string()];
                let cursor = Cursor::after(last.place.clone(), keys, total, true);
                request.key.seal(&CLUSTERS, &sort, request.q, request.person, &cursor)
            }
            _ => String::new(),
        };
        let rows = rows.into_iter().map(|r| r.cluster).collect();
        Ok(Page { rows, next_cursor, total, total_exact: true, stream_sequence })
    }
}
