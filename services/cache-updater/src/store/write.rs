//! Changes of nodes and instances: rows locked, compared, written, and their events, all in the
//! caller's transaction.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use gwm_pg::outbox::OutboxRow;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::columns::{Columns, Types, types, upsert};
use super::item::{Context, Item, What};
use super::{owner, traits};
use crate::error::{Error, Result};

/// How far Ganeti's clock may be behind ours for "made since the last look".
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(60);

/// Rows that are made ready, and sent, at once.
const BATCH: usize = 1000;
/// After so many rows made ready, the connection gets its turn.
const TURN: usize = 8;

/// Writes what was read; yields how many of them there was something to tell of.
pub(crate) async fn put<T: Item>(
    connection: &mut PgConnection,
    context: &Context,
    items: Vec<T>,
) -> Result<usize> {
    let uuids = items.iter().map(Item::uuid).collect();
    put_each(connection, context, uuids, items.into_iter().map(Ok)).await
}

/// The same of what is yet to be parsed: the next rows are made ready while Postgres writes those before.
pub(crate) async fn put_each<T: Item>(
    connection: &mut PgConnection,
    context: &Context,
    uuids: Vec<Uuid>,
    items: impl Iterator<Item = Result<T>>,
) -> Result<usize> {
    if uuids.is_empty() {
        return Ok(0);
    }
    let before: HashMap<Uuid, T> =
        lock::<T>(connection, context, &uuids).await?.into_iter().map(|i| (i.uuid(), i)).collect();
    let fresh: Vec<Uuid> = uuids.into_iter().filter(|u| !before.contains_key(u)).collect();
    let revisions = raise::<T>(connection, context, &fresh).await?;
    let owners = if T::OWNED {
        owner::of(&mut *connection, context.cluster_id, &fresh).await?
    } else {
        HashMap::new()
    };
    let types = types::<T>(connection).await?;
    let retold = Vec::new();
    let mut source = Source { context, before, revisions, owners, types, items, retold };
    let mut told = 0;
    let mut batch = source.next().await?;
    while let Some((columns, events)) = batch {
        told += events.len();
        let writing = async {
            columns.write(&mut *connection, context.cluster_id).await?;
            gwm_pg::outbox::append_all(&mut *connection, &events).await?;
            Ok::<_, Error>(())
        };
        let (written, next) = tokio::join!(writing, source.next());
        written?;
        batch = next?;
    }
    traits::tell::<T>(connection, context.cluster_id, &source.retold).await?;
    Ok(told)
}

/// Where rows and their events come from.
struct Source<'a, T, I> {
    context: &'a Context,
    before: HashMap<Uuid, T>,
    revisions: HashMap<Uuid, i64>,
    owners: HashMap<Uuid, String>,
    types: Types,
    items: I,
    /// Those of which auth is to hear what rights may depend on.
    retold: Vec<Uuid>,
}

impl<T: Item, I: Iterator<Item = Result<T>>> Source<'_, T, I> {
    async fn next(&mut self) -> Result<Option<(Columns<T>, Vec<OutboxRow>)>> {
        let mut columns = Columns::new(Types::clone(&self.types), BATCH);
        let mut events = Vec::new();
        let mut count = 0;
        while count < BATCH
            && let Some(item) = self.items.next()
        {
            let mut item = item?;
            events.extend(self.follow(&mut item)?);
            if item.retold(self.before.get(&item.uuid())) {
                self.retold.push(item.uuid());
            }
            columns.push(&item);
            count += 1;
            if count % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok((count > 0).then_some((columns, events)))
    }

    /// Gives the row its revision; the event, if there is anything to tell.
    fn follow(&self, item: &mut T) -> Result<Option<OutboxRow>> {
        let context = self.context;
        if let Some(old) = self.before.get(&item.uuid()) {
            let changed = item.follow(old, &context.slug);
            if changed.is_empty() {
                return Ok(None);
            }
            return item.tell(context, What::Changed, changed).map(Some);
        }
        *item.revision() = self.revisions.get(&item.uuid()).copied().unwrap_or(0) + 1;
        item.own(self.owners.get(&item.uuid()).cloned());
        let what = if born(context, item.made_at()) { What::Created } else { What::Discovered };
        item.tell(context, what, BTreeMap::new()).map(Some)
    }
}

/// Whether something new was made since the last look, or only not seen before.
fn born(context: &Context, made_at: Option<DateTime<Utc>>) -> bool {
    if context.first {
        return false;
    }
    context.made_here
        || matches!((made_at, context.not_before), (Some(made), Some(last)) if made + CLOCK_SKEW >= last)
}

/// Marks what is not in a complete answer; `missing` when too much is absent to believe it.
pub(crate) async fn mark_absent<T: Item>(
    connection: &mut PgConnection,
    context: &Context,
    uuids: &[Uuid],
    missing: bool,
) -> Result<usize> {
    let mut rows = lock::<T>(connection, context, uuids).await?;
    rows.retain(|r| !r.is_absent() || (missing && !r.is_missing()));
    let mut events = Vec::new();
    for row in &mut rows {
        let told = missing && !row.is_missing();
        let last_seen = if row.is_absent() { None } else { context.not_before };
        row.mark(last_seen, true, missing || row.is_missing());
        if told {
            *row.revision() += 1;
            let changed = BTreeMap::from([("missing".to_owned(), json!(false))]);
            events.push(row.tell(context, What::Missing, changed)?);
        }
    }
    upsert(connection, context.cluster_id, &rows).await?;
    gwm_pg::outbox::append_all(connection, &events).await?;
    Ok(rows.len())
}

