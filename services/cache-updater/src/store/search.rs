//! Search as one types: a few objects of each kind, the best first, of what the person may see.

use gwm_authz::Scope;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::Store;
use super::list::{Reading, ids, push_node_groups, push_whole_or_single};
use crate::error::Result;
use crate::seen::{Placement, Seen};

/// Shorter texts are looked for at the beginning of names only: three letters make a trigram.
const TRIGRAM: usize = 3;
/// Fewer digits of a UUID say nothing.
const UUID_DIGITS: usize = 4;

/// Something found.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Hit {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) cluster: String,
    pub(crate) status: String,
    /// Of instances: user/NAME.
    #[sqlx(default)]
    pub(crate) owner: Option<String>,
    /// What it may be found by, one a line, in lower case.
    pub(crate) found_by: String,
}

/// What is looked for.
struct Wanted {
    lower: String,
    like: String,
    uuids: Option<(Uuid, Uuid)>,
}

/// The owner that is asked for as the filter of lists does it: `owner:ann`. Ganeti's tags look so too,
/// and are found as well.
fn owner_only(text: &str) -> Option<&str> {
    let word = text.get(..OWNER.len()).filter(|word| word.eq_ignore_ascii_case(OWNER))?;
    Some(text[word.len()..].trim().trim_matches('"'))
}
const OWNER: &str = "owner:";

/// The owners that begin so: of what kind they are need not be typed.
fn owners(text: &str) -> Vec<String> {
    let text = owner_only(text).unwrap_or(text);
    if text.is_empty() {
        return Vec::new();
    }
    let lower = text.to_lowercase();
    match lower.split_once('/') {
        Some(("user" | "group", _)) => vec![lower],
        Some(_) | None => vec![format!("user/{lower}"), format!("group/{lower}")],
    }
}

impl Wanted {
    fn of(text: &str) -> Self {
        let lower = text.to_lowercase();
        let like = lower.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let uuids = uuid_range(&lower);
        Self { lower, like, uuids }
    }

    fn begins(&self) -> String {
        format!("{}%", self.like)
    }

    fn contains(&self) -> Option<String> {
        (self.lower.chars().count() >= TRIGRAM).then(|| format!("%{}%", self.like))
    }
}

/// The UUIDs that begin so.
fn uuid_range(text: &str) -> Option<(Uuid, Uuid)> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let hex = digits.chars().all(|c| c.is_ascii_hexdigit());
    if !hex || !(UUID_DIGITS..=32).contains(&digits.len()) {
        return None;
    }
    // Dashes only where a UUID has them: 10-20 is a name's part, no UUID's.
    let filled = |fill: &str| {
        let padded = digits.clone() + &fill.repeat(32 - digits.len());
        Uuid::try_parse(&padded).ok()
    };
    let (from, to) = (filled("0")?, filled("f")?);
    from.to_string().starts_with(text.trim_end_matches('-')).then_some((from, to))
}

impl Store {
    /// Instances: names that begin so, then UUIDs, then owners that begin so, then those with it in
    /// name, tag or address. At most `limit` and one more, which tells that there are more.
    pub(crate) async fn search_instances(
        &self,
        text: &str,
        scope: &Scope,
        limit: i64,
    ) -> Result<Vec<Hit>> {
        self.keep_sets(scope).await?;
        let mut connection = self.pool.acquire().await?;
        let mut hits = Vec::new();
        let wanted = Wanted::of(text);
        take(&mut connection, &mut hits, scope, limit, |sql| {
            sql.push("i.name like ").push_bind(wanted.begins()).push(" order by i.name");
        })
        .await?;
        if let Some((from, to)) = wanted.uuids {
            take(&mut connection, &mut hits, scope, limit, |sql| {
                sql.push("i.uuid between ").push_bind(from).push(" and ").push_bind(to);
            })
            .await?;
        }
        take_owned(&mut connection, &mut hits, scope, limit, text).await?;
        if let Some(contains) = wanted.contains() {
            // What is frequent is found in a few pages of the table, the same ones each time; only what
            // is rare is worth the index. A planner that is told the limit believes everything to be
            // frequent, and walks over the whole table for what is not there.
            for among in [Among::FewPages, Among::Rare] {
                take_among(among, &mut connection, &mut hits, scope, limit, |sql| {
                    sql.push("i.found_by like ").push_bind(contains.clone());
                    sql.push(" and i.name not like ").push_bind(wanted.begins());
                })
                .await?;
            }
        }
        Ok(hits)
    }

