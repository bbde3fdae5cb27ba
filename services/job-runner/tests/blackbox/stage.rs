//! Everything that one test needs, running.

use std::path::PathBuf;
use std::time::Duration;

use gwm_proto::auth::access_server::AccessServer;
use gwm_proto::auth::ownership_server::OwnershipServer;
use gwm_proto::cache::clusters_server::ClustersServer;
use gwm_proto::cache::internal_server::InternalServer;
use gwm_proto::cache::inventory_server::InventoryServer;
use gwm_proto::common::PageRequest;
use gwm_proto::jobs::jobs_client::JobsClient;
use gwm_proto::jobs::{
    GetJobFiguresRequest, GetJobLogRequest, GetJobRequest, Job, ListJobsRequest, LogLine,
    SubmitJobRequest,
};
use gwm_rapi_sim::{Sim, SimCluster, SimConfig};
use gwm_testkit::{
    Ca, Plan, ReservedPort, Scratch, Supervised, TestDatabase, TestNats, TestPg, wait_for,
};
use gwm_types::UserId;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use serde_json::Value as Json;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity, Server, ServerTlsConfig};
use tonic::{Request, Status};

use crate::fakes::{Fakes, SLUG};

pub(crate) const SOON: Duration = Duration::from_secs(30);

/// The simulator, the stand-ins, the stores; the runner is started on it.
pub(crate) struct Stage {
    pub(crate) fakes: Fakes,
    pub(crate) sim: SimCluster,
    pub(crate) nats: TestNats,
    pub(crate) database: TestDatabase,
    ca: Ca,
    peers: [u16; 2],
    settings: Vec<(&'static str, String)>,
    directory: Scratch,
    _sim: Sim,
}

impl Stage {
    /// The figures of the overview are what the lists behind them count.
    pub(crate) async fn figures_hold(&self, runner: &Runner) {
        for user in [self.fakes.admin, self.fakes.jane] {
            let ask = self.fakes.assertion(user);
            let asked = GetJobFiguresRequest { own_only: false, failed: 50 };
            let kept = runner.client().get_job_figures(ask.attach(asked)).await.unwrap();
            let kept = kept.into_inner();
            let count = async |q: &str| {
                let page = PageRequest { q: q.to_owned(), ..Default::default() };
                let asked = ListJobsRequest { page: Some(page), ..Default::default() };
                let answer = runner.client().list_jobs(ask.attach(asked)).await.unwrap();
                answer.into_inner().page.unwrap().total
            };
            assert_eq!(kept.open, count("state:queued or state:running").await);
            assert_eq!(kept.failed_in_day, count("state:failed ended<1d").await);
            assert_eq!(kept.failed.len() as u64, kept.failed_in_day.min(50));
        }
    }
}

/// One replica of the job runner.
pub(crate) struct Runner {
    pub(crate) process: Supervised,
    port: u16,
    channel: Channel,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let sim = Sim::start(SimConfig::single("fra1.example.org")).await.unwrap();
        let cluster = sim.clusters()[0].clone();
        let fakes = Fakes::new(cluster.clone());
        let directory = Scratch::new("gwm-test-jobs-").unwrap();
        let ca = Ca::new("test").unwrap();
        ca.write(directory.path(), &["job-runner"]).unwrap();
        let (nats, database) =
            tokio::join!(TestNats::start(), TestPg::fresh("gwm_jobs", "migrations/jobs"));
        let peers = [serve_auth(&fakes, &ca), serve_cache(&fakes, &ca)];
        // Short enough for tests; the relations between them are those of the defaults.
        let settings = vec![
            ("LEASE__DURATION", "1500ms".to_owned()),
            ("LEASE__LINGER", "2s".to_owned()),
            ("GANETI__FOLLOW_INTERVAL", "200ms".to_owned()),
            ("GANETI__SEND_DEADLINE", "900ms".to_owned()),
            ("GANETI__ANSWER_WAIT", "600ms".to_owned()),
            ("GANETI__RAPI_UNKNOWN_WAIT", "1500ms".to_owned()),
            ("GANETI__LONGEST_PAUSE", "1s".to_owned()),
            ("GANETI__OBSERVE_WAIT", "1s".to_owned()),
        ];
        Self { fakes, sim: cluster, nats, database, ca, peers, settings, directory, _sim: sim }
    }

