//! Ganeti's job queue: asynchronous, logged, cancellable.

mod job;
mod ops;
mod queue;
mod runner;

pub use job::{Job, JobOp, OpError, Status};
pub use queue::Queue;
pub use runner::run;
