//! The list of jobs: filtered by what the person may see, in SQL.

use gwm_authz::Scope;
use gwm_pg::sets::push_is_member;
use gwm_pg::{Error, outbox};
use gwm_query::{Cursor, Expr, Field, Key, Kind, Sort, Table};
use gwm_types::{ClusterId, InstanceUuid};
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::row::JobRow;
use super::{Store, foreign, snapshot};
use crate::domain::{ForeignJob, Job};
use crate::seen::{Asker, Seen};

/// Suggestions come from this many jobs.
const LATEST: i64 = 2000;

/// Totals are exact up to here.
const COUNTED: i64 = 10_000;

const STATE: &str = "(case when phase in ('queued', 'succeeded', 'failed', 'canceled') then phase \
     else 'running' end)";

const STATES: &[&str] = &["queued", "running", "succeeded", "failed", "canceled"];
const ORIGINS: &[&str] = &["gwm", "ganeti"];

const MOMENT: Kind = Kind::Time { order: "::timestamptz" };

/// What jobs can be asked about.
pub(crate) static TABLE: Table = Table {
    // Part of what a cursor is signed with: those that were made by number are not taken for moments.
    name: "jobs by moment",
    fields: &[
        field(&["state"], STATE, Kind::Known(STATES), None),
        field(&["kind"], "kind", Kind::Lower, None),
        field(&["cluster"], "cluster_slug", Kind::Lower, None),
        field(&["instance", "name", "object"], "object_name", Kind::Lower, None),
        field(&["user", "requested_by"], "requested_by", Kind::Text, None),
        field(&["error"], "coalesce(error_code, '')", Kind::Text, None),
        field(&["origin"], "origin", Kind::Known(ORIGINS), None),
        field(&["created"], "created_at", MOMENT, Some("created_at")),
        field(&["started"], "started_at", MOMENT, None),
        field(&["ended"], "ended_at", MOMENT, None),
        field(&["ganeti_job"], "ganeti_job", Kind::Number, None),
    ],
    words: "(object_name || ' ' || cluster_slug || ' ' || kind || ' ' || coalesce(error_message, ''))",
    default_sort: "created",
    keys: &[Key { sql: "job_id", cast: "uuid" }],
};

const fn field(
    names: &'static [&'static str],
    sql: &'static str,
    kind: Kind,
    order: Option<&'static str>,
) -> Field {
    Field { names, sql, kind, order }
}

/// Whose list, and of what.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) seen: &'a Seen,
    /// Only those of one object: a cluster, or one instance in it.
    pub(crate) object: Option<(ClusterId, Option<InstanceUuid>)>,
    pub(crate) filter: &'a Expr,
    pub(crate) sort: &'a Sort,
    pub(crate) limit: i64,
    pub(crate) cursor: Option<&'a Cursor>,
    /// Whether the total is wanted.
    pub(crate) counted: bool,
}

/// A job of gwm's, or one that somebody else gave Ganeti.
#[derive(Debug)]
pub(crate) enum Listed {
    Own(Box<Job>),
    Foreign(Box<ForeignJob>),
}

/// A page of them.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) jobs: Vec<Listed>,
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
    Database(#[from] Error),
}

#[derive(Debug, FromRow)]
struct Placed {
    place: String,
    job_id: Uuid,
}

/// Reads one page; all in one snapshot, so that a consumer that starts after the stream sequence
/// misses nothing.
pub(crate) async fn page(store: &Store, wanted: &Wanted<'_>) -> Result<Page, ListError> {
    store.keep_sets(&wanted.seen.scope).await?;
    let mut tx = snapshot(store).await?;
    let mut sql = QueryBuilder::new("");
    push_page(&mut sql, wanted)?;
    let mut rows: Vec<Placed> =
        sql.build_query_as().fetch_all(&mut *tx).await.map_err(Error::from)?;
    let (total, total_exact) = match wanted.cursor {
        Some(cursor) => (cursor.total, cursor.total_exact),
        None if wanted.counted => count(&mut tx, wanted).await?,
        None => (0, false),
    };
    let stream_sequence = match wanted.cursor {
        Some(_) => None,
        None => {
            let sequence = outbox::acknowledged_sequence(&mut tx, "jobs").await?;
            Some(u64::try_from(sequence).unwrap_or_default())
        }
    };
    let size = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    let ids: Vec<Uuid> = rows.iter().map(|row| row.job_id).collect();
    let jobs = read(&mut tx, &ids).await?;
    tx.commit().await.map_err(Error::from)?;
    let next = rows.last().filter(|_| more).map(|last| {
        Cursor::after(last.place.clone(), vec![last.job_id.to_string()], total, total_exact)
    });
    Ok(Page { jobs, next, total, total_exact, stream_sequence })
}

/// Appends the query of a page: ids in order.
pub(super) fn push_page(
    sql: &mut QueryBuilder<Postgres>,
    wanted: &Wanted<'_>,
) -> Result<(), gwm_query::Error> {
    sql.push("select ").push(wanted.sort.place_sql()).push(" as place, job_id from ");
    push_seen(sql, wanted.seen);
    sql.push(" where ");
    push_where(sql, wanted)?;
    gwm_query::push_after(sql, &TABLE, wanted.sort, wanted.cursor);
    gwm_query::push_order(sql, &TABLE, wanted.sort, wanted.limit);
    Ok(())
}

