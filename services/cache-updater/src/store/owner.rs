//! The copy of auth's owners, and what auth is to hear of what is gone or back.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::Utc;
use gwm_events::Event;
use gwm_events::types::inventory::INSTANCE_CHANGED;
use gwm_pg::lease::Held;
use gwm_types::ACCESS_TAG;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::Store;
use super::item::{Item, SERVICE};
use crate::domain::{ClusterRecord, InstanceRecord, owner_tag};
use crate::error::Result;

/// An owner as auth tells it; `None`: nobody any more.
#[derive(Debug, Clone)]
pub(crate) struct Copy {
    pub(crate) uuid: Uuid,
    pub(crate) owner: Option<String>,
    /// The owner's id; empty: not told.
    pub(crate) owner_id: String,
}

/// What auth has not taken yet.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct News {
    pub(crate) position: i64,
    pub(crate) what: String,
    pub(crate) cluster_id: Uuid,
    pub(crate) uuid: Option<Uuid>,
    /// Of traits: whether the instance is still there, its node group, and the tags that rights may depend on.
    pub(crate) there: bool,
    pub(crate) node_group: Option<Uuid>,
    pub(crate) tags: Vec<String>,
}

/// Keeps the copy as it is until the transaction ends: an instance that is new here takes its owner
/// from the copy, and must not miss the change that is being applied. Taken before rows of
/// `instance` are locked, so that nobody waits in a circle.
pub(crate) async fn hold(connection: &mut PgConnection, cluster: Uuid) -> Result<()> {
    sqlx::query("select pg_advisory_xact_lock_shared(hashtextextended('owners/' || $1::text, 0))")
        .bind(cluster)
        .execute(connection)
        .await?;
    Ok(())
}

/// Who owns these, as far as the copy knows.
pub(crate) async fn of(
    connection: &mut PgConnection,
    cluster: Uuid,
    uuids: &[Uuid],
) -> Result<HashMap<Uuid, String>> {
    if uuids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "select uuid, owner from owner_copy where cluster_id = $1 and uuid = any($2)",
    )
    .bind(cluster)
    .bind(uuids)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Lets auth know, once this transaction is committed; without instances: of the cluster itself.
