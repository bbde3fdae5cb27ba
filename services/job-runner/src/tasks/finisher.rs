//! After Ganeti's part: the inventory reads the object, auth records the rights. Neither blocks
//! another job, and all of it may be repeated.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use gwm_kernel::{ErrorCode, Fault};
use gwm_pg::lease::Held;
use gwm_types::{ClusterId, JobId};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::{Engine, pause};
use crate::clients::{Found, Settlement};
use crate::domain::{Job, Kind, Outcome, Phase, waiting};
use crate::store::{commit, job};

/// How many jobs are finished at once.
const AT_ONCE: usize = 16;
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const OBSERVE_AGAIN: Duration = Duration::from_millis(500);

/// Works beside the runner, under the same lease.
#[derive(Debug)]
pub(super) struct Finisher {
    engine: Arc<Engine>,
    held: Held,
    cluster: ClusterId,
    wake: Arc<Notify>,
}

impl Finisher {
    pub(super) fn new(
        engine: Arc<Engine>,
        held: Held,
        cluster: ClusterId,
        wake: Arc<Notify>,
    ) -> Self {
        Self { engine, held, cluster, wake }
    }

    /// Never ends by itself.
    pub(super) async fn run(self) {
        let mut working = FuturesUnordered::new();
        let mut at_work: HashSet<JobId> = HashSet::new();
        loop {
            match self.due().await {
                Ok(jobs) => {
                    for job in jobs {
                        if at_work.len() < AT_ONCE && at_work.insert(job.job_id) {
                            let span = super::span(&job);
                            working.push(self.finish(job).instrument(span));
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "jobs to finish can't be read"),
            }
            tokio::select! {
                Some(done) = working.next() => { at_work.remove(&done); }
                () = self.wake.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn due(&self) -> gwm_pg::Result<Vec<Job>> {
        let mut connection = self.engine.store.connection().await?;
        let mut jobs = job::open(&mut connection, self.cluster).await?;
        jobs.retain(|job| matches!(job.phase, Phase::Observing | Phase::Settling));
        Ok(jobs)
    }

    async fn finish(&self, job: Job) -> JobId {
        let job_id = job.job_id;
        let finished = if job.phase == Phase::Observing {
            self.observe(job).await
        } else {
            self.settle(job).await
        };
        if let Err(error) = finished {
            tracing::warn!(%job_id, %error, "job not finished yet");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        job_id
    }

    /// `succeeded` is said only when the inventory has read the object since, or marked stale.
    async fn observe(&self, before: Job) -> gwm_pg::Result<()> {
        let found = self.look(&before).await;
        let mut after = before.clone();
        after.stale = found.is_none();
        let success = before.outcome == Some(Outcome::Success);
        if let Some(Found::Present(Some(looked))) = &found {
            if before.kind == Kind::Create && success {
                after.instance_uuid = Some(looked.uuid);
            }
            after.observed =
                Some(looked.sizes).filter(|_| after.instance_uuid == Some(looked.uuid));
        }
        let gone = found == Some(Found::Absent);
        let settles = match before.kind {
            Kind::Create => !gone && (success || after.instance_uuid.is_some()),
            Kind::Remove => success,
            Kind::Startup | Kind::Shutdown | Kind::Reboot | Kind::OwnerTag => false,
        };
        after.phase = if settles { Phase::Settling } else { end(&before) };
        self.save(&before, &after).await
    }

    /// None when the inventory could not read it in time.
    async fn look(&self, job: &Job) -> Option<Found> {
        let deadline = Instant::now() + self.engine.config.ganeti.observe_wait;
        loop {
            match timeout_at(deadline, self.engine.cache.observe(job)).await {
                Ok(Ok(found)) => return Some(found),
                // The cluster's record is gone: nobody will read it again.
                Ok(Err(fault)) if fault.code == ErrorCode::NotFound => return None,
                Ok(Err(fault)) => {
                    tracing::info!(job_id = %job.job_id, error = %fault, "not observed yet");
                }
                Err(_) => return None,
            }
            if timeout_at(deadline, tokio::time::sleep(OBSERVE_AGAIN)).await.is_err() {
                return None;
            }
        }
    }

    async fn settle(&self, mut before: Job) -> gwm_pg::Result<()> {
        let mut failures = 0;
        loop {
            let Some((text, fault)) = self.settle_once(&mut before).await? else {
                let mut after = before.clone();
                after.phase = end(&before);
                return self.save(&before, &after).await;
            };
            tracing::info!(job_id = %before.job_id, error = %fault, "not settled yet");
            failures += 1;
            if before.waiting_for.as_deref() != Some(text) {
                let mut after = before.clone();
                after.waiting_for = Some(text.to_owned());
                before = self.saved(&before, &after).await?;
            }
            tokio::time::sleep(pause::after(failures, LONGEST_PAUSE)).await;
        }
    }

    /// None when it is settled, or nothing is to be; else what it waits for, and why.
    async fn settle_once(&self, job: &mut Job) -> gwm_pg::Result<Option<(&'static str, Fault)>> {
        if job.instance_uuid.is_none() {
            match self.engine.cache.observe(job).await {
                Ok(Found::Present(Some(looked))) => {
                    let mut after = job.clone();
                    after.instance_uuid = Some(looked.uuid);
                    after.observed = Some(looked.sizes);
                    after.stale = false;
                    *job = self.saved(job, &after).await?;
                }
                Ok(Found::Present(None) | Found::Absent) => return Ok(None),
                Err(fault) if fault.code == ErrorCode::NotFound => return Ok(None),
                Err(fault) => return Ok(Some((waiting::INVENTORY, fault))),
            }
        }
        let Some(instance) = job.instance_uuid else { return Ok(None) };
        let settlement = Settlement::of(job, instance, job.observed);
        match self.engine.auth.settle(&settlement).await {
            Ok(()) => Ok(None),
            // Asking again changes nothing, for instance when the user is gone by now.
            Err(fault) if is_final(&fault) => {
                tracing::error!(job_id = %job.job_id, error = %fault, "auth refused a settlement");
                Ok(None)
            }
            Err(fault) => Ok(Some((waiting::AUTH, fault))),
        }
    }

    async fn save(&self, before: &Job, after: &Job) -> gwm_pg::Result<()> {
        self.saved(before, after).await.map(|_| ())
    }

    async fn saved(&self, before: &Job, after: &Job) -> gwm_pg::Result<Job> {
        let mut tx = self.engine.store.begin_fenced(&self.held).await?;
        let saved = job::save(&mut tx, before, after).await?;
        commit(tx).await?;
        if saved.phase.is_final() {
            let labels = [("kind", saved.kind.as_str()), ("state", saved.phase.public())];
            metrics::counter!("gwm_job_runner_jobs_ended_total", &labels).increment(1);
            tracing::info!(job_id = %saved.job_id, state = saved.phase.public(), "job ended");
        }
        Ok(saved)
    }
}

/// The end that Ganeti's outcome means.
fn end(job: &Job) -> Phase {
    job.outcome.map_or(Phase::Failed, Outcome::phase)
}

fn is_final(fault: &Fault) -> bool {
    matches!(
        fault.code,
        ErrorCode::InvalidArgument | ErrorCode::NotFound | ErrorCode::FailedPrecondition
    )
}
