//! Carries out what people ask of Ganeti: one request is one durable job.
//!
//! Owns the database `gwm_jobs`. Called by web-gateway; calls cache-updater, auth and RAPI.
//!
//! What holds, whatever is killed when:
//! * A submission reaches Ganeti at most once and is never lost: its op is committed before the
//!   call, a call without an answer is searched for and never repeated by its sender.
//! * Only the holder of a cluster's submit lease talks to that cluster, one request at a time, and
//!   each of its writes is fenced by the lease.
//! * A change is sent only if the instance of that name still is the one that was meant.

mod clients;
mod config;
mod domain;
mod error;
mod grpc;
mod seen;
mod service;
mod store;
mod tasks;

pub use config::Config;
pub use service::Service;
