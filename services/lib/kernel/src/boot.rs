//! What a service is given to build itself with.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use serde::de::DeserializeOwned;

use crate::grpc::{GrpcServer, Peer, TlsIdentity};
use crate::{Health, HttpTls, KernelConfig, Shutdown, Tasks};

/// A service: how it is named, configured and put together.
pub trait Service: Sized {
    /// As in the table of services, e.g. `cache-updater`.
    const NAME: &'static str;

    /// Its own configuration, without the kernel's keys.
    type Config: DeserializeOwned + Send + 'static;

    /// Connects, constructs, registers: wiring only. Tasks, servers and conditions are registered
    /// with `boot`; when this returns, the registered gRPC services begin to answer.
    fn build(
        config: Self::Config,
        boot: &mut Boot,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Brings the database to this version's schema; nothing for services without one.
    fn migrate(_config: Self::Config) -> impl Future<Output = anyhow::Result<()>> + Send {
        async { Ok(()) }
    }

    /// Verbs of its own, e.g. `reset-admin`; answers `None` for a verb it does not know.
    fn command(
        _config: Self::Config,
        _words: Vec<String>,
    ) -> impl Future<Output = Option<anyhow::Result<()>>> + Send {
        async { None }
    }
}

/// The process, as a service sees it.
#[derive(Debug)]
pub struct Boot {
    service: &'static str,
    replica: String,
    config: KernelConfig,
    identity: TlsIdentity,
    tasks: Tasks,
    health: Health,
    pub(crate) grpc: GrpcServer,
}

impl Boot {
    /// Reads the certificate; opens nothing yet.
    ///
    /// # Errors
    /// A certificate that can't be read.
    pub fn new(
        service: &'static str,
        config: KernelConfig,
        shutdown: Shutdown,
    ) -> anyhow::Result<Self> {
        let identity = TlsIdentity::load(&config.tls)?;
        Ok(Self {
            service,
            replica: format!("{service}-{}", uuid::Uuid::new_v4().simple()),
            grpc: GrpcServer::default(),
            tasks: Tasks::new(shutdown),
            health: Health::default(),
            config,
            identity,
        })
    }

    /// The service's name.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// A name that no other process has: the holder of leases.
    #[must_use]
    pub fn replica(&self) -> &str {
        &self.replica
    }

    /// How other replicas of this service reach this one.
    #[must_use]
    pub fn advertised(&self) -> String {
        self.config.advertise.clone().unwrap_or_else(|| {
            let port = self.config.grpc.map_or(0, |a| a.port());
            format!("https://localhost:{port}")
        })
    }

    /// Where to spawn what runs as long as the process.
    #[must_use]
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Where conditions of readiness are made.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Where gRPC services are registered, each RPC with the callers it takes.
    pub fn grpc(&mut self) -> &mut GrpcServer {
        &mut self.grpc
    }

    /// This process's certificate, for connections to peers whose address is found at run time.
    #[must_use]
    pub fn identity(&self) -> &TlsIdentity {
        &self.identity
    }

    /// A connection to another service, made when first used and kept.
    ///
    /// # Errors
    /// The configuration names no address for it.
    pub fn peer(&self, service: &'static str) -> anyhow::Result<Peer> {
        let key = service.replace('-', "_");
        let urls = self.config.peers.get(&key).or_else(|| self.config.peers.get(service));
        let urls = urls.ok_or_else(|| {
            anyhow::anyhow!("no address of {service}: set peers.{key} to https://HOST:PORT")
        })?;
        Peer::connect(service, urls, &self.identity, &self.tasks)
    }

    /// Serves HTTP on `address`; open requests have `grace` to end at shutdown. Answers the bound
    /// address.
    ///
    /// # Errors
    /// A taken port, or a certificate that can't be read.
    pub async fn serve_http(
        &self,
        name: &'static str,
        address: SocketAddr,
        tls: Option<HttpTls>,
        router: Router,
        grace: Duration,
    ) -> anyhow::Result<SocketAddr> {
        crate::http::serve(&self.tasks, name, address, tls, router, grace).await
    }

    pub(crate) fn config(&self) -> &KernelConfig {
        &self.config
    }
}
