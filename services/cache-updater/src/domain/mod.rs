//! Types and rules as pure functions.

mod backoff;
mod cluster;
mod console;
mod gone;
mod instance;
mod network;
mod node;
mod node_group;
mod opcode;
pub(crate) mod owner_tag;
pub(crate) mod parameters;
pub(crate) mod policy;
pub(crate) mod said;

pub(crate) use backoff::{BREAKER_AT, Backoff};
pub(crate) use cluster::{ClusterRecord, Freshness, Offers, PAUSED};
pub(crate) use console::{ConsoleRefusal, console_problem, console_target};
pub(crate) use gone::{Absences, Verdict};
pub(crate) use instance::{DiskRecord, InstanceRecord, InstanceSummary, NicRecord, only_status};
pub(crate) use network::NetworkRecord;
pub(crate) use node::NodeRecord;
pub(crate) use node_group::NodeGroupRecord;
pub(crate) use opcode::harmless;
pub(crate) use parameters::Parameter;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// The fields that differ, with their values before; those named in `but` don't count.
pub(crate) fn differences<T: Serialize>(
    before: &T,
    after: &T,
    but: &[&str],
) -> BTreeMap<String, Value> {
    let fields = |object: &T| match serde_json::to_value(object) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => serde_json::Map::new(),
    };
    let after = fields(after);
    fields(before)
        .into_iter()
        .filter(|(name, old)| !but.contains(&name.as_str()) && after.get(name) != Some(old))
        .collect()
}

/// What Ganeti gives as 64 bits and never fills.
pub(crate) fn narrow(value: Option<u64>) -> Option<i32> {
    value.and_then(|v| i32::try_from(v).ok())
}

/// What Postgres keeps with a sign.
pub(crate) fn wide(value: Option<u64>) -> Option<i64> {
    value.and_then(|v| i64::try_from(v).ok())
}

/// And back; the database holds no negative sizes.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
