//! The whole suite as processes.
//!
//! [`Stack::start`] brings up a private Postgres and NATS, a CA, and the five services, each as often
//! as asked, as an installation would run them: every connection between them has mTLS, every secret is
//! a file. Tests kill, freeze and restart the parts; `make run` (bin `dev-stack`) adds a demo fleet.

mod api;
mod balancer;
mod console;
mod files;
mod halves;
mod integrator;
mod layout;
mod options;
mod replica;
mod settings;
mod sse;
mod stack;

pub use api::{Answer, Api};
pub use console::{Console, open_console};
pub use halves::belong_together;
pub use integrator::Integrator;
pub use layout::{Part, binary_directory};
pub use options::{Options, Place};
pub use sse::{EventStream, ServerEvent};
pub use stack::Stack;

/// Runs work beside the caller's.
pub(crate) fn spawn<F>(work: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    #[expect(clippy::disallowed_methods, reason = "no service: this is the outside world's side")]
    tokio::spawn(work)
}
