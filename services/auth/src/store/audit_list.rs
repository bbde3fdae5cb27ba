//! The list of audit records: filtered by what the person may see, in SQL.

use gwm_pg::{Error, outbox};
use gwm_query::{Cursor, Expr, Field, Key, Kind, Sort, Table};
use gwm_types::UserId;
use sqlx::{FromRow, Postgres, QueryBuilder};

use super::Store;

/// Suggestions come from this many records.
const LATEST: i64 = 2000;
/// Totals are exact up to here.
const COUNTED: i64 = 10_000;

const MOMENT: Kind = Kind::Time { order: "::timestamptz" };
const OUTCOMES: &[&str] = &["succeeded", "failed", "refused"];
const PHASES: &[&str] = &["begin", "end", "single"];

/// What records can be asked about.
pub(crate) static TABLE: Table = Table {
    name: "audit",
    fields: &[
        field(&["at", "when"], "at", MOMENT, Some("at")),
        field(&["actor", "user", "by"], "actor", Kind::Lower, None),
        field(&["actor_id", "user_id"], "actor_id", Kind::Lower, None),
        field(&["action"], "action", Kind::Lower, None),
        field(&["outcome"], "outcome", Kind::Known(OUTCOMES), None),
        field(&["phase"], "phase", Kind::Known(PHASES), None),
        field(&["service"], "service", Kind::Lower, None),
        field(&["cluster"], "cluster", Kind::Lower, None),
        field(&["kind"], "object_kind", Kind::Lower, None),
        field(&["object", "name"], "object_name", Kind::Lower, None),
        field(&["uuid", "object_id"], "object_id", Kind::Lower, None),
        field(&["persona"], "persona", Kind::Lower, None),
        field(&["persona_id"], "persona_id", Kind::Lower, None),
        field(&["job"], "job_id", Kind::Lower, None),
        field(&["address"], "address", Kind::Lower, None),
        field(&["request"], "request_id", Kind::Lower, None),
    ],
    words: "(coalesce(actor, '') || ' ' || action || ' ' || coalesce(cluster, '') || ' ' \
        || coalesce(object_name, ''))",
    default_sort: "at",
    keys: &[Key { sql: "number", cast: "bigint" }],
};

const fn field(
    names: &'static [&'static str],
    sql: &'static str,
    kind: Kind,
    order: Option<&'static str>,
) -> Field {
    Field { names, sql, kind, order }
}

/// Which records somebody may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readable {
    All,
    /// Those of which they are the actor.
    Own(UserId),
}

/// Whose list.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) readable: Readable,
    pub(crate) filter: &'a Expr,
    pub(crate) sort: &'a Sort,
    pub(crate) limit: i64,
    pub(crate) cursor: Option<&'a Cursor>,
}

/// A page of them.
#[derive(Debug)]
pub(crate) struct Page {
    /// As they are stored.
    pub(crate) records: Vec<String>,
    /// After the last of them, when there are more.
    pub(crate) next: Option<Cursor>,
    pub(crate) total: u64,
    pub(crate) total_exact: bool,
    /// Only on the first page.
    pub(crate) stream_sequence: Option<u64>,
}

