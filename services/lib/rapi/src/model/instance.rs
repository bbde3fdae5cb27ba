//! An instance, as `/2/instances?bulk=1` and `/2/instances/NAME` give it (the same fields).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Params;
use super::lenient::{float_time, named_or_default, null_as_default};

/// Backend parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeParams {
    /// Smallest memory in MiB.
    #[serde(default)]
    pub minmem: Option<u64>,
    /// Largest memory in MiB.
    #[serde(default)]
    pub maxmem: Option<u64>,
    /// A copy of `maxmem` that RAPI adds.
    #[serde(default)]
    pub memory: Option<u64>,
    /// Virtual CPUs.
    #[serde(default)]
    pub vcpus: Option<u64>,
    /// Whether hbal may move it.
    #[serde(default)]
    pub auto_balance: Option<bool>,
    /// Whether it is failed over instead of migrated.
    #[serde(default)]
    pub always_failover: Option<bool>,
    /// Disk spindles it counts for.
    #[serde(default)]
    pub spindle_use: Option<u64>,
}

/// An instance. Lists of NIC and disk fields are parallel; RAPI gives neither hypervisor nor node group here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Its identity.
    pub uuid: Uuid,
    /// Its name, by which RAPI addresses it.
    pub name: String,
    /// `running`, `ADMIN_down`, `ADMIN_offline`, `USER_down`, `ERROR_up`, `ERROR_down`, `ERROR_wrongnode`,
    /// `ERROR_nodedown`, `ERROR_nodeoffline`.
    #[serde(default)]
    pub status: Option<String>,
    /// `up`, `down` or `offline`: what the administrator wants.
    #[serde(default)]
    pub admin_state: Option<String>,
    /// Whether it runs; null when its node doesn't say.
    #[serde(default)]
    pub oper_state: Option<bool>,
    /// Memory it has now, in MiB.
    #[serde(default)]
    pub oper_ram: Option<u64>,
    /// CPUs it has now.
    #[serde(default)]
    pub oper_vcpus: Option<u64>,
    /// OS with variant, like `noop+default`.
    #[serde(default)]
    pub os: Option<String>,
    /// Primary node.
    #[serde(default)]
    pub pnode: Option<String>,
    /// Secondary nodes.
    #[serde(default, deserialize_with = "null_as_default")]
    pub snodes: Vec<String>,
    /// `drbd`, `plain`, `diskless`, ...
    #[serde(default)]
    pub disk_template: Option<String>,
    /// Port of its VNC or SPICE server on the primary node.
    #[serde(default)]
    pub network_port: Option<u16>,
    /// Disk sizes in MiB.
    #[serde(default, rename = "disk.sizes", deserialize_with = "null_as_default")]
    pub disk_sizes: Vec<Option<u64>>,
    /// Disk UUIDs.
    #[serde(default, rename = "disk.uuids", deserialize_with = "null_as_default")]
    pub disk_uuids: Vec<Option<String>>,
    /// Spindles of the disks, where they are exclusive.
    #[serde(default, rename = "disk.spindles", deserialize_with = "null_as_default")]
    pub disk_spindles: Vec<Option<u64>>,
    /// Disk names.
    #[serde(default, rename = "disk.names", deserialize_with = "null_as_default")]
    pub disk_names: Vec<Option<String>>,
    /// Disk space it takes in all, in MiB, mirrors and metadata included.
    #[serde(default)]
    pub disk_usage: Option<u64>,
    /// NIC MAC addresses.
    #[serde(default, rename = "nic.macs", deserialize_with = "null_as_default")]
    pub nic_macs: Vec<Option<String>>,
    /// NIC addresses.
    #[serde(default, rename = "nic.ips", deserialize_with = "null_as_default")]
    pub nic_ips: Vec<Option<String>>,
    /// NIC modes.
    #[serde(default, rename = "nic.modes", deserialize_with = "null_as_default")]
    pub nic_modes: Vec<Option<String>>,
    /// NIC links.
    #[serde(default, rename = "nic.links", deserialize_with = "null_as_default")]
    pub nic_links: Vec<Option<String>>,
    /// NIC bridges.
    #[serde(default, rename = "nic.bridges", deserialize_with = "null_as_default")]
    pub nic_bridges: Vec<Option<String>>,
    /// NIC UUIDs.
    #[serde(default, rename = "nic.uuids", deserialize_with = "null_as_default")]
    pub nic_uuids: Vec<Option<String>>,
    /// NIC names.
    #[serde(default, rename = "nic.names", deserialize_with = "null_as_default")]
    pub nic_names: Vec<Option<String>>,
    /// UUIDs of the NICs' networks.
    #[serde(default, rename = "nic.networks", deserialize_with = "null_as_default")]
    pub nic_networks: Vec<Option<String>>,
    /// Names of the NICs' networks.
    #[serde(default, rename = "nic.networks.names", deserialize_with = "null_as_default")]
    pub nic_network_names: Vec<Option<String>>,
    /// Backend parameters, defaults filled in.
    #[serde(default, deserialize_with = "named_or_default")]
    pub beparams: BeParams,
    /// Hypervisor parameters, defaults filled in.
    #[serde(default)]
    pub hvparams: Params,
    /// Backend parameters set on this instance.
    #[serde(default)]
    pub custom_beparams: Params,
    /// Hypervisor parameters set on this instance.
    #[serde(default)]
    pub custom_hvparams: Params,
    /// Parameters set on each NIC.
    #[serde(default, deserialize_with = "null_as_default")]
    pub custom_nicparams: Vec<Params>,
    /// Counter of its configuration changes; it doesn't move with migration or reboot.
    #[serde(default)]
    pub serial_no: Option<u64>,
    /// When it was made.
    #[serde(default, deserialize_with = "float_time")]
    pub ctime: Option<DateTime<Utc>>,
    /// When its configuration last changed.
    #[serde(default, deserialize_with = "float_time")]
    pub mtime: Option<DateTime<Utc>>,
    /// Tags.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: Vec<String>,
}
