//! The work on one cluster, under its submit lease: never two requests to it at once.

use std::collections::HashMap;
use std::sync::Arc;

use gwm_pg::Error;
use gwm_pg::lease::Held;
use gwm_rapi::Client;
use gwm_types::{ClusterId, JobId, OpId};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Engine;
use super::connection::Connection;
use super::finisher::Finisher;
use super::pause::Pause;
use super::trouble::Trouble;
use crate::domain::{Failure, Job, OpState, Phase, waiting};
use crate::store::{commit, job, op};

/// Holds the lease of one cluster.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) engine: Arc<Engine>,
    pub(super) held: Held,
    pub(super) cluster: ClusterId,
    pub(super) slug: String,
    wake: Arc<Notify>,
    /// Wakes the finisher.
    pub(super) ended: Arc<Notify>,
    pub(super) connection: Connection,
    pause: Pause,
    next_follow: Instant,
    /// The highest number seen of Ganeti's jobs.
    pub(super) highest_seen: Option<u64>,
    /// When each unknown submission is searched for next, and how often it was.
    pub(super) searches: HashMap<OpId, (Instant, u32)>,
    /// The last serial of Ganeti's log that is stored.
    pub(super) serials: HashMap<JobId, u64>,
    /// How often in a row Ganeti did not name a job that it has given a number.
    pub(super) misses: HashMap<JobId, u32>,
}

impl Runner {
    pub(super) fn new(
        engine: Arc<Engine>,
        held: Held,
        cluster: ClusterId,
        slug: String,
        wake: Arc<Notify>,
    ) -> Self {
        Self {
            engine,
            held,
            cluster,
            slug,
            wake,
            ended: Arc::new(Notify::new()),
            connection: Connection::default(),
            pause: Pause::default(),
            next_follow: Instant::now(),
            highest_seen: None,
            searches: HashMap::new(),
            serials: HashMap::new(),
            misses: HashMap::new(),
        }
    }

    /// Works until the lease is lost, nothing is left to do for a while, or `soft`.
    pub(super) async fn run(self, soft: CancellationToken) {
        let (engine, held) = (self.engine.clone(), self.held.clone());
        let finisher =
            Finisher::new(engine.clone(), held.clone(), self.cluster, self.ended.clone());
        let stop = CancellationToken::new();
        let work = async {
            tokio::select! {
                () = self.work(soft) => {}
                // What it was at is taken up again by the next holder: all of it may be repeated.
                () = finisher.run() => {}
            }
            stop.cancel();
        };
        tokio::join!(engine.store.keep(held, stop.clone()), work);
    }

    async fn work(mut self, soft: CancellationToken) {
        let lost = self.held.lost();
        let mut idle_since = None;
        while !soft.is_cancelled() && !lost.is_cancelled() {
            match self.tick().await {
                Ok(true) => idle_since = None,
                Ok(false) => {
                    let since = *idle_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= self.engine.config.lease.linger {
                        return;
                    }
                }
                Err(Error::LeaseLost { .. }) => {
                    tracing::warn!(cluster = self.slug, "submit lease lost");
                    return;
                }
                Err(error) => {
                    tracing::warn!(cluster = self.slug, %error, "work on a cluster interrupted");
                }
            }
            tokio::select! {
                () = soft.cancelled() => {}
                () = lost.cancelled() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(self.engine.config.ganeti.follow_interval) => {}
            }
        }
    }

    /// One round; yields whether there is anything to do.
    async fn tick(&mut self) -> gwm_pg::Result<bool> {
        self.orphans().await?;
        let jobs = self.open().await?;
        if jobs.is_empty() {
            return Ok(false);
        }
        let at_ganeti = |job: &Job| !matches!(job.phase, Phase::Observing | Phase::Settling);
        let jobs: Vec<Job> = jobs.into_iter().filter(at_ganeti).collect();
        if !jobs.is_empty() && self.pause.is_over() {
            match self.ganeti(&jobs).await {
                Ok(()) => self.pause.reset(),
                Err(trouble) => self.trouble(trouble).await?,
            }
        }
        let mut tx = self.engine.store.begin_fenced(&self.held).await?;
        job::flush_progress(&mut tx, self.cluster).await?;
        commit(tx).await?;
        Ok(true)
    }

    async fn open(&self) -> gwm_pg::Result<Vec<Job>> {
        let mut connection = self.engine.store.connection().await?;
        job::open(&mut connection, self.cluster).await
    }

    /// This loop sends one at a time and waits for the end of it: what is found in `sending` here
    /// was left by a holder that is gone, or by a write that failed. Its deadline is over, because
    /// it was shorter than the lease it was sent under.
    async fn orphans(&mut self) -> gwm_pg::Result<()> {
        let mut tx = self.engine.store.begin_fenced(&self.held).await?;
        for (op, _) in op::unresolved(&mut tx, self.cluster, OpState::Sending).await? {
            let Some(before) = job::fetch(&mut tx, op.job_id).await? else { continue };
            tracing::warn!(job_id = %op.job_id, op_id = %op.op_id, "submission left behind");
            let moved = op::Moved { state: OpState::Unknown, ganeti_job: None, error: None };
            op::moved(&mut tx, op.op_id, &moved).await?;
            let mut after = before.clone();
            after.phase = Phase::Unknown;
            after.waiting_for = Some(waiting::UNKNOWN.to_owned());
            job::save(&mut tx, &before, &after).await?;
        }
        commit(tx).await?;
        Ok(())
    }

