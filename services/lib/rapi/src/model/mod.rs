//! Ganeti's answers as types. Every field that Ganeti may omit or null is an `Option` or an empty list; unknown fields
//! are ignored.

mod cluster;
mod console;
mod create;
mod group;
mod instance;
mod job;
mod lenient;
mod network;
mod node;
mod op_result;
mod params;

pub use cluster::{ClusterInfo, Features, NicParams};
pub use console::{CONSOLE_PORT_BASE, Console, ConsoleKind};
pub use create::{CreateInstance, CreateMode, NewBeParams, NewDisk, NewNic};
pub use group::Group;
pub use instance::{BeParams, Instance};
pub use job::{GanetiJobId, Job, JobStatus, LogEntry, Op, ReasonEntry};
pub(crate) use lenient::time_of_pair;
pub use network::{Network, NetworkGroup};
pub use node::Node;
pub use op_result::{OpError, OpResult};
pub use params::Params;
pub(crate) use params::Said;
