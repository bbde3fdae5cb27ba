//! The list of audit records: filtered by what the person may see, in SQL.

use std::sync::Arc;

use gwm_authz::InstanceSet;
use gwm_events::types::audit::Record;
use gwm_pg::sets::push_keys;
use gwm_pg::{Error, outbox};
use gwm_query::{Cursor, Expr, Field, Key, Kind, Sort, Table};
use gwm_types::{ClusterId, InstanceUuid, UserId};
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::Store;

/// Suggestions come from this many records.
const LATEST: i64 = 2000;
/// Totals are exact up to here.
const COUNTED: i64 = 10_000;
/// For a hash table of what somebody may read about: without one, Postgres would look through all of it for each record.
const ROOM: &str = "set local work_mem = '64MB'";

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Readable {
    All,
    Some(Part),
}

/// Part of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Those of which this is the actor.
    pub(crate) own: UserId,
    /// Those about these clusters and all in them.
    pub(crate) clusters: Vec<ClusterId>,
    /// Those about these instances.
    pub(crate) instances: Vec<(ClusterId, InstanceUuid)>,
    /// Those about these groups.
    pub(crate) groups: Vec<Uuid>,
    /// Those about the instances in these.
    pub(crate) sets: Vec<Arc<InstanceSet>>,
    /// Where instances run may be told of these clusters; none: of all.
    pub(crate) placed: Option<Vec<ClusterId>>,
}

/// Whose list.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) readable: &'a Readable,
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
    keep_sets(store, wanted.readable).await?;
    let mut tx = store.begin_snapshot().await?;
    make_room(&mut tx, wanted.readable).await?;
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
    let records = rows.into_iter().map(|row| wanted.readable.told(row.record)).collect();
    Ok(Page { records, next, total, total_exact, stream_sequence })
}

fn push_page(
    sql: &mut QueryBuilder<Postgres>,
    wanted: &Wanted<'_>,
) -> Result<(), gwm_query::Error> {
    sql.push("select ").push(wanted.sort.place_sql());
    sql.push(" as place, number, record from ");
    push_seen(sql, wanted.readable);
    sql.push(" where ");
    push_where(sql, wanted)?;
    gwm_query::push_after(sql, &TABLE, wanted.sort, wanted.cursor);
    gwm_query::push_order(sql, &TABLE, wanted.sort, wanted.limit);
    Ok(())
}

fn push_count(
    sql: &mut QueryBuilder<Postgres>,
    wanted: &Wanted<'_>,
) -> Result<(), gwm_query::Error> {
    sql.push("select count(*) from (select from ");
    push_seen(sql, wanted.readable);
    sql.push(" where ");
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

/// The log as somebody sees it: of what others did, from where is null before anything is compared with it, so that
/// no filter tells.
fn push_seen(sql: &mut QueryBuilder<Postgres>, readable: &Readable) {
    match readable {
        Readable::All => sql.push("audit_record"),
        Readable::Some(part) if part.only_own() => sql.push("audit_record"),
        Readable::Some(part) => sql
            .push(
                "(select number, at, record, actor, actor_id, action, outcome, phase, service, cluster, \
                 cluster_id, object_kind, object_name, object_id, persona, persona_id, job_id, request_id, \
                 case when actor_id = ",
            )
            .push_bind(part.own.to_string())
            .push(" then address end as address from audit_record) audit_record"),
    };
}

fn push_readable(sql: &mut QueryBuilder<Postgres>, readable: &Readable) {
    let Readable::Some(part) = readable else {
        sql.push("true");
        return;
    };
    sql.push("(actor_id = ").push_bind(part.own.to_string());
    if !part.clusters.is_empty() {
        let clusters: Vec<String> = part.clusters.iter().map(ClusterId::to_string).collect();
        sql.push(" or cluster_id = any(").push_bind(clusters).push(")");
    }
    if !part.instances.is_empty() {
        let (clusters, instances): (Vec<_>, Vec<_>) =
            part.instances.iter().map(|(c, i)| (c.to_string(), i.to_string())).unzip();
        sql.push(
            " or (object_kind = 'instance' and (cluster_id, object_id) in (select * from unnest(",
        );
        sql.push_bind(clusters).push("::text[], ").push_bind(instances).push("::text[])))");
    }
    if !part.groups.is_empty() {
        let groups: Vec<String> = part.groups.iter().map(Uuid::to_string).collect();
        sql.push(" or (object_kind = 'group' and object_id = any(").push_bind(groups).push("))");
    }
    if !part.sets.is_empty() {
        sql.push(" or (object_kind = 'instance' and (cluster_id, object_id) in (select first::text, second::text from (");
        push_keys(sql, part.sets.iter().map(|set| set.id()));
        sql.push(") keys))");
    }
    sql.push(")");
}

/// Makes sure that what is named as sets can be joined.
async fn keep_sets(store: &Store, readable: &Readable) -> Result<(), Error> {
    let Readable::Some(part) = readable else { return Ok(()) };
    for set in &part.sets {
        store.sets.keep(set.id(), set.columns()).await?;
    }
    Ok(())
}

async fn make_room(tx: &mut PgConnection, readable: &Readable) -> Result<(), Error> {
    if matches!(readable, Readable::Some(part) if !part.sets.is_empty()) {
        sqlx::query(ROOM).execute(tx).await?;
    }
    Ok(())
}

impl Part {
    fn only_own(&self) -> bool {
        self.clusters.is_empty()
            && self.instances.is_empty()
            && self.groups.is_empty()
            && self.sets.is_empty()
    }
}

impl Readable {
    /// The record as its reader is told of it. Of what others did it is left out from where they came and by which
    /// sign-in, and where it may not be seen where instances run, all details: their texts may name nodes. Such a
    /// record has no hash any more, since nobody could check it.
    fn told(&self, record: String) -> String {
        let Self::Some(part) = self else { return record };
        let Ok(mut full) = serde_json::from_str::<Record>(&record) else {
            // What can't be read can't be masked.
            return "{}".to_owned();
        };
        let own = part.own.to_string();
        if full.person.as_ref().is_some_and(|p| p.user_id.as_ref() == Some(&own)) {
            return record;
        }
        if let Some(person) = &mut full.person {
            (person.client_address, person.session_id, person.token_id) = (None, None, None);
        }
        // A group's are about people.
        let of_group = full.object.as_ref().is_some_and(|object| object.kind == "group");
        let placed = part
            .placed
            .as_ref()
            .is_none_or(|placed| placed.iter().any(|id| Some(id.to_string()) == full.cluster_id));
        if !placed && !of_group {
            full.details.clear();
        }
        (full.hash, full.previous_hash) = (None, None);
        serde_json::to_string(&full).unwrap_or_else(|_| "{}".to_owned())
    }
}

/// Values of a field that begin so, of the latest records that the person may see.
pub(crate) async fn values(
    store: &Store,
    field: &Field,
    prefix: &str,
    readable: &Readable,
) -> Result<Vec<String>, ListError> {
    let mut sql = QueryBuilder::new("");
    let asked = gwm_query::push_values(&mut sql, field, prefix, |sql| {
        sql.push(" from (select * from ");
        push_seen(sql, readable);
        sql.push(" where ");
        push_readable(sql, readable);
        sql.push(" order by at desc, number desc limit ").push_bind(LATEST).push(") as latest");
    });
    if !asked {
        return Ok(Vec::new());
    }
    keep_sets(store, readable).await?;
    let mut tx = store.begin().await?;
    make_room(&mut tx, readable).await?;
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
