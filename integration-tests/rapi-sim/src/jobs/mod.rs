//! Ganeti's job queue: asynchronous, logged, cancellable.

mod job;
mod ops;
mod queue;
mod runner;

pub(crate) use job::{Job, JobOp, OpError, Status};
pub(crate) use queue::Queue;
pub(crate) use runner::run;
