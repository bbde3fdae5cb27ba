//! A Ganeti job.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::lenient::{null_as_default, pair_time, time_of_pair};
use super::op_result::{OpError, OpResult};
use crate::reason::{job_of_reason, op_of_reason};

/// The number that Ganeti gave to a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct GanetiJobId(pub u64);

impl fmt::Display for GanetiJobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A bare number today, a text in older releases.
impl<'de> Deserialize<'de> for GanetiJobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(Self(number)),
            Either::Text(text) => text.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

/// Status of a job or of one of its opcodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// In the queue.
    Queued,
    /// Waiting for locks.
    Waiting,
    /// Being canceled.
    Canceling,
    /// Running.
    Running,
    /// Canceled.
    Canceled,
    /// Done.
    Success,
    /// Failed.
    Error,
    /// A word that this code doesn't know; never taken as an end.
    #[serde(untagged)]
    Unknown(String),
}

impl JobStatus {
    /// Whether nothing will change any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Canceled | Self::Success | Self::Error => true,
            Self::Queued | Self::Waiting | Self::Canceling | Self::Running | Self::Unknown(_) => {
                false
            }
        }
    }

    /// Ganeti's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Canceling => "canceling",
            Self::Running => "running",
            Self::Canceled => "canceled",
            Self::Success => "success",
            Self::Error => "error",
            Self::Unknown(word) => word,
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One entry of a reason trail: source, reason, nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonEntry(pub String, pub String, pub i64);

/// The part of an opcode that may be shown: parameters can carry secrets of guests and are not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Op {
    /// Like `OP_INSTANCE_CREATE`.
    #[serde(default, rename = "OP_ID")]
    pub op_id: String,
    /// The instance it is about.
    #[serde(default)]
    pub instance_name: Option<String>,
    /// UUID of the instance it is about, where Ganeti has filled it in.
    #[serde(default)]
    pub instance_uuid: Option<String>,
    /// The node it is about.
    #[serde(default)]
    pub node_name: Option<String>,
    /// What opcodes about tags name, with `kind`: other opcodes have neither.
    #[serde(default)]
    pub name: Option<String>,
    /// `instance`, `node`, `cluster` and so on.
    #[serde(default)]
    pub kind: Option<String>,
    /// Whether nothing is really done.
    #[serde(default)]
    pub dry_run: Option<bool>,
    /// Comment.
    #[serde(default)]
    pub comment: Option<String>,
    /// Who wanted it, from the outermost to the innermost.
    #[serde(default, deserialize_with = "null_as_default")]
    pub reason: Vec<ReasonEntry>,
}

/// One line of a job's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, (i64, u32), String, serde_json::Value)")]
pub struct LogEntry {
    /// Rises by one within the job.
    pub serial: u64,
    /// When.
    pub time: Option<DateTime<Utc>>,
    /// `message`, or an internal type.
    pub kind: String,
    /// The text, or other entries' JSON.
    pub text: String,
}

impl From<(u64, (i64, u32), String, serde_json::Value)> for LogEntry {
    fn from((serial, time, kind, value): (u64, (i64, u32), String, serde_json::Value)) -> Self {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Self { serial, time: time_of_pair(time), kind, text }
    }
}

/// A job, from `/2/jobs?bulk=1`, `/2/jobs/N` or a query; fields not asked for are empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its number.
    pub id: GanetiJobId,
    /// Its status; null for a number that Ganeti doesn't know.
    #[serde(default)]
    pub status: Option<JobStatus>,
    /// One line an opcode, like `INSTANCE_CREATE(web1)`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub summary: Vec<String>,
    /// Its opcodes.
    #[serde(default, deserialize_with = "null_as_default")]
    pub ops: Vec<Op>,
    /// Status of each opcode.
    #[serde(default, deserialize_with = "null_as_default")]
    pub opstatus: Vec<JobStatus>,
    /// Log of each opcode; absent in a bulk list.
    #[serde(default, deserialize_with = "null_as_default")]
    pub oplog: Vec<Vec<LogEntry>>,
    /// Result of each opcode; absent in a bulk list.
    #[serde(default, deserialize_with = "null_as_default")]
    pub opresult: Vec<OpResult>,
    /// When Ganeti took it.
    #[serde(default, deserialize_with = "pair_time")]
    pub received_ts: Option<DateTime<Utc>>,
    /// When it began.
    #[serde(default, deserialize_with = "pair_time")]
    pub start_ts: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(default, deserialize_with = "pair_time")]
    pub end_ts: Option<DateTime<Utc>>,
}

impl Job {
    /// Why it failed or was canceled: the first opcode that didn't succeed, with its place.
    #[must_use]
    pub fn error(&self) -> Option<(usize, OpError)> {
        let failed = |status: &JobStatus| matches!(status, JobStatus::Error | JobStatus::Canceled);
        let index = self.opstatus.iter().position(failed)?;
        let result = self.opresult.get(index).cloned().unwrap_or_default();
        Some((index, result.as_error()))
    }

    /// The op that [`crate::Reason::for_op`] put into its trail.
    #[must_use]
    pub fn op(&self) -> Option<Uuid> {
        self.ops.iter().flat_map(|op| &op.reason).find_map(|entry| op_of_reason(&entry.1))
    }

    /// gwm's job that [`crate::Reason::for_op`] put into its trail beside the op.
    #[must_use]
    pub fn gwm_job(&self) -> Option<Uuid> {
        self.ops.iter().flat_map(|op| &op.reason).find_map(|entry| job_of_reason(&entry.1))
    }

    /// Jobs that its opcodes submitted.
    #[must_use]
    pub fn sub_jobs(&self) -> Vec<GanetiJobId> {
        self.opresult.iter().flat_map(OpResult::sub_jobs).collect()
    }

    /// All log lines above a serial, in order.
    pub fn log_after(&self, serial: u64) -> impl Iterator<Item = &LogEntry> {
        self.oplog.iter().flatten().filter(move |entry| entry.serial > serial)
    }
}
