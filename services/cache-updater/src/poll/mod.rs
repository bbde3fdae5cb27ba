//! Reading clusters: one leased poller each, and the targeted reads that others ask for.

mod access;
mod apply;
mod attempt;
mod console;
mod jobs;
mod knock;
mod look;
mod memory;
mod objects;
mod observe;
mod reader;
mod session;
mod slices;
mod snapshot;
#[cfg(test)]
mod stored;
mod supervisor;
mod watch;

pub(crate) use access::{Access, connect, trust_of};
pub(crate) use apply::{Import, forget, import};
pub(crate) use knock::Target;
pub(crate) use observe::Observe;
pub(crate) use reader::Reader;
pub(crate) use session::{Session, UNREACHABLE};
pub(crate) use slices::Slices;
pub(crate) use snapshot::{Snapshot, Want};
pub(crate) use supervisor::{Place, Poller};
