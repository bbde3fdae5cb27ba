//! Nodes, node groups and networks.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// A node in the configuration, and whether it answers.
#[derive(Clone, Debug)]
pub struct Node {
    /// Full name.
    pub name: String,
    /// UUID.
    pub uuid: String,
    /// Primary address; consoles listen on it.
    pub pip: Ipv4Addr,
    /// UUID of its node group.
    pub group: String,
    /// Marked offline by the administrator.
    pub offline: bool,
    /// Marked drained by the administrator.
    pub drained: bool,
    /// Master candidate.
    pub candidate: bool,
    /// Does not answer, though not marked offline.
    pub down: bool,
    /// Memory in MiB.
    pub mtotal: u64,
    /// Storage in MiB.
    pub dtotal: u64,
    /// Logical processors.
    pub ctotal: u64,
    /// Time of creation.
    pub ctime: f64,
    /// Time of the last change.
    pub mtime: f64,
    /// Number of the last change.
    pub serial_no: u64,
    /// Tags.
    pub tags: BTreeSet<String>,
}

impl Node {
    /// Whether the master can talk to it.
    #[must_use]
    pub fn reachable(&self) -> bool {
        !self.offline && !self.down
    }

    /// Notes a change of the configuration.
    pub fn touch(&mut self, now: f64) {
        self.serial_no += 1;
        self.mtime = now;
    }
}

/// A node group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Name.
    pub name: String,
    /// UUID.
    pub uuid: String,
    /// Allocation policy.
    pub alloc_policy: String,
    /// Time of creation.
    pub ctime: f64,
    /// Time of the last change.
    pub mtime: f64,
    /// Number of the last change.
    pub serial_no: u64,
    /// Tags.
    pub tags: BTreeSet<String>,
}

/// A Ganeti network: an IPv4 subnet with a map of its addresses.
#[derive(Clone, Debug)]
pub struct Network {
    /// Name.
    pub name: String,
    /// UUID.
    pub uuid: String,
    /// First address of the subnet.
    pub base: Ipv4Addr,
    /// Length of the prefix.
    pub prefix: u8,
    /// Gateway.
    pub gateway: Option<Ipv4Addr>,
    /// MAC prefix of its own.
    pub mac_prefix: Option<String>,
    /// Bridge to which the node groups connect it.
    pub link: String,
    /// Time of creation.
    pub ctime: f64,
    /// Time of the last change.
    pub mtime: f64,
    /// Number of the last change.
    pub serial_no: u64,
    /// Tags.
    pub tags: BTreeSet<String>,
}

impl Network {
    /// Number of addresses.
    #[must_use]
    pub fn size(&self) -> u32 {
        1 << (32 - u32::from(self.prefix))
    }

    /// The address at this place of the map.
    #[must_use]
    pub fn address(&self, index: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.base) + index)
    }

    /// Places that Ganeti or the administrator keep back: first, last, gateway.
    #[must_use]
    pub fn reserved(&self) -> BTreeSet<u32> {
        let mut places = BTreeSet::from([0, self.size() - 1]);
        if let Some(gateway) = self.gateway {
            places.insert(u32::from(gateway) - u32::from(self.base));
        }
        places
    }
}
