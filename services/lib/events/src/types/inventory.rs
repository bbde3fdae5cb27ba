//! Inventory: what clusters hold, as Ganeti says it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventType;
use crate::Class;

/// A cluster was entered into gwm.
pub const CLUSTER_ADDED: EventType<Cluster> =
    EventType::new("added", "A cluster was entered into gwm.");
/// A cluster's own properties changed.
pub const CLUSTER_CHANGED: EventType<Cluster> =
    EventType::new("changed", "Version, master, endpoints or tags of a cluster changed.");
/// A cluster answers again.
pub const CLUSTER_REACHABLE: EventType<Cluster> = EventType::new(
    "reachable",
    "A cluster answers again. What changed since its `unreachable` follows as events of its own.",
);
/// A cluster stopped answering.
pub const CLUSTER_UNREACHABLE: EventType<Cluster> = EventType::new(
    "unreachable",
    "A cluster stopped answering: until `reachable` nothing is known of what happens in it.",
);
/// A cluster's record was removed from gwm; nothing happened to the cluster.
pub const CLUSTER_FORGOTTEN: EventType<Cluster> = EventType::new(
    "forgotten",
    "A cluster's record was removed from gwm. Nothing happened to the cluster itself.",
);

/// A node was there before gwm looked.
pub const NODE_DISCOVERED: EventType<Node> =
    EventType::new("discovered", "A node that was there before gwm first looked.");
/// A node joined its cluster.
pub const NODE_CREATED: EventType<Node> = EventType::new("created", "A node joined its cluster.");
/// A node changed.
pub const NODE_CHANGED: EventType<Node> = EventType::new("changed", "A node changed.");
/// A node left its cluster.
pub const NODE_REMOVED: EventType<Node> = EventType::new("removed", "A node left its cluster.");
/// A node's record went with its cluster's.
pub const NODE_FORGOTTEN: EventType<Node> =
    EventType::new("forgotten", "A node's record was removed from gwm, with its cluster's.");

/// An instance was there before gwm looked.
pub const INSTANCE_DISCOVERED: EventType<Instance> =
    EventType::new("discovered", "An instance that was there before gwm first looked.");
/// An instance was created.
pub const INSTANCE_CREATED: EventType<Instance> =
    EventType::new("created", "An instance was created.");
/// An instance's configuration or place changed.
pub const INSTANCE_CHANGED: EventType<Instance> = EventType::new(
    "changed",
    "Anything but the status alone changed. Where the status changed too, it is named in \
     `changed` and no `status_changed` follows.",
);
/// Only the status of an instance changed.
pub const INSTANCE_STATUS_CHANGED: EventType<Instance> = EventType::new(
    "status_changed",
    "The status changed (with `admin_state`, where it followed), and nothing else did.",
);
/// An instance is gone, and that is proven.
pub const INSTANCE_REMOVED: EventType<Instance> =
    EventType::new("removed", "An instance is gone, and that is proven.");
/// An instance is not in Ganeti's answer, and that may be a mistake.
pub const INSTANCE_MISSING: EventType<Instance> = EventType::new(
    "missing",
    "An instance vanished together with many others: nothing is believed yet. `removed` follows, \
     or `changed` with `missing` false.",
);
/// What people wrote down about an instance changed.
pub const INSTANCE_NOTES_CHANGED: EventType<Instance> = EventType::new(
    "notes_changed",
    "What people wrote down about an instance changed. The text is not in events: who may see the \
     instance reads it there. `changed` names `notes_revision` with the number before.",
);
/// An instance's record went with its cluster's.
pub const INSTANCE_FORGOTTEN: EventType<Instance> =
    EventType::new("forgotten", "An instance's record was removed from gwm, with its cluster's.");

/// A node group was there before gwm looked.
pub const NODE_GROUP_DISCOVERED: EventType<NodeGroup> =
    EventType::new("discovered", "A node group that was there before gwm first looked.");
