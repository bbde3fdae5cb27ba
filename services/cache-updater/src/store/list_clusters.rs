//! The list of clusters: few rows, the same grammar and paging.

use gwm_query::{Cursor, Field, Key, Kind, Sort, Table};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, QueryBuilder, Row};
use uuid::Uuid;

use super::Store;
use super::list::{Page, Request};
use crate::domain::ClusterRecord;
use crate::error::{Error, Result, bad_list};

pub(crate) static CLUSTERS: Table = Table {
    name: "clusters",
    words: "(o.slug || ' ' || o.name)",
    default_sort: "slug",
    keys: &[Key { sql: "o.cluster_id", cast: "uuid" }],
    fields: &[
        Field {
            names: &["slug", "cluster"],
            sql: "o.slug",
            kind: Kind::Text,
            order: Some("o.slug"),
        },
        Field { names: &["name"], sql: "o.name", kind: Kind::Text, order: Some("o.name") },
        Field { names: &["tag", "tags"], sql: "o.tags", kind: Kind::Texts, order: None },
        Field { names: &["reachable"], sql: "o.reachable", kind: Kind::Flag, order: None },
        Field { names: &["version"], sql: "o.ganeti_version", kind: Kind::Text, order: None },
        Field {
            names: &["instances"],
            sql: "o.instances_total",
            kind: Kind::Number,
            order: Some("o.instances_total::bigint"),
        },
        Field {
            names: &["nodes"],
            sql: "o.nodes_total",
            kind: Kind::Number,
            order: Some("o.nodes_total::bigint"),
        },
    ],
};

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
        let visible: Option<Vec<Uuid>> =
            request.scope.visible_clusters().map(|ids| ids.into_iter().map(|c| c.0).collect());
        let mut tx = self.pool.begin().await?;
        sqlx::query("set transaction isolation level repeatable read, read only")
            .execute(&mut *tx)
            .await?;
        let mut sql = QueryBuilder::new(format!("select o.*, {} as place", sort.place_sql()));
        let push_where = |sql: &mut QueryBuilder<sqlx::Postgres>| {
            sql.push(" from cluster o where ");
            if let Some(visible) = &visible {
                sql.push("o.cluster_id = any(").push_bind(visible.clone()).push(") and ");
            }
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
