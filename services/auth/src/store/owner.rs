//! Owners of instances, and the order of their changes.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::persona;
use crate::domain::{Before, Key, Known, Line};
use crate::error::Result;

/// An owner with the name that people know them by.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct OwnerRow {
    pub(crate) cluster_id: Uuid,
    pub(crate) instance_uuid: Uuid,
    pub(crate) instance_name: String,
    pub(crate) owner_kind: Option<String>,
    pub(crate) owner_id: Option<Uuid>,
    /// Null where there is none.
    pub(crate) owner_name: Option<String>,
    pub(crate) since: DateTime<Utc>,
    pub(crate) set_by: Option<String>,
    pub(crate) revision: i64,
}

impl OwnerRow {
    /// `user/NAME`.
    pub(crate) fn owner(&self) -> Option<String> {
        Some(format!("{}/{}", self.owner_kind.as_deref()?, self.owner_name.as_deref()?))
    }
}

/// How a follower stands to the numbers.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Numbers {
    pub(crate) value: i64,
    pub(crate) horizon: i64,
    pub(crate) lineage: Uuid,
}

/// One that is to be set.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    pub(crate) key: Key,
    pub(crate) name: String,
    /// A user or a group; none: nobody.
    pub(crate) owner: Option<Uuid>,
}

const ROW: &str = "cluster_id, instance_uuid, instance_name, owner_kind, owner_id, \
     coalesce(persona.name, owner_id::text) as owner_name, since, set_by, o.revision";

fn split(keys: &[Key]) -> (Vec<Uuid>, Vec<Uuid>) {
    keys.iter().copied().unzip()
}