/// A node group was made.
pub const NODE_GROUP_CREATED: EventType<NodeGroup> =
    EventType::new("created", "A node group was made.");
/// A node group changed.
pub const NODE_GROUP_CHANGED: EventType<NodeGroup> = EventType::new(
    "changed",
    "A node group changed. Of a change of its parameters `config_version` tells.",
);
/// A node group is gone, and that is proven.
pub const NODE_GROUP_REMOVED: EventType<NodeGroup> =
    EventType::new("removed", "A node group is gone, and that is proven.");
/// A node group's record went with its cluster's.
pub const NODE_GROUP_FORGOTTEN: EventType<NodeGroup> =
    EventType::new("forgotten", "A node group's record was removed from gwm, with its cluster's.");

/// A network was there before gwm looked.
pub const NETWORK_DISCOVERED: EventType<Network> =
    EventType::new("discovered", "A network that was there before gwm first looked.");
/// A network was made.
pub const NETWORK_CREATED: EventType<Network> = EventType::new("created", "A network was made.");
/// A network changed.
pub const NETWORK_CHANGED: EventType<Network> = EventType::new(
    "changed",
    "A network changed. Of a change of its parameters `config_version` tells.",
);
/// A network is gone, and that is proven.
pub const NETWORK_REMOVED: EventType<Network> =
    EventType::new("removed", "A network is gone, and that is proven.");
/// A network's record went with its cluster's.
pub const NETWORK_FORGOTTEN: EventType<Network> =
    EventType::new("forgotten", "A network's record was removed from gwm, with its cluster's.");

/// Ganeti took a job, whoever submitted it.
pub const GANETI_JOB_SUBMITTED: EventType<GanetiJob> = EventType::new(
    "submitted",
    "A job was found in a cluster's queue, gwm's own and those of Ganeti's command line alike.",
);
/// A Ganeti job began.
pub const GANETI_JOB_STARTED: EventType<GanetiJob> = EventType::new(
    "started",
    "A Ganeti job began to run. Left out for one that has ended already.",
);
/// A Ganeti job ended.
pub const GANETI_JOB_ENDED: EventType<GanetiJob> = EventType::new(
    "ended",
    "A Ganeti job ended; `status` says how. What it changed follows as events of the objects, with this \
     job as their cause.",
);

/// Sequences of a stream began again.
pub const STREAM_RESET: EventType<Stream> = EventType::new(
    "reset",
    "The stream of this class was made anew, so its sequences began again: read the list again \
     and start a consumer after its `stream_sequence`. Published in each class.",
);

