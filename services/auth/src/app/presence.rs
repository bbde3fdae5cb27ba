//! What became of instances and clusters: their owners and grants go and come with them.

use std::collections::HashMap;

use uuid::Uuid;

use super::owners::touch;
use crate::domain::Key;
use crate::error::Result;
use crate::store::grant::GrantRow;
use crate::store::owner::{Gone, OwnerRow, Set};
use crate::store::selector::{self, Traits};
use crate::store::{PgConnection, Store, change, cluster, commit, event, grant, owner, quota};

/// A piece of news; each is the whole truth about its object, so hearing it again is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// These instances are gone.
    Gone(Uuid, Vec<Uuid>),
    /// These are there again.
    Back(Uuid, Vec<Uuid>),
    /// The cluster was removed from gwm, with all in it.
    Forgotten(Uuid),
    /// The cluster was added again; its instances follow as [`News::Back`].
    Added(Uuid),
    /// What was kept of these goes.
    Purged(Uuid, Vec<Uuid>),
    /// What was kept of the cluster and all in it goes.
    PurgedCluster(Uuid),
    /// What selectors ask of instances that are there.
    Traits(Uuid, Vec<Traits>),
}

/// Takes news in, in their order, all in one transaction.
pub(crate) async fn take_news(store: &Store, news: &[News]) -> Result<()> {
    let mut tx = store.begin().await?;
    let revision = owner::next(&mut tx).await?;
    let mut steps = Vec::new();
    for piece in news {
        steps.push(take(&mut tx, piece, revision).await?);
    }
    let all = |of: fn(&Step) -> &[GrantRow]| -> Vec<GrantRow> {
        steps.iter().flat_map(|step| of(step).iter().cloned()).collect()
    };
    let moved = steps.iter().flat_map(|s| s.2.iter().copied()).collect();
    touch(&mut tx, &all(|s| &s.0), &all(|s| &s.1), moved).await?;
    // A grant may go and come in one batch: its events are in that order too.
    for (added, removed, _) in &steps {
        event::grants(&mut tx, added, removed, None).await?;
    }
    commit(tx).await
}

/// What was given, what was taken, and instances that may be in other selectors.
type Step = (Vec<GrantRow>, Vec<GrantRow>, Vec<Key>);

async fn take(connection: &mut PgConnection, piece: &News, revision: i64) -> Result<Step> {
    let (mut added, mut removed, mut moved) = (Vec::new(), Vec::new(), Vec::new());
    match piece {
        News::Gone(cluster, instances) => {
            removed = grant::bury(&mut *connection, *cluster, Some(instances)).await?;
            moved = selector::drop_traits(&mut *connection, *cluster, Some(instances)).await?;
            owner::bury(connection, *cluster, Some(instances), true).await?;
        }
        News::Back(cluster, instances) => {
            added = grant::exhume(&mut *connection, *cluster, Some(instances)).await?;
            owner::bury(connection, *cluster, Some(instances), false).await?;
        }
        News::Forgotten(cluster) => {
            removed = grant::bury(&mut *connection, *cluster, None).await?;
            moved = selector::drop_traits(&mut *connection, *cluster, None).await?;
            owner::bury(connection, *cluster, None, true).await?;
        }
        News::Added(cluster) => added = grant::exhume(connection, *cluster, None).await?,
        News::Purged(cluster, instances) => {
            grant::purge_kept(&mut *connection, *cluster, Some(instances)).await?;
            release_gone(connection, Gone::Of(*cluster, Some(instances)), revision).await?;
        }
        News::PurgedCluster(cluster) => {
            grant::purge_kept(&mut *connection, *cluster, None).await?;
            quota::purge_cluster(&mut *connection, *cluster).await?;
            cluster::forget(&mut *connection, *cluster).await?;
            release_gone(connection, Gone::Of(*cluster, None), revision).await?;
        }
        News::Traits(cluster, told) => {
            moved = selector::put_traits(connection, *cluster, told).await?;
        }
    }
    Ok((added, removed, moved))
}

/// Forgets selectors by which nothing is given any more.
pub(crate) async fn purge_selectors(store: &Store) -> Result<u64> {
    let mut tx = store.begin().await?;
    let gone = selector::purge(&mut tx).await?;
    let count = gone.len() as u64;
    if count > 0 {
        let touched = change::Touched { selectors: gone, ..change::Touched::default() };
        change::record(&mut tx, &touched).await?;
        commit(tx).await?;
    }
    Ok(count)
}

/// What is gone for longer than 30 days is nobody's any more.
pub(crate) async fn purge_owners(store: &Store) -> Result<u64> {
    let mut tx = store.begin().await?;
    let revision = owner::next(&mut tx).await?;
    let released = release_gone(&mut tx, Gone::Long, revision).await?;
    let purged = owner::purge_nobodies(&mut tx).await?;
    if released > 0 || purged > 0 {
        commit(tx).await?;
    }
    Ok(released + purged)
}

async fn release_gone(
    connection: &mut PgConnection,
    which: Gone<'_>,
    revision: i64,
) -> Result<u64> {
    let keys = owner::gone(&mut *connection, which).await?;
    release(connection, &keys, revision).await?;
    Ok(keys.len() as u64)
}

/// Makes instances nobody's.
pub(crate) async fn release(
    connection: &mut PgConnection,
    keys: &[(Uuid, Uuid)],
    revision: i64,
) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let before: HashMap<(Uuid, Uuid), OwnerRow> = owner::list(&mut *connection, keys)
        .await?
        .into_iter()
        .map(|row| ((row.cluster_id, row.instance_uuid), row))
        .collect();
    let set = |key: &(Uuid, Uuid)| Set { key: *key, name: String::new(), owner: None };
    let sets: Vec<Set> = keys.iter().map(set).collect();
    let rows = owner::set(&mut *connection, &sets, None, revision).await?;
    let changed: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let was = before.get(&(row.cluster_id, row.instance_uuid)).and_then(OwnerRow::owner);
            (row, was)
        })
        .collect();
    event::owners(connection, &changed, None).await
}
