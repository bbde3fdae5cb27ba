//! Which tags of ours are not what they should be.

use sqlx::FromRow;
use uuid::Uuid;

use super::Store;
use crate::error::Result;

/// An instance, the tags of ours on it, and the one that should be there.
#[derive(Debug, FromRow)]
pub(crate) struct Tagged {
    pub(crate) cluster_id: Uuid,
    pub(crate) slug: String,
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) ours: Vec<String>,
    pub(crate) wanted: Option<String>,
}

/// How far a cluster is.
#[derive(Debug, FromRow)]
pub(crate) struct TagCounts {
    pub(crate) owned: i64,
    pub(crate) tagged: i64,
    pub(crate) to_do: i64,
    /// Auth has told all owners at least once.
    pub(crate) owners_known: bool,
}

/// What is not asked for, or the one thing that is.
#[derive(Debug, Default)]
pub(crate) struct Which {
    pub(crate) skip: Vec<(Uuid, Uuid)>,
    pub(crate) skip_clusters: Vec<Uuid>,
    pub(crate) only: Option<(Uuid, Uuid)>,
}

/// Of the instance `i` in the cluster `c` with the owner `o`; $1 is the prefix.
const COMPARED: &str = r#"cross join lateral (
         select array(select tag from unnest(i.tags) tag where starts_with(tag, $1)
                 order by tag collate "C") as ours,
             case when c.owner_tags = 'write' and o.tag <> '' then $1 || o.tag end as wanted
     ) t"#;
const DIFFERS: &str =
    "t.ours <> case when t.wanted is null then '{}'::text[] else array[t.wanted] end";

impl Store {
    /// What this installation is called, as the database made it up.
    pub(crate) async fn installation(&self) -> Result<String> {
        Ok(sqlx::query_scalar("select name from installation").fetch_one(&self.pool).await?)
    }

    /// At each cluster where something may be done now, the first instance where something is to be.
    /// As long as auth has not told all owners, nothing is: a gap here would cost tags that are right.
    pub(crate) async fn list_wrong_tags(&self, prefix: &str, which: &Which) -> Result<Vec<Tagged>> {
        let sql = format!(
            "select c.cluster_id, c.slug, due.* from cluster c cross join lateral (
                 select i.uuid, i.name, t.ours, t.wanted from instance i
                 left join owner_copy o on o.cluster_id = i.cluster_id and o.uuid = i.uuid
                 {COMPARED}
                 where i.cluster_id = c.cluster_id and not i.absent and not i.missing and {DIFFERS}
                     and ($6::uuid is null or i.uuid = $6)
                     and not exists (select from unnest($2::uuid[], $3::uuid[]) as s (cluster, uuid)
                         where s.cluster = i.cluster_id and s.uuid = i.uuid)
                     -- Auth has not heard yet that it is back, so that its owner may be missing here.
                     and not exists (select from presence_news n
                         where n.cluster_id = i.cluster_id and n.uuid = i.uuid and n.what <> 'traits')
                 order by i.uuid limit 1
             ) due
             where c.owner_tags <> 'off' and c.reachable and not c.paused and not c.held_read_only
                 and c.write_password_sealed is not null and c.cluster_id <> all($4)
                 and ($5::uuid is null or c.cluster_id = $5)
                 and (select lineage <> '' from owner_followed)
             order by c.slug"
        );
        let (clusters, uuids): (Vec<Uuid>, Vec<Uuid>) = which.skip.iter().copied().unzip();
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(prefix)
            .bind(clusters)
            .bind(uuids)
            .bind(&which.skip_clusters)
            .bind(which.only.map(|(cluster, _)| cluster))
            .bind(which.only.map(|(_, uuid)| uuid))
            .fetch_all(&self.pool)
            .await?)
    }

    /// Counts over one cluster.
    pub(crate) async fn count_tags(&self, prefix: &str, cluster: Uuid) -> Result<TagCounts> {
        let sql = format!(
            "select count(*) filter (where o.uuid is not null) as owned,
                 count(*) filter (where cardinality(t.ours) > 0) as tagged,
                 count(*) filter (where c.owner_tags <> 'off' and {DIFFERS}) as to_do,
                 (select lineage <> '' from owner_followed) as owners_known
             from cluster c join instance i on i.cluster_id = c.cluster_id
             left join owner_copy o on o.cluster_id = i.cluster_id and o.uuid = i.uuid
             {COMPARED}
             where c.cluster_id = $2"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(prefix)
            .bind(cluster)
            .fetch_one(&self.pool)
            .await?)
    }
}
