//! A node, as `/2/nodes?bulk=1` and `/2/nodes/NAME` give it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Params;
use super::lenient::{float_time, null_as_default};

/// A node. Live figures are null while it can't be reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its identity.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// M master, C candidate, R regular, D drained, O offline.
    #[serde(default)]
    pub role: Option<String>,
    /// UUID of its node group.
    #[serde(default, rename = "group.uuid")]
    pub group_uuid: Option<Uuid>,
    /// Whether it is marked offline.
    #[serde(default)]
    pub offline: Option<bool>,
    /// Whether it takes no new instances.
    #[serde(default)]
    pub drained: Option<bool>,
    /// Whether it is a master candidate.
    #[serde(default)]
    pub master_candidate: Option<bool>,
    /// Whether it may become master.
    #[serde(default)]
    pub master_capable: Option<bool>,
    /// Whether it may hold instances.
    #[serde(default)]
    pub vm_capable: Option<bool>,
    /// Memory in all, MiB.
    #[serde(default)]
    pub mtotal: Option<u64>,
    /// Memory free, MiB.
    #[serde(default)]
    pub mfree: Option<u64>,
    /// Memory of the node itself, MiB.
    #[serde(default)]
    pub mnode: Option<u64>,
    /// Disk space in all, MiB.
    #[serde(default)]
    pub dtotal: Option<u64>,
    /// Disk space free, MiB.
    #[serde(default)]
    pub dfree: Option<u64>,
    /// CPU threads.
    #[serde(default)]
    pub ctotal: Option<u64>,
    /// NUMA nodes.
    #[serde(default)]
    pub cnodes: Option<u64>,
    /// CPU sockets.
    #[serde(default)]
    pub csockets: Option<u64>,
    /// CPUs that the node itself uses.
    #[serde(default)]
    pub cnos: Option<u64>,
    /// Spindles in all.
    #[serde(default)]
    pub sptotal: Option<u64>,
    /// Spindles free.
    #[serde(default)]
    pub spfree: Option<u64>,
    /// Number of instances that have it as primary node.
    #[serde(default)]
    pub pinst_cnt: Option<u64>,
    /// Number of instances that have it as secondary node.
    #[serde(default)]
    pub sinst_cnt: Option<u64>,
    /// Their names.
    #[serde(default, deserialize_with = "null_as_default")]
    pub pinst_list: Vec<String>,
    /// Their names.
    #[serde(default, deserialize_with = "null_as_default")]
    pub sinst_list: Vec<String>,
    /// Primary address.
    #[serde(default)]
    pub pip: Option<String>,
    /// Secondary address, for replication.
    #[serde(default)]
    pub sip: Option<String>,
    /// Node parameters.
    #[serde(default)]
    pub ndparams: Params,
    /// Counter of its configuration changes.
    #[serde(default)]
    pub serial_no: Option<u64>,
    /// When it was added.
    #[serde(default, deserialize_with = "float_time")]
    pub ctime: Option<DateTime<Utc>>,
    /// When its configuration last changed.
    #[serde(default, deserialize_with = "float_time")]
    pub mtime: Option<DateTime<Utc>>,
    /// Tags.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: Vec<String>,
}
