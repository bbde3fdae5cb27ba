//! What vanished, and names that many lines speak of.

use chrono::{DateTime, Utc};
use gwm_query::{Cursor, Field, Key, Kind, Sort, Table};
use sqlx::{FromRow, QueryBuilder, Row};
use uuid::Uuid;

use super::list::EXACT;
use super::{Page, Request, Store};
use crate::error::{Error, Result, bad_list};

/// Something that vanished.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Vanished {
    pub(crate) kind: String,
    pub(crate) cluster_id: Uuid,
    pub(crate) cluster: String,
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) at: DateTime<Utc>,
    pub(crate) owner: Option<String>,
    pub(crate) successor: Option<Uuid>,
    /// Notes are kept of it that its successor has not.
    pub(crate) notes: bool,
    place: String,
}

/// What a name means.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Resolved {
    pub(crate) cluster_id: Option<Uuid>,
    pub(crate) uuid: Option<Uuid>,
    pub(crate) name: Option<String>,
    pub(crate) owner: Option<String>,
}

const fn field(
    names: &'static [&'static str],
    sql: &'static str,
    kind: Kind,
    order: Option<&'static str>,
) -> Field {
    Field { names, sql, kind, order }
}

pub(crate) static MISSING: Table = Table {
    name: "missing",
    words: "o.name",
    default_sort: "name",
    keys: &[
        Key { sql: "o.kind", cast: "text" },
        Key { sql: "o.cluster_id", cast: "uuid" },
        Key { sql: "o.uuid", cast: "uuid" },
    ],
    fields: &[
        field(&["name"], "o.name", Kind::Text, Some("o.name")),
        field(&["uuid"], "o.uuid::text", Kind::Text, None),
        field(&["cluster"], "o.cluster", Kind::Text, Some("o.cluster")),
        field(&["kind"], "o.kind", Kind::Text, None),
        field(&["state"], "o.state", Kind::Text, Some("o.state")),
        field(&["owner"], "o.owner", Kind::Persona, Some("coalesce(o.owner, '') collate \"C\"")),
        field(&["successor"], "o.successor::text", Kind::Text, None),
        field(
            &["at"],
            "extract(epoch from o.at)::bigint",
            Kind::Number,
            Some("(extract(epoch from o.at) * 1000)::bigint"),
        ),
    ],
};

/// Of a cluster that was removed one row stands for all that it held.
const FROM: &str = " from (
    select 'instance'::text collate \"C\" as kind, i.cluster_id, c.slug as cluster, i.uuid, i.name,
        'missing'::text collate \"C\" as state, i.seen_at as at, i.owner, null::uuid as successor,
        false as notes
    from instance i join cluster c using (cluster_id) where i.missing
    union all
    select 'node', n.cluster_id, c.slug, n.uuid, n.name, 'missing', n.seen_at, null, null, false
    from node n join cluster c using (cluster_id) where n.missing
    union all
    select t.kind, t.cluster_id, c.slug, t.uuid, t.name, 'removed', t.removed_at, oc.owner, s.uuid,
        exists (select from instance_notes k where t.kind = 'instance' and k.cluster_id = t.cluster_id
            and k.uuid = t.uuid and k.notes <> '')
        and not exists (select from instance_notes k where k.cluster_id = t.cluster_id
            and k.uuid = s.uuid and k.notes <> '')
    from tombstone t join cluster c using (cluster_id)
    left join owner_copy oc on oc.cluster_id = t.cluster_id and oc.uuid = t.uuid
    left join lateral (
        select i.uuid from instance i where t.kind = 'instance' and i.cluster_id = t.cluster_id
            and i.name = t.name and not i.absent limit 1) s on true
    where t.kind in ('instance', 'node')
    union all
    select 'cluster', f.cluster_id, f.slug, f.cluster_id, f.slug, 'forgotten', f.forgotten_at,
        null, null, false
    from forgotten_cluster f
    where not exists (select from cluster c where c.cluster_id = f.cluster_id)) o where ";

