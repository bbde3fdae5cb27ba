//! The handle of one running cluster: look, disturb, change.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cert;
use crate::config::{CertStyle, ClusterConfig, User};
use crate::error::Error;
use crate::faults::{Fault, FaultRule};
use crate::jobs::Job;
use crate::log::RequestRecord;
use crate::sim::accept;
use crate::state::{Cluster, Instance};
use crate::world::Shared;

/// A running simulated cluster; clones are handles of the same one.
#[derive(Clone)]
pub struct SimCluster(Arc<Inner>);

struct Inner {
    name: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Mutex<CancellationToken>,
    _network_mark: Option<StdListener>,
}

/// A job, briefly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobSummary {
    /// Number.
    pub id: u64,
    /// Ganeti's word for its state.
    pub status: String,
    /// Opcodes with their objects.
    pub summary: Vec<String>,
    /// Whether it is archived.
    pub archived: bool,
}

impl SimCluster {
    pub(crate) fn new(
        config: &ClusterConfig,
        address: SocketAddr,
        shared: Arc<Shared>,
        listening: CancellationToken,
        mark: Option<StdListener>,
    ) -> Self {
        Self(Arc::new(Inner {
            name: config.name.clone(),
            address,
            shared,
            listening: Mutex::new(listening),
            _network_mark: mark,
        }))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Full name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Where RAPI listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// `https://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.0.address)
    }

