//! The configuration of one cluster with the numbers Ganeti hands out.

use std::collections::{BTreeMap, BTreeSet};

use super::{Group, Instance, Network, Node};
use crate::rng::Rng;

/// An operating system definition.
#[derive(Clone, Debug)]
pub struct Os {
    /// Name without variant.
    pub name: String,
    /// Variants; empty for an OS without.
    pub variants: Vec<String>,
}

impl Os {
    /// The names an instance may use.
    pub fn names(&self) -> Vec<String> {
        if self.variants.is_empty() {
            return vec![self.name.clone()];
        }
        self.variants.iter().map(|v| format!("{}+{v}", self.name)).collect()
    }
}

/// A cluster: what `config.data` holds, and what runs where.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Full name.
    pub name: String,
    /// UUID.
    pub uuid: String,
    /// Full name of the master node.
    pub master: String,
    /// Time of creation.
    pub ctime: f64,
    /// Time of the last change.
    pub mtime: f64,
    /// Tags.
    pub tags: BTreeSet<String>,
    /// Nodes by name.
    pub nodes: BTreeMap<String, Node>,
    /// Instances by name.
    pub instances: BTreeMap<String, Instance>,
    /// Node groups by name.
    pub groups: BTreeMap<String, Group>,
    /// Networks by name.
    pub networks: BTreeMap<String, Network>,
    /// Operating systems.
    pub oses: Vec<Os>,
    /// Hypervisors in use; the first is the default.
    pub hypervisors: Vec<String>,
    /// Disk templates in use.
    pub disk_templates: Vec<String>,
    /// Console ports given back, lowest first.
    pub free_ports: BTreeSet<u16>,
    /// Console port to hand out next.
    pub next_port: u16,
    /// Whether the console call is mended.
    pub console_patched: bool,
    /// Password of the VNC servers.
    pub vnc_password: Option<String>,
    /// Source of UUIDs and MAC addresses.
    pub(crate) rng: Rng,
}

impl Cluster {
    /// Takes a console port: one given back, else the next.
    pub fn take_port(&mut self) -> u16 {
        if let Some(port) = self.free_ports.pop_first() {
            return port;
        }
        let port = self.next_port;
        self.next_port += 1;
        port
    }

    /// Finds an instance by full name, UUID, or a first part that only one has.
    #[must_use]
    pub fn expand_instance(&self, name: &str) -> Option<&Instance> {
        let by_uuid = || self.instances.values().find(|i| i.uuid == name);
        if let Some(found) = self.instances.get(name).or_else(by_uuid) {
            return Some(found);
        }
        let prefix = format!("{name}.");
        let mut matching = self.instances.values().filter(|i| i.name.starts_with(&prefix));
        matching.next().filter(|_| matching.next().is_none())
    }

    /// Finds a node by full name, UUID, or a first part that only one has.
    #[must_use]
    pub fn expand_node(&self, name: &str) -> Option<&Node> {
        let by_uuid = || self.nodes.values().find(|n| n.uuid == name);
        if let Some(found) = self.nodes.get(name).or_else(by_uuid) {
            return Some(found);
        }
        let prefix = format!("{name}.");
        let mut matching = self.nodes.values().filter(|n| n.name.starts_with(&prefix));
        matching.next().filter(|_| matching.next().is_none())
    }

    /// Finds a node group by name or UUID.
    #[must_use]
    pub fn expand_group(&self, name: &str) -> Option<&Group> {
        self.groups.get(name).or_else(|| self.group_by_uuid(name))
    }

    /// Finds a network by name or UUID.
    #[must_use]
    pub fn expand_network(&self, name: &str) -> Option<&Network> {
        self.networks.get(name).or_else(|| self.networks.values().find(|n| n.uuid == name))
    }

    /// The node group with this UUID.
    #[must_use]
    pub fn group_by_uuid(&self, uuid: &str) -> Option<&Group> {
        self.groups.values().find(|g| g.uuid == uuid)
    }

    /// Primary instances of a node.
    pub fn primaries<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a Instance> {
        self.instances.values().filter(move |i| i.pnode == node)
    }

    /// Secondary instances of a node.
    pub fn secondaries<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a Instance> {
        self.instances.values().filter(move |i| i.snodes.iter().any(|s| s == node))
    }

    /// Free memory of a node in MiB.
    #[must_use]
    pub fn free_memory(&self, node: &Node) -> u64 {
        let used: u64 = self
            .instances
            .values()
            .filter(|i| i.running_on.as_deref() == Some(&node.name))
            .map(Instance::memory)
            .sum();
        node.mtotal.saturating_sub(1024 + used)
    }

    /// Free storage of a node in MiB.
    #[must_use]
    pub fn free_disk(&self, node: &Node) -> u64 {
        let used: u64 = self
            .primaries(&node.name)
            .chain(self.secondaries(&node.name))
            .map(Instance::disk_usage)
            .sum();
        node.dtotal.saturating_sub(used)
    }

    /// Addresses in use in a network, as places in its map.
    #[must_use]
    pub fn used_addresses(&self, network: &Network) -> BTreeSet<u32> {
        let mut places = network.reserved();
        for nic in self.instances.values().flat_map(|i| &i.nics) {
            if nic.network.as_deref() != Some(&network.name) {
                continue;
            }
            if let Some(Ok(ip)) = nic.ip.as_ref().map(|ip| ip.parse::<std::net::Ipv4Addr>()) {
                places.insert(u32::from(ip).wrapping_sub(u32::from(network.base)));
            }
        }
        places
    }

    /// Removes an instance and gives its console port back.
    pub fn remove_instance(&mut self, name: &str) -> Option<Instance> {
        let gone = self.instances.remove(name)?;
        if let Some(port) = gone.network_port {
            self.free_ports.insert(port);
        }
        Some(gone)
    }
}
