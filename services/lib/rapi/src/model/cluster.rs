//! `/2/info` and `/2/features`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Params;
use super::instance::BeParams;
use super::lenient::{float_time, null_as_default};

/// The cluster, from `GET /2/info`. The UUID is its identity; the name may change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterInfo {
    /// The cluster's UUID. An answer without one isn't an answer.
    pub uuid: Uuid,
    /// The cluster's name.
    #[serde(default)]
    pub name: String,
    /// The master node's name.
    #[serde(default)]
    pub master: Option<String>,
    /// Ganeti's version, like `3.0.2`.
    #[serde(default)]
    pub software_version: Option<String>,
    /// Like `3000000`.
    #[serde(default)]
    pub protocol_version: Option<u64>,
    /// Like `3000000`.
    #[serde(default)]
    pub config_version: Option<u64>,
    /// Hypervisor of instances that name none; Ganeti puts it first in `enabled_hypervisors`.
    #[serde(default)]
    pub default_hypervisor: Option<String>,
    /// Hypervisors that instances may use.
    #[serde(default, deserialize_with = "null_as_default")]
    pub enabled_hypervisors: Vec<String>,
    /// Disk templates that instances may use.
    #[serde(default, deserialize_with = "null_as_default")]
    pub enabled_disk_templates: Vec<String>,
    /// Hypervisor parameters by hypervisor, enabled or not.
    #[serde(default, deserialize_with = "null_as_default")]
    pub hvparams: BTreeMap<String, Params>,
    /// Hypervisor parameters by OS and hypervisor.
    #[serde(default, deserialize_with = "null_as_default")]
    pub os_hvp: BTreeMap<String, BTreeMap<String, Params>>,
    /// Backend parameters; the only group is `default`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub beparams: BTreeMap<String, BeParams>,
    /// NIC parameters; the only group is `default`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub nicparams: BTreeMap<String, NicParams>,
    /// Node parameters.
    #[serde(default)]
    pub ndparams: Params,
    /// Instance policy.
    #[serde(default)]
    pub ipolicy: Params,
    /// Allocator that places instances when none is named; empty when there is none.
    #[serde(default)]
    pub default_iallocator: Option<String>,
    /// How many jobs run at once.
    #[serde(default)]
    pub max_running_jobs: Option<u32>,
    /// Size of the pool of master candidates.
    #[serde(default)]
    pub candidate_pool_size: Option<u32>,
    /// First octets of generated MAC addresses.
    #[serde(default)]
    pub mac_prefix: Option<String>,
    /// LVM volume group.
    #[serde(default)]
    pub volume_group_name: Option<String>,
    /// OSes that are not to be offered.
    #[serde(default, deserialize_with = "null_as_default")]
    pub hidden_os: Vec<String>,
    /// OSes that may not be used.
    #[serde(default, deserialize_with = "null_as_default")]
    pub blacklisted_os: Vec<String>,
    /// Tags of the cluster.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: Vec<String>,
    /// When it was made.
    #[serde(default, deserialize_with = "float_time")]
    pub ctime: Option<DateTime<Utc>>,
    /// When its configuration last changed.
    #[serde(default, deserialize_with = "float_time")]
    pub mtime: Option<DateTime<Utc>>,
    /// All of it, as Ganeti wrote it.
    #[serde(skip)]
    pub said: Params,
}

impl ClusterInfo {
    /// Backend parameters that instances have unless they say otherwise.
    #[must_use]
    pub fn default_beparams(&self) -> Option<&BeParams> {
        self.beparams.get("default")
    }

    /// NIC parameters that NICs have unless they say otherwise.
    #[must_use]
    pub fn default_nicparams(&self) -> Option<&NicParams> {
        self.nicparams.get("default")
    }

    /// Major and minor number of Ganeti's version.
    #[must_use]
    pub fn version_numbers(&self) -> Option<(u32, u32)> {
        crate::version_numbers(self.software_version.as_deref()?)
    }
}

/// Parameters of a NIC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NicParams {
    /// `bridged`, `routed` or `openvswitch`.
    #[serde(default)]
    pub mode: Option<String>,
    /// Bridge, routing table or switch.
    #[serde(default)]
    pub link: Option<String>,
    /// VLAN.
    #[serde(default)]
    pub vlan: Option<String>,
}

/// What this RAPI can do beyond the base, from `/2/features`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Features(pub Vec<String>);

impl Features {
    /// Whether it has a feature, e.g. `instance-create-reqv1`.
    #[must_use]
    pub fn has(&self, feature: &str) -> bool {
        self.0.iter().any(|own| own == feature)
    }
}
