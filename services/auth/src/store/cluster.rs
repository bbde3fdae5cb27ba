//! What clusters are called.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// Names these, over what they were called before.
pub(crate) async fn put(connection: &mut PgConnection, named: &[(Uuid, String)]) -> Result<()> {
    let (ids, slugs): (Vec<Uuid>, Vec<&str>) =
        named.iter().map(|(id, slug)| (*id, slug.as_str())).unzip();
    sqlx::query(
        "insert into cluster_name as n (cluster_id, slug)
         select distinct on (i) i, s from unnest($1::uuid[], $2::text[]) as l (i, s)
         on conflict (cluster_id) do update set slug = excluded.slug where n.slug <> excluded.slug",
    )
    .bind(ids)
    .bind(slugs)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// What these are called, as far as it is known.
pub(crate) async fn slugs(
    connection: &mut PgConnection,
    clusters: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, String>> {
    let mut ids: Vec<Uuid> = clusters.collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let named: Vec<(Uuid, String)> =
        sqlx::query_as("select cluster_id, slug from cluster_name where cluster_id = any($1)")
            .bind(ids)
            .fetch_all(connection)
            .await
            .map_err(gwm_pg::Error::from)?;
    Ok(named.into_iter().collect())
}

/// What this one is called; empty where nobody has said it yet.
pub(crate) async fn slug(connection: &mut PgConnection, cluster: Uuid) -> Result<String> {
    Ok(slugs(connection, [cluster].into_iter()).await?.remove(&cluster).unwrap_or_default())
}

/// Forgets one.
pub(crate) async fn forget(connection: &mut PgConnection, cluster: Uuid) -> Result<()> {
    sqlx::query("delete from cluster_name where cluster_id = $1")
        .bind(cluster)
        .execute(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(())
}
