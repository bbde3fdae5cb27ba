//! One cluster under one lease: its connections, its memory, its single flight.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use gwm_kernel::{ErrorCode, Fault};
use gwm_pg::lease::Held;
use gwm_pg::outbox::OutboxRow;
use tokio::sync::{Mutex, Semaphore};
use uuid::Uuid;

use super::access::Access;
use super::jobs::Told;
use super::memory::{Memory, State};
use super::objects::Objects;
use super::reader::{Calls, Reader};
use super::watch::Wake;
use crate::config::PollSettings;
use crate::domain::{
    BREAKER_AT, Backoff, ClusterRecord, InstanceRecord, NetworkRecord, NodeGroupRecord, NodeRecord,
};
use crate::error::Result;
use crate::store::Store;

/// Reason of what is refused because the cluster did not answer a moment ago; the text says what it said then.
pub(crate) const UNREACHABLE: &str = "cluster_unreachable";

/// A cluster that this replica reads.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) cluster_id: Uuid,
    pub(super) store: Store,
    pub(super) access: Access,
    pub(super) settings: PollSettings,
    pub(super) held: Held,
    gate: Arc<Semaphore>,
    calls: Arc<Calls>,
    pub(super) wake: Wake,
    /// How far Ganeti's job list was told of.
    pub(super) told: Mutex<Option<Told>>,
    /// Which endpoint is used; moves on when one fails.
    endpoint: AtomicUsize,
    /// Changes of the inventory: one at a time. `None` until it was loaded.
    pub(super) state: Mutex<Option<State>>,
    /// Polls: one at a time.
    pub(crate) polling: Mutex<Polling>,
    /// When OSes were last asked for, well or not.
    pub(super) oses_tried: std::sync::Mutex<Option<Instant>>,
    /// The breaker, readable while a poll runs.
    pub(super) trouble: std::sync::Mutex<Trouble>,
}

/// How polls went.
#[derive(Debug, Default)]
pub(crate) struct Polling {
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) bulk_took: Duration,
    /// What an administrator wants between looks.
    pub(super) interval: Option<Duration>,
    /// Of these somebody has said that they are gone.
    pub(super) confirmed: BTreeSet<Uuid>,
    /// How many objects the last look removed.
    pub(super) removed: usize,
}

/// Failures in a row, and the last of them in words.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    pub(super) backoff: Backoff,
    pub(super) error: String,
}

impl Session {
    pub(crate) fn new(
        cluster_id: Uuid,
        store: Store,
        access: Access,
        settings: PollSettings,
        held: Held,
    ) -> Self {
        Self {
            cluster_id,
            store,
            access,
            gate: Arc::new(Semaphore::new(settings.requests)),
            calls: Arc::default(),
            wake: Wake::default(),
            told: Mutex::default(),
            settings,
            held,
            endpoint: AtomicUsize::new(0),
            state: Mutex::new(None),
            polling: Mutex::default(),
            oses_tried: std::sync::Mutex::default(),
            trouble: std::sync::Mutex::default(),
        }
    }

    /// Whether the lease is still ours, by our own clock.
    pub(crate) fn is_live(&self) -> bool {
        self.held.is_live()
    }

    /// The cluster's row; an error once it was removed, and while it is paused.
    pub(crate) async fn cluster(&self) -> Result<ClusterRecord> {
        let cluster = self.store.fetch_cluster_by_id(self.cluster_id).await?;
        let cluster = cluster.ok_or_else(|| Fault::not_found("cluster"))?;
        cluster.check_paused()?;
        Ok(cluster)
    }

    /// A client for this moment: credentials and endpoints may have been edited.
    pub(super) async fn reader(&self, cluster: &ClusterRecord) -> Result<Reader> {
        let client = self.access.client(cluster, self.endpoint.load(Ordering::Relaxed)).await?;
        let (gate, calls) = (Arc::clone(&self.gate), Arc::clone(&self.calls));
        Ok(Reader { client, gate, calls, slug: cluster.slug.clone() })
    }

    /// Uses the next endpoint from now on.
    pub(super) fn next_endpoint(&self) {
        self.endpoint.fetch_add(1, Ordering::Relaxed);
    }

