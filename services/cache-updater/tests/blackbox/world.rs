use std::path::PathBuf;
use std::time::Duration;

use gwm_kernel::TlsPaths;
use gwm_kernel::grpc::{Peer, TlsIdentity, connect_replica};
use gwm_proto::cache::clusters_client::ClustersClient;
use gwm_proto::cache::find_client::FindClient;
use gwm_proto::cache::imports_client::ImportsClient;
use gwm_proto::cache::instance_notes_client::InstanceNotesClient;
use gwm_proto::cache::internal_client::InternalClient;
use gwm_proto::cache::inventory_client::InventoryClient;
use gwm_proto::cache::watch_client::WatchClient;
use gwm_proto::cache::{
    AddClusterRequest, Cluster, ConsoleSettings, Credential, GetClusterRequest, GetObjectRequest,
    InstanceDetail, ListInstancesRequest, ListInstancesResponse, RefreshClusterRequest,
};
use gwm_proto::common::{ObjectRef, PageRequest};
use gwm_rapi_sim::{ClusterConfig, Sim, SimCluster, SimConfig};
use gwm_testkit::ca::CertificateFiles;
use gwm_testkit::{
    Ca, Plan, ReservedPort, Scratch, Supervised, TestDatabase, TestNats, TestPg, wait_for,
};
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::{Request, Status};

use crate::auth::{FakeAuth, Person};

pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SERVICES: [&str; 5] = ["auth", "cache-updater", "job-runner", "vnc-proxy", "web-gateway"];

/// Everything around the service.
pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) nats: TestNats,
    pub(crate) sim: Sim,
    pub(crate) auth: FakeAuth,
    pub(crate) admin: Person,
    certificates: CertificateFiles,
    auth_url: String,
    extra: Vec<(String, String)>,
    // Last: the others' files are in it.
    scratch: Scratch,
}

/// One process of the service; it ends when dropped.
pub(crate) struct Replica {
    pub(crate) process: Supervised,
    pub(crate) url: String,
    admin_port: u16,
    peers: Peers,
}

struct Peers {
    gateway: Peer,
    jobs: Peer,
    console: Peer,
}

impl World {
    /// One cluster with default contents; no process yet.
    pub(crate) async fn new() -> Self {
        Self::with(SimConfig::single("sim1.example.org"), &[]).await
    }

    /// A cluster of this size.
    pub(crate) async fn sized(nodes: usize, instances: usize) -> Self {
        let cluster = ClusterConfig { nodes, instances, ..ClusterConfig::default() };
        Self::with(SimConfig { clusters: vec![cluster], admin: None }, &[]).await
    }

