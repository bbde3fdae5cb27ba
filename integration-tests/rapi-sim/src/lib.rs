//! Simulated Ganeti clusters speaking the Remote API over HTTPS.
//!
//! [`Sim::start`] brings up any number of clusters in this process, each with its own port,
//! certificate, users, nodes, instances and job queue; [`SimCluster`] reaches into one of them:
//! faults, changes from outside, the log of requests. The simulator depends on nothing else of
//! this project, so that it can't share its mistakes. Its contract suite (`tests/contract.rs`)
//! runs against real Ganeti too: where they differ, the simulator is wrong.

mod admin;
mod cert;
pub mod cli;
mod clock;
mod config;
mod error;
mod faults;
mod fleet;
mod handle;
mod http;
mod jobs;
mod log;
mod outside;
mod query;
mod rfb;
mod rng;
mod sim;
mod state;
mod templates;
mod world;

pub use config::{Access, CertStyle, ClusterConfig, SimConfig, User};
pub use error::Error;
pub use faults::{Fault, FaultRule};
pub use fleet::demo;
pub use handle::{JobSummary, SimCluster};
pub use log::RequestRecord;
pub use outside::{NewInstance, Outside, OutsideError};
pub use sim::Sim;
pub use state::{Admin, Cluster, Disk, Group, Instance, Network, Nic, Node, Os};