pub(crate) async fn tell(
    connection: &mut PgConnection,
    what: &str,
    cluster: Uuid,
    uuids: Option<&[Uuid]>,
) -> Result<()> {
    let uuids: Vec<Option<Uuid>> =
        uuids.map_or_else(|| vec![None], |all| all.iter().copied().map(Some).collect());
    sqlx::query(
        "insert into presence_news (what, cluster_id, uuid)
         select $1, $2, u from unnest($3::uuid[]) with ordinality as l (u, n) order by n",
    )
    .bind(what)
    .bind(cluster)
    .bind(uuids)
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// How far the copy goes: auth's number and its lineage.
    pub(crate) async fn owners_followed(&self) -> Result<(i64, String)> {
        Ok(sqlx::query_as("select revision, lineage from owner_followed")
            .fetch_one(&self.pool)
            .await?)
    }

    /// The copy goes as far as this now.
    pub(crate) async fn mark_owners_followed(
        &self,
        held: &Held,
        revision: i64,
        lineage: &str,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        gwm_pg::lease::assert_held(&mut tx, held).await?;
        sqlx::query("update owner_followed set revision = $1, lineage = $2")
            .bind(revision)
            .bind(lineage)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Those of the copy that are not among these.
    pub(crate) async fn owners_besides(
        &self,
        known: &HashSet<(Uuid, Uuid)>,
    ) -> Result<Vec<(Uuid, Uuid)>> {
        let mut all: Vec<(Uuid, Uuid)> =
            sqlx::query_as("select cluster_id, uuid from owner_copy").fetch_all(&self.pool).await?;
        all.retain(|key| !known.contains(key));
        Ok(all)
    }

    /// Applies what auth told of one cluster's instances, with an event for each that changes; yields
    /// how many did. What the copy has already is not written again.
    pub(crate) async fn apply_owners(
        &self,
        held: &Held,
        cluster: Uuid,
        copies: &[Copy],
    ) -> Result<usize> {
        let mut tx = self.begin().await?;
        gwm_pg::lease::assert_held(&mut tx, held).await?;
        // Before the owners, as polls do: its counter is written at the end.
        ClusterRecord::lock(&mut tx, cluster).await?;
        sqlx::query("select pg_advisory_xact_lock(hashtextextended('owners/' || $1::text, 0))")
            .bind(cluster)
            .execute(&mut *tx)
            .await?;
        let uuids: Vec<Uuid> = copies.iter().map(|copy| copy.uuid).collect();
        let owners: Vec<Option<&str>> = copies.iter().map(|copy| copy.owner.as_deref()).collect();
        let tag = |copy: &Copy| {
            owner_tag::says(copy.owner.as_deref().unwrap_or_default(), &copy.owner_id)
        };
        let tags: Vec<String> = copies.iter().map(tag).collect();
        sqlx::query(
            "with told as (select * from unnest($2::uuid[], $3::text[], $4::text[])
                     as l (uuid, owner, tag)),
                 gone as (
                     delete from owner_copy using told
                     where cluster_id = $1 and owner_copy.uuid = told.uuid and told.owner is null)
             insert into owner_copy (cluster_id, uuid, owner, tag)
             select $1, uuid, owner, tag from told where owner is not null
             on conflict (cluster_id, uuid) do update set owner = excluded.owner, tag = excluded.tag
                 where (owner_copy.owner, owner_copy.tag) <> (excluded.owner, excluded.tag)",
        )
        .bind(cluster)
        .bind(&uuids)
        .bind(&owners)
        .bind(&tags)
        .execute(&mut *tx)
        .await?;
        let changed = self.show(&mut tx, cluster, &uuids, &owners).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Brings the instances' rows after the copy.
    async fn show(
        &self,
        connection: &mut PgConnection,
        cluster: Uuid,
        uuids: &[Uuid],
        owners: &[Option<&str>],
    ) -> Result<usize> {
        let columns: Vec<String> =
            InstanceRecord::COLUMNS.iter().map(|c| format!("i.{c}")).collect();
        let sql = format!(
            "select {} from instance i
             join unnest($2::uuid[], $3::text[]) as told (uuid, owner) on told.uuid = i.uuid
             where i.cluster_id = $1 and i.owner is distinct from told.owner
             order by i.uuid for update of i",
            columns.join(", ")
        );
        let mut rows: Vec<InstanceRecord> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(cluster)
            .bind(uuids)
            .bind(owners)
            .fetch_all(&mut *connection)
            .await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let slug: String = sqlx::query_scalar("select slug from cluster where cluster_id = $1")
            .bind(cluster)
            .fetch_one(&mut *connection)
            .await?;
        let told: HashMap<Uuid, Option<&str>> =
            uuids.iter().copied().zip(owners.iter().copied()).collect();
        let mut events = Vec::new();
        let mut more_owned = 0_i32;
        for row in &mut rows {
            let owner = told.get(&row.uuid).copied().flatten().map(str::to_owned);
            let before = std::mem::replace(&mut row.owner, owner);
            more_owned += i32::from(row.owner.is_some()) - i32::from(before.is_some());
            row.revision += 1;
            let changed = BTreeMap::from([("owner".to_owned(), before.into())]);
            let event = Event::new(INSTANCE_CHANGED, SERVICE, Utc::now(), row.object(&slug))
                .changed(changed);
            events.push(event.outbox_row()?);
        }
        sqlx::query(
            "update instance i set owner = told.owner, revision = told.revision
             from unnest($2::uuid[], $3::text[], $4::bigint[]) as told (uuid, owner, revision)
             where i.cluster_id = $1 and i.uuid = told.uuid",
        )
        .bind(cluster)
        .bind(rows.iter().map(|r| r.uuid).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.owner.clone()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.revision).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
        gwm_pg::outbox::append_all(&mut *connection, &events).await?;
        if more_owned != 0 {
            sqlx::query(
                "update cluster set instances_owned = instances_owned + $2 where cluster_id = $1",
            )
            .bind(cluster)
            .bind(more_owned)
            .execute(connection)
            .await?;
        }
        Ok(rows.len())
    }

    /// What all clusters are called.
    pub(crate) async fn cluster_names(&self) -> Result<Vec<(Uuid, String)>> {
        Ok(sqlx::query_as("select cluster_id, slug from cluster order by cluster_id")
            .fetch_all(&self.pool)
            .await?)
    }

    /// The oldest news that auth has not taken.
    pub(crate) async fn list_news(&self, limit: i64) -> Result<Vec<News>> {
        Ok(sqlx::query_as(
            "select n.position, n.what, n.cluster_id, n.uuid, i.uuid is not null as there,
                 d.node_group_uuid as node_group,
                 array(select t from unnest(i.tags) t where starts_with(t, $2)) as tags
             from (select * from presence_news order by position limit $1) n
             left join instance i
                 on n.what = 'traits' and i.cluster_id = n.cluster_id and i.uuid = n.uuid
             left join node d on d.cluster_id = i.cluster_id and d.name = i.primary_node
             order by n.position",
        )
        .bind(limit)
        .bind(ACCESS_TAG)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Auth took these.
    pub(crate) async fn delete_news(&self, positions: &[i64]) -> Result<()> {
        sqlx::query("delete from presence_news where position = any($1)")
            .bind(positions)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
