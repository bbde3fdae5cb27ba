//! Types and rules as plain functions: no I/O.

mod failure;
mod foreign;
mod job;
mod kind;
mod op;
pub(crate) mod parameters;
mod phase;
mod search;
mod steps;
pub(crate) mod waiting;

pub(crate) use failure::{Failure, is_credential};
pub(crate) use foreign::ForeignJob;
pub(crate) use job::{Job, LogLine, Outcome, Sizes};
pub(crate) use kind::{Growth, Kind};
pub(crate) use op::{Op, OpState};
pub(crate) use parameters::Parameters;
pub(crate) use phase::Phase;
pub(crate) use search::{Verdict, verdict};
pub(crate) use steps::{Step, steps};
