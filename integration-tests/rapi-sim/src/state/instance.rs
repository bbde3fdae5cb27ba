//! An instance: its configuration, and where it really runs.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// What the administrator wants of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admin {
    /// To be running.
    Up,
    /// To be stopped.
    Down,
    /// Stopped, not counted in resources.
    Offline,
}

impl Admin {
    /// Ganeti's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Offline => "offline",
        }
    }
}

/// A network card.
#[derive(Clone, Debug)]
pub struct Nic {
    /// UUID of the card.
    pub uuid: String,
    /// MAC address.
    pub mac: String,
    /// IP address, where configured.
    pub ip: Option<String>,
    /// Bridge.
    pub link: String,
    /// Name of the Ganeti network.
    pub network: Option<String>,
}

/// A disk.
#[derive(Clone, Debug)]
pub struct Disk {
    /// UUID of the disk.
    pub uuid: String,
    /// Size in MiB.
    pub size: u64,
}

/// An instance in the configuration.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Full name.
    pub name: String,
    /// UUID.
    pub uuid: String,
    /// Wanted state.
    pub admin: Admin,
    /// The node on which it really runs.
    pub running_on: Option<String>,
    /// How often it booted; consoles hang up when this moves.
    pub boots: u64,
    /// OS with variant.
    pub os: String,
    /// Primary node.
    pub pnode: String,
    /// Secondary nodes (one for DRBD).
    pub snodes: Vec<String>,
    /// Disk template.
    pub disk_template: String,
    /// Network cards.
    pub nics: Vec<Nic>,
    /// Disks.
    pub disks: Vec<Disk>,
    /// Own backend parameters.
    pub beparams: Map<String, Value>,
    /// Hypervisor.
    pub hypervisor: String,
    /// Own hypervisor parameters.
    pub hvparams: Map<String, Value>,
    /// OS parameters.
    pub osparams: Map<String, Value>,
    /// Port of the console, for hypervisors with one.
    pub network_port: Option<u16>,
    /// Time of creation.
    pub ctime: f64,
    /// Time of the last change of the configuration.
    pub mtime: f64,
    /// Number of the last change of the configuration.
    pub serial_no: u64,
    /// Tags.
    pub tags: BTreeSet<String>,
}

impl Instance {
    /// Notes a change of the configuration.
    pub fn touch(&mut self, now: f64, changes: u64) {
        self.serial_no += changes;
        self.mtime = now;
    }

    /// A backend parameter, filled from Ganeti's defaults.
    #[must_use]
    pub fn be(&self, name: &str) -> Value {
        let name = if name == "memory" { "maxmem" } else { name };
        if let Some(own) = self.beparams.get(name) {
            return own.clone();
        }
        match name {
            "minmem" | "maxmem" => json!(128),
            "vcpus" | "spindle_use" => json!(1),
            "auto_balance" => json!(true),
            "always_failover" => json!(false),
            _ => Value::Null,
        }
    }

    /// Most memory it may use, in MiB.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.be("maxmem").as_u64().unwrap_or(128)
    }

    /// Filled backend parameters as RAPI shows them.
    #[must_use]
    pub fn filled_beparams(&self) -> Value {
        let names = [
            "minmem",
            "maxmem",
            "vcpus",
            "auto_balance",
            "always_failover",
            "spindle_use",
            "memory",
        ];
        Value::Object(names.iter().map(|n| ((*n).to_owned(), self.be(n))).collect())
    }

    /// Space its disks take on each node, in MiB, with DRBD's metadata.
    #[must_use]
    pub fn disk_usage(&self) -> u64 {
        let meta = if self.disk_template == "drbd" { 128 } else { 0 };
        self.disks.iter().map(|d| d.size + meta).sum()
    }

    /// Filled hypervisor parameters as RAPI shows them.
    #[must_use]
    pub fn filled_hvparams(&self) -> Value {
        if self.hypervisor != "kvm" {
            return json!({});
        }
        let mut filled = crate::templates::kvm_hvparams().clone();
        if let Value::Object(map) = &mut filled {
            map.extend(self.hvparams.clone());
        }
        filled
    }

    /// Whether its console is a VNC server.
    #[must_use]
    pub fn has_vnc(&self) -> bool {
        let filled = self.filled_hvparams();
        let text = |key: &str| filled.get(key).and_then(Value::as_str).unwrap_or_default() != "";
        let serial = filled.get("serial_console") == Some(&json!(true));
        self.hypervisor == "kvm" && !serial && text("vnc_bind_address") && !text("spice_bind")
    }
}
