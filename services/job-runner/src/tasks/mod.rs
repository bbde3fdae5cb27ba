//! What works on jobs in the background.
//!
//! [`supervise`] takes the submit leases of clusters that have open jobs; a [`runner::Runner`] works
//! on one cluster while it holds that lease: one request to RAPI at a time. Beside it a
//! [`finisher::Finisher`] sees to what does not touch Ganeti: the inventory's look, the settlement.

mod connection;
mod finisher;
mod follow;
mod pause;
mod recover;
mod runner;
mod sender;
mod supervisor;
mod trouble;

use gwm_kernel::Tasks;
use gwm_pg::lease::Holder;

use crate::clients::{Auth, Cache};
use crate::config::Config;
use crate::store::Store;

pub(crate) use supervisor::supervise;

/// What all of them share.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) store: Store,
    pub(crate) cache: Cache,
    pub(crate) auth: Auth,
    pub(crate) config: Config,
    pub(crate) holder: Holder,
    pub(crate) tasks: Tasks,
}