    /// Refuses at once while the breaker is open: a dead cluster must not hold up anybody.
    pub(super) fn check_breaker(&self) -> Result<(), Fault> {
        let trouble = self.trouble.lock().expect("no panic while held");
        if trouble.backoff.failures() < BREAKER_AT {
            return Ok(());
        }
        Err(Fault::new(
            ErrorCode::Unavailable,
            UNREACHABLE,
            format!("the cluster can't be reached: {}", trouble.error),
        )
        .retry_after(Duration::from_secs(5)))
    }

    /// Loads the memory from the database, once a lease.
    pub(crate) async fn load(&self) -> Result<()> {
        let mut state = self.state.lock().await;
        if state.is_some() {
            return Ok(());
        }
        let id = self.cluster_id;
        let nodes = self.store.list_known::<NodeRecord>(id).await?;
        let instances = self.store.list_known::<InstanceRecord>(id).await?;
        let objects = Objects::of(
            self.store.list_known::<NodeGroupRecord>(id).await?,
            self.store.list_known::<NetworkRecord>(id).await?,
        );
        let groups = self.store.list_groups(id).await?;
        let node_groups = self.store.list_node_groups(id).await?;
        *state = Some(State {
            began: Instant::now(),
            nodes: Memory::of(nodes),
            instances: Memory::of(instances),
            objects,
            groups: groups.into_iter().collect(),
            node_groups: node_groups.into_iter().collect(),
            details_at: None,
            reads: std::collections::HashMap::new(),
            looked_at: None,
        });
        Ok(())
    }

    /// Reads the cluster now, unless a look that began after `asked_at` has just ended.
    ///
    /// # Errors
    /// Why it could not be read.
    pub(crate) async fn refresh(&self, asked_at: DateTime<Utc>) -> Result<()> {
        let mut polling = self.polling.lock().await;
        if polling.started_at.is_some_and(|at| at >= asked_at) {
            return Ok(());
        }
        // Whoever asks wants all of it: what is read at the slower rate too.
        if let Some(state) = self.state.lock().await.as_mut() {
            state.details_at = None;
        }
        self.attempt(&mut polling).await.1
    }

    /// Looks once more and removes what was marked missing and still is; `objects` of them are
    /// expected. Answers how many went.
    ///
    /// # Errors
    /// When another number is marked, or the cluster can't be read: then nothing is removed.
    pub(crate) async fn confirm_missing(&self, objects: u32, audit: &OutboxRow) -> Result<u32> {
        let mut polling = self.polling.lock().await;
        let missing: BTreeSet<Uuid> =
            self.store.list_missing(self.cluster_id).await?.into_iter().collect();
        if missing.is_empty() || u32::try_from(missing.len()) != Ok(objects) {
            return Err(Fault::new(
                ErrorCode::FailedPrecondition,
                "missing_changed",
                format!("{} objects are missing by now; look again", missing.len()),
            )
            .into());
        }
        // On record before anything happens: a death in between must not hide who said it.
        let mut tx = self.store.begin().await?;
        gwm_pg::outbox::append(&mut tx, audit).await?;
        tx.commit().await?;
        polling.confirmed = missing;
        let outcome = self.attempt(&mut polling).await.1;
        polling.confirmed.clear();
        outcome?;
        Ok(u32::try_from(polling.removed).unwrap_or(u32::MAX))
    }

    /// Reads the cluster until the lease is lost or the cluster removed.
    pub(super) async fn run(&self) {
        tokio::select! {
            () = self.poll() => {}
            () = self.read_targets() => {}
            () = self.follow_jobs() => {}
        }
    }

    async fn poll(&self) {
        loop {
            let (pause, outcome, bulk) = {
                let mut polling = self.polling.lock().await;
                let (pause, outcome) = self.attempt(&mut polling).await;
                (pause, outcome, polling.bulk_took)
            };
            let (id, calls) = (self.cluster_id, self.calls.last_minute());
            let stored = self.store.update_rate(&self.held, id, calls, bulk.as_secs_f64()).await;
            if let Err(error) = stored {
                tracing::debug!(cluster = %id, %error, "rate not stored");
            }
            let failed = outcome.is_err();
            match outcome {
                Err(crate::error::Error::Fault(fault)) if fault.code == ErrorCode::NotFound => {
                    return;
                }
                Err(error) if error.is_paused() => {}
                Err(error) => tracing::warn!(cluster = %self.cluster_id, %error, "poll failed"),
                Ok(()) => self.refresh_oses().await,
            }
            self.rest(pause, bulk, failed).await;
        }
    }
}
