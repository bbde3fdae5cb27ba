//! The body of `POST /2/instances`.

use std::collections::BTreeMap;

use serde::Serialize;

/// How the instance comes to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CreateMode {
    /// By the OS definition's scripts.
    #[default]
    Create,
}

/// A disk of a new instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NewDisk {
    /// Size in MiB.
    pub size: u64,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `ro` or `rw`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Volume group, for `plain` and `drbd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vg: Option<String>,
    /// Provider, needed for `ext`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// A NIC of a new instance; what is left out comes from the cluster or the network.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NewNic {
    /// Address, or `pool` to take one from the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// MAC address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// VLAN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<String>,
    /// Network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Backend parameters of a new instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NewBeParams {
    /// Smallest memory in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minmem: Option<u64>,
    /// Largest memory in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maxmem: Option<u64>,
    /// Virtual CPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vcpus: Option<u64>,
    /// Whether hbal may move it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_balance: Option<bool>,
}

/// A new instance. Start from [`CreateInstance::new`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CreateInstance {
    #[serde(rename = "__version__")]
    version: u8,
    /// Name.
    pub instance_name: String,
    /// How it comes to be.
    pub mode: CreateMode,
    /// Disk template.
    pub disk_template: String,
    /// Disks; may be empty only for `diskless`.
    pub disks: Vec<NewDisk>,
    /// NICs.
    pub nics: Vec<NewNic>,
    /// OS with variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_type: Option<String>,
    /// Whether the OS scripts are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_install: Option<bool>,
    /// Primary node; the allocator chooses when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pnode: Option<String>,
    /// Secondary node, for DRBD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snode: Option<String>,
    /// Allocator; the cluster's default when both it and the nodes are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iallocator: Option<String>,
    /// Node group for the allocator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// Hypervisor; the cluster's default when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hypervisor: Option<String>,
    /// Hypervisor parameters.
    pub hvparams: BTreeMap<String, serde_json::Value>,
    /// Backend parameters.
    pub beparams: NewBeParams,
    /// OS parameters.
    pub osparams: BTreeMap<String, String>,
    /// Whether the name must resolve.
    pub name_check: bool,
    /// Whether the address must be free.
    pub ip_check: bool,
    /// Whether addresses must not be in use by another instance.
    pub conflicts_check: bool,
    /// Whether it is started.
    pub start: bool,
    /// Whether the job ends only when mirrors are in sync.
    pub wait_for_sync: bool,
    /// Tags.
    pub tags: Vec<String>,
}

impl CreateInstance {
    /// With Ganeti's defaults, but without asking DNS for the name.
    #[must_use]
    pub fn new(name: impl Into<String>, disk_template: impl Into<String>) -> Self {
        Self {
            version: 1,
            instance_name: name.into(),
            mode: CreateMode::Create,
            disk_template: disk_template.into(),
            disks: Vec::new(),
            nics: Vec::new(),
            os_type: None,
            no_install: None,
            pnode: None,
            snode: None,
            iallocator: None,
            group_name: None,
            hypervisor: None,
            hvparams: BTreeMap::new(),
            beparams: NewBeParams::default(),
            osparams: BTreeMap::new(),
            name_check: false,
            ip_check: false,
            conflicts_check: true,
            start: true,
            wait_for_sync: true,
            tags: Vec::new(),
        }
    }
}
