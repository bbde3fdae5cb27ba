//! Nodes: list and one node.

use askama::Template;

use super::listing::Listing;
use super::parts::{Link, Notice, ParameterGroup, Status, Usage};
use super::shell::Shell;
use super::{text, ui};

/// A row of the list.
#[derive(Debug, Clone)]
pub struct NodeRow {
    /// Ganeti's UUID.
    pub uuid: String,
    /// Name.
    pub name: String,
    /// Slug of its cluster.
    pub cluster: String,
    /// online, drained, offline.
    pub status: Status,
    /// `master`, `master candidate`, `regular`.
    pub role: String,
    /// Node group's name.
    pub node_group: String,
    /// Memory.
    pub memory: Usage,
    /// Disk.
    pub disk: Usage,
    /// CPU threads.
    pub cpus: Option<u32>,
    /// Instances whose primary node it is.
    pub instances_primary: u64,
    /// Instances whose secondary node it is.
    pub instances_secondary: u64,
    /// Its cluster can't be reached: what is shown is old.
    pub stale: bool,
}

/// `GET /nodes`
#[derive(Debug, Template)]
#[template(path = "pages/nodes.html")]
pub struct NodesPage {
    /// Around the page.
    pub shell: Shell,
    /// Filter, columns, paging.
    pub list: Listing,
    /// The rows.
    pub rows: Vec<NodeRow>,
}

/// An instance on a node.
#[derive(Debug, Clone)]
pub struct NodeInstance {
    /// Ganeti's UUID.
    pub uuid: String,
    /// Name and page.
    pub link: Link,
    /// Status.
    pub status: Status,
    /// `primary` or `secondary`.
    pub role: &'static str,
    /// Memory, MiB.
    pub memory_mib: Option<u64>,
}

/// `GET /clusters/{slug}/nodes/{name}`
#[derive(Debug, Template)]
#[template(path = "pages/node.html")]
pub struct NodePage {
    /// Around the page.
    pub shell: Shell,
    /// What the list shows too.
    pub row: NodeRow,
    /// Tags.
    pub tags: Vec<String>,
    /// What its primary instances were given, of what it has.
    pub memory_allocated: Usage,
    /// Likewise, MiB.
    pub disk_allocated_mib: Option<u64>,
    /// Likewise.
    pub vcpus_allocated: u32,
    /// Free memory, MiB.
    pub memory_free_mib: Option<u64>,
    /// Free disk space, MiB.
    pub disk_free_mib: Option<u64>,
    /// Memory of the node itself, MiB.
    pub memory_node_mib: Option<u64>,
    /// What Ganeti may do with it: `may become master`, `drained`, ..
    pub flags: Vec<Flag>,
    /// CPU sockets, NUMA nodes, CPUs of the node itself.
    pub hardware: Vec<Flag>,
    /// Address.
    pub primary_ip: String,
    /// Address for replication.
    pub secondary_ip: String,
    /// What is not well.
    pub findings: Vec<Notice>,
    /// Its instances, at most 50 of each role.
    pub instances: Vec<NodeInstance>,
    /// Node parameters, and what else Ganeti says.
    pub parameters: Vec<ParameterGroup>,
}

/// A line of plain facts.
#[derive(Debug, Clone)]
pub struct Flag {
    /// What.
    pub label: &'static str,
    /// `yes`, `no`, a number; empty: Ganeti doesn't say.
    pub value: String,
    /// Ganeti's name of it.
    pub field: &'static str,
}
