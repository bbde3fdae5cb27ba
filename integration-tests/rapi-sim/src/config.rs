//! What to simulate: plain data with sensible defaults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Serialize;

/// Everything that one [`crate::Sim`] needs to start.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// The clusters, each with its own port, certificate and users.
    pub clusters: Vec<ClusterConfig>,
    /// Address of the plain-HTTP admin endpoint; `None` leaves it out.
    pub admin: Option<SocketAddr>,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self { clusters: vec![ClusterConfig::default()], admin: None }
    }
}

impl SimConfig {
    /// One cluster called `name` with default contents: what most tests want.
    #[must_use]
    pub fn single(name: &str) -> Self {
        Self {
            clusters: vec![ClusterConfig { name: name.to_owned(), ..ClusterConfig::default() }],
            admin: None,
        }
    }
}

/// One simulated cluster.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// Full name, as in `/2/info`; nodes are called `node1.<name>`.
    pub name: String,
    /// Seed of every name, size, tag and UUID in this cluster.
    pub seed: u64,
    /// Where RAPI listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Number of nodes.
    pub nodes: usize,
    /// Number of instances.
    pub instances: usize,
    /// Adds trouble to look at: a crashed instance, a drained and an offline node.
    pub trouble: bool,
    /// Accounts of RAPI's users file.
    pub users: Vec<User>,
    /// Style of the TLS certificate.
    pub certificate: CertStyle,
    /// Added to every answer.
    pub latency: Duration,
    /// How long an opcode runs.
    pub job_time: Duration,
    /// How long a job stays queued, and again waiting, before it runs.
    pub queue_time: Duration,
    /// Jobs that may run at once (Ganeti's `max_running_jobs`).
    pub max_running_jobs: usize,
    /// Connections served at once (`ganeti-rapi --max-clients`); further ones wait.
    pub max_clients: usize,
    /// Whether the console call answers as fixed Ganeti would; as shipped it answers 500 for VNC.
    pub console_patched: bool,
    /// Whether running instances have a VNC server; `None` means up to 200 instances.
    pub consoles: Option<bool>,
    /// Password of the VNC servers; `None` is security type None.
    pub vnc_password: Option<String>,
    /// First three bytes of the nodes' loopback addresses; `None` takes a free network.
    pub node_network: Option<[u8; 3]>,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            name: "sim1.example.org".to_owned(),
            seed: 1,
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            nodes: 3,
            instances: 12,
            trouble: false,
            users: User::usual(),
            certificate: CertStyle::GanetiV1,
            latency: Duration::ZERO,
            job_time: Duration::from_millis(150),
            queue_time: Duration::from_millis(10),
            max_running_jobs: 20,
            max_clients: 20,
            console_patched: false,
            consoles: None,
            vnc_password: Some("vncpass1".to_owned()),
            node_network: None,
        }
    }
}

/// How the cluster's certificate is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CertStyle {
    /// Self-signed X.509 version 1 for `ganeti.example.com`, as Ganeti makes it.
    GanetiV1,
    /// Version 3, signed by a CA of the cluster, valid for `localhost` and the listen address.
    Ca,
}

/// One line of RAPI's users file.
#[derive(Clone, Debug, Serialize)]
pub struct User {
    /// User name.
    pub name: String,
    /// Password in clear.
    pub password: String,
    /// Options given to the user.
    pub access: Access,
}

impl User {
    /// `gwm-write` (write), `gwm-read` (read) and `nobody` (no option).
    #[must_use]
    pub fn usual() -> Vec<Self> {
        [
            ("gwm-write", "write-secret", Access::Write),
            ("gwm-read", "read-secret", Access::Read),
            ("nobody", "nobody-secret", Access::None),
        ]
        .into_iter()
        .map(|(name, password, access)| Self {
            name: name.to_owned(),
            password: password.to_owned(),
            access,
        })
        .collect()
    }
}

/// Options of a user in RAPI's users file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// `write`: everything.
    Write,
    /// `read`: queries and consoles too, but no change.
    Read,
    /// No option: plain reads only.
    None,
}
