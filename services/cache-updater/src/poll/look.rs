//! From a snapshot's slices to records.

use std::borrow::Cow;
use std::collections::HashMap;

use uuid::Uuid;

use super::slices::{Slice, Slices};
use super::snapshot::Snapshot;
use crate::domain::said::without;
use crate::domain::{InstanceRecord, NetworkRecord, NodeGroupRecord, NodeRecord};
use crate::error::{Error, Result};

/// Parses one object. One that can't be read makes the whole answer worthless: rather no news than
/// wrong ones.
fn parse<T: serde::de::DeserializeOwned>(slices: &Slices, slice: &Slice) -> Result<T> {
    serde_json::from_slice(slices.text(slice)).map_err(|error| {
        Error::Answer(format!(
            "Ganeti's answer about {} has another shape than expected (line {} column {})",
            slice.name,
            error.line(),
            error.column()
        ))
    })
}

/// Reads nodes.
pub(crate) fn nodes<'a>(
    slices: impl Iterator<Item = &'a Slice>,
    snapshot: &Snapshot,
    groups: &HashMap<Uuid, String>,
) -> Result<Vec<NodeRecord>> {
    slices
        .map(|slice| {
            let said: gwm_rapi::Node = parse(&snapshot.nodes, slice)?;
            let group = said.group_uuid.and_then(|g| groups.get(&g)).cloned().unwrap_or_default();
            let mut record = NodeRecord::of(&said, group, slice.hash, snapshot.observed_at);
            // Lists of instances have them; here they would make a row of each large.
            record.said = without(&text(&snapshot.nodes, slice), &["pinst_list", "sinst_list"]);
            Ok(record)
        })
        .collect()
}

/// Reads instances, each when it is asked for.
pub(crate) fn instances<'a>(
    slices: impl Iterator<Item = &'a Slice>,
    snapshot: &'a Snapshot,
    node_groups: &'a HashMap<String, String>,
) -> impl Iterator<Item = Result<InstanceRecord>> {
    slices.map(|slice| {
        let said: gwm_rapi::Instance = parse(&snapshot.instances, slice)?;
        let mut record = InstanceRecord::of(&said, slice.hash, snapshot.observed_at);
        record.node_group = node_groups.get(&record.primary_node).cloned().unwrap_or_default();
        record.hypervisor = snapshot.hypervisors.get(&slice.uuid).cloned().unwrap_or_default();
        Ok(record)
    })
}

/// Reads node groups.
pub(crate) fn node_groups<'a>(
    of: &Slices,
    slices: impl Iterator<Item = &'a Slice>,
    snapshot: &Snapshot,
) -> Result<Vec<NodeGroupRecord>> {
    let record = |slice: &Slice| {
        let said: gwm_rapi::Group = parse(of, slice)?;
        Ok(NodeGroupRecord::of(&said, &text(of, slice), slice.hash, snapshot.observed_at))
    };
    slices.map(record).collect()
}

/// Reads networks.
pub(crate) fn networks<'a>(
    of: &Slices,
    slices: impl Iterator<Item = &'a Slice>,
    snapshot: &Snapshot,
) -> Result<Vec<NetworkRecord>> {
    let record = |slice: &Slice| {
        let said: gwm_rapi::Network = parse(of, slice)?;
        Ok(NetworkRecord::of(&said, &text(of, slice), slice.hash, snapshot.observed_at))
    };
    slices.map(record).collect()
}

/// What was parsed is text.
fn text<'a>(slices: &'a Slices, slice: &Slice) -> Cow<'a, str> {
    String::from_utf8_lossy(slices.text(slice))
}