    /// Overrides a setting for runners started from now on.
    pub(crate) fn set(&mut self, key: &'static str, value: &str) {
        self.settings.retain(|(known, _)| *known != key);
        self.settings.push((key, value.to_owned()));
    }

    /// A new replica, ready to answer.
    pub(crate) async fn runner(&self) -> Runner {
        self.runner_on(ReservedPort::any().unwrap().release()).await
    }

    async fn runner_on(&self, port: u16) -> Runner {
        let file = |name: &str| -> PathBuf { self.directory.path().join(name) };
        let nats = format!("[\"nats://127.0.0.1:{}\"]", self.nats.port());
        let program = env!("CARGO_BIN_EXE_gwm-job-runner");
        let mut plan = Plan::new(&format!("job-runner-{port}"), program, self.directory.path())
            .arg("serve")
            // A client that is being dropped can't answer a server that says goodbye.
            .stop_with("KILL", Duration::from_secs(1));
        let own = [
            ("LOG", "info,gwm_job_runner=debug,gwm_rapi=debug".to_owned()),
            ("GRPC", format!("127.0.0.1:{port}")),
            ("TLS__CA_PATH", file("ca.pem").display().to_string()),
            ("TLS__CERT_PATH", file("job-runner.pem").display().to_string()),
            ("TLS__KEY_PATH", file("job-runner.key").display().to_string()),
            ("PEERS__AUTH", format!("https://localhost:{}", self.peers[0])),
            ("PEERS__CACHE_UPDATER", format!("https://localhost:{}", self.peers[1])),
            ("DATABASE__URL", self.database.url().to_owned()),
            ("NATS__URLS", nats),
        ];
        for (key, value) in own.iter().chain(&self.settings) {
            plan = plan.env(format!("GWM_JOB_RUNNER__{key}"), value);
        }
        let process = plan.start().unwrap();
        let identity = self.ca.issue("web-gateway").unwrap();
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.ca.pem()))
            .identity(Identity::from_pem(&identity.certificate, &identity.key))
            .domain_name("job-runner.gwm.internal");
        let channel = Channel::from_shared(format!("https://127.0.0.1:{port}"))
            .unwrap()
            .tls_config(tls)
            .unwrap()
            .connect_lazy();
        let runner = Runner { process, port, channel };
        // Ready when it knows auth's keys: a job that is not there is answered as such.
        wait_for("the runner to answer", SOON, async || {
            match self.get(&runner, &gwm_types::JobId::generate().to_string()).await {
                Err(status) if status.code() == tonic::Code::NotFound => Ok(()),
                other => Err(format!("{other:?}\n{}", runner.process.log_tail(20))),
            }
        })
        .await;
        runner
    }

    /// Kills it (-9) and starts it anew at the same address.
    pub(crate) async fn kill_and_restart(&self, mut runner: Runner) -> Runner {
        runner.process.signal("KILL").unwrap();
        runner.process.wait(SOON).await.unwrap();
        self.runner_on(runner.port).await
    }

    pub(crate) async fn submit_as(
        &self,
        runner: &Runner,
        user: UserId,
        request: SubmitJobRequest,
    ) -> Result<Job, Status> {
        let request = self.fakes.assertion(user).attach(request);
        Ok(JobsClient::new(runner.channel.clone()).submit_job(request).await?.into_inner())
    }

    /// Submits as the administrator.
    pub(crate) async fn submit(
        &self,
        runner: &Runner,
        kind: &str,
        instance: &str,
        parameters: Json,
    ) -> Job {
        self.submit_as(runner, self.fakes.admin, ask(kind, instance, parameters)).await.unwrap()
    }

    pub(crate) async fn get(&self, runner: &Runner, job_id: &str) -> Result<Job, Status> {
        let request = self.as_admin(GetJobRequest { job_id: job_id.to_owned() });
        Ok(JobsClient::new(runner.channel.clone()).get_job(request).await?.into_inner())
    }

    pub(crate) async fn log(&self, runner: &Runner, job_id: &str) -> Vec<LogLine> {
        let request = self.as_admin(GetJobLogRequest { job_id: job_id.to_owned(), after: 0 });
        let answer = JobsClient::new(runner.channel.clone()).get_job_log(request).await.unwrap();
        answer.into_inner().lines
    }

    pub(crate) fn as_admin<T>(&self, message: T) -> Request<T> {
        self.fakes.assertion(self.fakes.admin).attach(message)
    }

    /// The job once `is` holds of it.
    pub(crate) async fn until(
        &self,
        runner: &Runner,
        job: &Job,
        what: &str,
        is: impl Fn(&Job) -> bool,
    ) -> Job {
        wait_for(what, SOON, async || match self.get(runner, &job.job_id).await {
            Ok(job) if is(&job) => Ok(job),
            other => Err(format!("{other:?}\n{}", runner.process.log_tail(15))),
        })
        .await
    }

    /// The job at its end.
    pub(crate) async fn ended(&self, runner: &Runner, job: &Job) -> Job {
        let ended = |job: &Job| matches!(job.state.as_str(), "succeeded" | "failed" | "canceled");
        self.until(runner, job, "the end of the job", ended).await
    }

    /// Ganeti's jobs that carry an op of this job.
    pub(crate) fn at_ganeti(&self, job: &Job) -> usize {
        self.sim.jobs_by_reason(&format!("job={}", job.job_id)).len()
    }

    /// The name of the first instance that is stopped, or that runs.
    pub(crate) fn instance(&self, running: bool) -> String {
        let names: Vec<String> = self.sim.look(|c| c.instances.keys().cloned().collect());
        let is = |name: &String| (self.sim.status(name) == Some("running")) == running;
        names.into_iter().find(is).unwrap()
    }
}