impl Store {
    /// A page of what vanished.
    pub(crate) async fn list_vanished(&self, request: &Request<'_>) -> Result<Page<Vanished>> {
        let bad = |error: gwm_query::Error| Error::Fault(bad_list(&error));
        let filter = gwm_query::parse(request.q).map_err(bad)?;
        // What went last is asked for first.
        let order = if request.sort.is_empty() { "-at" } else { request.sort };
        let sort = Sort::parse(&MISSING, order).map_err(bad)?;
        let limit = gwm_query::limit(request.limit).map_err(bad)?;
        let cursor = request
            .key
            .open(&MISSING, &sort, request.q, request.person, request.cursor)
            .map_err(bad)?;
        let mut tx = self.pool.begin().await?;
        sqlx::query("set transaction isolation level repeatable read, read only")
            .execute(&mut *tx)
            .await?;
        let mut sql = QueryBuilder::new(format!("select o.*, {} as place{FROM}", sort.place_sql()));
        gwm_query::push_filter(&mut sql, &MISSING, &filter).map_err(bad)?;
        gwm_query::push_after(&mut sql, &MISSING, &sort, cursor.as_ref());
        gwm_query::push_order(&mut sql, &MISSING, &sort, limit);
        let mut rows: Vec<Vanished> = sql.build_query_as().fetch_all(&mut *tx).await?;
        let (total, total_exact) = match &cursor {
            Some(cursor) => (cursor.total, cursor.total_exact),
            None => {
                let mut sql = QueryBuilder::new(format!("select count(*) from (select 1{FROM}"));
                gwm_query::push_filter(&mut sql, &MISSING, &filter).map_err(bad)?;
                sql.push(" limit ").push_bind(EXACT + 1).push(") counted");
                let total: i64 = sql.build().fetch_one(&mut *tx).await?.get(0);
                (u64::try_from(total.min(EXACT)).unwrap_or(0), total <= EXACT)
            }
        };
        let size = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let next_cursor = match rows.last() {
            Some(last) if more => {
                let keys =
                    vec![last.kind.clone(), last.cluster_id.to_string(), last.uuid.to_string()];
                let cursor = Cursor::after(last.place.clone(), keys, total, total_exact);
                request.key.seal(&MISSING, &sort, request.q, request.person, &cursor)
            }
            _ => String::new(),
        };
        tx.commit().await?;
        Ok(Page { rows, next_cursor, total, total_exact, stream_sequence: None })
    }

    /// Slug and name of these instances, as far as they are there.
    pub(crate) async fn names_of(
        &self,
        instances: &[(Uuid, Uuid)],
    ) -> Result<Vec<(Uuid, Uuid, String, String)>> {
        let (clusters, uuids): (Vec<Uuid>, Vec<Uuid>) = instances.iter().copied().unzip();
        Ok(sqlx::query_as(
            "select i.cluster_id, i.uuid, c.slug, i.name
             from unnest($1::uuid[], $2::uuid[]) as l (cluster_id, uuid)
                 join instance i using (cluster_id, uuid) join cluster c using (cluster_id)",
        )
        .bind(clusters)
        .bind(uuids)
        .fetch_all(&self.pool)
        .await?)
    }

    /// What these clusters' short names and instances' names or UUIDs mean, in their order.
    pub(crate) async fn resolve(&self, names: &[(String, String)]) -> Result<Vec<Resolved>> {
        let (slugs, instances): (Vec<&str>, Vec<&str>) =
            names.iter().map(|(c, i)| (c.as_str(), i.as_str())).unzip();
        let uuids: Vec<Option<Uuid>> = instances.iter().map(|i| Uuid::try_parse(i).ok()).collect();
        Ok(sqlx::query_as(
            "select c.cluster_id, coalesce(u.uuid, n.uuid) as uuid,
                 coalesce(u.name, n.name) as name,
                 case when u.uuid is not null then u.owner else n.owner end as owner
             from unnest($1::text[], $2::text[], $3::uuid[]) with ordinality
                 as l (slug, name, uuid, number)
             left join cluster c on c.slug = l.slug collate \"C\"
             left join instance u on u.cluster_id = c.cluster_id and u.uuid = l.uuid
             left join lateral (
                 select i.uuid, i.name, i.owner from instance i
                 where i.cluster_id = c.cluster_id and i.name = l.name collate \"C\"
                 order by i.absent limit 1) n on u.uuid is null
             order by l.number",
        )
        .bind(slugs)
        .bind(instances)
        .bind(uuids)
        .fetch_all(&self.pool)
        .await?)
    }
}
