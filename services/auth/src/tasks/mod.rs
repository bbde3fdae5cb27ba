//! What runs as long as the process does.

mod follow;
mod intake;
mod prepare;
mod purge;
mod recount;
mod sweep;

pub(crate) use follow::{Follower, wake_up};
pub(crate) use intake::intake;
pub(crate) use prepare::prepare;
pub(crate) use purge::purge;
pub(crate) use recount::Recount;
pub(crate) use sweep::{sweep, sweep_tokens};