    /// Nodes that are shown: there are few enough to look at each.
    pub(crate) async fn search_nodes(
        &self,
        text: &str,
        placement: &Placement,
        limit: i64,
    ) -> Result<Vec<Hit>> {
        let wanted = Wanted::of(text);
        let mut sql = QueryBuilder::new(
            "select n.uuid, n.name, c.slug as cluster, n.role as status, \
             lower(concat_ws(E'\\n', n.name, n.primary_ip, n.secondary_ip, \
             array_to_string(n.tags, E'\\n'))) as found_by \
             from node n join cluster c using (cluster_id) where (n.name like ",
        );
        sql.push_bind(wanted.contains().unwrap_or_else(|| wanted.begins()));
        if let Some(contains) = wanted.contains() {
            sql.push(" or n.primary_ip like ").push_bind(wanted.begins());
            sql.push(" or n.secondary_ip like ").push_bind(wanted.begins());
            sql.push(" or lower(array_to_string(n.tags, E'\\n')) like ").push_bind(contains);
        }
        if let Some((from, to)) = wanted.uuids {
            sql.push(" or n.uuid between ").push_bind(from).push(" and ").push_bind(to);
        }
        sql.push(")");
        if let Placement::In { clusters, .. } = placement {
            sql.push(" and (n.cluster_id = any(").push_bind(ids(clusters));
            sql.push(") or (n.cluster_id, n.node_group_uuid) in (");
            push_node_groups(&mut sql, placement);
            sql.push("))");
        }
        sql.push(" order by n.name not like ").push_bind(wanted.begins());
        sql.push(", n.name limit ").push_bind(limit + 1);
        Ok(sql.build_query_as().fetch_all(&self.pool).await?)
    }

    /// Clusters of which the person sees something; by tag only those of which they see all.
    pub(crate) async fn search_clusters(
        &self,
        text: &str,
        seen: &Seen,
        limit: i64,
    ) -> Result<Vec<Hit>> {
        let wanted = Wanted::of(text);
        let pattern = wanted.contains().unwrap_or_else(|| wanted.begins());
        let (all, whole) = match &seen.scope {
            Scope::Fleet => (true, Vec::new()),
            Scope::Limited { clusters, .. } => (false, ids(clusters)),
        };
        let mut sql = QueryBuilder::new(
            "select o.cluster_id as uuid, o.slug as name, o.slug as cluster, \
             case when o.reachable then 'reachable' else 'unreachable' end as status, \
             lower(concat_ws(E'\\n', o.slug, o.name, case when ",
        );
        let push_whole = |sql: &mut QueryBuilder<Postgres>| {
            sql.push("(").push_bind(all).push(" or o.cluster_id = any(");
            sql.push_bind(whole.clone()).push("))");
        };
        push_whole(&mut sql);
        sql.push(" then array_to_string(o.tags, E'\\n') end)) as found_by from cluster o where (");
        sql.push_bind(seen.clusters.is_none()).push(" or o.cluster_id = any(");
        sql.push_bind(seen.clusters.clone().unwrap_or_default());
        sql.push(")) and (o.slug like ").push_bind(pattern.clone());
        sql.push(" or lower(o.name) like ").push_bind(pattern.clone());
        if let Some((from, to)) = wanted.uuids {
            sql.push(" or o.ganeti_uuid between ").push_bind(from).push(" and ").push_bind(to);
        }
        sql.push(" or (");
        push_whole(&mut sql);
        sql.push(" and lower(array_to_string(o.tags, E'\\n')) like ").push_bind(pattern);
        sql.push(")) order by o.slug not like ").push_bind(wanted.begins());
        sql.push(", o.slug limit ").push_bind(limit + 1);
        Ok(sql.build_query_as().fetch_all(&self.pool).await?)
    }
}

/// Adds what is found to what was, without finding it twice, up to one above the limit.
async fn take(
    connection: &mut PgConnection,
    hits: &mut Vec<Hit>,
    scope: &Scope,
    limit: i64,
    push_where: impl FnOnce(&mut QueryBuilder<Postgres>),
) -> Result<()> {
    take_among(Among::All, connection, hits, scope, limit, push_where).await
}

