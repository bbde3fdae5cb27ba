//! Giving back what jobs had reserved with auth: when they have ended, and when they never came to be because this
//! service died between. All of it may be repeated, by any replica.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gwm_kernel::{ErrorCode, Fault};
use gwm_types::JobId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Engine;
use crate::clients::{Found, Looked, Released, Settlement};
use crate::domain::{Growth, Job, Outcome, Phase};
use crate::store::{commit, reservation};

/// Jobs in one round.
const BATCH: i64 = 200;
/// A look that failed is tried again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How far Ganeti's clock may be behind.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Runs until `soft`.
pub(crate) async fn reservations(
    engine: Arc<Engine>,
    soft: CancellationToken,
) -> anyhow::Result<()> {
    let pace = &engine.config.reservations;
    let mut work = Reservations { engine: engine.clone(), not_before: HashMap::new() };
    let mut next_compare = Instant::now();
    while !soft.is_cancelled() {
        if let Err(fault) = work.ended().await {
            tracing::info!(error = %fault, "reservations not given back yet");
        }
        if Instant::now() >= next_compare {
            next_compare = Instant::now() + pace.compare;
            if let Err(fault) = work.compare().await {
                tracing::info!(error = %fault, "reservations can't be compared with jobs");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pace.look) => {}
            () = soft.cancelled() => {}
        }
    }
    Ok(())
}

struct Reservations {
    engine: Arc<Engine>,
    /// Jobs whose instance could not be looked at.
    not_before: HashMap<JobId, Instant>,
}

impl Reservations {
    /// Tells auth of jobs that have ended.
    async fn ended(&mut self) -> Result<(), Fault> {
        let mut connection = self.engine.store.connection().await?;
        let jobs = reservation::ended(&mut connection, BATCH).await?;
        drop(connection);
        self.not_before.retain(|_, at| *at > Instant::now());
        let mut over = Vec::new();
        for job in &jobs {
            if self.not_before.contains_key(&job.job_id) {
                continue;
            }
            match self.over(job).await {
                Ok(released) => over.push(released),
                Err(fault) => {
                    tracing::info!(job_id = %job.job_id, error = %fault, "what became of it is not known");
                    self.not_before.insert(job.job_id, Instant::now() + LOOK_AGAIN);
                }
            }
        }
        if over.is_empty() {
            return Ok(());
        }
        self.engine.auth.release(&over).await?;
        let ids: Vec<JobId> = over.iter().map(|released| released.job_id).collect();
        let mut connection = self.engine.store.connection().await?;
        reservation::released(&mut connection, &ids).await?;
        Ok(())
    }

    /// What of an ended job's reservation is over; settles what it left behind.
    async fn over(&self, job: &Job) -> Result<Released, Fault> {
        let now = job.instance_uuid.zip(job.observed);
        let now = now.map(|(uuid, sizes)| (job.cluster_id, uuid, sizes));
        let released = Released { job_id: job.job_id, attempt: None, now };
        if !is_uncertain(job) {
            return Ok(released);
        }
        // Ganeti had the job, and nobody saw its end: only a look says whether it made anything.
        match self.engine.cache.observe(job).await {
            Ok(Found::Present(Some(looked))) if is_its_own(job, &looked) => {
                tracing::warn!(job_id = %job.job_id, instance = job.object_name, "left behind, settled");
                let settlement = Settlement::of(job, looked.uuid, Some(looked.sizes));
                self.engine.auth.settle(&settlement).await?;
            }
            Ok(Found::Present(_) | Found::Absent) => {}
            // The cluster's record is gone, and what is on it counts for nobody.
            Err(fault) if fault.code == ErrorCode::NotFound => {}
            Err(fault) => return Err(fault),
        }
        Ok(released)
    }

    /// Gives back what auth has for jobs that there are not: a try to accept them died.
    async fn compare(&self) -> Result<(), Fault> {
        let age = self.engine.config.reservations.unclaimed;
        let mut after = None;
        loop {
            let held = self.engine.auth.reservations(age, after).await?;
            let Some((last, _)) = held.last() else { break };
            after = Some(*last);
            // First the tries end: from here on none of them can make its job.
            let mut tx = self.engine.store.begin().await?;
            reservation::purge(&mut tx).await?;
            let ids: Vec<JobId> = held.iter().map(|(id, _)| *id).collect();
            let alive = reservation::known(&mut tx, &ids).await?;
            let dead = |(id, _): &&(JobId, Uuid)| !alive.contains(id);
            let tries: Vec<(JobId, Uuid)> = held.iter().filter(dead).copied().collect();
            reservation::end(&mut tx, &tries).await?;
            commit(tx).await?;
            // A job may have been made in the last moment before.
            let ids: Vec<JobId> = tries.iter().map(|(id, _)| *id).collect();
            let mut connection = self.engine.store.connection().await?;
            let alive = reservation::known(&mut connection, &ids).await?;
            drop(connection);
            let gone: Vec<Released> = tries
                .into_iter()
                .filter(|(id, _)| !alive.contains(id))
                .map(|(job_id, attempt)| Released { job_id, attempt: Some(attempt), now: None })
                .collect();
            if !gone.is_empty() {
                tracing::info!(count = gone.len(), "reservations without a job given back");
                self.engine.auth.release(&gone).await?;
            }
        }
        Ok(())
    }
}

/// Whether it may have made something that nobody has seen.
fn is_uncertain(job: &Job) -> bool {
    let unseen = job.outcome.is_none() || (job.outcome == Some(Outcome::Success) && job.stale);
    job.kind.grows() == Growth::Made
        && job.phase != Phase::Canceled
        && job.ganeti_job.is_some()
        && job.instance_uuid.is_none()
        && unseen
}

/// Whether the job made it: what had the name before is somebody else's.
fn is_its_own(job: &Job, looked: &Looked) -> bool {
    let Some(started) = job.started_at.map(SystemTime::from) else { return false };
    looked.made_at.is_some_and(|at| at + CLOCK_SKEW >= started)
}
