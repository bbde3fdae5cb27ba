//! Nodes: list and one node.

use askama::Template;

use super::listing::Listing;
use super::parts::{Link, Status, Usage};
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
    /// `kvm 7.2`, or empty.
    pub hypervisor: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Its instances, at most 200.
    pub instances: Vec<NodeInstance>,
}