/// The jobs themselves, in this order.
pub(super) async fn read(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Listed>, Error> {
    let own: Vec<JobRow> = sqlx::query_as("select * from job where job_id = any($1)")
        .bind(ids)
        .fetch_all(&mut *tx)
        .await?;
    let mut found = std::collections::HashMap::with_capacity(ids.len());
    for row in own {
        let job = row.job()?;
        found.insert(job.job_id.0, Listed::Own(Box::new(job)));
    }
    for job in foreign::list(tx, ids).await? {
        found.insert(job.job_id.0, Listed::Foreign(Box::new(job)));
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

async fn count(tx: &mut PgConnection, wanted: &Wanted<'_>) -> Result<(u64, bool), ListError> {
    let mut sql = QueryBuilder::new("select count(*) from (select from ");
    push_seen(&mut sql, wanted.seen);
    sql.push(" where ");
    push_where(&mut sql, wanted)?;
    sql.push(" limit ").push_bind(COUNTED + 1).push(") as counted");
    let counted: i64 = sql.build_query_scalar().fetch_one(tx).await.map_err(Error::from)?;
    Ok((u64::try_from(counted.min(COUNTED)).unwrap_or_default(), counted <= COUNTED))
}

/// Appends what the person may see: jobs on what they may see, and their own.
pub(super) fn push_scope(sql: &mut QueryBuilder<Postgres>, scope: &Scope, asker: Asker) {
    match scope {
        Scope::Fleet => {
            sql.push("true");
        }
        Scope::Limited { clusters, instances, sets } => {
            let clusters: Vec<_> = clusters.iter().map(|id| id.0).collect();
            let (of, uuids): (Vec<_>, Vec<_>) = instances.iter().map(|(c, i)| (c.0, i.0)).unzip();
            sql.push("(");
            asker.push(sql);
            sql.push(" or cluster_id = any(").push_bind(clusters);
            sql.push(") or (cluster_id, instance_uuid) in (select * from unnest(").push_bind(of);
            sql.push(", ").push_bind(uuids).push("))");
            if !sets.is_empty() {
                let sets: Vec<_> = sets.iter().map(|set| set.sized()).collect();
                sql.push(" or ");
                push_is_member(sql, ("cluster_id", "instance_uuid"), &sets);
            }
            sql.push(")");
        }
    }
}

/// Appends the jobs as somebody sees them: what may name a node is null where that may not be seen, before anything
/// is compared with it, so that no filter tells. Whoever sees all reads the table as it is.
fn push_seen(sql: &mut QueryBuilder<Postgres>, seen: &Seen) {
    let Some(placed) = seen.placed() else {
        sql.push("listed_job");
        return;
    };
    // As `grpc::mask` does it: of others' jobs the object is left out that is no instance's own, of our own Ganeti's words.
    sql.push(
        "(select job_id, number, cluster_id, cluster_slug, kind, instance_uuid, case when cluster_id = any(",
    );
    sql.push_bind(placed.clone());
    sql.push(
        ") or origin = 'gwm' or instance_uuid is not null then object_name else '' end as object_name, \
         phase, ganeti_job, error_code, case when cluster_id = any(",
    );
    sql.push_bind(placed);
    sql.push(
        ") or origin = 'ganeti' then error_message end as error_message, requested_by, \
         requested_by_id, token_id, created_at, started_at, ended_at, origin from listed_job) listed_job",
    );
}

fn push_where(
    sql: &mut QueryBuilder<Postgres>,
    wanted: &Wanted<'_>,
) -> Result<(), gwm_query::Error> {
    push_scope(sql, &wanted.seen.scope, wanted.seen.asker);
    if let Some((cluster, instance)) = wanted.object {
        sql.push(" and cluster_id = ").push_bind(cluster.0);
        if let Some(uuid) = instance {
            sql.push(" and instance_uuid = ").push_bind(uuid.0);
        }
    }
    sql.push(" and ");
    gwm_query::push_filter(sql, &TABLE, wanted.filter)
}

/// Values of a field that begin so, of the latest jobs that the person may see.
pub(crate) async fn values(
    store: &Store,
    field: &Field,
    prefix: &str,
    seen: &Seen,
) -> Result<Vec<String>, Error> {
    let mut sql = QueryBuilder::new("");
    let asked = gwm_query::push_values(&mut sql, field, prefix, |sql| {
        sql.push(" from (select * from ");
        push_seen(sql, seen);
        sql.push(" where ");
        push_scope(sql, &seen.scope, seen.asker);
        sql.push(" order by created_at desc limit ").push_bind(LATEST).push(") as latest");
    });
    if !asked {
        return Ok(Vec::new());
    }
    store.keep_sets(&seen.scope).await?;
    let mut tx = store.begin().await?;
    let values = sql.build_query_scalar().fetch_all(&mut *tx).await?;
    tx.commit().await?;
    Ok(values)
}
