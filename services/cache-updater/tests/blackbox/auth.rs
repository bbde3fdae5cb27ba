//! What auth tells: one administrator, one who sees a cluster, one who sees an instance.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ed25519_dalek::SigningKey;
use gwm_authz::{SignedAssertion, sign};
use gwm_proto::auth::access_server::{Access, AccessServer};
use gwm_proto::auth::owners_server::OwnersServer;
use gwm_proto::auth::watch_response::Body;
use gwm_proto::auth::{
    Assertion, BatchCheckRequest, BatchCheckResponse, CheckRequest, CheckResponse, Heartbeat,
    Right, Snapshot, UserRights, WatchRequest, WatchResponse,
};
use gwm_proto::common::ObjectRef;
use gwm_types::UserId;
use tokio_stream::{Stream, StreamExt, wrappers::TcpListenerStream};
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

use crate::owners::FakeOwners;

/// auth, as far as this service sees it.
#[derive(Clone)]
pub(crate) struct FakeAuth {
    key: Arc<SigningKey>,
    users: Arc<Mutex<Vec<UserRights>>>,
    pub(crate) owners: FakeOwners,
}

/// A person.
#[derive(Clone)]
pub(crate) struct Person(SignedAssertion);

impl Person {
    /// A call on this person's behalf.
    pub(crate) fn ask<T>(&self, message: T) -> Request<T> {
        self.0.attach(message)
    }
}

impl FakeAuth {
    pub(crate) fn new() -> Self {
        Self {
            key: Arc::new(SigningKey::from_bytes(&[7; 32])),
            users: Arc::default(),
            owners: FakeOwners::default(),
        }
    }

    /// Serves on a free port; answers its URL.
    pub(crate) async fn serve(&self, ca: &str, certificate: &str, key: &str) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(certificate, key))
            .client_ca_root(Certificate::from_pem(ca));
        let server = Server::builder()
            .tls_config(tls)
            .unwrap()
            .add_service(AccessServer::new(self.clone()))
            .add_service(OwnersServer::new(self.owners.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        drop(tokio::spawn(server));
        url
    }

    /// A new person with these rights (`None`: administrator).
    pub(crate) fn person(&self, rights: Option<Vec<(&str, ObjectRef)>>) -> Person {
        let id = UserId::generate();
        self.users.lock().unwrap().push(UserRights {
            user_id: id.to_string(),
            is_admin: rights.is_none(),
            disabled: false,
            groups: Vec::new(),
            create_vm: Vec::new(),
            token_id: String::new(),
            rights: rights
                .unwrap_or_default()
                .into_iter()
                .map(|(p, o)| Right { permissions: vec![p.to_owned()], object: Some(o) })
                .collect(),
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed();
        let assertion = Assertion {
            key_id: "k".to_owned(),
            user_id: id.to_string(),
            username: "somebody".to_owned(),
            issued_at: now,
            expires_at: now + 600,
            ..Assertion::default()
        };
        Person(sign(&self.key, &assertion))
    }

    fn snapshot(&self) -> Body {
        Body::Snapshot(Snapshot {
            keys: vec![gwm_proto::auth::SigningKey {
                key_id: "k".to_owned(),
                public_key: self.key.verifying_key().to_bytes().to_vec(),
            }],
            users: self.users.lock().unwrap().clone(),
            ..Snapshot::default()
        })
    }
}

#[tonic::async_trait]
impl Access for FakeAuth {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn batch_check(
        &self,
        _: Request<BatchCheckRequest>,
    ) -> Result<Response<BatchCheckResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let auth = self.clone();
        let (mut revision, mut known) = (0, usize::MAX);
        let ticks = tokio::time::interval(Duration::from_millis(50));
        let stream = tokio_stream::wrappers::IntervalStream::new(ticks).map(move |_| {
            let users = auth.users.lock().unwrap().len();
            let body = if users == known {
                Body::Heartbeat(Heartbeat {})
            } else {
                known = users;
                revision += 1;
                auth.snapshot()
            };
            Ok(WatchResponse { revision, body: Some(body) })
        });
        Ok(Response::new(Box::pin(stream)))
    }
}
