//! The audit log: who did what to what, and how it ended.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::EventType;

/// A record was appended to the audit log.
pub const RECORD_APPENDED: EventType<Record> =
    EventType::new("appended", "A record was appended to the audit log.");

/// A record of the audit log. Services send it to auth without `number` and hashes; auth appends
/// it and publishes it complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Record {
    /// gwm's id.
    pub id: String,
    /// Its place in the log, from 1; 0 while it is on its way to auth.
    #[serde(default)]
    pub number: u64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The service that saw it.
    pub service: String,
    /// What was done: `session.start`, `instance.startup`, `console.open`, ..
    pub action: String,
    /// Beginning and end of what takes time are two records.
    pub phase: Phase,
    /// How it ended; null in a record of a beginning.
    pub outcome: Option<Outcome>,
    /// The code of the failure or refusal.
    pub reason: Option<String>,
    /// Who.
    pub person: Option<Person>,
    /// The cluster's slug.
    pub cluster: Option<String>,
    /// gwm's id of it.
    #[serde(default)]
    pub cluster_id: Option<String>,
    /// On what.
    pub object: Option<RecordObject>,
    /// gwm's job, where one does the work.
    pub job_id: Option<String>,
    /// The request, as in the logs.
    pub request_id: Option<String>,
    /// More, without secrets.
    #[serde(default)]
    pub details: BTreeMap<String, Value>,
    /// SHA-256 of the record before, in hex.
    #[serde(default)]
    pub previous_hash: Option<String>,
    /// SHA-256 of this record, in hex.
    #[serde(default)]
    pub hash: Option<String>,
}

/// Which record of an act it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It begins.
    Begin,
    /// It ended.
    End,
    /// It began and ended at once.
    Single,
}

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As asked.
    Succeeded,
    /// It went wrong.
    Failed,
    /// It was not allowed.
    Refused,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Person {
    /// gwm's id of the user; null for a login that named nobody.
    pub user_id: Option<String>,
    /// The login name, as it was given.
    pub username: Option<String>,
    /// The persona acted as.
    pub acting_as: Option<String>,
    /// The session, if it was one.
    pub session_id: Option<String>,
    /// The API token, if it was one.
    pub token_id: Option<String>,
    /// Where from.
    pub client_address: Option<String>,
}

/// What it was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordObject {
    /// `cluster`, `instance`, `user`, `grant`, ..
    pub kind: String,
    /// Ganeti's UUID or gwm's id.
    pub id: Option<String>,
    /// What people call it.
    pub name: Option<String>,
}
