//! The steps of a job, as they are shown: what was done, what is at work, what is to come.

use super::{Job, Outcome, Phase};

/// A step and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) state: &'static str,
    pub(crate) ganeti_job: Option<u64>,
    pub(crate) ganeti_status: Option<String>,
}

/// The steps of a job: Ganeti's part, the inventory's look, and the settlement where there is one.
pub(crate) fn steps(job: &Job) -> Vec<Step> {
    let mut steps = vec![Step {
        name: job.kind.as_str(),
        state: submission(job),
        ganeti_job: job.ganeti_job,
        ganeti_status: job.ganeti_status.clone(),
    }];
    // A job that never came to Ganeti has nothing to look at.
    if job.phase.is_final() && job.outcome.is_none() {
        return steps;
    }
    let plain = |name, state| Step { name, state, ganeti_job: None, ganeti_status: None };
    let after = |own: Phase| {
        let past = own == Phase::Observing && job.phase == Phase::Settling;
        if job.phase.is_final() || past {
            "succeeded"
        } else if job.phase == own {
            "submitted"
        } else {
            "pending"
        }
    };
    steps.push(plain("observe", after(Phase::Observing)));
    let removed_or_made = job.kind.settles() && job.outcome != Some(Outcome::Canceled);
    if removed_or_made && (job.outcome != Some(Outcome::Error) || job.phase == Phase::Settling) {
        steps.push(plain("settle", after(Phase::Settling)));
    }
    steps
}

fn submission(job: &Job) -> &'static str {
    match (job.phase, job.outcome) {
        (_, Some(Outcome::Success)) => "succeeded",
        (_, Some(Outcome::Error | Outcome::Canceled)) => "failed",
        (Phase::Queued | Phase::Claimed, None) => "pending",
        (Phase::Sending, None) => "sending",
        (Phase::Unknown, None) => "unknown",
        (Phase::Submitted, None) => "submitted",
        (
            Phase::Observing | Phase::Settling | Phase::Succeeded | Phase::Failed | Phase::Canceled,
            None,
        ) => "failed",
    }
}
