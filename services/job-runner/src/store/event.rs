//! What goes into the outbox with a job's change.

use std::collections::BTreeMap;

use chrono::Utc;
use gwm_events::types::audit::{Outcome as AuditOutcome, Person, Phase as AuditPhase};
use gwm_events::types::audit::{RECORD_APPENDED, Record, RecordObject};
use gwm_events::types::jobs::{self as wire, JOB_CANCELED, JOB_FAILED, JOB_PROGRESSED};
use gwm_events::types::jobs::{JOB_QUEUED, JOB_STARTED, JOB_SUCCEEDED};
use gwm_events::{Actor, Event};
use gwm_pg::{Error, Result, outbox};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{Job, Phase, steps};

const SERVICE: &str = "job-runner";

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happened {
    Queued,
    Started,
    Progressed,
    Ended,
}

/// Appends the event of a job that was refused at once: its end, and both records.
pub(super) async fn append_refused(tx: &mut PgConnection, job: &Job) -> Result<()> {
    audit(tx, job, Happened::Queued).await?;
    append(tx, job, Happened::Ended).await
}

/// Appends the event; the job's row is locked by now.
pub(super) async fn append(tx: &mut PgConnection, job: &Job, what: Happened) -> Result<()> {
    let event_type = match (what, job.phase) {
        (Happened::Queued, _) => JOB_QUEUED,
        (Happened::Started, _) => JOB_STARTED,
        (Happened::Progressed, _) => JOB_PROGRESSED,
        (Happened::Ended, Phase::Succeeded) => JOB_SUCCEEDED,
        (Happened::Ended, Phase::Canceled) => JOB_CANCELED,
        (Happened::Ended, _) => JOB_FAILED,
    };
    let actor = is_asked_for(job).then(|| Actor {
        user_id: job.requested_by_id.to_string(),
        username: job.requested_by.clone(),
        acting_as: job.acting_as.clone(),
    });
    let event = Event::new(event_type, SERVICE, Utc::now(), object(job))
        .actor(actor)
        .traceparent(job.traceparent.clone());
    outbox::append(tx, &event.outbox_row().map_err(encode)?).await?;
    match what {
        Happened::Queued | Happened::Ended => audit(tx, job, what).await,
        Happened::Started | Happened::Progressed => Ok(()),
    }
}

/// Else gwm does it by itself.
fn is_asked_for(job: &Job) -> bool {
    !job.requested_by_id.0.is_nil()
}

/// Begin and end of a job are two records of the audit log, which auth keeps.
async fn audit(tx: &mut PgConnection, job: &Job, what: Happened) -> Result<()> {
    let (phase, outcome) = match (what, job.phase) {
        (Happened::Ended, Phase::Succeeded) => (AuditPhase::End, Some(AuditOutcome::Succeeded)),
        (Happened::Ended, _) => (AuditPhase::End, Some(AuditOutcome::Failed)),
        _ => (AuditPhase::Begin, None),
    };
    let record = Record {
        id: Uuid::now_v7().to_string(),
        number: 0,
        at: Utc::now(),
        service: SERVICE.to_owned(),
        action: format!("instance.{}", job.kind),
        phase,
        outcome,
        reason: job.shown_failure().map(|failure| failure.code.clone()),
        person: is_asked_for(job).then(|| Person {
            user_id: Some(job.requested_by_id.to_string()),
            username: Some(job.requested_by.clone()),
            acting_as: job.acting_as.clone(),
            session_id: job.session_id.map(|id| id.to_string()),
            token_id: job.token_id.map(|id| id.to_string()),
            client_address: Some(job.client_address.clone()).filter(|a| !a.is_empty()),
        }),
        cluster: Some(job.cluster_slug.clone()),
        cluster_id: Some(job.cluster_id.to_string()),
        object: Some(RecordObject {
            kind: "instance".to_owned(),
            id: job.instance_uuid.map(|uuid| uuid.to_string()),
            name: Some(job.object_name.clone()),
        }),
        job_id: Some(job.job_id.to_string()),
        request_id: job.request_id.clone(),
        details: BTreeMap::new(),
        previous_hash: None,
        hash: None,
    };
    let event = Event::new(RECORD_APPENDED, SERVICE, Utc::now(), record)
        .traceparent(job.traceparent.clone());
    outbox::append(tx, &event.intake_row(SERVICE).map_err(encode)?).await
}

fn encode(error: gwm_events::Error) -> Error {
    Error::Internal(sqlx::Error::Encode(Box::new(error)))
}

fn object(job: &Job) -> wire::Job {
    let step = |step: crate::domain::Step| wire::JobStep {
        name: step.name.to_owned(),
        state: step.state.to_owned(),
        ganeti_job: step.ganeti_job,
        ganeti_status: step.ganeti_status,
    };
    let error = |failure: &crate::domain::Failure| wire::JobError {
        code: failure.code.clone(),
        message: failure.message.clone(),
        hint: Some(failure.hint.clone()).filter(|hint| !hint.is_empty()),
    };
    wire::Job {
        id: job.job_id.to_string(),
        cluster: job.cluster_slug.clone(),
        kind: job.kind.to_string(),
        object: wire::JobObject {
            kind: "instance".to_owned(),
            uuid: job.instance_uuid.map(|uuid| uuid.to_string()),
            name: job.object_name.clone(),
        },
        state: job.phase.public().to_owned(),
        steps: steps(job).into_iter().map(step).collect(),
        ganeti_jobs: job.ganeti_job.into_iter().collect(),
        requested_by: is_asked_for(job).then(|| job.requested_by.clone()),
        acting_as: job.acting_as.clone(),
        created_at: job.created_at,
        started_at: job.started_at,
        ended_at: job.ended_at,
        waiting_for: job.waiting_for.clone(),
        error: job.shown_failure().map(error),
        log_lines: job.log_lines,
        stale: job.stale,
        revision: u64::try_from(job.revision).unwrap_or_default(),
        origin: "gwm".to_owned(),
    }
}