/// Removes what is proven to be gone; a tombstone keeps its revision.
pub(crate) async fn remove<T: Item>(
    connection: &mut PgConnection,
    context: &Context,
    uuids: &[Uuid],
    what: What,
) -> Result<Vec<T>> {
    let mut rows = lock::<T>(connection, context, uuids).await?;
    if rows.is_empty() {
        return Ok(rows);
    }
    let mut events = Vec::new();
    for row in &mut rows {
        *row.revision() += 1;
        events.push(row.tell(context, what, BTreeMap::new())?);
    }
    let gone: Vec<Uuid> = rows.iter().map(Item::uuid).collect();
    let names: Vec<String> = rows.iter().map(|r| r.name().to_owned()).collect();
    let revisions: Vec<i64> = rows.iter_mut().map(|r| *r.revision()).collect();
    sqlx::query(
        "insert into tombstone (cluster_id, kind, uuid, name, revision)
         select $1, $2, * from unnest($3::uuid[], $4::text[], $5::bigint[])
         on conflict (cluster_id, kind, uuid) do update
             set name = excluded.name, revision = excluded.revision, removed_at = now()",
    )
    .bind(context.cluster_id)
    .bind(T::TABLE)
    .bind(&gone)
    .bind(names)
    .bind(revisions)
    .execute(&mut *connection)
    .await?;
    let sql = format!("delete from {} where cluster_id = $1 and uuid = any($2)", T::TABLE);
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(context.cluster_id)
        .bind(&gone)
        .execute(&mut *connection)
        .await?;
    if T::OWNED && what == What::Removed {
        owner::tell(&mut *connection, "gone", context.cluster_id, Some(&gone)).await?;
    }
    gwm_pg::outbox::append_all(connection, &events).await?;
    Ok(rows)
}

/// Counts anew what the cluster's row says about its objects.
pub(crate) async fn recount(connection: &mut PgConnection, cluster_id: Uuid) -> Result<()> {
    sqlx::query(
        "update cluster set nodes_total = n.total, nodes_online = n.online,
             memory_total_mib = n.memory, memory_free_mib = n.memory_free,
             disk_total_mib = n.disk, disk_free_mib = n.disk_free,
             instances_total = i.total, instances_running = i.running, instances_error = i.error,
             instances_owned = i.owned, missing = n.missing + i.missing
                 + (select count(*) from node_group where cluster_id = $1 and missing)
                 + (select count(*) from network where cluster_id = $1 and missing),
             nodes_silent = n.silent, memory_allocated_mib = i.memory, disk_allocated_mib = i.disk
         from (select count(*) as total, count(*) filter (where not offline) as online,
                   count(*) filter (where missing) as missing,
                   count(*) filter (where not offline and memory_total_mib is null) as silent,
                   coalesce(sum(memory_total_mib), 0)::bigint as memory,
                   coalesce(sum(memory_free_mib), 0)::bigint as memory_free,
                   coalesce(sum(disk_total_mib), 0)::bigint as disk,
                   coalesce(sum(disk_free_mib), 0)::bigint as disk_free
               from node where cluster_id = $1) n,
              (select count(*) as total, count(*) filter (where status = 'running') as running,
                   count(*) filter (where status like 'ERROR%') as error,
                   count(*) filter (where missing) as missing, count(owner) as owned,
                   coalesce(sum(memory_mib), 0)::bigint as memory,
                   coalesce(sum(disk_mib * (1 + cardinality(secondary_nodes))), 0)::bigint as disk
               from instance where cluster_id = $1) i
         where cluster_id = $1",
    )
    .bind(cluster_id)
    .execute(connection)
    .await?;
    Ok(())
}

async fn lock<T: Item>(
    connection: &mut PgConnection,
    context: &Context,
    uuids: &[Uuid],
) -> Result<Vec<T>> {
    if uuids.is_empty() {
        return Ok(Vec::new());
    }
    if T::OWNED {
        owner::hold(&mut *connection, context.cluster_id).await?;
    }
    // In one order everywhere, so that two writers can't wait for each other.
    let sql = format!(
        "select {} from {} where cluster_id = $1 and uuid = any($2) order by uuid for update",
        T::COLUMNS.join(", "),
        T::TABLE
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(context.cluster_id)
        .bind(uuids)
        .fetch_all(connection)
        .await?)
}

/// Takes back tombstones; yields the revisions to go on from.
async fn raise<T: Item>(
    connection: &mut PgConnection,
    context: &Context,
    uuids: &[Uuid],
) -> Result<HashMap<Uuid, i64>> {
    if uuids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "delete from tombstone where cluster_id = $1 and kind = $2 and uuid = any($3)
         returning uuid, revision",
    )
    .bind(context.cluster_id)
    .bind(T::TABLE)
    .bind(uuids)
    .fetch_all(&mut *connection)
    .await?;
    if T::OWNED && !rows.is_empty() {
        let back: Vec<Uuid> = rows.iter().map(|(uuid, _)| *uuid).collect();
        owner::tell(connection, "back", context.cluster_id, Some(&back)).await?;
    }
    Ok(rows.into_iter().collect())
}
