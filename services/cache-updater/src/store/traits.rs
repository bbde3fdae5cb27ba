//! What auth is to hear of instances because rights may depend on it: their node group and access tags. The queue holds
//! only which instance; what is told is what is so when it is told.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Item, Store};
use crate::error::Result;

/// Puts instances into the queue, or those on nodes.
pub(super) async fn tell<T: Item>(
    connection: &mut PgConnection,
    cluster: Uuid,
    uuids: &[Uuid],
) -> Result<()> {
    if uuids.is_empty() {
        return Ok(());
    }
    let whose = match T::TABLE {
        "instance" => "select u from unnest($2::uuid[]) as u",
        "node" => {
            "select i.uuid from node n join instance i
                 on i.cluster_id = n.cluster_id and i.primary_node = n.name
             where n.cluster_id = $1 and n.uuid = any($2)"
        }
        _ => return Ok(()),
    };
    let sql = format!(
        "insert into presence_news (what, cluster_id, uuid) select 'traits', $1, u from ({whose}) l (u)"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(cluster).bind(uuids).execute(connection).await?;
    Ok(())
}

impl Store {
    /// Puts all instances into the queue: auth may have been restored to what it was before.
    pub(crate) async fn tell_all_traits(&self) -> Result<u64> {
        let told = sqlx::query(
            "insert into presence_news (what, cluster_id, uuid) select 'traits', cluster_id, uuid from instance",
        )
        .execute(&self.pool)
        .await?;
        Ok(told.rows_affected())
    }
}
