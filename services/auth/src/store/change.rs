//! The order of changes: one number each, given in the transaction of the change.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::grant::GrantRow;
use crate::domain::Key;
use crate::error::Result;

/// What a transaction changed, so that watchers look at it again.
#[derive(Debug, Default, Clone)]
pub(crate) struct Touched {
    pub(crate) users: Vec<Uuid>,
    /// Groups whose rights changed: all their members are told of.
    pub(crate) groups: Vec<Uuid>,
    pub(crate) ended_sessions: Vec<Uuid>,
    pub(crate) revoked_tokens: Vec<Uuid>,
    pub(crate) keys: bool,
    /// Instances that may be in other selectors than before.
    pub(crate) instances: Vec<Key>,
    /// Selectors that may be new to those who watch, or gone.
    pub(crate) selectors: Vec<Uuid>,
}

impl Touched {
    pub(crate) fn user(user: Uuid) -> Self {
        Self { users: vec![user], ..Self::default() }
    }

    /// Those whose rights these are.
    pub(crate) fn holders<'a>(grants: impl IntoIterator<Item = &'a GrantRow>) -> Self {
        let mut touched = Self::default();
        for grant in grants {
            let kind = if grant.kind == "group" { &mut touched.groups } else { &mut touched.users };
            kind.push(grant.persona_id);
            touched.selectors.extend(grant.selector_id);
        }
        touched
    }
}

/// Gives this transaction its number. It holds the row until the commit, so it is called after the
/// transaction's own rows are locked and before events are appended.
pub(crate) async fn record(connection: &mut PgConnection, touched: &Touched) -> Result<i64> {
    let revision =
        sqlx::query_scalar("update access_revision set value = value + 1 returning value")
            .fetch_one(&mut *connection)
            .await
            .map_err(gwm_pg::Error::from)?;
    let (clusters, instances): (Vec<Uuid>, Vec<Uuid>) = touched.instances.iter().copied().unzip();
    // A statement of its own: it sees the members, and the first selector, that others added before they let go of
    // the number.
    sqlx::query(
        "insert into change_log (revision, user_ids, ended_sessions, revoked_tokens, keys,
             cluster_ids, instance_uuids, selector_ids)
         select $1, array(select unnest($2::uuid[]) union
                          select user_id from group_member where group_id = any($6)), $3, $4, $5,
             case when there.any then $7::uuid[] else '{}' end,
             case when there.any then $8::uuid[] else '{}' end, $9
         from (select exists (select from selector) as any) there",
    )
    .bind(revision)
    .bind(&touched.users)
    .bind(&touched.ended_sessions)
    .bind(&touched.revoked_tokens)
    .bind(touched.keys)
    .bind(&touched.groups)
    .bind(clusters)
    .bind(instances)
    .bind(&touched.selectors)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(revision)
}

/// The newest number.
pub(crate) async fn newest(connection: &mut PgConnection) -> Result<i64> {
    let value = sqlx::query_scalar("select value from access_revision")
        .fetch_one(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(value)
}

#[derive(FromRow)]
struct Row {
    revision: i64,
    user_ids: Vec<Uuid>,
    ended_sessions: Vec<Uuid>,
    revoked_tokens: Vec<Uuid>,
    keys: bool,
    cluster_ids: Vec<Uuid>,
    instance_uuids: Vec<Uuid>,
    selector_ids: Vec<Uuid>,
}

/// Everything touched after `known` up to `newest`; `None` when the log does not reach back so far.
pub(crate) async fn since(
    connection: &mut PgConnection,
    known: i64,
    newest: i64,
) -> Result<Option<Touched>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select revision, user_ids, ended_sessions, revoked_tokens, keys, cluster_ids,
                 instance_uuids, selector_ids from change_log
             where revision > $1 and revision <= $2 order by revision",
    )
    .bind(known)
    .bind(newest)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    let complete = i64::try_from(rows.len()).is_ok_and(|n| n == newest - known)
        && rows.last().is_none_or(|r| r.revision == newest);
    if !complete {
        return Ok(None);
    }
    let mut all = Touched::default();
    for row in rows {
        all.users.extend(row.user_ids);
        all.ended_sessions.extend(row.ended_sessions);
        all.revoked_tokens.extend(row.revoked_tokens);
        all.keys |= row.keys;
        all.instances.extend(row.cluster_ids.into_iter().zip(row.instance_uuids));
        all.selectors.extend(row.selector_ids);
    }
    all.users.sort_unstable();
    all.users.dedup();
    all.instances.sort_unstable();
    all.instances.dedup();
    all.selectors.sort_unstable();
    all.selectors.dedup();
    Ok(Some(all))
}