    /// All that concerns Ganeti, one request after another.
    async fn ganeti(&mut self, jobs: &[Job]) -> Result<(), Trouble> {
        let client: Client = self.connection.client(&self.engine, self.cluster).await?;
        if Instant::now() >= self.next_follow {
            self.next_follow = Instant::now() + self.engine.config.ganeti.follow_interval;
            let submitted: Vec<Job> =
                jobs.iter().filter(|job| job.phase == Phase::Submitted).cloned().collect();
            self.follow(&client, submitted).await?;
        }
        self.recover(&client).await?;
        if !jobs.iter().any(|job| matches!(job.phase, Phase::Queued | Phase::Claimed)) {
            return Ok(());
        }
        if self.may_send().await? {
            return self.submit_due(&client).await;
        }
        let unsent = |job: &Job| matches!(job.phase, Phase::Queued | Phase::Claimed);
        Ok(self.tell_those(unsent, &waiting::paused(&self.slug)).await?)
    }

    /// Whether new jobs may be sent: an administrator's word counts at once, while the credential is
    /// kept for longer. What cache-updater can't say now is as it was.
    async fn may_send(&self) -> Result<bool, Trouble> {
        match self.engine.cache.write_access(self.cluster).await.map_err(Trouble::from) {
            Ok(access) if access.read_only => Err(Trouble::ReadOnly),
            Ok(access) => Ok(!access.paused),
            Err(Trouble::Credential(_)) => Ok(true),
            Err(trouble) => Err(trouble),
        }
    }

    /// Deals with what stops the whole cluster: tells those who wait, or ends what can't go on.
    async fn trouble(&mut self, trouble: Trouble) -> gwm_pg::Result<()> {
        if let Trouble::Database(error) = trouble {
            return Err(error);
        }
        self.pause.failed(self.engine.config.ganeti.longest_pause);
        tracing::warn!(cluster = self.slug, error = %trouble, "cluster can't be worked on");
        let unsent = |job: &Job| matches!(job.phase, Phase::Queued | Phase::Claimed);
        match trouble {
            Trouble::Database(_) => Ok(()),
            Trouble::Unreachable(_) => {
                self.connection.unreachable();
                self.tell(&waiting::unreachable(&self.slug)).await
            }
            Trouble::Credential(_) => self.tell(waiting::CREDENTIAL).await,
            Trouble::Unauthorized(error) => {
                if !self.connection.refused() {
                    return Ok(());
                }
                let failure = Failure::refused(&error);
                self.end(unsent, |_| failure.clone()).await?;
                self.tell(&waiting::unauthorized(&self.slug)).await
            }
            Trouble::ReadOnly => {
                let failure = Failure::read_only(&self.slug);
                self.end(unsent, |_| failure.clone()).await?;
                self.tell(&waiting::unauthorized(&self.slug)).await
            }
            Trouble::Removed => {
                let at_ganeti =
                    |job: &Job| !matches!(job.phase, Phase::Observing | Phase::Settling);
                self.end(at_ganeti, |job| {
                    let maybe = job.phase.may_be_at_ganeti();
                    Failure::cluster_removed(&job.cluster_slug, job.ganeti_job, maybe)
                })
                .await
            }
        }
    }

    /// Says what all of the cluster's jobs wait for. An unknown submission keeps saying so.
    async fn tell(&self, text: &str) -> gwm_pg::Result<()> {
        let waits =
            |job: &Job| matches!(job.phase, Phase::Queued | Phase::Claimed | Phase::Submitted);
        self.tell_those(waits, text).await
    }

    async fn tell_those(&self, which: impl Fn(&Job) -> bool, text: &str) -> gwm_pg::Result<()> {
        for before in self.open().await? {
            if which(&before) && before.waiting_for.as_deref() != Some(text) {
                let mut after = before.clone();
                after.waiting_for = Some(text.to_owned());
                self.save(&before, &after).await?;
            }
        }
        Ok(())
    }

    async fn end(
        &self,
        which: impl Fn(&Job) -> bool,
        why: impl Fn(&Job) -> Failure,
    ) -> gwm_pg::Result<()> {
        for before in self.open().await?.into_iter().filter(which) {
            self.fail(&before, why(&before)).await?;
        }
        Ok(())
    }

    /// Ends a job that is not at Ganeti, or that can't be followed any more.
    pub(super) async fn fail(&self, before: &Job, failure: Failure) -> gwm_pg::Result<()> {
        tracing::info!(job_id = %before.job_id, code = failure.code, "job failed");
        let mut after = before.clone();
        after.phase = Phase::Failed;
        after.failure = Some(failure);
        self.save(before, &after).await.map(|_| ())
    }

    /// One change of one job, fenced.
    pub(super) async fn save(&self, before: &Job, after: &Job) -> gwm_pg::Result<Job> {
        let mut tx = self.engine.store.begin_fenced(&self.held).await?;
        let saved = job::save(&mut tx, before, after).await?;
        commit(tx).await?;
        Ok(saved)
    }

    /// Remembers the highest number, from which searches begin.
    pub(super) fn seen(&mut self, number: u64) {
        self.highest_seen = Some(self.highest_seen.unwrap_or_default().max(number));
    }
}