/// Gives this transaction its number, which it holds until the commit: whoever changes owners comes
/// here first.
pub(crate) async fn next(connection: &mut PgConnection) -> Result<i64> {
    Ok(sqlx::query_scalar("update owner_revision set value = value + 1 returning value")
        .fetch_one(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// The numbers as they are now.
pub(crate) async fn numbers(connection: &mut PgConnection) -> Result<Numbers> {
    Ok(sqlx::query_as("select value, horizon, lineage from owner_revision")
        .fetch_one(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// All owners, or what changed after a number, in order.
pub(crate) async fn since(
    connection: &mut PgConnection,
    known: Option<i64>,
) -> Result<Vec<OwnerRow>> {
    let wanted = match known {
        None => "owner_kind is not null and $1::bigint is null",
        Some(_) => "o.revision > $1",
    };
    let sql = format!(
        "select {ROW} from instance_owner o left join persona on persona_id = owner_id
         where {wanted} order by o.revision"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(known)
        .fetch_all(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// Those of these instances, of the ones that are gone too.
pub(crate) async fn list(connection: &mut PgConnection, keys: &[Key]) -> Result<Vec<OwnerRow>> {
    let (clusters, instances) = split(keys);
    let sql = format!(
        "select {ROW} from instance_owner o left join persona on persona_id = owner_id
         where owner_kind is not null and (cluster_id, instance_uuid) in
             (select * from unnest($1::uuid[], $2::uuid[]))"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(clusters)
        .bind(instances)
        .fetch_all(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// All that deciding about these lines takes.
pub(crate) async fn before(connection: &mut PgConnection, lines: &[Line]) -> Result<Before> {
    let keys: Vec<Key> = lines.iter().map(Line::key).collect();
    let (clusters, instances) = split(&keys);
    let personas = persona::by_names(&mut *connection, &crate::domain::names(lines)).await?;
    let grants: Vec<(Uuid, Uuid, Uuid, String)> = sqlx::query_as(
        "select cluster_id, instance_uuid, persona_id, role from permission_grant
         where (cluster_id, instance_uuid) in (select * from unnest($1::uuid[], $2::uuid[]))",
    )
    .bind(clusters)
    .bind(instances)
    .fetch_all(&mut *connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    let mut held: HashMap<Key, HashSet<(Uuid, String)>> = HashMap::new();
    for (cluster, instance, persona, role) in grants {
        held.entry((cluster, instance)).or_default().insert((persona, role));
    }
    let roles = super::role::named(&mut *connection, &crate::domain::roles(lines)).await?;
    let owners = list(connection, &keys).await?;
    Ok(Before {
        roles,
        personas: personas
            .into_iter()
            .map(|p| {
                (format!("{}/{}", p.kind, p.name), Known { id: p.persona_id, disabled: p.disabled })
            })
            .collect(),
        owners: owners
            .into_iter()
            .filter_map(|o| Some(((o.cluster_id, o.instance_uuid), (o.owner_id?, o.owner()?))))
            .collect(),
        grants: held,
    })
}

/// Sets them, under the number that the transaction was given; one that is set is not buried.
pub(crate) async fn set(
    connection: &mut PgConnection,
    sets: &[Set],
    by: Option<&str>,
    revision: i64,
) -> Result<Vec<OwnerRow>> {
    let keys: Vec<Key> = sets.iter().map(|s| s.key).collect();
    let (clusters, instances) = split(&keys);
    let names: Vec<&str> = sets.iter().map(|s| s.name.as_str()).collect();
    let owners: Vec<Option<Uuid>> = sets.iter().map(|s| s.owner).collect();
    let sql = format!(
        "with o as (
             insert into instance_owner (cluster_id, instance_uuid, instance_name, owner_kind,
                 owner_id, set_by, revision)
             select c, i, n, (select kind from persona where persona_id = u), u, $5, $6
             from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) as l (c, i, n, u)
             on conflict (cluster_id, instance_uuid) do update set
                 instance_name = coalesce(nullif(excluded.instance_name, ''),
                                          instance_owner.instance_name),
                 owner_kind = excluded.owner_kind, owner_id = excluded.owner_id, since = now(),
                 set_by = excluded.set_by, revision = excluded.revision, buried_at = null
             returning *)
         select {ROW} from o left join persona on persona_id = owner_id"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(clusters)
        .bind(instances)
        .bind(names)
        .bind(owners)
        .bind(by)
        .bind(revision)
        .fetch_all(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// Marks those of one instance, or of a whole cluster, as gone or as there again. The owner stays
/// what it is, so nobody need hear of it.
pub(crate) async fn bury(
    connection: &mut PgConnection,
    cluster: Uuid,
    instances: Option<&[Uuid]>,
    gone: bool,
) -> Result<()> {
    sqlx::query(
        "update instance_owner set buried_at = case when $3 then now() end
         where cluster_id = $1 and ($2::uuid[] is null or instance_uuid = any($2))
           and (buried_at is null) = $3",
    )
    .bind(cluster)
    .bind(instances)
    .bind(gone)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Which: of a whole cluster, of some of its instances, or all that are gone for too long.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gone<'a> {
    Of(Uuid, Option<&'a [Uuid]>),
    Long,
}

/// Those of instances that are gone: they are nobody's from now on.
pub(crate) async fn gone(connection: &mut PgConnection, which: Gone<'_>) -> Result<Vec<Key>> {
    let (cluster, instances) = match which {
        Gone::Of(cluster, instances) => (Some(cluster), instances),
        Gone::Long => (None, None),
    };
    Ok(sqlx::query_as(
        "select cluster_id, instance_uuid from instance_owner
         where buried_at is not null and owner_kind is not null
           and case when $1::uuid is null then buried_at < now() - interval '30 days'
               else cluster_id = $1 and ($2::uuid[] is null or instance_uuid = any($2)) end
         order by cluster_id, instance_uuid",
    )
    .bind(cluster)
    .bind(instances)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Removes rows that say "nobody" for 30 days; who has not heard by then reads everything.
pub(crate) async fn purge_nobodies(connection: &mut PgConnection) -> Result<u64> {
    let gone = sqlx::query(
        "with gone as (
             delete from instance_owner
             where owner_kind is null and since < now() - interval '30 days' returning revision)
         update owner_revision
         set horizon = greatest(horizon, (select max(revision) from gone))
         where exists (select from gone)",
    )
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(gone.rows_affected())
}

/// What a persona owns: what is there, and what is gone but may come back.
pub(crate) async fn of_persona(
    connection: &mut PgConnection,
    persona: Uuid,
) -> Result<(i64, Vec<Key>)> {
    let rows: Vec<(Uuid, Uuid, bool)> = sqlx::query_as(
        "select cluster_id, instance_uuid, buried_at is not null from instance_owner
         where owner_id = $1 order by cluster_id, instance_uuid",
    )
    .bind(persona)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    let there = rows.iter().filter(|(.., gone)| !gone).count();
    let gone = rows.iter().filter(|(.., gone)| *gone).map(|(c, i, _)| (*c, *i)).collect();
    Ok((i64::try_from(there).unwrap_or(i64::MAX), gone))
}