async fn take_among(
    among: Among,
    connection: &mut PgConnection,
    hits: &mut Vec<Hit>,
    scope: &Scope,
    limit: i64,
    push_where: impl FnOnce(&mut QueryBuilder<Postgres>),
) -> Result<()> {
    let left = limit + 1 - i64::try_from(hits.len()).unwrap_or(i64::MAX);
    if left <= 0 {
        return Ok(());
    }
    let mut sql = QueryBuilder::new("");
    push_instances(&mut sql, among, scope, push_where);
    sql.push(" limit ").push_bind(left + i64::try_from(hits.len()).unwrap_or(0));
    let found: Vec<Hit> = sql.build_query_as().fetch_all(connection).await?;
    for hit in found {
        if !hits.iter().any(|h| h.uuid == hit.uuid && h.cluster == hit.cluster) {
            hits.push(hit);
        }
    }
    hits.truncate(usize::try_from(limit + 1).unwrap_or(usize::MAX));
    Ok(())
}

/// Adds what is owned by those whose names begin so.
async fn take_owned(
    connection: &mut PgConnection,
    hits: &mut Vec<Hit>,
    scope: &Scope,
    limit: i64,
    text: &str,
) -> Result<()> {
    for owner in owners(text) {
        take(connection, hits, scope, limit, |sql| {
            // A range, not `like`: the index serves it whatever the plan.
            sql.push("i.owner between ").push_bind(owner.clone());
            sql.push(" and ").push_bind(owner + "\u{10ffff}");
            sql.push(" order by i.owner, i.cluster_id, i.uuid");
        })
        .await?;
    }
    Ok(())
}

/// How instances are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Among {
    All,
    /// One page of two hundred, always the same ones.
    FewPages,
    /// All, planned as if there were no limit.
    Rare,
}

/// Appends the query for instances that the person may see.
fn push_instances(
    sql: &mut QueryBuilder<Postgres>,
    among: Among,
    scope: &Scope,
    push_where: impl FnOnce(&mut QueryBuilder<Postgres>),
) {
    sql.push("select i.uuid, i.name, c.slug as cluster, i.status, i.owner, i.found_by from ");
    sql.push(match among {
        Among::All => "instance i join cluster c using (cluster_id) where ",
        Among::FewPages => {
            "instance i tablesample system (0.5) repeatable (1) join cluster c using (cluster_id) where "
        }
        Among::Rare => "(select i.* from instance i where ",
    });
    if let Scope::Limited { clusters, instances, sets } = scope {
        sql.push("(");
        push_whole_or_single(sql, clusters, instances, (sets, Reading::InOrder));
        sql.push(") and ");
    }
    push_where(sql);
    if among == Among::Rare {
        sql.push(" offset 0) i join cluster c using (cluster_id)");
    }
}

impl Hit {
    /// What matched, when it was not the name.
    pub(crate) fn matched(&self, text: &str) -> String {
        let lower = text.to_lowercase();
        if self.name.to_lowercase().contains(&lower) {
            return String::new();
        }
        let owned = |owner: &&str| owners(text).iter().any(|begin| owner.starts_with(begin));
        let line = self.found_by.lines().find(|line| line.contains(&lower));
        line.or(self.owner.as_deref().filter(owned))
            .map_or_else(|| self.uuid.to_string(), str::to_owned)
    }
}

#[cfg(test)]
mod plans;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_found_by_the_beginning_of_their_names() {
        assert_eq!(owners("Ann"), ["user/ann", "group/ann"]);
        assert_eq!(owners("group/o"), ["group/o"]);
        assert_eq!(owners("a/b"), ["user/a/b", "group/a/b"]);
        assert_eq!(owners("owner:Ann"), ["user/ann", "group/ann"]);
        assert!(owners("").is_empty() && owners("owner:").is_empty());
        assert_eq!(owner_only("OWNER: ann "), Some("ann"));
        assert_eq!(owner_only("owner:\"ann\""), Some("ann"));
        assert_eq!(owner_only("owner"), None);
        assert_eq!(owner_only("ähäöü"), None);
    }

    #[test]
    fn uuids_are_found_by_their_beginning_and_nothing_else_is_one() {
        let range =
            |text: &str| uuid_range(text).map(|(from, to)| (from.to_string(), to.to_string()));
        let whole = "0d4f3c2a-1111-4222-8333-444455556666";
        assert_eq!(range(whole), Some((whole.to_owned(), whole.to_owned())));
        assert_eq!(
            range("0d4f3c2a-11"),
            Some((
                "0d4f3c2a-1100-0000-0000-000000000000".to_owned(),
                "0d4f3c2a-11ff-ffff-ffff-ffffffffffff".to_owned()
            ))
        );
        assert!(range("0d4f3c2a-").is_some());
        for text in ["0d4", "web1", "10-20", "0d4f3c2a1-", &"a".repeat(33), "----"] {
            assert_eq!(range(text), None, "{text}");
        }
    }
}
