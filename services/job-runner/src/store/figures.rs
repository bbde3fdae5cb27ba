//! What the overview shows of jobs. Of whole clusters it is kept by the database with each change of a job
//! (`0006_figures.sql`); of what else somebody may see it is counted by indexes that hold little.

use gwm_authz::Scope;
use gwm_pg::Result;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::list::{Listed, push_scope, read};
use super::{Store, snapshot};
use crate::seen::Asker;

/// The figures of what a person may see.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Queued or running.
    pub(crate) open: u64,
    pub(crate) failed_in_day: u64,
    /// Running, and asked for by the person.
    pub(crate) own_running: u64,
    /// The latest that failed in the last day.
    pub(crate) failed: Vec<Listed>,
}

/// Those of the person's own jobs that are running.
pub(crate) async fn own_running(connection: &mut PgConnection, asker: Asker) -> Result<u64> {
    let mut sql = QueryBuilder::new("select count(*) from job where ");
    asker.push(&mut sql);
    sql.push(" and ended_at is null and phase <> 'queued'");
    let running: i64 = sql.build_query_scalar().fetch_one(connection).await?;
    Ok(u64::try_from(running).unwrap_or_default())
}

/// All of them, in one snapshot.
pub(crate) async fn figures(
    store: &Store,
    scope: &Scope,
    asker: Asker,
    failed: i64,
) -> Result<Figures> {
    store.keep_sets(scope).await?;
    let mut tx = snapshot(store).await?;
    let whole = match scope {
        Scope::Fleet => None,
        Scope::Limited { clusters, .. } => Some(clusters.iter().map(|id| id.0).collect::<Vec<_>>()),
    };
    let (open, failed_in_day) = kept(&mut tx, whole.as_deref()).await?;
    let (more_open, more_failed) = match &whole {
        Some(whole) => counted(&mut tx, scope, asker, whole).await?,
        None => (0, 0),
    };
    let own_running = own_running(&mut tx, asker).await?;
    let failed = latest_failed(&mut tx, scope, asker, failed).await?;
    tx.commit().await?;
    let sum = |a: i64, b: i64| u64::try_from(a + b).unwrap_or_default();
    Ok(Figures {
        open: sum(open, more_open),
        failed_in_day: sum(failed_in_day, more_failed),
        own_running,
        failed,
    })
}

/// Open and failed ones of whole clusters, all of them if none are named.
async fn kept(tx: &mut PgConnection, clusters: Option<&[Uuid]>) -> Result<(i64, i64)> {
    // The day began within an hour of which only the jobs can say what belongs to it.
    Ok(sqlx::query_as(
        "with day as (select now() - interval '1 day' as began,
                 date_trunc('hour', now() - interval '1 day', 'UTC') + interval '1 hour' as full_from)
         select
             (select coalesce(sum(queued + running), 0)::bigint from job_figure
                 where $1::uuid[] is null or cluster_id = any($1)),
             (select coalesce(sum(failed), 0)::bigint from job_failed_hour, day
                 where hour >= full_from and ($1::uuid[] is null or cluster_id = any($1)))
             + (select count(*) from job, day where phase = 'failed' and ended_at > began
                 and ended_at < full_from and ($1::uuid[] is null or cluster_id = any($1)))
             + (select count(*) from foreign_job, day where phase = 'failed' and ended_at > began
                 and ended_at < full_from and ($1::uuid[] is null or cluster_id = any($1)))",
    )
    .bind(clusters)
    .fetch_one(tx)
    .await?)
}

/// The same of what the person may see beside these whole clusters.
async fn counted(
    tx: &mut PgConnection,
    scope: &Scope,
    asker: Asker,
    whole: &[Uuid],
) -> Result<(i64, i64)> {
    let mut sql = QueryBuilder::new("select ");
    for (comma, which) in [("", "ended_at is null"), (", ", FAILED_IN_DAY)] {
        sql.push(comma).push("(select count(*) from listed_job where ").push(which).push(" and ");
        push_beside(&mut sql, scope, asker, whole);
        sql.push(")");
    }
    Ok(sql.build_query_as().fetch_one(tx).await?)
}

fn push_beside(sql: &mut QueryBuilder<Postgres>, scope: &Scope, asker: Asker, whole: &[Uuid]) {
    sql.push("not (cluster_id = any(").push_bind(whole.to_vec()).push(")) and ");
    push_scope(sql, scope, asker);
}

const FAILED_IN_DAY: &str = "phase = 'failed' and ended_at > now() - interval '1 day'";

async fn latest_failed(
    tx: &mut PgConnection,
    scope: &Scope,
    asker: Asker,
    limit: i64,
) -> Result<Vec<Listed>> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let mut sql = QueryBuilder::new("select job_id from listed_job where ");
    sql.push(FAILED_IN_DAY).push(" and ");
    push_scope(&mut sql, scope, asker);
    sql.push(" order by ended_at desc, job_id limit ").push_bind(limit);
    let ids: Vec<Uuid> = sql.build_query_scalar().fetch_all(&mut *tx).await?;
    read(tx, &ids).await
}