    pub(crate) async fn with(sim: SimConfig, extra: &[(&str, &str)]) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let database = TestPg::fresh("gwm_cache", "migrations/cache").await;
        let nats = TestNats::start().await;
        let scratch = Scratch::new("gwm-cache-test-").unwrap();
        let ca = Ca::new("gwm test").unwrap();
        let certificates = ca.write(&scratch.path().join("tls"), &SERVICES).unwrap();
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
        let auth = FakeAuth::new();
        let auth_url = auth
            .serve(
                &read(certificates.ca()),
                &read(certificates.certificate("auth")),
                &read(certificates.key("auth")),
            )
            .await;
        let admin = auth.person(None);
        let sim = Sim::start(sim).await.unwrap();
        let extra = extra
            .iter()
            .map(|(k, v)| (format!("GWM_CACHE_UPDATER__{k}"), (*v).to_owned()))
            .collect();
        Self { database, nats, sim, auth, admin, certificates, auth_url, extra, scratch }
    }

    pub(crate) fn ca_pem(&self) -> String {
        std::fs::read_to_string(self.certificates.ca()).unwrap()
    }

    pub(crate) fn cluster(&self) -> &SimCluster {
        &self.sim.clusters()[0]
    }

    pub(crate) async fn pool(&self) -> PgPool {
        self.database.pool().await
    }

    /// Starts one replica and waits until it is ready.
    pub(crate) async fn replica(&self, name: &str) -> Replica {
        let [port, admin_port] =
            [(); 2].map(|()| ReservedPort::any().unwrap()).map(ReservedPort::release);
        let url = format!("https://localhost:{port}");
        let path = |p: PathBuf| p.display().to_string();
        let mut plan = Plan::new(name, env!("CARGO_BIN_EXE_gwm-cache-updater"), self.scratch.path())
                .clean_environment()
                // A client that is being dropped can't answer a server that says goodbye.
                .stop_with("KILL", Duration::from_secs(1));
        for (key, value) in [
            ("GRPC", format!("127.0.0.1:{port}")),
            ("ADMIN", format!("127.0.0.1:{admin_port}")),
            ("ADVERTISE", url.clone()),
            ("LOG", "debug,hyper=info,h2=info,rustls=info,sqlx=info".to_owned()),
            ("PEERS__AUTH", self.auth_url.clone()),
            ("DATABASE__URL", self.database.url().to_owned()),
            ("NATS__URLS", format!("[\"{}\"]", self.nats.url())),
            ("MASTER_KEY", MASTER_KEY.to_owned()),
            ("ALLOW_LOOPBACK", "true".to_owned()),
            ("POLL__INTERVAL", "300ms".to_owned()),
            ("POLL__SCAN", "200ms".to_owned()),
            // Only tests that are about it read it: others count what is asked.
            ("POLL__JOBS", "1h".to_owned()),
            ("LEASE__DURATION", "3s".to_owned()),
            ("TLS__CA_PATH", path(self.certificates.ca())),
            ("TLS__CERT_PATH", path(self.certificates.certificate("cache-updater"))),
            ("TLS__KEY_PATH", path(self.certificates.key("cache-updater"))),
        ] {
            plan = plan.env(format!("GWM_CACHE_UPDATER__{key}"), value);
        }
        for (key, value) in &self.extra {
            plan = plan.env(key, value);
        }
        let process = plan.start().unwrap();
        let peers = Peers {
            gateway: self.peer(&url, "web-gateway").await,
            jobs: self.peer(&url, "job-runner").await,
            console: self.peer(&url, "vnc-proxy").await,
        };
        let replica = Replica { process, url, admin_port, peers };
        replica.ready().await;
        // The watch on auth is up a moment later.
        wait_for("the administrator to be known", PATIENCE, async || {
            let asked = self.admin.ask(GetClusterRequest { cluster: "none".to_owned() });
            match replica.clusters().get_cluster(asked).await {
                Err(status) if status.code() == tonic::Code::NotFound => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        replica
    }

    pub(crate) async fn peer(&self, url: &str, service: &str) -> Peer {
        let identity = TlsIdentity::load(&TlsPaths {
            ca_path: self.certificates.ca(),
            cert_path: self.certificates.certificate(service),
            key_path: self.certificates.key(service),
        })
        .unwrap();
        connect_replica("cache-updater", url, &identity).await.unwrap()
    }

    /// What adds the simulated cluster as `one`.
    pub(crate) fn add_request(&self) -> AddClusterRequest {
        add_request(self.cluster(), "one")
    }

    /// Adds it.
    pub(crate) async fn add(&self, replica: &Replica) -> Cluster {
        replica
            .clusters()
            .add_cluster(self.admin.ask(self.add_request()))
            .await
            .unwrap()
            .into_inner()
    }

    pub(crate) async fn get(&self, replica: &Replica, cluster: &str) -> Cluster {
        let asked = self.admin.ask(GetClusterRequest { cluster: cluster.to_owned() });
        replica.clusters().get_cluster(asked).await.unwrap().into_inner()
    }

    pub(crate) async fn refresh(&self, replica: &Replica) -> Result<Cluster, Status> {
        let asked = RefreshClusterRequest { cluster: "one".to_owned() };
        let answer = replica.clusters().refresh_cluster(self.admin.ask(asked)).await;
        answer.map(tonic::Response::into_inner)
    }

    /// Somebody with one right, of which the replica has heard: rights come by a stream, a moment
    /// later.
    pub(crate) async fn person(
        &self,
        replica: &Replica,
        permission: &str,
        on: ObjectRef,
    ) -> Person {
        let person = self.auth.person(Some(vec![(permission, on)]));
        wait_for("the right to be known", PATIENCE, async || {
            match replica.list(&person, "", "", 0, "").await {
                Ok(page) if !page.instances.is_empty() => Ok(()),
                answer => Err(format!("{answer:?}")),
            }
        })
        .await;
        person
    }

    /// All that the administrator sees.
    pub(crate) async fn list(&self, replica: &Replica, q: &str) -> ListInstancesResponse {
        replica.list(&self.admin, q, "", 200, "").await.unwrap()
    }

    pub(crate) async fn instance(
        &self,
        replica: &Replica,
        object: &str,
    ) -> Result<InstanceDetail, Status> {
        replica.instance(&self.admin, object).await
    }

    /// Types and names of all events so far, in the order of the outbox.
    pub(crate) async fn events(&self) -> Vec<(String, serde_json::Value)> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "select subject, payload from outbox where class = 'inventory' order by position",
        )
        .fetch_all(&self.pool().await)
        .await
        .unwrap();
        rows.into_iter()
            .map(|(_, payload)| {
                let event: serde_json::Value = serde_json::from_str(&payload).unwrap();
                let name = event["type"].as_str().unwrap();
                let name = name.strip_prefix("org.ganeti.gwm.").unwrap();
                (name.strip_suffix(".v1").unwrap().to_owned(), event)
            })
            .collect()
    }

    /// How often an event type was told of an object of this name.
    pub(crate) async fn told(&self, kind: &str, name: &str) -> usize {
        let events = self.events().await;
        let of = |e: &serde_json::Value| e["data"]["object"]["name"] == name;
        events.iter().filter(|(k, e)| k == kind && of(e)).count()
    }

    pub(crate) async fn wait_told(&self, kind: &str, name: &str) -> serde_json::Value {
        wait_for(&format!("{kind} of {name}"), PATIENCE, async || {
            let events = self.events().await;
            let found =
                events.iter().find(|(k, e)| k == kind && e["data"]["object"]["name"] == name);
            found.map(|(_, e)| e.clone()).ok_or_else(|| {
                events.iter().rev().take(5).map(|(k, _)| format!("{k} ")).collect::<String>()
            })
        })
        .await
    }

    /// Waits until the cluster was read completely once more from now.
    pub(crate) async fn polled(&self, replica: &Replica) {
        let before = self.get(replica, "one").await.health.unwrap().last_success.unwrap();
        for _ in 0..2 {
            wait_for("a poll", PATIENCE, async || {
                let health = self.get(replica, "one").await.health.unwrap();
                let last = health.last_success.unwrap();
                let after = (last.seconds, last.nanos) > (before.seconds, before.nanos);
                if after { Ok(()) } else { Err(format!("{health:?}")) }
            })
            .await;
        }
    }
}

