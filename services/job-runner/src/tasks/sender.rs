//! From a queued job to a number of Ganeti's: what is looked at before, the one call, what its end
//! says.

use std::time::{Duration, Instant};

use chrono::Utc;
use gwm_kernel::Fault;
use gwm_rapi::{Class, Client, Deadline, ErrorKind, GanetiJobId, Reason, Submission};
use gwm_types::OpId;
use tracing::Instrument as _;

use super::pause;
use super::runner::Runner;
use super::trouble::Trouble;
use crate::domain::parameters::OwnerTag;
use crate::domain::{Failure, Job, OpState, Parameters, Phase, is_credential, waiting};
use crate::store::{commit, job, op};

/// Kept back from the lease's rest.
const MARGIN: Duration = Duration::from_millis(200);
/// How long a round may go on sending before jobs are followed again.
const ROUND: Duration = Duration::from_secs(2);
/// How often the outcome of a call is tried to be written down.
const WRITE_TRIES: u32 = 20;

impl Runner {
    /// Sends what is due, oldest first; jobs on one instance strictly one after another.
    pub(super) async fn submit_due(&mut self, client: &Client) -> Result<(), Trouble> {
        let began = Instant::now();
        let mut earlier: Vec<Job> = Vec::new();
        let mut open = 0;
        let jobs = {
            let mut connection = self.engine.store.connection().await?;
            job::open(&mut connection, self.cluster).await?
        };
        for job in jobs {
            let unsent = matches!(job.phase, Phase::Queued | Phase::Claimed);
            if !unsent {
                open += usize::from(job.phase.may_be_at_ganeti());
                earlier.push(job);
                continue;
            }
            if earlier.iter().any(|other| other.same_object(&job)) {
                if job.waiting_for.as_deref() != Some(waiting::SAME_INSTANCE) {
                    let mut after = job.clone();
                    after.waiting_for = Some(waiting::SAME_INSTANCE.to_owned());
                    self.save(&job, &after).await?;
                }
                earlier.push(job);
                continue;
            }
            let full = open >= self.engine.config.ganeti.jobs_at_once;
            if !full && job.not_before <= Utc::now() && began.elapsed() < ROUND {
                let span = super::span(&job);
                self.submit(client, job.clone()).instrument(span).await?;
                open += 1;
            }
            earlier.push(job);
        }
        Ok(())
    }

    async fn submit(&mut self, client: &Client, job: Job) -> Result<(), Trouble> {
        let job = if job.phase == Phase::Queued {
            let mut claimed = job.clone();
            claimed.phase = Phase::Claimed;
            claimed.waiting_for = None;
            self.save(&job, &claimed).await?
        } else {
            job
        };
        if self.highest_seen.is_none() {
            self.highest_seen = Some(client.last_job_id().await?.map_or(0, |id| id.0));
        }
        let found = live(client, &job.object_name).await?;
        if let Some(failure) = refusal(found.as_ref(), &job) {
            self.fail(&job, failure).await?;
            return Ok(());
        }
        let Parameters::OwnerTag(change) = &job.parameters else {
            return self.send(client, job).await;
        };
        match self.still_due(&job, change, found).await {
            Ok(Some(left)) => {
                let parameters = Parameters::OwnerTag(left);
                self.send(client, Job { parameters, ..job }).await
            }
            Ok(None) => {
                let mut after = job.clone();
                after.phase = Phase::Canceled;
                after.failure = Some(Failure::superseded(&job.object_name));
                self.save(&job, &after).await?;
                Ok(())
            }
            // The jobs of people need not wait for that.
            Err(fault) => {
                tracing::info!(job_id = %job.job_id, error = %fault, "owner tag not sent yet");
                let mut after = job.clone();
                after.not_before = Utc::now() + self.engine.config.owner_tags.look;
                after.waiting_for = Some(waiting::OWNER.to_owned());
                self.save(&job, &after).await?;
                Ok(())
            }
        }
    }

