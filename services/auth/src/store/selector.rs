//! Selectors, the traits of instances that they ask about, and which instances are in which.

use std::collections::HashMap;

use gwm_proto::auth::{Members, MembersOfCluster, Selected};
use gwm_types::Object;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::grant::{Place, bounds};
use crate::domain::Key;
use crate::error::Result;

/// What is asked of instances, by ids; a node group's own right asks for that alone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) cluster: Option<Uuid>,
    pub(crate) node_group: Option<Uuid>,
    pub(crate) owner: Option<Uuid>,
    /// Sorted.
    pub(crate) tags: Vec<String>,
    pub(crate) slug: String,
    pub(crate) node_group_name: String,
}

impl Asked {
    /// Whether it asks for nothing but a node group.
    pub(crate) fn is_node_group(&self) -> bool {
        self.node_group.is_some() && self.owner.is_none() && self.tags.is_empty()
    }

    /// The least that everything is in which it may ever select.
    pub(crate) fn bounds(&self) -> Object {
        bounds(self.cluster, self.node_group)
    }
}

/// What cache-updater tells of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Traits {
    pub(crate) instance: Uuid,
    pub(crate) node_group: Option<Uuid>,
    /// Sorted.
    pub(crate) tags: Vec<String>,
}

/// The selector that asks for this, made if there is none. Its row is locked until the transaction ends, so
/// that it isn't purged before the grant is there.
pub(crate) async fn ensure(connection: &mut PgConnection, asked: &Asked) -> Result<Uuid> {
    Ok(sqlx::query_scalar(
        "insert into selector (selector_id, cluster_id, node_group, owner_id, tags, slug, node_group_name)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict on constraint selector_is_key do update
             set slug = coalesce(nullif(excluded.slug, ''), selector.slug),
                 node_group_name = coalesce(nullif(excluded.node_group_name, ''), selector.node_group_name)
         returning selector_id",
    )
    .bind(Uuid::now_v7())
    .bind(asked.cluster)
    .bind(asked.node_group)
    .bind(asked.owner)
    .bind(&asked.tags)
    .bind(&asked.slug)
    .bind(&asked.node_group_name)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Keeps what is told of instances; yields those of which it is news.
pub(crate) async fn put_traits(
    connection: &mut PgConnection,
    cluster: Uuid,
    told: &[Traits],
) -> Result<Vec<Key>> {
    // Said twice in one message, the last counts.
    let last: HashMap<Uuid, &Traits> = told.iter().map(|t| (t.instance, t)).collect();
    let told: Vec<&Traits> = last.into_values().collect();
    Ok(sqlx::query_as(
        "insert into instance_trait (cluster_id, instance_uuid, node_group, tags)
         select $1, i, g, array(select jsonb_array_elements_text(t::jsonb))
         from unnest($2::uuid[], $3::uuid[], $4::text[]) as told (i, g, t) order by i
         on conflict (cluster_id, instance_uuid) do update
             set node_group = excluded.node_group, tags = excluded.tags
             where (instance_trait.node_group, instance_trait.tags)
                 is distinct from (excluded.node_group, excluded.tags)
         returning cluster_id, instance_uuid",
    )
    .bind(cluster)
    .bind(told.iter().map(|t| t.instance).collect::<Vec<_>>())
    .bind(told.iter().map(|t| t.node_group).collect::<Vec<_>>())
    // An array of arrays has to be of one width.
    .bind(told.iter().map(|t| serde_json::json!(t.tags).to_string()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Forgets them of instances that are gone; none given: of a whole cluster.
pub(crate) async fn drop_traits(
    connection: &mut PgConnection,
    cluster: Uuid,
    instances: Option<&[Uuid]>,
) -> Result<Vec<Key>> {
    Ok(sqlx::query_as(
        "delete from instance_trait
         where cluster_id = $1 and ($2::uuid[] is null or instance_uuid = any($2))
         returning cluster_id, instance_uuid",
    )
    .bind(cluster)
    .bind(instances)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

#[derive(FromRow)]
struct Pair {
    selector_id: Uuid,
    cluster_id: Uuid,
    instance_uuid: Uuid,
}

/// Which instances (`which`: a condition on `t`) are in which selectors (`of`: one on `s`). Each selector is found by
/// what is rarest of what it asks for, so that no selector is held against each instance.
fn pairs(which: &str, of: &str) -> String {
    let all = "(s.cluster_id is null or s.cluster_id = t.cluster_id)
         and (s.node_group is null or s.node_group = t.node_group) and s.tags <@ t.tags";
    format!(
        "with t as (
             select t.*, o.owner_id from instance_trait t
             left join instance_owner o using (cluster_id, instance_uuid) where {which})
         select s.selector_id, t.cluster_id, t.instance_uuid
         from t join selector s on s.owner_id = t.owner_id where {all} and {of}
         union all
         select s.selector_id, t.cluster_id, t.instance_uuid
         from t cross join lateral unnest(t.tags) tag
             join selector s on s.tags[1] = tag and s.owner_id is null where {all} and {of}
         union all
         select s.selector_id, t.cluster_id, t.instance_uuid
         from t join selector s on s.cluster_id = t.cluster_id and s.node_group = t.node_group
             and s.owner_id is null and s.tags = '{{}}' where {of}"
    )
}

async fn of_instances(connection: &mut PgConnection, keys: &[Key]) -> Result<Vec<Pair>> {
    let (clusters, instances): (Vec<Uuid>, Vec<Uuid>) = keys.iter().copied().unzip();
    let which = "(t.cluster_id, t.instance_uuid) in (select * from unnest($1::uuid[], $2::uuid[]))";
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(pairs(which, "true")))
        .bind(clusters)
        .bind(instances)
        .fetch_all(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// Where rights stand that count on an instance by a selector.
pub(crate) async fn around(connection: &mut PgConnection, key: Key) -> Result<Vec<Place>> {
    let pairs = of_instances(&mut *connection, &[key]).await?;
    let ids: Vec<Uuid> = pairs.into_iter().map(|pair| pair.selector_id).collect();
    places(connection, "selector_id = any($1::uuid[])", &ids).await
}

/// Where they stand that count in a cluster, and in none but that; or in one of its node groups alone.
pub(crate) async fn within(
    connection: &mut PgConnection,
    cluster: Uuid,
    node_group: Option<Uuid>,
) -> Result<Vec<Place>> {
    let ids: Vec<Uuid> = [cluster].into_iter().chain(node_group).collect();
    let which = "cluster_id = ($1::uuid[])[1] and (($1::uuid[])[2] is null or node_group = ($1::uuid[])[2])";
    places(connection, which, &ids).await
}

async fn places(connection: &mut PgConnection, which: &str, ids: &[Uuid]) -> Result<Vec<Place>> {
    let sql = format!("select selector_id, cluster_id from selector where {which}");
    let rows: Vec<(Uuid, Option<Uuid>)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(ids)
        .fetch_all(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    let place = |(selector, cluster)| Place { cluster, instance: None, selector: Some(selector) };
    Ok(rows.into_iter().map(place).collect())
}

/// Which selectors each of these instances is in now.
pub(crate) async fn selected(connection: &mut PgConnection, keys: &[Key]) -> Result<Vec<Selected>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut of: HashMap<Key, Vec<String>> = HashMap::new();
    for pair in of_instances(connection, keys).await? {
        let ids = of.entry((pair.cluster_id, pair.instance_uuid)).or_default();
        ids.push(pair.selector_id.to_string());
    }
    let told = |key: &Key| Selected {
        cluster_id: key.0.to_string(),
        uuid: key.1.to_string(),
        selector_ids: of.remove(key).unwrap_or_default(),
    };
    Ok(keys.iter().map(told).collect())
}

/// Which instances are in each of these selectors now, or in each that there is.
pub(crate) async fn members(
    connection: &mut PgConnection,
    selectors: Option<&[Uuid]>,
) -> Result<Vec<Members>> {
    let named: Vec<Uuid> = match selectors {
        Some([]) => return Ok(Vec::new()),
        Some(some) => some.to_vec(),
        None => sqlx::query_scalar("select selector_id from selector")
            .fetch_all(&mut *connection)
            .await
            .map_err(gwm_pg::Error::from)?,
    };
    let rows: Vec<Pair> =
        sqlx::query_as(sqlx::AssertSqlSafe(pairs("true", "s.selector_id = any($1)")))
            .bind(&named)
            .fetch_all(connection)
            .await
            .map_err(gwm_pg::Error::from)?;
    let mut all: HashMap<Uuid, HashMap<Uuid, Vec<u8>>> =
        named.into_iter().map(|id| (id, HashMap::new())).collect();
    for row in rows {
        let of = all.entry(row.selector_id).or_default().entry(row.cluster_id).or_default();
        of.extend_from_slice(row.instance_uuid.as_bytes());
    }
    let cluster = |(cluster, instances): (Uuid, Vec<u8>)| MembersOfCluster {
        cluster_id: cluster.to_string(),
        instances,
    };
    Ok(all
        .into_iter()
        .map(|(id, clusters)| Members {
            selector_id: id.to_string(),
            clusters: clusters.into_iter().map(cluster).collect(),
        })
        .collect())
}

/// Removes those by which nothing is given any more.
pub(crate) async fn purge(connection: &mut PgConnection) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar(
        "with idle as (
             select selector_id from selector s
             where not exists (select from permission_grant g where g.selector_id = s.selector_id)
               and not exists (select from grant_tombstone g where g.selector_id = s.selector_id)
             for update skip locked)
         delete from selector using idle where selector.selector_id = idle.selector_id
         returning selector.selector_id",
    )
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}
