//! What a cluster is: configuration and live state, and how RAPI shows both.

mod cluster;
mod instance;
mod node;
mod status;
mod view;

pub use cluster::{Cluster, Os};
pub use instance::{Admin, Disk, Instance, Nic};
pub use node::{Group, Network, Node};
pub(crate) use view::{group_view, info_view, instance_view, network_view, node_view};
