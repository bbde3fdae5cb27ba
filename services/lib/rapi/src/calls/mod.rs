//! The calls, by resource.

mod access;
mod cluster;
mod instances;
mod jobs;
mod nodes;

pub use access::Access;
pub use instances::{RebootKind, ShutdownOptions, StartupOptions};
pub use jobs::CancelOutcome;
