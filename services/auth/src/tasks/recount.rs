//! Following what instances take, as cache-updater tells it: by one replica at a time, which holds the lease. So what
//! gwm did not make, and what is changed on Ganeti's command line, counts too.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use gwm_kernel::Tasks;
use gwm_kernel::grpc::Peer;
use gwm_pg::lease::{self, Held, Holder, LeaseSettings};
use gwm_proto::auth::Sizes as Message;
use gwm_proto::cache::usage_client::UsageClient;
use gwm_proto::cache::{InstanceUsage, WatchUsageRequest, WatchUsageResponse};
use tokio::time::Instant;

use crate::domain::Key;
use crate::error::{Error, Result, chain};
use crate::store::reservation::Sizes;
use crate::store::{Store, commit, ledger};

const LEASE: &str = "usage";
/// Heartbeats come every second: a stream that says nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(1);

/// What the work takes.
#[derive(Debug, Clone)]
pub(crate) struct Recount {
    pub(crate) store: Store,
    pub(crate) cache: Peer,
    pub(crate) holder: Holder,
    /// All of it is read again after this.
    pub(crate) every: Duration,
    pub(crate) tasks: Tasks,
}

impl Recount {
    /// Works whenever the lease is free, until the process ends.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let soft = self.tasks.shutdown().soft.clone();
        let settings = LeaseSettings::default();
        while !soft.is_cancelled() {
            match lease::try_acquire(self.store.pool(), LEASE, &self.holder, &settings).await {
                Ok(Some(held)) => {
                    let lost = held.lost();
                    tokio::select! {
                        () = lease::keep(self.store.pool().clone(), held.clone(), soft.clone()) => {}
                        () = lost.cancelled() => {}
                        () = self.follow(&held) => {}
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "the lease on usage can't be asked for"),
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
                tracing::info!(error = chain(&error), "usage is not followed for a moment");
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Everything, then each change, until it is time to read everything again.
    async fn watch(&self, held: &Held) -> Result<()> {
        let mut tx = self.store.begin().await?;
        // What is written until here is older than what is read from here on.
        let began = ledger::now(&mut tx).await?;
        commit(tx).await?;
        let until = Instant::now() + self.every;
        let mut client = UsageClient::new(self.cache.clone());
        let mut stream =
            client.watch_usage(WatchUsageRequest {}).await.map_err(refused)?.into_inner();
        let mut named = HashSet::new();
        while let Ok(message) = tokio::time::timeout(PATIENCE, stream.message()).await {
            let Some(message) = message.map_err(refused)? else { return Ok(()) };
            self.take(held, &message, began, &mut named).await?;
            if Instant::now() >= until && !message.whole {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn take(
        &self,
        held: &Held,
        message: &WatchUsageResponse,
        began: DateTime<Utc>,
        named: &mut HashSet<Key>,
    ) -> Result<()> {
        if message.instances.is_empty() && !message.last {
            return Ok(());
        }
        let lines: Vec<(Key, Sizes)> = message.instances.iter().filter_map(line).collect();
        let mut tx = self.store.begin().await?;
        lease::assert_held(&mut tx, held).await?;
        ledger::put(&mut tx, &lines, message.whole.then_some(began)).await?;
        if message.whole {
            named.extend(lines.into_iter().map(|(key, _)| key));
        }
        if message.last {
            let mut gone = ledger::older(&mut tx, began).await?;
            gone.retain(|key| !named.contains(key));
            ledger::delete(&mut tx, &gone).await?;
            tracing::info!(
                instances = named.len(),
                gone = gone.len(),
                "what all instances take is read"
            );
            *named = HashSet::new();
        }
        commit(tx).await
    }
}

fn line(told: &InstanceUsage) -> Option<(Key, Sizes)> {
    let (Ok(cluster), Ok(uuid)) = (told.cluster_id.parse(), told.uuid.parse()) else {
        tracing::error!(uuid = told.uuid, "usage of something unreadable ignored");
        return None;
    };
    let sizes = Message {
        memory_mib: told.memory_mib,
        vcpus: told.vcpus,
        disk_mib: told.disk_mib,
        admin_up: told.admin_up,
        revision: told.revision,
    };
    match crate::grpc::sizes(&sizes) {
        Ok(sizes) => Some(((cluster, uuid), sizes)),
        Err(error) => {
            tracing::error!(uuid = told.uuid, %error, "usage that can't be, ignored");
            None
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn refused(status: tonic::Status) -> Error {
    Error::Refused(gwm_kernel::Fault::from_status(&status))
}
