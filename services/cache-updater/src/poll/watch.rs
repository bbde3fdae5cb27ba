//! What a session does between its polls: targeted reads that hooks and ended jobs ask for, and the
//! cluster's job list.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use gwm_events::CauseKind;
use tokio::sync::Notify;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::attempt::REST;
use super::knock::{Next, Queue, Reason, Target};
use super::observe::Observe;
use super::session::Session;
use crate::domain::NodeRecord;
use crate::error::Result;
use crate::store::{self, Context};

/// A job list out of turn comes at least this long after the one before.
const JOBS_GAP: Duration = Duration::from_secs(1);
/// The pause is at least this many times what the last list took: half of what bulk reads may take, which
/// pause longer by what lists took (`Session::interval`). So both together stay within the twentieth.
const JOBS_REST: u32 = 2 * REST;
/// After a knock the list is read at this pace while jobs go on: a post hook runs before its job has ended.
const AFTER_KNOCK: Duration = Duration::from_secs(15);
/// How often a paused cluster, or one that does not answer, is thought of again.
const IDLE: Duration = Duration::from_secs(2);

/// What wakes a session up.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    pub(super) queue: std::sync::Mutex<Queue>,
    reads: Notify,
    jobs: Notify,
    pub(super) look: Notify,
    watched: std::sync::Mutex<Watched>,
    spent: std::sync::Mutex<Duration>,
}

/// For people to see.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Watched {
    pub(crate) last_knock: Option<DateTime<Utc>>,
    pub(crate) jobs_read_at: Option<DateTime<Utc>>,
    pub(crate) waiting: usize,
}

impl Wake {
    /// Has it read soon.
    pub(super) fn push(&self, target: Target, reason: Reason) {
        let mut queue = self.queue.lock().expect("no panic while held");
        queue.push(target, reason);
        if queue.take_look() {
            self.look.notify_one();
        }
        drop(queue);
        self.reads.notify_one();
    }

    fn set(&self, change: impl FnOnce(&mut Watched)) {
        change(&mut self.watched.lock().expect("no panic while held"));
    }

    /// What job lists have taken since this was asked last.
    pub(super) fn take_spent(&self) -> Duration {
        std::mem::take(&mut *self.spent.lock().expect("no panic while held"))
    }
}

impl Session {
    /// A hook said that something happened to this.
    pub(crate) fn knock(&self, target: Target) {
        metrics::counter!("gwm_knocks_total").increment(1);
        self.wake.set(|w| w.last_knock = Some(Utc::now()));
        self.wake.push(target, Reason::hook());
        self.wake.jobs.notify_one();
    }

    /// For people to see.
    pub(crate) fn watched(&self) -> Watched {
        let watched = *self.wake.watched.lock().expect("no panic while held");
        let waiting = self.wake.queue.lock().expect("no panic while held").len();
        Watched { waiting, ..watched }
    }

    /// Whether it may be asked something now that no person waits for: it answers and is not paused.
    async fn may_ask(&self) -> bool {
        self.check_breaker().is_ok() && self.cluster().await.is_ok()
    }

    /// Does the targeted reads, one after the other, as long as the lease lasts.
    pub(super) async fn read_targets(&self) {
        loop {
            let next = {
                let mut queue = self.wake.queue.lock().expect("no panic while held");
                let next = queue.next(Instant::now());
                if queue.take_look() {
                    self.wake.look.notify_one();
                }
                next
            };
            match next {
                Next::Idle => self.wake.reads.notified().await,
                Next::Wait(at) => tokio::time::sleep_until(at.into()).await,
                Next::Read(target, reason) => {
                    if !self.may_ask().await {
                        continue;
                    }
                    if let Err(error) = self.read_target(&target, reason).await {
                        tracing::debug!(cluster = %self.cluster_id, ?target, %error, "not read");
                        self.wake.look.notify_one();
                    }
                }
            }
        }
    }

    async fn read_target(&self, target: &Target, reason: Reason) -> Result<()> {
        match target {
            Target::Instance(name) => {
                self.load().await?;
                let uuid = self.uuid_of(name, false).await;
                let ask = Observe {
                    name: name.clone(),
                    uuid,
                    not_before: reason.at,
                    cause: reason.cause,
                    cause_id: reason.cause_id,
                    removed: reason.removed,
                };
                let found = self.observe(&ask).await?;
                // Not found is no proof by itself, and a new name may be somewhere else.
                if found.is_none() {
                    self.wake.look.notify_one();
                }
            }
            Target::Node(name) => self.observe_node(name, &reason).await?,
            Target::Everything => self.wake.look.notify_one(),
        }
        Ok(())
    }

