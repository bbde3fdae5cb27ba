//! Between rows and jobs.

use chrono::{DateTime, Utc};
use gwm_pg::{Error, Result};
use gwm_types::{ClusterId, InstanceUuid, JobId, SessionId, TokenId, UserId};
use sqlx::FromRow;
use uuid::Uuid;

use crate::domain::{Failure, Job, Kind, Outcome};

/// A row of `job`.
#[derive(Debug, FromRow)]
pub(super) struct JobRow {
    job_id: Uuid,
    cluster_id: Uuid,
    cluster_slug: String,
    kind: String,
    instance_uuid: Option<Uuid>,
    object_name: String,
    parameters: serde_json::Value,
    phase: String,
    attempt: i32,
    ganeti_job: Option<i64>,
    ganeti_status: Option<String>,
    ganeti_ended_at: Option<DateTime<Utc>>,
    outcome: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
    error_hint: Option<String>,
    waiting_for: Option<String>,
    stale: bool,
    observed: Option<serde_json::Value>,
    log_lines: i64,
    revision: i64,
    requested_by: String,
    requested_by_id: Uuid,
    acting_as: Option<String>,
    acting_as_id: Option<Uuid>,
    session_id: Option<Uuid>,
    token_id: Option<Uuid>,
    client_address: String,
    request_id: Option<String>,
    traceparent: Option<String>,
    not_before: DateTime<Utc>,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
}

/// Our own data is wrong: not the caller's fault, and never to be guessed at.
fn inconsistent(column: &str, why: impl std::fmt::Display) -> Error {
    Error::Internal(sqlx::Error::ColumnDecode {
        index: format!("job.{column}"),
        source: why.to_string().into(),
    })
}

/// A number of Ganeti's, or a serial.
pub(super) fn unsigned(column: &str, number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|error| inconsistent(column, error))
}

/// The other way.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl JobRow {
    pub(super) fn job(self) -> Result<Job> {
        let failure = self.error_code.map(|code| Failure {
            code,
            message: self.error_message.unwrap_or_default(),
            hint: self.error_hint.unwrap_or_default(),
        });
        let outcome = match self.outcome.as_deref() {
            None => None,
            Some(text) => Some(Outcome::parse(text).ok_or_else(|| inconsistent("outcome", text))?),
        };
        Ok(Job {
            job_id: JobId(self.job_id),
            cluster_id: ClusterId(self.cluster_id),
            cluster_slug: self.cluster_slug,
            kind: Kind::stored(&self.kind).map_err(|error| inconsistent("kind", error))?,
            instance_uuid: self.instance_uuid.map(InstanceUuid),
            object_name: self.object_name,
            parameters: serde_json::from_value(self.parameters)
                .map_err(|error| inconsistent("parameters", error))?,
            phase: self.phase.parse().map_err(|error| inconsistent("phase", error))?,
            attempt: self.attempt,
            ganeti_job: self.ganeti_job.map(|n| unsigned("ganeti_job", n)).transpose()?,
            ganeti_status: self.ganeti_status,
            ganeti_ended_at: self.ganeti_ended_at,
            outcome,
            failure,
            waiting_for: self.waiting_for,
            stale: self.stale,
            observed: self
                .observed
                .map(serde_json::from_value)
                .transpose()
                .map_err(|error| inconsistent("observed", error))?,
            log_lines: unsigned("log_lines", self.log_lines)?,
            revision: self.revision,
            requested_by: self.requested_by,
            requested_by_id: UserId(self.requested_by_id),
            acting_as: self.acting_as,
            acting_as_id: self.acting_as_id,
            session_id: self.session_id.map(SessionId),
            token_id: self.token_id.map(TokenId),
            client_address: self.client_address,
            request_id: self.request_id,
            traceparent: self.traceparent,
            not_before: self.not_before,
            created_at: self.created_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
        })
    }
}
