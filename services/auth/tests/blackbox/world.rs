//! What every test starts with.

use std::path::PathBuf;
use std::time::Duration;

use gwm_authz::SignedAssertion;
use gwm_kernel::grpc::{Peer, TlsIdentity, connect_replica};
use gwm_kernel::{Fault, TlsPaths};
use gwm_proto::auth::grants_client::GrantsClient;
use gwm_proto::auth::resolve_request::Credential;
use gwm_proto::auth::sessions_client::SessionsClient;
use gwm_proto::auth::users_client::UsersClient;
use gwm_proto::auth::{
    AddGrantRequest, CreateUserRequest, Grant, LoginRequest, LoginResponse, ResolveRequest,
    ResolveResponse, User,
};
use gwm_proto::common::ObjectRef;
use gwm_testkit::ca::CertificateFiles;
use gwm_testkit::{
    Ca, Plan, ReservedPort, Scratch, Supervised, TestDatabase, TestNats, TestPg, wait_for,
};
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Status;

pub(crate) const ADMIN_PASSWORD: &str = "first-administrator";
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const SERVICES: [&str; 5] = ["auth", "cache-updater", "job-runner", "vnc-proxy", "web-gateway"];
const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) nats: TestNats,
    pub(crate) scratch: Scratch,
    certificates: CertificateFiles,
    database_url: String,
    extra: Vec<(String, String)>,
}

/// One process of the service; it ends when dropped.
pub(crate) struct Replica {
    pub(crate) process: Supervised,
    pub(crate) url: String,
    pub(crate) admin_port: u16,
}

/// A person as the gateway holds them.
pub(crate) struct Person {
    pub(crate) session_token: String,
    pub(crate) resolved: ResolveResponse,
}

impl World {
    /// An empty, migrated database; no process yet.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// The same, with more configuration for all replicas.
    pub(crate) async fn with(extra: &[(&str, &str)]) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let database = TestPg::fresh("gwm_auth", "migrations/auth").await;
        let nats = TestNats::start().await;
        let scratch = Scratch::new("gwm-auth-test-").unwrap();
        let ca = Ca::new("gwm test").unwrap();
        let certificates = ca.write(&scratch.path().join("tls"), &SERVICES).unwrap();
        let database_url = database.url().to_owned();
        let extra = extra.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Self { database, nats, scratch, certificates, database_url, extra }
    }

    /// Lets the service reach Postgres by another way.
    pub(crate) fn through(&mut self, address: std::net::SocketAddr) {
        let direct = format!("127.0.0.1:{}", self.database_port());
        self.database_url = self.database.url().replace(&direct, &address.to_string());
    }

    pub(crate) fn database_port(&self) -> u16 {
        let url = self.database.url();
        let after = url.rsplit_once("127.0.0.1:").unwrap().1;
        after.split_once('/').unwrap().0.parse().unwrap()
    }

    pub(crate) async fn pool(&self) -> PgPool {
        self.database.pool().await
    }

    /// The environment of a process of the service.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let path = |p: PathBuf| p.display().to_string();
        let mut all: Vec<(String, String)> = [
            ("DATABASE__URL", self.database_url.clone()),
            ("NATS__URLS", format!("[\"{}\"]", self.nats.url())),
            ("MASTER_KEY", MASTER_KEY.to_owned()),
            // Nobody is there: what all instances take is told by the tests.
            ("PEERS__CACHE_UPDATER", "https://localhost:9".to_owned()),
            ("TLS__CA_PATH", path(self.certificates.ca())),
            ("TLS__CERT_PATH", path(self.certificates.certificate("auth"))),
            ("TLS__KEY_PATH", path(self.certificates.key("auth"))),
        ]
        .map(|(key, value)| (format!("GWM_AUTH__{key}"), value))
        .to_vec();
        all.extend(self.extra.clone());
        all
    }

    /// Sets one variable for all processes to come.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.extra.push((key.to_owned(), value.to_owned()));
    }

    /// Starts one replica and waits until it is ready.
    pub(crate) async fn replica(&self, name: &str) -> Replica {
        let replica = self.replica_unready(name);
        replica.ready().await;
        replica
    }

    pub(crate) fn replica_unready(&self, name: &str) -> Replica {
        let ports = [(); 2].map(|()| ReservedPort::any().unwrap());
        let [port, admin_port] = ports.map(ReservedPort::release);
        let mut plan = Plan::new(name, env!("CARGO_BIN_EXE_gwm-auth"), self.scratch.path())
            .clean_environment()
            // A client that is being dropped can't answer a server that says goodbye.
            .stop_with("KILL", Duration::from_secs(1))
            .env("GWM_AUTH__GRPC", format!("127.0.0.1:{port}"))
            .env("GWM_AUTH__ADMIN", format!("127.0.0.1:{admin_port}"))
            .env("GWM_AUTH__ADMIN_PASSWORD", ADMIN_PASSWORD);
        for (key, value) in self.environment() {
            plan = plan.env(key, value);
        }
        let url = format!("https://127.0.0.1:{port}");
        Replica { process: plan.start().unwrap(), url, admin_port }
    }

    /// A connection as one of the services.
    pub(crate) async fn peer(&self, replica: &Replica, service: &str) -> Peer {
        let identity = TlsIdentity::load(&TlsPaths {
            ca_path: self.certificates.ca(),
            cert_path: self.certificates.certificate(service),
            key_path: self.certificates.key(service),
        })
        .unwrap();
        connect_replica("auth", &replica.url, &identity).await.unwrap()
    }

    pub(crate) async fn gateway(&self, replica: &Replica) -> Peer {
        self.peer(replica, "web-gateway").await
    }

    pub(crate) fn certificates(&self) -> &CertificateFiles {
        &self.certificates
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.certificates.ca()
    }
}