    /// SHA-256 of the certificate in use, lower-case hexadecimal without colons.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.shared.with(|w| w.tls.fingerprint.clone())
    }

    /// The certificate in use, DER.
    #[must_use]
    pub fn certificate(&self) -> Vec<u8> {
        self.0.shared.with(|w| w.tls.certificate.clone())
    }

    /// The CA of the certificate, with [`CertStyle::Ca`].
    #[must_use]
    pub fn ca_pem(&self) -> Option<String> {
        self.0.shared.with(|w| w.tls.ca_pem.clone())
    }

    /// Accounts.
    #[must_use]
    pub fn users(&self) -> Vec<User> {
        self.0.shared.with(|w| w.users.clone())
    }

    /// Replaces the accounts.
    pub fn set_users(&self, users: Vec<User>) {
        self.0.shared.change(|w| w.users = users);
    }

    /// UUID of the cluster.
    #[must_use]
    pub fn uuid(&self) -> String {
        self.0.shared.with(|w| w.cluster.uuid.clone())
    }

    /// Looks at the cluster's state.
    pub fn look<T>(&self, f: impl FnOnce(&Cluster) -> T) -> T {
        self.0.shared.with(|w| f(&w.cluster))
    }

    /// Changes the cluster's state directly, as nothing in Ganeti could.
    pub fn edit<T>(&self, f: impl FnOnce(&mut Cluster) -> T) -> T {
        self.0.shared.change(|w| f(&mut w.cluster))
    }

    /// An instance by name.
    #[must_use]
    pub fn instance(&self, name: &str) -> Option<Instance> {
        self.look(|c| c.instances.get(name).cloned())
    }

    /// The status word of an instance.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<&'static str> {
        self.look(|c| c.instances.get(name).map(|i| c.status(i)))
    }

    // Faults.

    /// Adds a fault rule.
    pub fn fault(&self, rule: FaultRule) {
        self.0.shared.change(|w| w.faults.rules.push(rule));
    }

    /// Lets the next request fail so.
    pub fn fault_once(&self, fault: Fault) {
        self.fault(FaultRule::once(fault));
    }

    /// Ends all faults: rules, silence, refusal to listen; latency stays.
    pub async fn clear_faults(&self) -> Result<(), Error> {
        self.0.shared.change(|w| {
            w.faults.rules.clear();
            w.faults.silent = false;
        });
        self.listen_again().await
    }

    /// How many requests a fault struck so far.
    #[must_use]
    pub fn faults_struck(&self) -> u64 {
        self.0.shared.with(|w| w.faults.struck)
    }

    /// Adds this to every answer.
    pub fn set_latency(&self, latency: Duration) {
        self.0.shared.change(|w| w.faults.latency = latency);
    }

    /// Accepts connections without ever speaking, not even TLS.
    pub fn set_silent(&self, silent: bool) {
        self.0.shared.change(|w| w.faults.silent = silent);
    }

    /// Refuses connections, as a machine without the daemon does.
    pub fn refuse_connections(&self) {
        self.0.listening.lock().unwrap_or_else(PoisonError::into_inner).cancel();
    }

    /// Listens again at the same address.
    pub async fn listen_again(&self) -> Result<(), Error> {
        let address = self.0.address;
        if !self.0.listening.lock().unwrap_or_else(PoisonError::into_inner).is_cancelled() {
            return Ok(());
        }
        let mut tries = 0;
        let listener = loop {
            // The old listener is dropped by its own task, perhaps a moment later.
            match TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(_) if tries < 100 => tries += 1,
                Err(source) => return Err(Error::Listen { address, source }),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let token = accept(&self.0.shared, listener);
        *self.0.listening.lock().unwrap_or_else(PoisonError::into_inner) = token;
        Ok(())
    }

    /// Puts a new certificate in place; answers its fingerprint.
    pub fn change_certificate(&self, style: CertStyle) -> Result<String, Error> {
        let tls = cert::make(style, self.0.address.ip())?;
        let fingerprint = tls.fingerprint.clone();
        self.0.shared.change(|w| w.tls = tls);
        Ok(fingerprint)
    }

    // Jobs.

    /// How long an opcode runs from now on.
    pub fn set_job_time(&self, time: Duration) {
        self.0.shared.set_job_time(time);
    }

    /// Holds new jobs in the state queued, or lets them go.
    pub fn pause_queue(&self, paused: bool) {
        self.0.shared.change(|w| w.queue.paused = paused);
    }

    /// Lets the next `times` opcodes of this kind (`OP_INSTANCE_CREATE`) fail at work.
    pub fn fail_jobs(&self, op_id: &str, times: u32, text: &str) {
        let order = (op_id.to_owned(), times, text.to_owned());
        self.0.shared.change(|w| w.queue.failures.push(order));
    }

    /// Archives one ended job, or all.
    pub fn archive_jobs(&self, only: Option<u64>) -> usize {
        self.0.shared.change(|w| w.queue.archive(only))
    }

    /// All jobs, archived ones too.
    #[must_use]
    pub fn jobs(&self) -> Vec<JobSummary> {
        self.summaries(|_| true)
    }

    /// Jobs of which an opcode's reason trail holds this text.
    #[must_use]
    pub fn jobs_by_reason(&self, text: &str) -> Vec<JobSummary> {
        self.summaries(|job| job.has_reason(text))
    }

    /// A job with all fields, as `/2/jobs/N` shows it.
    #[must_use]
    pub fn job(&self, id: u64) -> Option<Value> {
        const FIELDS: &[&str] =
            &["id", "ops", "status", "summary", "opstatus", "oplog", "opresult", "archived"];
        self.0.shared.with(|w| w.queue.jobs.get(&id).map(|job| job.view(FIELDS)))
    }

    fn summaries(&self, wanted: impl Fn(&Job) -> bool) -> Vec<JobSummary> {
        self.0.shared.with(|w| {
            w.queue
                .jobs
                .values()
                .filter(|job| wanted(job))
                .map(|job| JobSummary {
                    id: job.id,
                    status: job.status.word().to_owned(),
                    summary: job.ops.iter().map(crate::jobs::JobOp::summary).collect(),
                    archived: job.archived,
                })
                .collect()
        })
    }

    /// Waits until no job is queued, waiting or running.
    pub async fn idle(&self) {
        let mut changes = self.0.shared.changes();
        while self.0.shared.with(|w| w.queue.jobs.values().any(|job| !job.status.is_final())) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    // Requests.

    /// Requests seen, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.0.shared.with(|w| w.log.records())
    }

    /// Forgets the requests seen.
    pub fn clear_requests(&self) {
        self.0.shared.with(|w| w.log.clear());
    }

    /// Connections so far, open now, and most open at once.
    #[must_use]
    pub fn connections(&self) -> (u64, usize, usize) {
        self.0.shared.with(|w| (w.log.connections, w.log.open, w.log.most_open))
    }

    /// What somebody needs to use it: one JSON object.
    #[must_use]
    pub fn describe(&self) -> Value {
        json!({
            "cluster": self.name(),
            "url": self.url(),
            "fingerprint": self.fingerprint(),
            "uuid": self.uuid(),
            "users": self.users(),
            "vnc_password": self.look(|c| c.vnc_password.clone()),
            "console_patched": self.look(|c| c.console_patched),
            "nodes": self.look(|c| c.nodes.len()),
            "instances": self.look(|c| c.instances.len()),
            "ca_pem": self.ca_pem(),
        })
    }

    pub(crate) async fn stop(&self) {
        self.0.shared.stop.cancel();
        self.0.shared.tasks.close();
        self.0.shared.tasks.wait().await;
    }
}