    /// What of a change of tags is to be done now: it was found a while ago, and the owner, the cluster's
    /// settings or the tags themselves may have changed since.
    async fn still_due(
        &self,
        job: &Job,
        change: &OwnerTag,
        found: Option<gwm_rapi::Instance>,
    ) -> Result<Option<OwnerTag>, Fault> {
        let Some(uuid) = job.instance_uuid else { return Ok(None) };
        let due = self.engine.cache.owner_tag_of(job.cluster_id, uuid).await?;
        if due.as_ref() != Some(change) || !change.is_sound() {
            return Ok(None);
        }
        Ok(change.left(&found.map(|found| found.tags).unwrap_or_default()))
    }

    /// The op is committed before the call; the call's outcome after it, under the same lease.
    async fn send(&mut self, client: &Client, job: Job) -> Result<(), Trouble> {
        let config = &self.engine.config.ganeti;
        let (patience, answer_wait) = (config.send_deadline, config.answer_wait);
        if self.held.remaining() < patience + MARGIN {
            self.engine.store.renew(&self.held).await?;
        }
        // The count begins before the commit, so that the deadline in the database is later than
        // this process's own. A stopped process finds it over when it goes on.
        let began = Instant::now();
        let op_id = OpId::generate();
        let mut tx = self.engine.store.begin_fenced(&self.held).await?;
        let mut sending = job.clone();
        sending.phase = Phase::Sending;
        sending.attempt += 1;
        sending.waiting_for = None;
        let intent = op::NewOp {
            op_id,
            job_id: job.job_id,
            attempt: sending.attempt,
            after_ganeti_job: self.highest_seen.unwrap_or_default(),
            lease_generation: self.held.generation(),
            deadline: patience,
        };
        op::insert(&mut tx, &intent).await?;
        let sending = job::save(&mut tx, &job, &sending).await?;
        commit(tx).await?;

        let lease_end = Instant::now() + self.held.remaining().saturating_sub(MARGIN);
        let send_by = (began + patience).min(lease_end);
        let submission = Submission {
            reason: Reason::for_op(op_id.0, job.job_id.0),
            deadline: Deadline::at(send_by).answer_by(send_by + answer_wait),
        };
        let outcome = call(client, &sending, &submission).await;
        let result = match &outcome {
            Ok(number) => format!("submitted as {number}"),
            Err(error) => format!("{}: {:?}", error.code(), error.class()),
        };
        tracing::info!(job_id = %job.job_id, %op_id, result, "submission");
        metrics::counter!("gwm_job_runner_submissions_total", "result" => match &outcome {
            Ok(_) => "submitted",
            Err(error) => error.code(),
        })
        .increment(1);
        self.conclude(op_id, &sending, outcome).await
    }

