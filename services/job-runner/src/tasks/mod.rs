//! What works on jobs in the background, and what takes in requests that waited.
//!
//! [`supervise`] takes the submit leases of clusters that have open jobs; a [`runner::Runner`] works
//! on one cluster while it holds that lease: one request to RAPI at a time. Beside it a
//! [`finisher::Finisher`] sees to what does not touch Ganeti: the inventory's look, the settlement.

mod connection;
mod finisher;
mod follow;
mod foreign;
mod owner_tags;
mod pause;
mod recover;
mod requests;
mod reservations;
mod runner;
mod sender;
mod supervisor;
mod trouble;

use gwm_kernel::Tasks;
use gwm_pg::lease::Holder;

use crate::clients::{Auth, Cache};
use crate::config::Config;
use crate::domain::Job;
use crate::store::Store;

pub(crate) use foreign::foreign_jobs;
pub(crate) use owner_tags::owner_tags;
pub(crate) use requests::requests;
pub(crate) use reservations::reservations;
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

/// What is done for a job belongs to the trace of the request that asked for it.
fn span(job: &Job) -> tracing::Span {
    let span = tracing::info_span!(
        "job",
        job_id = %job.job_id,
        request_id = job.request_id,
        trace_id = tracing::field::Empty,
    );
    gwm_kernel::continue_trace(&span, job.traceparent.as_deref());
    span
}
