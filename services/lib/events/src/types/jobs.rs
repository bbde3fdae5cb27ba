//! Jobs: what people asked of Ganeti.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventType;

/// A request was accepted.
pub const JOB_QUEUED: EventType<Job> = EventType::new("queued", "A request was accepted.");
/// Work on it began.
pub const JOB_STARTED: EventType<Job> = EventType::new("started", "Work on a job began.");
/// Its steps, its log or what it waits for moved on.
pub const JOB_PROGRESSED: EventType<Job> = EventType::new(
    "progressed",
    "Steps, log lines or what the job waits for moved on; at most once a second for each job.",
);
/// It ended well.
pub const JOB_SUCCEEDED: EventType<Job> = EventType::new(
    "succeeded",
    "A job ended well, and the inventory has read the object since (if not, `stale` is true).",
);
/// It ended badly.
pub const JOB_FAILED: EventType<Job> =
    EventType::new("failed", "A job ended badly; `error` says why.");
/// It was given up on request.
pub const JOB_CANCELED: EventType<Job> = EventType::new("canceled", "A job was canceled.");

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Job {
    /// gwm's id.
    pub id: String,
    /// The cluster's slug.
    pub cluster: String,
    /// `create`, `startup`, `shutdown`, `reboot`, `remove`, ..
    pub kind: String,
    /// What it acts upon.
    pub object: JobObject,
    /// `queued`, `running`, `succeeded`, `failed` or `canceled`.
    pub state: String,
    /// Its steps, in order.
    pub steps: Vec<JobStep>,
    /// The numbers that Ganeti gave.
    pub ganeti_jobs: Vec<u64>,
    /// The login name of who asked.
    pub requested_by: Option<String>,
    /// The persona acted as.
    pub acting_as: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When work on it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// What it waits for, in words.
    pub waiting_for: Option<String>,
    /// Why it failed.
    pub error: Option<JobError>,
    /// How many log lines there are by now.
    #[serde(default)]
    pub log_lines: u64,
    /// Whether it succeeded but the inventory had not read the object 10 s later.
    #[serde(default)]
    pub stale: bool,
    /// Grows with each change.
    pub revision: u64,
    /// `gwm`, or `ganeti` for a job that somebody else gave Ganeti. Events are about gwm's only; others are told
    /// of as `ganeti_job` in the class inventory.
    #[serde(default = "gwm")]
    pub origin: String,
}

fn gwm() -> String {
    "gwm".to_owned()
}

/// What a job acts upon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobObject {
    /// `instance`, `node` or `cluster`.
    pub kind: String,
    /// Ganeti's UUID; null while a create has not made it.
    pub uuid: Option<String>,
    /// Its name.
    pub name: String,
}

/// A step of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobStep {
    /// Its name.
    pub name: String,
    /// `pending`, `sending`, `unknown`, `submitted`, `succeeded` or `failed`.
    pub state: String,
    /// The number that Ganeti gave.
    pub ganeti_job: Option<u64>,
    /// Ganeti's word for that job's state.
    pub ganeti_status: Option<String>,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobError {
    /// Stable: `object_replaced`, `already_exists`, `read_only`, `ganeti_error`, ..
    pub code: String,
    /// Ganeti's message as it is; without `view_placement` on the cluster gwm's own words for the code.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}
