//! A job as it is stored.

use chrono::{DateTime, Utc};
use gwm_types::{ClusterId, InstanceUuid, JobId, SessionId, TokenId, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Failure, Kind, Parameters, Phase};

/// How Ganeti's job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Error,
    Canceled,
}

impl Outcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Canceled => "canceled",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Success, Self::Error, Self::Canceled].into_iter().find(|o| o.as_str() == text)
    }

    /// The end of a job whose Ganeti job ended so.
    pub(crate) fn phase(self) -> Phase {
        match self {
            Self::Success => Phase::Succeeded,
            Self::Error => Phase::Failed,
            Self::Canceled => Phase::Canceled,
        }
    }
}

/// What an instance takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sizes {
    pub(crate) memory_mib: u64,
    pub(crate) vcpus: u64,
    /// As the guest sees it.
    pub(crate) disk_mib: u64,
    /// It is to be running.
    pub(crate) admin_up: bool,
    /// cache-updater's of the instance.
    pub(crate) revision: u64,
}

/// One request of a person, and how far it is.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) job_id: JobId,
    pub(crate) cluster_id: ClusterId,
    pub(crate) cluster_slug: String,
    pub(crate) kind: Kind,
    pub(crate) instance_uuid: Option<InstanceUuid>,
    pub(crate) object_name: String,
    pub(crate) parameters: Parameters,
    pub(crate) phase: Phase,
    pub(crate) attempt: i32,
    pub(crate) ganeti_job: Option<u64>,
    pub(crate) ganeti_status: Option<String>,
    pub(crate) ganeti_ended_at: Option<DateTime<Utc>>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) failure: Option<Failure>,
    pub(crate) waiting_for: Option<String>,
    pub(crate) stale: bool,
    /// What its instance had when the inventory read it after the job.
    pub(crate) observed: Option<Sizes>,
    pub(crate) log_lines: u64,
    pub(crate) revision: i64,
    pub(crate) requested_by: String,
    pub(crate) requested_by_id: UserId,
    pub(crate) acting_as: Option<String>,
    /// The group's id.
    pub(crate) acting_as_id: Option<Uuid>,
    pub(crate) session_id: Option<SessionId>,
    pub(crate) token_id: Option<TokenId>,
    pub(crate) client_address: String,
    pub(crate) request_id: Option<String>,
    pub(crate) traceparent: Option<String>,
    pub(crate) not_before: DateTime<Utc>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
}

impl Job {
    /// Why it failed; a failure that is known already shows only at the end.
    pub(crate) fn shown_failure(&self) -> Option<&Failure> {
        self.failure.as_ref().filter(|_| self.phase.is_final())
    }

    /// Whether two jobs act upon the same instance.
    pub(crate) fn same_object(&self, other: &Self) -> bool {
        let same_uuid = self.instance_uuid.is_some() && self.instance_uuid == other.instance_uuid;
        same_uuid || self.object_name.eq_ignore_ascii_case(&other.object_name)
    }
}

/// One line that Ganeti said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    pub(crate) serial: u64,
    pub(crate) ganeti_job: u64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) text: String,
}
