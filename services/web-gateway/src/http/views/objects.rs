//! Node groups, networks, OSes: lists and single ones.

use askama::Template;

use super::listing::Listing;
use super::nodes::NodeRow;
use super::parts::{Link, ParameterGroup, Status, When};
use super::shell::Shell;
use super::{text, ui};

/// A row of the list of node groups.
#[derive(Debug, Clone)]
pub struct NodeGroupRow {
    /// Ganeti's UUID.
    pub uuid: String,
    /// Name.
    pub name: String,
    /// Slug of its cluster.
    pub cluster: String,
    /// `preferred`, `last resort`, `unallocable`.
    pub alloc_policy: String,
    /// How many nodes are in it.
    pub nodes: Option<u32>,
    /// Tags.
    pub tags: Vec<String>,
    /// Its cluster can't be reached.
    pub stale: bool,
}

/// `GET /node-groups`
#[derive(Debug, Template)]
#[template(path = "pages/node_groups.html")]
pub struct NodeGroupsPage {
    /// Around the page.
    pub shell: Shell,
    /// Filter, columns, paging.
    pub list: Listing,
    /// The rows.
    pub rows: Vec<NodeGroupRow>,
}

/// How a network is connected to a node group.
#[derive(Debug, Clone)]
pub struct ConnectionLine {
    /// The other side: the network, or the node group.
    pub link: Link,
    /// `bridged`, `routed`, `openvswitch`.
    pub mode: String,
    /// Ganeti's link: bridge or routing table.
    pub bridge: String,
    /// VLAN or empty.
    pub vlan: String,
}

/// `GET /clusters/{slug}/node-groups/{name}`
#[derive(Debug, Template)]
#[template(path = "pages/node_group.html")]
pub struct NodeGroupPage {
    /// Around the page.
    pub shell: Shell,
    /// What the list shows too.
    pub row: NodeGroupRow,
    /// Made.
    pub created: Option<When>,
    /// Changed.
    pub modified: Option<When>,
    /// Its nodes, at most 200.
    pub nodes: Vec<NodeRow>,
    /// Networks connected to it.
    pub connections: Vec<ConnectionLine>,
    /// How many instances are in it.
    pub instances: u32,
    /// Parameters with their origins, and what else Ganeti says.
    pub parameters: Vec<ParameterGroup>,
}

/// A row of the list of networks.
#[derive(Debug, Clone)]
pub struct NetworkRow {
    /// Ganeti's UUID.
    pub uuid: String,
    /// Name.
    pub name: String,
    /// Slug of its cluster.
    pub cluster: String,
    /// IPv4 and IPv6, what there is of them.
    pub network: Vec<String>,
    /// Likewise.
    pub gateway: Vec<String>,
    /// Free IPv4 addresses.
    pub free: Option<u64>,
    /// Those that are taken or reserved.
    pub reserved: Option<u64>,
    /// Node groups that it is connected to.
    pub node_groups: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Its cluster can't be reached.
    pub stale: bool,
}

/// `GET /networks`
#[derive(Debug, Template)]
#[template(path = "pages/networks.html")]
pub struct NetworksPage {
    /// Around the page.
    pub shell: Shell,
    /// Filter, columns, paging.
    pub list: Listing,
    /// The rows.
    pub rows: Vec<NetworkRow>,
}

/// An instance in a network.
#[derive(Debug, Clone)]
pub struct NetworkInstance {
    /// Ganeti's UUID.
    pub uuid: String,
    /// Name and page.
    pub link: Link,
    /// Status.
    pub status: Status,
    /// Its addresses in this network.
    pub addresses: Vec<String>,
}

/// `GET /clusters/{slug}/networks/{name}`
#[derive(Debug, Template)]
#[template(path = "pages/network.html")]
pub struct NetworkPage {
    /// Around the page.
    pub shell: Shell,
    /// What the list shows too.
    pub row: NetworkRow,
    /// IPv4 and IPv6; each may be empty.
    pub subnets: (String, String),
    /// Likewise.
    pub gateways: (String, String),
    /// First octets of hardware addresses; may be empty.
    pub mac_prefix: String,
    /// Addresses reserved by hand or by Ganeti itself.
    pub by_hand: u64,
    /// Which.
    pub reserved: String,
    /// Addresses that instances have.
    pub used: Option<u64>,
    /// All that is taken or reserved, as ranges.
    pub taken: String,
    /// Made.
    pub created: Option<When>,
    /// Changed.
    pub modified: Option<When>,
    /// Node groups it is connected to.
    pub connections: Vec<ConnectionLine>,
    /// Its instances, at most 200.
    pub instances: Vec<NetworkInstance>,
    /// How many there are.
    pub instances_total: u32,
    /// What else Ganeti says.
    pub parameters: Vec<ParameterGroup>,
}

/// A row of the list of OSes.
#[derive(Debug, Clone)]
pub struct OsRow {
    /// Name with variant.
    pub name: String,
    /// Slug of its cluster.
    pub cluster: String,
    /// Whether new instances can have it.
    pub offered: &'static str,
    /// How many instances have it.
    pub instances: u32,
    /// When the cluster's OSes were read.
    pub read: Option<When>,
    /// Its cluster can't be reached.
    pub stale: bool,
}

/// `GET /oses`
#[derive(Debug, Template)]
#[template(path = "pages/oses.html")]
pub struct OsesPage {
    /// Around the page.
    pub shell: Shell,
    /// Filter, columns, paging.
    pub list: Listing,
    /// The rows.
    pub rows: Vec<OsRow>,
}
