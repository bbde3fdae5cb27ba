//! Following Ganeti's jobs: one request for all of a cluster's.

use chrono::Utc;
use gwm_rapi::{Client, GanetiJobId, JobStatus, OpError};
use gwm_types::InstanceUuid;

use super::runner::Runner;
use super::trouble::Trouble;
use crate::domain::{Failure, Job, Kind, Outcome, Phase, waiting};
use crate::store::{commit, job, log};

/// How often in a row a job may be absent from Ganeti's answer before it counts as lost.
const MISSES: u32 = 10;
/// Ganeti's lines are short; what is longer is cut.
const LONGEST_LINE: usize = 4096;

impl Runner {
    /// Asks for all of them at once and writes down what moved.
    pub(super) async fn follow(&mut self, client: &Client, jobs: Vec<Job>) -> Result<(), Trouble> {
        let numbers: Vec<GanetiJobId> =
            jobs.iter().filter_map(|job| job.ganeti_job.map(GanetiJobId)).collect();
        let found = client.query_jobs(&numbers).await?;
        for before in jobs {
            let Some(number) = before.ganeti_job else { continue };
            match found.iter().find(|seen| seen.id.0 == number) {
                Some(seen) => {
                    self.misses.remove(&before.job_id);
                    self.progress(client, before, seen).await?;
                }
                None => self.missed(client, before, number).await?,
            }
        }
        Ok(())
    }

    async fn missed(&mut self, client: &Client, job: Job, number: u64) -> Result<(), Trouble> {
        let misses = self.misses.entry(job.job_id).or_default();
        *misses += 1;
        if *misses < MISSES {
            return Ok(());
        }
        self.misses.remove(&job.job_id);
        match client.job(GanetiJobId(number)).await? {
            Some(seen) => self.progress(client, job, &seen).await,
            None => Ok(self.fail(&job, Failure::lost(number)).await?),
        }
    }

    async fn progress(
        &mut self,
        client: &Client,
        before: Job,
        seen: &gwm_rapi::Job,
    ) -> Result<(), Trouble> {
        let Some(status) = &seen.status else { return Ok(()) };
        let number = seen.id.0;
        let known = self.known_serial(&before, number).await?;
        let lines: Vec<log::NewLine> = seen.log_after(known).map(line).collect();
        let mut after = before.clone();
        after.ganeti_status = Some(status.as_str().to_owned());
        after.waiting_for = waiting::at_ganeti(status.as_str()).map(str::to_owned);
        if status.is_final() {
            self.ended(client, &mut after, status, seen).await?;
        }
        let moved = after.ganeti_status != before.ganeti_status
            || after.waiting_for != before.waiting_for
            || after.phase != before.phase;
        if !moved && lines.is_empty() {
            return Ok(());
        }
        let mut tx = self.engine.store.begin_fenced(&self.held).await?;
        after.log_lines =
            log::append(&mut tx, before.job_id, number, before.log_lines, &lines).await?;
        job::save(&mut tx, &before, &after).await?;
        commit(tx).await?;
        if let Some(last) = lines.iter().map(|line| line.ganeti_serial).max() {
            self.serials.insert(before.job_id, last.max(known));
        }
        if after.phase == Phase::Observing {
            self.serials.remove(&before.job_id);
            self.ended.notify_one();
        }
        Ok(())
    }

    async fn known_serial(&mut self, job: &Job, number: u64) -> Result<u64, Trouble> {
        if let Some(known) = self.serials.get(&job.job_id) {
            return Ok(*known);
        }
        let mut connection = self.engine.store.connection().await?;
        let known = log::last_ganeti_serial(&mut connection, job.job_id, number).await?;
        self.serials.insert(job.job_id, known);
        Ok(known)
    }

    /// Ganeti's job ended: how, why, and what it made.
    async fn ended(
        &self,
        client: &Client,
        after: &mut Job,
        status: &JobStatus,
        seen: &gwm_rapi::Job,
    ) -> Result<(), Trouble> {
        let outcome = match status {
            JobStatus::Success => Outcome::Success,
            JobStatus::Canceled => Outcome::Canceled,
            JobStatus::Error
            | JobStatus::Queued
            | JobStatus::Waiting
            | JobStatus::Canceling
            | JobStatus::Running
            | JobStatus::Unknown(_) => Outcome::Error,
        };
        let error = (outcome != Outcome::Success).then(|| seen.error().map(|(_, error)| error));
        let error = error.map(|error| {
            error.unwrap_or(OpError { class: None, text: String::new(), ecode: None })
        });
        after.failure = error.as_ref().map(Failure::of_ganeti);
        after.outcome = Some(outcome);
        after.phase = Phase::Observing;
        after.waiting_for = None;
        // By this side's clock, which is the inventory's too: Ganeti's may go wrong.
        after.ganeti_ended_at = Some(Utc::now());
        // A create that failed at work leaves the instance behind; one refused by a check made
        // nothing, and what has the name then is somebody else's.
        let worked = error.as_ref().is_some_and(|e| e.class.as_deref() == Some("OpExecError"));
        if after.kind == Kind::Create && (outcome == Outcome::Success || worked) {
            match client.instance(&after.object_name).await {
                Ok(found) => after.instance_uuid = Some(InstanceUuid(found.uuid)),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
            if let (true, Some(failure)) = (after.instance_uuid.is_some(), &mut after.failure) {
                failure.hint = format!(
                    "Ganeti left the instance {} behind, stopped: look at it, and remove it if it \
                     is not wanted",
                    after.object_name
                );
            }
        }
        Ok(())
    }
}

/// Without control characters: a log is shown on pages and terminals.
fn line(entry: &gwm_rapi::LogEntry) -> log::NewLine {
    let mut text: String =
        entry.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.len() > LONGEST_LINE {
        text.truncate(text.floor_char_boundary(LONGEST_LINE));
        text.push('…');
    }
    log::NewLine {
        ganeti_serial: entry.serial,
        at: entry.time.unwrap_or_else(Utc::now),
        text: text.trim_end().to_owned(),
    }
}