    /// The UUID of what bears this name as far as is known.
    pub(super) async fn uuid_of(&self, name: &str, node: bool) -> Option<Uuid> {
        let state = self.state.lock().await;
        let state = state.as_ref()?;
        let memory = if node { &state.nodes } else { &state.instances };
        memory.known.values().find(|k| k.name == name).map(|k| k.uuid)
    }

    /// Reads one node into the inventory.
    async fn observe_node(&self, name: &str, reason: &Reason) -> Result<()> {
        self.load().await?;
        let cluster = self.cluster().await?;
        let reader = self.reader(&cluster).await?;
        let (began, observed_at) = (Instant::now(), Utc::now());
        reader.info(Some(cluster.ganeti_uuid)).await?;
        let Some(said) = reader.node(name).await? else {
            self.wake.look.notify_one();
            return Ok(());
        };
        // As for instances: never equal to a bulk answer's hash.
        let text = serde_json::to_string(&said).unwrap_or_default();
        let hash = !xxh3_64(text.as_bytes()).cast_signed();
        let mut state = self.state.lock().await;
        let state = state.as_mut().expect("it was loaded");
        if state.nodes.read_by_name.get(&said.uuid).is_some_and(|at| *at > began) {
            return Ok(());
        }
        let group = said.group_uuid.and_then(|g| state.groups.get(&g)).cloned().unwrap_or_default();
        let mut record = NodeRecord::of(&said, group, hash, observed_at);
        record.said = crate::domain::said::without(&text, &["pinst_list", "sinst_list"]);
        let incomplete = record.node_group.is_empty();
        let context = Context {
            cluster_id: cluster.cluster_id,
            slug: cluster.slug.clone(),
            observed_at,
            not_before: cluster.last_success,
            cause: reason.cause,
            cause_id: reason.cause_id.clone(),
            first: false,
            made_here: false,
        };
        let mut tx = self.store.begin().await?;
        gwm_pg::lease::assert_held(&mut tx, &self.held).await?;
        store::put(&mut tx, &context, vec![record.clone()]).await?;
        store::recount(&mut tx, cluster.cluster_id).await?;
        tx.commit().await?;
        state.nodes.absences.seen(record.uuid);
        state.nodes.stored(record.uuid, &record.name, record.raw_hash, incomplete);
        state.nodes.read_by_name.insert(record.uuid, began);
        Ok(())
    }

    /// Reads the job list now and then, and when a hook knocked, as long as the lease lasts.
    pub(super) async fn follow_jobs(&self) {
        // The first poll comes first.
        let (mut pause, mut gap) = (self.settings.jobs, JOBS_GAP);
        let mut knocked: Option<Instant> = None;
        loop {
            tokio::time::sleep(gap.min(pause)).await;
            tokio::select! {
                () = tokio::time::sleep(pause.saturating_sub(gap)) => {}
                () = self.wake.jobs.notified() => knocked = Some(Instant::now()),
            }
            pause = self.settings.jobs;
            if !self.may_ask().await {
                pause = pause.max(IDLE);
                continue;
            }
            let began = Instant::now();
            if let Err(error) = self.read_jobs().await {
                tracing::debug!(cluster = %self.cluster_id, %error, "job list not read");
            }
            let took = began.elapsed();
            *self.wake.spent.lock().expect("no panic while held") += took;
            self.wake.set(|w| w.jobs_read_at = Some(Utc::now()));
            // Knocks wake it sooner, but never so often that Ganeti is busy with it.
            gap = JOBS_GAP.max(took * JOBS_REST);
            pause = pause.max(gap);
            if knocked.is_some_and(|at| at.elapsed() < AFTER_KNOCK) && self.jobs_go_on().await {
                pause = gap;
            }
        }
    }

    /// Waits for the next poll: `pause`, or less when something calls for a look. Never less than rule
    /// 3 of "be gentle" allows.
    pub(super) async fn rest(&self, pause: Duration, bulk_took: Duration, failed: bool) {
        if failed {
            tokio::time::sleep(pause).await;
            return;
        }
        let least = pause.min(self.settings.interval.max(bulk_took * REST));
        tokio::time::sleep(least).await;
        tokio::select! {
            () = tokio::time::sleep(pause.saturating_sub(least)) => {}
            () = self.wake.look.notified() => {}
        }
    }
}

/// Why a job's objects are read.
pub(super) fn by_job(number: u64, removed: bool) -> Reason {
    Reason {
        at: Utc::now(),
        cause: CauseKind::GanetiJob,
        cause_id: Some(number.to_string()),
        removed,
    }
}
