//! Following auth's owners, and telling auth what is gone or back: by one replica at a time, which
//! holds the lease.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use gwm_kernel::Tasks;
use gwm_kernel::grpc::Peer;
use gwm_pg::lease::{self, Held, Holder, LeaseSettings};
use gwm_proto::auth::owners_client::OwnersClient;
use gwm_proto::auth::{
    ClusterName, Presence, TellClustersRequest, TellPresenceRequest, WatchOwnersRequest,
    WatchOwnersResponse,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::store::{OwnerCopy, Store};

const LEASE: &str = "owners";
/// Heartbeats come every second: a stream that says nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(1);
/// How often news for auth are looked for.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// All names are told again after this.
const NAME_EVERY: Duration = Duration::from_secs(60);
const PURGE_EVERY: Duration = Duration::from_secs(3600);
/// News in one call.
const BATCH: i64 = 1000;

/// What the work takes.
#[derive(Debug, Clone)]
pub(crate) struct Follower {
    pub(crate) store: Store,
    pub(crate) auth: Peer,
    pub(crate) holder: Holder,
    pub(crate) lease: LeaseSettings,
    pub(crate) tasks: Tasks,
}

impl Follower {
    /// Works whenever the lease is free, until the process ends.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let soft = self.tasks.shutdown().soft.clone();
        while !soft.is_cancelled() {
            match lease::try_acquire(&self.store.pool, LEASE, &self.holder, &self.lease).await {
                Ok(Some(held)) => {
                    tracing::info!("following owners now");
                    if let Err(error) = self.store.tell_all_traits().await {
                        tracing::warn!(%error, "auth hears of traits only as they change");
                    }
                    let lost = held.lost();
                    tokio::select! {
                        () = lease::keep(self.store.pool.clone(), held.clone(), soft.clone()) => {}
                        () = lost.cancelled() => {}
                        () = self.follow(&held) => {}
                        () = self.tell() => {}
                        () = self.name() => {}
                        () = self.purge() => {}
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "the lease on owners can't be asked for"),
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = soft.cancelled() => {}
            }
        }
        Ok(())
    }

    async fn follow(&self, held: &Held) {
        loop {
            if let Err(error) = self.watch(held).await {
                tracing::info!(%error, "owners are not followed for a moment");
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn watch(&self, held: &Held) -> Result<()> {
        let (revision, lineage) = self.store.owners_followed().await?;
        let revision = u64::try_from(revision).unwrap_or(0);
        let mut client = OwnersClient::new(self.auth.clone());
        let ask = WatchOwnersRequest { revision, lineage: lineage.clone() };
        let mut stream = client.watch_owners(ask).await.map_err(refused)?.into_inner();
        let mut known = (revision, lineage);
        // Of a part of everything: who has an owner.
        let mut named = HashSet::new();
        while let Ok(message) = tokio::time::timeout(PATIENCE, stream.message()).await {
            let Some(message) = message.map_err(refused)? else { return Ok(()) };
            self.take(held, &message, &mut named).await?;
            if !message.last {
                continue;
            }
            if message.whole {
                let stale = self.store.owners_besides(&named).await?;
                let nobody = stale.into_iter().map(|(cluster, uuid)| {
                    (cluster, OwnerCopy { uuid, owner: None, owner_id: String::new() })
                });
                self.apply(held, nobody.collect()).await?;
                tracing::info!(owners = named.len(), "all owners read");
                // What it knows of owners means nothing to auth: it may have lost what it was told, too.
                self.store.tell_all_traits().await?;
                named.clear();
            }
            let now = (message.revision, message.lineage);
            if now != known {
                let number = i64::try_from(now.0).unwrap_or(i64::MAX);
                self.store.mark_owners_followed(held, number, &now.1).await?;
                known = now;
            }
        }
        Ok(())
    }

    async fn take(
        &self,
        held: &Held,
        message: &WatchOwnersResponse,
        named: &mut HashSet<(Uuid, Uuid)>,
    ) -> Result<()> {
        let mut told = Vec::with_capacity(message.owners.len());
        for copy in &message.owners {
            let (Ok(cluster), Ok(uuid)) = (copy.cluster_id.parse(), copy.uuid.parse()) else {
                tracing::error!(uuid = copy.uuid, "owner of something unreadable ignored");
                continue;
            };
            let owner = Some(copy.owner.clone()).filter(|o| !o.is_empty());
            if message.whole {
                named.insert((cluster, uuid));
            }
            told.push((cluster, OwnerCopy { uuid, owner, owner_id: copy.owner_id.clone() }));
        }
        self.apply(held, told).await
    }

    async fn apply(&self, held: &Held, told: Vec<(Uuid, OwnerCopy)>) -> Result<()> {
        let mut clusters: BTreeMap<Uuid, Vec<OwnerCopy>> = BTreeMap::new();
        for (cluster, copy) in told {
            clusters.entry(cluster).or_default().push(copy);
        }
        for (cluster, copies) in clusters {
            let changed = self.store.apply_owners(held, cluster, &copies).await?;
            tracing::debug!(%cluster, told = copies.len(), changed, "owners applied");
        }
        Ok(())
    }

    /// Tells auth what is gone and what is back, in order, until it takes it.
    async fn tell(&self) {
        loop {
            match self.tell_once().await {
                // There may be more.
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::info!(%error, "auth has not heard the news yet"),
            }
            tokio::time::sleep(TELL_EVERY).await;
        }
    }

    async fn tell_once(&self) -> Result<bool> {
        let news = self.store.list_news(BATCH).await?;
        if news.is_empty() {
            return Ok(false);
        }
        let positions: Vec<i64> = news.iter().map(|n| n.position).collect();
        let news: Vec<Presence> = news
            .into_iter()
            // Of one that is gone by now its own news follows.
            .filter(|n| n.there || n.what != "traits")
            .map(|n| Presence {
                node_group: n.node_group.map(|u| u.to_string()).unwrap_or_default(),
                tags: n.tags,
                what: n.what,
                cluster_id: n.cluster_id.to_string(),
                uuid: n.uuid.map(|u| u.to_string()).unwrap_or_default(),
            })
            .collect();
        let mut client = OwnersClient::new(self.auth.clone());
        if !news.is_empty() {
            client.tell_presence(TellPresenceRequest { news }).await.map_err(refused)?;
        }
        // Taken but not deleted is told again, which is nothing.
        self.store.delete_news(&positions).await?;
        Ok(true)
    }

    /// Tells auth what clusters are called, when that changes and now and then: it may have been restored to what it
    /// was before.
    async fn name(&self) {
        let mut known: Option<(Vec<(Uuid, String)>, Instant)> = None;
        loop {
            match self.name_once(known.as_ref()).await {
                Ok(Some(named)) => known = Some((named, Instant::now())),
                Ok(None) => {}
                Err(error) => tracing::info!(%error, "auth has not heard what clusters are called"),
            }
            tokio::time::sleep(TELL_EVERY).await;
        }
    }

    /// Yields what auth has heard, if there was anything to tell.
    async fn name_once(
        &self,
        known: Option<&(Vec<(Uuid, String)>, Instant)>,
    ) -> Result<Option<Vec<(Uuid, String)>>> {
        let named = self.store.cluster_names().await?;
        if known.is_some_and(|(told, at)| *told == named && at.elapsed() < NAME_EVERY) {
            return Ok(None);
        }
        let clusters = named
            .iter()
            .map(|(id, slug)| ClusterName { cluster_id: id.to_string(), slug: slug.clone() });
        let request = TellClustersRequest { clusters: clusters.collect() };
        OwnersClient::new(self.auth.clone()).tell_clusters(request).await.map_err(refused)?;
        Ok(Some(named))
    }

    async fn purge(&self) {
        loop {
            match self.store.purge_tombstones().await {
                Ok(count) => tracing::debug!(count, "old tombstones forgotten"),
                Err(error) => tracing::warn!(%error, "tombstones not purged"),
            }
            tokio::time::sleep(PURGE_EVERY).await;
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn refused(status: tonic::Status) -> Error {
    Error::Fault(gwm_kernel::Fault::from_status(&status))
}
