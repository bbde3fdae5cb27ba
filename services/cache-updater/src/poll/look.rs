//! From a snapshot's slices to records.

use std::collections::HashMap;

use uuid::Uuid;

use super::snapshot::{Slice, Snapshot};
use crate::domain::{InstanceRecord, NodeRecord};
use crate::error::{Error, Result};

/// Parses one object. One that can't be read makes the whole answer worthless: rather no news than
/// wrong ones.
fn parse<T: serde::de::DeserializeOwned>(slice: &Slice) -> Result<T> {
    serde_json::from_str(&slice.json).map_err(|error| {
        Error::Stored(format!(
            "Ganeti's answer about {} has another shape than expected (line {} column {})",
            slice.name,
            error.line(),
            error.column()
        ))
    })
}

/// Reads nodes.
pub(crate) fn nodes<'a>(
    slices: impl Iterator<Item = (Uuid, &'a Slice)>,
    snapshot: &Snapshot,
    groups: &HashMap<Uuid, String>,
) -> Result<Vec<NodeRecord>> {
    slices
        .map(|(_, slice)| {
            let said: gwm_rapi::Node = parse(slice)?;
            let group = said.group_uuid.and_then(|g| groups.get(&g)).cloned().unwrap_or_default();
            Ok(NodeRecord::of(&said, group, slice.hash, snapshot.observed_at))
        })
        .collect()
}

/// Reads instances.
pub(crate) fn instances<'a>(
    slices: impl Iterator<Item = (Uuid, &'a Slice)>,
    snapshot: &Snapshot,
    node_groups: &HashMap<String, String>,
) -> Result<Vec<InstanceRecord>> {
    slices
        .map(|(uuid, slice)| {
            let said: gwm_rapi::Instance = parse(slice)?;
            let mut record = InstanceRecord::of(&said, slice.hash, snapshot.observed_at);
            record.node_group = node_groups.get(&record.primary_node).cloned().unwrap_or_default();
            record.hypervisor = snapshot.hypervisors.get(&uuid).cloned().unwrap_or_default();
            Ok(record)
        })
        .collect()
}