/// A cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cluster {
    /// gwm's id.
    pub id: String,
    /// The short name, which never changes.
    pub slug: String,
    /// Ganeti's name of it; null until it was read.
    pub name: Option<String>,
    /// Ganeti's UUID of it; null until it was read.
    pub uuid: Option<String>,
    /// Ganeti's version.
    pub ganeti_version: Option<String>,
    /// The master node's name.
    pub master_node: Option<String>,
    /// Where its RAPI is. Streams for people leave out this, the master and `error` without `view_placement` on it.
    pub endpoints: Vec<String>,
    /// Whether gwm has no credential to write with, or is not to use it.
    pub read_only: bool,
    /// Whether an administrator wants it left alone: nothing is read and no new job is sent.
    pub paused: bool,
    /// Whether owners are written as tags on its instances (`write`), such tags are taken away
    /// (`remove`), or neither (`off`).
    pub owner_tags: String,
    /// Whether the last attempt to read it succeeded.
    pub reachable: bool,
    /// When it was last read completely.
    pub last_success: Option<DateTime<Utc>>,
    /// Why it can't be reached, in words.
    pub error: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Grows with each change.
    pub revision: u64,
    /// When it was entered into gwm.
    pub created_at: DateTime<Utc>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Node {
    /// Ganeti's UUID.
    pub uuid: String,
    /// Its name.
    pub name: String,
    /// The cluster's slug.
    pub cluster: String,
    /// `master`, `master-candidate`, `regular`, `drained` or `offline`.
    pub role: String,
    /// Its node group's name.
    pub node_group: Option<String>,
    /// Its node group's UUID: names change.
    #[serde(default)]
    pub node_group_uuid: Option<String>,
    /// Memory in MiB.
    pub memory_total_mib: Option<u64>,
    /// Free memory in MiB.
    pub memory_free_mib: Option<u64>,
    /// Disk space in MiB.
    pub disk_total_mib: Option<u64>,
    /// Free disk space in MiB.
    pub disk_free_mib: Option<u64>,
    /// Logical CPUs.
    pub cpus_total: Option<u32>,
    /// How many instances have it as their primary node.
    pub instances_primary: u32,
    /// How many instances have it as a secondary node.
    pub instances_secondary: u32,
    /// Whether Ganeti holds it for dead.
    pub offline: bool,
    /// Whether it takes no new instances.
    pub drained: bool,
    /// Whether it vanished together with many others, and nothing is believed yet.
    #[serde(default)]
    pub missing: bool,
    /// Grows with each change.
    pub revision: u64,
    /// When gwm last saw it.
    pub seen_at: DateTime<Utc>,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Instance {
    /// Ganeti's UUID.
    pub uuid: String,
    /// Its name.
    pub name: String,
    /// The cluster's slug.
    pub cluster: String,
    /// Ganeti's word for its state, such as `running` or `ADMIN_down`.
    pub status: String,
    /// What it should be: `up`, `down` or `offline`.
    pub admin_state: String,
    /// The node it runs on; null without `view_placement` on the cluster.
    pub primary_node: Option<String>,
    /// The nodes that mirror its disks; empty without `view_placement`.
    pub secondary_nodes: Vec<String>,
    /// The node group's name; null without `view_placement`.
    pub node_group: Option<String>,
    /// The hypervisor.
    pub hypervisor: String,
    /// The operating system's name, variant included.
    pub os: String,
    /// Virtual CPUs.
    pub vcpus: Option<u32>,
    /// Memory in MiB.
    pub memory_mib: Option<u64>,
    /// Space of its disks in MiB, what mirrors take included.
    pub disk_mib: Option<u64>,
    /// `drbd`, `plain`, `file`, ..
    pub disk_template: String,
    /// Network interfaces, in order.
    pub nics: Vec<Nic>,
    /// Disks, in order.
    pub disks: Vec<Disk>,
    /// Ganeti's tags.
    pub tags: Vec<String>,
    /// Who is charged for it: `user/NAME` or `group/NAME`.
    pub owner: Option<String>,
    /// Whether it vanished together with many others, and nothing is believed yet.
    #[serde(default)]
    pub missing: bool,
    /// Grows with each change.
    pub revision: u64,
    /// Grows with each change of the configuration; the strong `ETag`.
    pub config_version: String,
    /// When Ganeti made it.
    pub created_at: Option<DateTime<Utc>>,
    /// When Ganeti last changed its configuration.
    pub modified_at: Option<DateTime<Utc>>,
    /// When gwm last saw it.
    pub seen_at: DateTime<Utc>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Nic {
    /// Hardware address.
    pub mac: Option<String>,
    /// Address, where Ganeti knows one.
    pub ip: Option<String>,
    /// `bridged`, `routed` or `openvswitch`; null without `view_placement` on the cluster.
    pub mode: Option<String>,
    /// Bridge or routing table; null without `view_placement`.
    pub link: Option<String>,
    /// Ganeti's network.
    pub network: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Disk {
    /// Size in MiB.
    pub size_mib: Option<u64>,
    /// Ganeti's UUID.
    pub uuid: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// A node group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeGroup {
    /// Ganeti's UUID.
    pub uuid: String,
    /// Its name.
    pub name: String,
    /// The cluster's slug.
    pub cluster: String,
    /// `preferred`, `last_resort` or `unallocable`.
    pub alloc_policy: Option<String>,
    /// How many nodes are in it.
    pub nodes: Option<u32>,
    /// Ganeti's tags.
    pub tags: Vec<String>,
    /// Whether it vanished together with many others, and nothing is believed yet.
    pub missing: bool,
    /// Grows with each change.
    pub revision: u64,
    /// Grows with each change of the configuration, parameters and policy included.
    pub config_version: String,
    /// When it was made; null for the first of a cluster, of which Ganeti doesn't know.
    pub created_at: Option<DateTime<Utc>>,
    /// When Ganeti last changed its configuration.
    pub modified_at: Option<DateTime<Utc>>,
    /// When gwm last saw it.
    pub seen_at: DateTime<Utc>,
}

/// A network of Ganeti's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Network {
    /// Ganeti's UUID.
    pub uuid: String,
    /// Its name.
    pub name: String,
    /// The cluster's slug.
    pub cluster: String,
    /// Its IPv4 addresses, as `192.0.2.0/24`.
    pub network: Option<String>,
    /// IPv4 gateway.
    pub gateway: Option<String>,
    /// Its IPv6 addresses.
    pub network6: Option<String>,
    /// IPv6 gateway.
    pub gateway6: Option<String>,
    /// First octets of hardware addresses in it.
    pub mac_prefix: Option<String>,
    /// IPv4 addresses that nobody has.
    pub addresses_free: Option<u64>,
    /// IPv4 addresses that are taken or reserved.
    pub addresses_reserved: Option<u64>,
    /// The node groups that it is connected to; empty without `view_placement` on the cluster.
    pub connections: Vec<Connection>,
    /// Ganeti's tags.
    pub tags: Vec<String>,
    /// Whether it vanished together with many others, and nothing is believed yet.
    pub missing: bool,
    /// Grows with each change.
    pub revision: u64,
    /// Grows with each change of the configuration; free addresses are none.
    pub config_version: String,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// When Ganeti last changed its configuration.
    pub modified_at: Option<DateTime<Utc>>,
    /// When gwm last saw it.
    pub seen_at: DateTime<Utc>,
}

/// How a network is connected to a node group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Connection {
    /// The node group's name.
    pub node_group: String,
    /// `bridged`, `routed` or `openvswitch`.
    pub mode: Option<String>,
    /// Bridge or routing table.
    pub link: Option<String>,
    /// VLAN.
    pub vlan: Option<String>,
}

/// A job in Ganeti's own queue. Parameters of its opcodes are never told: they may be secrets of guests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GanetiJob {
    /// The number that Ganeti gave.
    pub number: u64,
    /// The cluster's slug.
    pub cluster: String,
    /// gwm's id of the cluster.
    pub cluster_id: String,
    /// Ganeti's word: `queued`, `waiting`, `running`, `canceling`, `success`, `error` or `canceled`; `unknown`
    /// when it ended and Ganeti has forgotten how.
    pub status: String,
    /// The first opcode, such as `OP_INSTANCE_SHUTDOWN`.
    pub op_code: String,
    /// Ganeti's line for each opcode, such as `INSTANCE_SHUTDOWN(web1.example.com)`; the first 20.
    pub summary: Vec<String>,
    /// What its opcodes name; the first 20.
    pub objects: Vec<GanetiJobObject>,
    /// The job of gwm's that submitted it; null for anybody else's.
    pub gwm_job: Option<String>,
    /// When Ganeti took it.
    pub received_at: Option<DateTime<Utc>>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it failed: Ganeti's class of error and its code, such as `OpPrereqError wrong_state`. Texts and
    /// logs are not told: they may hold secrets.
    pub error: Option<String>,
    /// Grows with each change.
    pub revision: u64,
}

/// What a Ganeti job names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GanetiJobObject {
    /// `instance` or `node`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Ganeti's UUID, where gwm knew the object.
    pub uuid: Option<String>,
}

/// A stream of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stream {
    /// The class it keeps.
    pub class: Class,
    /// How often it was made anew.
    pub revision: u64,
}