impl Replica {
    pub(crate) async fn ready(&self) {
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

impl Person {
    /// A call on this person's behalf.
    pub(crate) fn ask<T>(&self, message: T) -> tonic::Request<T> {
        self.signed().attach(message)
    }

    pub(crate) fn signed(&self) -> SignedAssertion {
        SignedAssertion {
            assertion: self.resolved.assertion.clone(),
            signature: self.resolved.signature.clone(),
        }
    }

    pub(crate) fn user_id(&self) -> String {
        self.resolved.user.clone().unwrap().user_id
    }
}

pub(crate) async fn try_login(
    peer: &Peer,
    username: &str,
    password: &str,
) -> Result<LoginResponse, Status> {
    let request = LoginRequest {
        username: username.to_owned(),
        password: password.to_owned(),
        client_address: "192.0.2.7".to_owned(),
        user_agent: "test".to_owned(),
    };
    Ok(SessionsClient::new(peer.clone()).login(request).await?.into_inner())
}

pub(crate) async fn try_resolve(
    peer: &Peer,
    credential: Credential,
) -> Result<ResolveResponse, Status> {
    resolve_as(peer, credential, "").await
}

pub(crate) async fn resolve_as(
    peer: &Peer,
    credential: Credential,
    act_as: &str,
) -> Result<ResolveResponse, Status> {
    let (client_address, act_as) = ("192.0.2.7".to_owned(), act_as.to_owned());
    let request = ResolveRequest { credential: Some(credential), client_address, act_as };
    Ok(SessionsClient::new(peer.clone()).resolve(request).await?.into_inner())
}

/// Logs in, as soon as the service can vouch for people.
pub(crate) async fn person(peer: &Peer, username: &str, password: &str) -> Person {
    wait_for("the login", PATIENCE, async || {
        let session = try_login(peer, username, password).await?;
        let credential = Credential::SessionToken(session.session_token.clone());
        let resolved = try_resolve(peer, credential).await?;
        Ok::<_, Status>(Person { session_token: session.session_token, resolved })
    })
    .await
}

pub(crate) async fn admin(peer: &Peer) -> Person {
    person(peer, "admin", ADMIN_PASSWORD).await
}

/// The password of a user that tests make.
pub(crate) fn password_of(name: &str) -> String {
    format!("{name}'s walnut tree")
}

/// A user with that password.
pub(crate) async fn user(peer: &Peer, admin: &Person, name: &str) -> User {
    let request = CreateUserRequest {
        username: name.to_owned(),
        password: password_of(name),
        is_admin: false,
    };
    let mut users = UsersClient::new(peer.clone());
    users.create_user(admin.ask(request)).await.unwrap().into_inner()
}

pub(crate) async fn user_person(peer: &Peer, admin: &Person, name: &str) -> Person {
    user(peer, admin, name).await;
    person(peer, name, &password_of(name)).await
}

pub(crate) async fn grant(
    peer: &Peer,
    admin: &Person,
    persona: &str,
    role: &str,
    object: &ObjectRef,
) -> Result<Grant, Status> {
    let request = AddGrantRequest {
        persona: persona.to_owned(),
        role: role.to_owned(),
        object: Some(object.clone()),
        slug: "fra1".to_owned(),
        object_name: match object.kind.as_str() {
            "instance" => "web1".to_owned(),
            "node_group" => "default".to_owned(),
            _ => String::new(),
        },
        selector: None,
    };
    Ok(GrantsClient::new(peer.clone()).add_grant(admin.ask(request)).await?.into_inner())
}

pub(crate) fn instance() -> ObjectRef {
    ObjectRef {
        kind: "instance".to_owned(),
        cluster_id: uuid::Uuid::now_v7().to_string(),
        uuid: uuid::Uuid::now_v7().to_string(),
    }
}

pub(crate) fn fleet() -> ObjectRef {
    ObjectRef { kind: "fleet".to_owned(), ..ObjectRef::default() }
}

pub(crate) fn cluster_of(object: &ObjectRef) -> ObjectRef {
    ObjectRef { kind: "cluster".to_owned(), uuid: String::new(), ..object.clone() }
}

/// The stable word of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    Fault::from_status(status).reason.into_owned()
}