pub(crate) fn add_request(cluster: &SimCluster, slug: &str) -> AddClusterRequest {
    AddClusterRequest {
        slug: slug.to_owned(),
        endpoints: vec![cluster.url()],
        read: Some(credential("gwm-read", "read-secret")),
        write: Some(credential("gwm-write", "write-secret")),
        fingerprint: cluster.fingerprint(),
        ca_pem: String::new(),
        console: Some(ConsoleSettings {
            enabled: true,
            vnc_password: "vncpass1".to_owned(),
            remove_vnc_password: false,
        }),
    }
}

pub(crate) fn credential(username: &str, password: &str) -> Credential {
    Credential { username: username.to_owned(), password: password.to_owned() }
}

pub(crate) fn object(kind: &str, cluster: &Cluster, uuid: &str) -> ObjectRef {
    ObjectRef {
        kind: kind.to_owned(),
        cluster_id: cluster.cluster_id.clone(),
        uuid: uuid.to_owned(),
    }
}

/// The stable word of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    gwm_kernel::Fault::from_status(status).reason.into_owned()
}

impl Replica {
    pub(crate) fn clusters(&self) -> ClustersClient<Peer> {
        ClustersClient::new(self.peers.gateway.clone())
    }

    pub(crate) fn imports(&self) -> ImportsClient<Peer> {
        ImportsClient::new(self.peers.gateway.clone())
    }

    pub(crate) fn notes(&self) -> InstanceNotesClient<Peer> {
        InstanceNotesClient::new(self.peers.gateway.clone())
    }

    pub(crate) fn inventory(&self) -> InventoryClient<Peer> {
        InventoryClient::new(self.peers.gateway.clone())
    }

    /// As web-gateway.
    pub(crate) fn gateway(&self) -> Peer {
        self.peers.gateway.clone()
    }

    pub(crate) fn find(&self) -> FindClient<Peer> {
        FindClient::new(self.peers.gateway.clone())
    }

    pub(crate) fn watch(&self) -> WatchClient<Peer> {
        WatchClient::new(self.peers.gateway.clone())
    }

    /// As job-runner.
    pub(crate) fn internal(&self) -> InternalClient<Peer> {
        InternalClient::new(self.peers.jobs.clone())
    }

    /// As vnc-proxy.
    pub(crate) fn console(&self) -> InternalClient<Peer> {
        InternalClient::new(self.peers.console.clone())
    }

    /// As web-gateway, which may not.
    pub(crate) fn trespass(&self) -> InternalClient<Peer> {
        InternalClient::new(self.peers.gateway.clone())
    }

    pub(crate) async fn list(
        &self,
        person: &Person,
        q: &str,
        sort: &str,
        limit: u32,
        cursor: &str,
    ) -> Result<ListInstancesResponse, Status> {
        let page = PageRequest {
            q: q.to_owned(),
            sort: sort.to_owned(),
            limit,
            cursor: cursor.to_owned(),
        };
        let asked: Request<_> = person.ask(ListInstancesRequest { page: Some(page) });
        self.inventory().list_instances(asked).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn instance(
        &self,
        person: &Person,
        object: &str,
    ) -> Result<InstanceDetail, Status> {
        let asked = GetObjectRequest { cluster: "one".to_owned(), object: object.to_owned() };
        let answer = self.inventory().get_instance(person.ask(asked)).await;
        answer.map(tonic::Response::into_inner)
    }

    async fn ready(&self) {
        wait_for("the service to be ready", PATIENCE, async || {
            let text = self.admin("/readyz").await?;
            if text.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(text) }
        })
        .await;
    }

    /// What the admin port answers.
    pub(crate) async fn admin(&self, path: &str) -> Result<String, String> {
        let ask = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.admin_port)).await?;
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut text = String::new();
            stream.read_to_string(&mut text).await?;
            Ok::<_, std::io::Error>(text)
        };
        ask.await.map_err(|e| format!("{e}; log: {}", self.process.log_tail(5)))
    }
}
