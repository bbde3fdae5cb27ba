//! Clusters and their inventory: the registry of clusters with their credentials, one leased
//! poller for each, and what they hold, as lists and as events.
//!
//! Invariants: nothing is removed on doubt (`domain::gone`); a cluster is read by one replica at a
//! time, with at most two connections; secrets leave only to job-runner and vnc-proxy.

mod address;
mod audit;
#[doc(hidden)]
pub mod bench;
mod config;
mod domain;
mod error;
mod grpc;
mod owners;
mod poll;
mod seen;
mod service;
mod store;
mod vault;

pub use config::{Config, PollSettings};
pub use service::Service;