/// A query that can't be run is the caller's fault; anything else is not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    #[error(transparent)]
    Query(#[from] gwm_query::Error),
    #[error(transparent)]
    Store(#[from] crate::error::Error),
    #[error(transparent)]
    Database(#[from] Error),
}

#[derive(Debug, FromRow)]
struct Row {
    place: String,
    number: i64,
    record: String,
}

/// Reads one page; all in one snapshot, so that a consumer that starts after the stream sequence
/// misses nothing.
pub(crate) async fn page(store: &Store, wanted: &Wanted<'_>) -> Result<Page, ListError> {
    let mut tx = store.begin_snapshot().await?;
    let mut sql = QueryBuilder::new("");
    push_page(&mut sql, wanted)?;
    let mut rows: Vec<Row> = sql.build_query_as().fetch_all(&mut *tx).await.map_err(Error::from)?;
    let (total, total_exact, stream_sequence) = match wanted.cursor {
        Some(cursor) => (cursor.total, cursor.total_exact, None),
        None => {
            let mut sql = QueryBuilder::new("");
            push_count(&mut sql, wanted)?;
            let counted: i64 =
                sql.build_query_scalar().fetch_one(&mut *tx).await.map_err(Error::from)?;
            let sequence = outbox::acknowledged_sequence(&mut tx, "audit").await?;
            let total = u64::try_from(counted.min(COUNTED)).unwrap_or_default();
            (total, counted <= COUNTED, Some(u64::try_from(sequence).unwrap_or_default()))
        }
    };
    tx.commit().await.map_err(Error::from)?;
    let size = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    let next = rows.last().filter(|_| more).map(|last| {
        Cursor::after(last.place.clone(), vec![last.number.to_string()], total, total_exact)
    });
    let records = rows.into_iter().map(|row| row.record).collect();
    Ok(Page { records, next, total, total_exact, stream_sequence })
}

fn push_page(
    sql: &mut QueryBuilder<Postgres>,
    wanted: &Wanted<'_>,
) -> Result<(), gwm_query::Error> {
    sql.push("select ").push(wanted.sort.place_sql());
    sql.push(" as place, number, record from audit_record where ");
    push_where(sql, wanted)?;
    gwm_query::push_after(sql, &TABLE, wanted.sort, wanted.cursor);
    gwm_query::push_order(sql, &TABLE, wanted.sort, wanted.limit);
    Ok(())
}

fn push_count(
    sql: &mut QueryBuilder<Postgres>,
    wanted: &Wanted<'_>,
) -> Result<(), gwm_query::Error> {
    sql.push("select count(*) from (select from audit_record where ");
    push_where(sql, wanted)?;
    sql.push(" limit ").push_bind(COUNTED + 1).push(") as counted");
    Ok(())
}

fn push_where(
    sql: &mut QueryBuilder<Postgres>,
    wanted: &Wanted<'_>,
) -> Result<(), gwm_query::Error> {
    push_readable(sql, wanted.readable);
    sql.push(" and ");
    gwm_query::push_filter(sql, &TABLE, wanted.filter)
}

fn push_readable(sql: &mut QueryBuilder<Postgres>, readable: Readable) {
    match readable {
        Readable::All => sql.push("true"),
        Readable::Own(person) => sql.push("actor_id = ").push_bind(person.to_string()),
    };
}

/// Values of a field that begin so, of the latest records that the person may see.
pub(crate) async fn values(
    store: &Store,
    field: &Field,
    prefix: &str,
    readable: Readable,
) -> Result<Vec<String>, ListError> {
    let mut sql = QueryBuilder::new("");
    let asked = gwm_query::push_values(&mut sql, field, prefix, |sql| {
        sql.push(" from (select * from audit_record where ");
        push_readable(sql, readable);
        sql.push(" order by at desc, number desc limit ").push_bind(LATEST).push(") as latest");
    });
    if !asked {
        return Ok(Vec::new());
    }
    let mut tx = store.begin().await?;
    let values = sql.build_query_scalar().fetch_all(&mut *tx).await.map_err(Error::from)?;
    tx.commit().await.map_err(Error::from)?;
    Ok(values)
}

/// What cursors are signed with.
pub(crate) async fn cursor_secret(store: &Store) -> crate::error::Result<Vec<u8>> {
    let mut tx = store.begin().await?;
    let secret = sqlx::query_scalar("select secret from audit_cursor_secret")
        .fetch_one(&mut *tx)
        .await
        .map_err(Error::from)?;
    tx.commit().await.map_err(Error::from)?;
    Ok(secret)
}

#[cfg(test)]
mod plans;