impl Runner {
    pub(crate) fn client(&self) -> JobsClient<Channel> {
        JobsClient::new(self.channel.clone())
    }
}

/// A request about the cluster.
pub(crate) fn ask(kind: &str, instance: &str, parameters: Json) -> SubmitJobRequest {
    let Json::Object(map) = parameters else { panic!("parameters are an object") };
    SubmitJobRequest {
        kind: kind.to_owned(),
        cluster: SLUG.to_owned(),
        instance: instance.to_owned(),
        parameters: Some(Struct {
            fields: map.into_iter().map(|(key, json)| (key, value(json))).collect(),
        }),
        idempotency_key: String::new(),
        job_id: String::new(),
    }
}

fn value(json: Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(flag) => Kind::BoolValue(flag),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Json::String(text) => Kind::StringValue(text),
        Json::Array(items) => {
            Kind::ListValue(ListValue { values: items.into_iter().map(value).collect() })
        }
        Json::Object(map) => Kind::StructValue(Struct {
            fields: map.into_iter().map(|(key, inner)| (key, value(inner))).collect(),
        }),
    };
    Value { kind: Some(kind) }
}

fn server(ca: &Ca, service: &str) -> (Server, TcpListenerStream, u16) {
    let identity = ca.issue(service).unwrap();
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(&identity.certificate, &identity.key))
        .client_ca_root(Certificate::from_pem(ca.pem()));
    let reserved = ReservedPort::any().unwrap();
    let port = reserved.port();
    let listener = reserved.into_listener();
    listener.set_nonblocking(true).unwrap();
    let incoming = TcpListenerStream::new(tokio::net::TcpListener::from_std(listener).unwrap());
    (Server::builder().tls_config(tls).unwrap(), incoming, port)
}

#[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
fn serve_auth(fakes: &Fakes, ca: &Ca) -> u16 {
    let (mut server, incoming, port) = server(ca, "auth");
    let router = server
        .add_service(AccessServer::new(fakes.clone()))
        .add_service(OwnershipServer::new(fakes.clone()));
    drop(tokio::spawn(router.serve_with_incoming(incoming)));
    port
}

#[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
fn serve_cache(fakes: &Fakes, ca: &Ca) -> u16 {
    let (mut server, incoming, port) = server(ca, "cache-updater");
    let router = server
        .add_service(ClustersServer::new(fakes.clone()))
        .add_service(InventoryServer::new(fakes.clone()))
        .add_service(InternalServer::new(fakes.clone()));
    drop(tokio::spawn(router.serve_with_incoming(incoming)));
    port
}
