//! The state of one simulated cluster, shared by all of its parts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::User;
use crate::faults::Faults;
use crate::jobs::{self, Queue};
use crate::log::RequestLog;
use crate::state::Cluster;

/// Everything that changes.
pub(crate) struct World {
    /// Configuration and live state.
    pub cluster: Cluster,
    /// Job queue.
    pub queue: Queue,
    /// Faults ordered.
    pub faults: Faults,
    /// Requests seen.
    pub log: RequestLog,
    /// Accounts.
    pub users: Vec<User>,
    /// Certificate in use, with its fingerprint.
    pub tls: Tls,
}

/// A certificate ready to serve.
#[derive(Clone)]
pub(crate) struct Tls {
    /// Takes connections with it.
    pub acceptor: TlsAcceptor,
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: String,
    /// The certificate itself.
    pub certificate: Vec<u8>,
    /// The CA that signed it, where there is one.
    pub ca_pem: Option<String>,
}

/// A cluster's state and the tasks that work on it.
pub(crate) struct Shared {
    world: Mutex<World>,
    changes: watch::Sender<u64>,
    job_time: Mutex<Duration>,
    /// Time in the queue.
    pub queue_time: Duration,
    /// Jobs at once.
    pub max_running_jobs: usize,
    /// Connections at once.
    pub clients: Arc<Semaphore>,
    /// Tasks of this cluster.
    pub tasks: TaskTracker,
    /// Ends them.
    pub stop: CancellationToken,
}

impl Shared {
    /// Wraps a world.
    pub(crate) fn new(world: World, config: &crate::config::ClusterConfig) -> Arc<Self> {
        Arc::new(Self {
            world: Mutex::new(world),
            changes: watch::Sender::new(0),
            job_time: Mutex::new(config.job_time),
            queue_time: config.queue_time,
            max_running_jobs: config.max_running_jobs,
            clients: Arc::new(Semaphore::new(config.max_clients)),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the world, or changes what nobody waits for.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        f(&mut self.lock())
    }

    /// Changes the world and wakes those who wait for changes.
    pub(crate) fn change<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        let out = f(&mut self.lock());
        self.announce();
        out
    }

    /// Wakes those who wait for changes.
    pub(crate) fn announce(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Tells of every change from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// How long an opcode runs.
    pub(crate) fn job_time(&self) -> Duration {
        *self.job_time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets how long an opcode runs.
    pub(crate) fn set_job_time(&self, time: Duration) {
        *self.job_time.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// Accepts opcodes as a job and starts it.
    pub(crate) fn submit(self: &Arc<Self>, ops: Vec<Map<String, Value>>) -> u64 {
        let id = self.change(|world| world.queue.submit(ops));
        Self::start(self, id);
        id
    }

    /// Starts a job that is in the queue already.
    pub(crate) fn start(shared: &Arc<Self>, id: u64) {
        let (run, stop) = (jobs::run(shared.clone(), id), shared.stop.clone());
        drop(shared.tasks.spawn(async move { stop.run_until_cancelled(run).await }));
    }
}