    /// Writes down what the call's end says. The process may die or be too late anywhere here: then
    /// the op stays `sending`, and the next holder searches for it.
    async fn conclude(
        &mut self,
        op_id: OpId,
        sending: &Job,
        outcome: Result<GanetiJobId, gwm_rapi::Error>,
    ) -> Result<(), Trouble> {
        let mut after = sending.clone();
        let mut trouble = None;
        let words;
        let moved = match outcome {
            Ok(number) => {
                self.seen(number.0);
                self.connection.accepted();
                after.phase = Phase::Submitted;
                after.ganeti_job = Some(number.0);
                after.ganeti_status = Some("queued".to_owned());
                op::Moved::submitted(number.0)
            }
            Err(error) => {
                words = (error.code(), error.to_string());
                let state = self.after_error(&mut after, &error);
                let refused =
                    matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Forbidden { .. });
                let busy = matches!(error.kind(), ErrorKind::Busy { .. });
                if error.class() == Class::NotSent && !busy && !refused {
                    trouble = Some(Trouble::Unreachable(error.to_string()));
                }
                op::Moved { state, ganeti_job: None, error: Some((words.0, &words.1)) }
            }
        };
        self.record(op_id, sending, &after, &moved).await?;
        trouble.map_or(Ok(()), Err)
    }

    /// What an error says about the job.
    fn after_error(&mut self, after: &mut Job, error: &gwm_rapi::Error) -> OpState {
        let longest = self.engine.config.ganeti.longest_pause;
        let failures = u32::try_from(after.attempt).unwrap_or(1);
        let again = |after: &mut Job, text: String| {
            after.phase = Phase::Claimed;
            after.not_before = Utc::now() + pause::after(failures, longest);
            after.waiting_for = Some(text);
            OpState::NotSent
        };
        let credential = is_credential(error);
        match error.class() {
            Class::NotSent if matches!(error.kind(), ErrorKind::Busy { .. }) => {
                again(after, waiting::DRAINED.to_owned())
            }
            Class::NotSent => again(after, waiting::unreachable(&self.slug)),
            Class::Unknown => {
                after.phase = Phase::Unknown;
                after.waiting_for = Some(waiting::UNKNOWN.to_owned());
                OpState::Unknown
            }
            // Refused before anything was looked at: once more, with the credential fetched anew.
            Class::Final if credential && !self.connection.refused() => {
                again(after, waiting::unauthorized(&self.slug))
            }
            Class::Final => {
                after.phase = Phase::Failed;
                after.failure = Some(Failure::refused(error));
                OpState::Refused
            }
        }
    }

    /// A database that is away for a moment must not turn a known outcome into an unknown one.
    async fn record(
        &self,
        op_id: OpId,
        before: &Job,
        after: &Job,
        moved: &op::Moved<'_>,
    ) -> Result<(), Trouble> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.record_once(op_id, before, after, moved).await {
                Err(error)
                    if error.kind() == gwm_pg::Kind::Unavailable
                        && tries < WRITE_TRIES
                        && self.held.is_live() =>
                {
                    tracing::warn!(%error, "outcome of a submission not written yet");
                    tokio::time::sleep(Duration::from_millis(250)).await;
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    async fn record_once(
        &self,
        op_id: OpId,
        before: &Job,
        after: &Job,
        moved: &op::Moved<'_>,
    ) -> gwm_pg::Result<()> {
        let mut tx = self.engine.store.begin_fenced(&self.held).await?;
        op::moved(&mut tx, op_id, moved).await?;
        job::save(&mut tx, before, after).await?;
        commit(tx).await?;
        Ok(())
    }
}

/// The look directly before the change.
async fn live(client: &Client, name: &str) -> Result<Option<gwm_rapi::Instance>, Trouble> {
    match client.instance(name).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Is it still the one that was meant?
fn refusal(found: Option<&gwm_rapi::Instance>, job: &Job) -> Option<Failure> {
    let name = &job.object_name;
    match (job.instance_uuid, found) {
        (Some(meant), Some(found)) if found.uuid == meant.0 => None,
        (Some(_), Some(_)) => Some(Failure::replaced(name, true)),
        (Some(_), None) => Some(Failure::replaced(name, false)),
        // Ganeti completes short names: only the whole name is taken.
        (None, Some(found)) if found.name.eq_ignore_ascii_case(name) => Some(Failure::exists(name)),
        (None, _) => None,
    }
}

/// The one call.
async fn call(
    client: &Client,
    job: &Job,
    submission: &Submission,
) -> Result<GanetiJobId, gwm_rapi::Error> {
    let name = &job.object_name;
    match &job.parameters {
        Parameters::Create(create) => {
            client.create_instance(submission, &create.request(name)).await
        }
        Parameters::Startup(startup) => {
            client.startup_instance(submission, name, startup.options()).await
        }
        Parameters::Shutdown(shutdown) => {
            client.shutdown_instance(submission, name, shutdown.options()).await
        }
        Parameters::Reboot(reboot) => {
            client.reboot_instance(submission, name, reboot.r#type.kind()).await
        }
        Parameters::Remove => client.delete_instance(submission, name).await,
        Parameters::OwnerTag(change) if change.add => {
            client.add_instance_tags(submission, name, &change.tags).await
        }
        Parameters::OwnerTag(change) => {
            client.delete_instance_tags(submission, name, &change.tags).await
        }
    }
}
