//! Starting and stopping.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::Stamp;
use crate::config::{ClusterConfig, SimConfig};
use crate::error::Error;
use crate::handle::SimCluster;
use crate::log::RequestLog;
use crate::world::{Shared, World};
use crate::{admin, cert, faults, fleet, http, rfb};

/// Port that marks a loopback network as taken by a simulated cluster.
const MARK: u16 = 10_999;

/// Running clusters; dropping it stops them.
pub struct Sim {
    clusters: Vec<SimCluster>,
    admin: Option<SocketAddr>,
}

impl Sim {
    /// Starts all clusters of the configuration.
    pub async fn start(config: SimConfig) -> Result<Self, Error> {
        let mut clusters = Vec::new();
        for cluster in &config.clusters {
            clusters.push(start_cluster(cluster).await?);
        }
        let admin = match config.admin {
            Some(address) => Some(admin::start(address, clusters.clone()).await?),
            None => None,
        };
        Ok(Self { clusters, admin })
    }

    /// All clusters, in the order of the configuration.
    #[must_use]
    pub fn clusters(&self) -> &[SimCluster] {
        &self.clusters
    }

    /// The cluster with this name.
    ///
    /// # Panics
    /// When there is none: the test is wrong.
    #[must_use]
    pub fn cluster(&self, name: &str) -> &SimCluster {
        self.clusters.iter().find(|c| c.name() == name).expect("a cluster with this name")
    }

    /// Address of the admin endpoint.
    #[must_use]
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Stops everything and waits until it has.
    pub async fn stop(self) {
        for cluster in &self.clusters {
            cluster.stop().await;
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        for cluster in &self.clusters {
            cluster.shared().stop.cancel();
        }
    }
}

/// Finds a loopback network for nodes and holds it.
fn node_network(wanted: Option<[u8; 3]>) -> Result<([u8; 3], Option<StdListener>), Error> {
    if let Some(network) = wanted {
        return Ok((network, None));
    }
    for second in 64..128 {
        for third in 0..=255 {
            let mark = Ipv4Addr::new(127, second, third, 1);
            if let Ok(listener) = StdListener::bind((mark, MARK)) {
                return Ok(([127, second, third], Some(listener)));
            }
        }
    }
    Err(Error::NoNodeNetwork)
}

async fn start_cluster(config: &ClusterConfig) -> Result<SimCluster, Error> {
    let failed = |source| Error::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (network, mark) = node_network(config.node_network)?;
    let now = Stamp::now();
    let cluster = fleet::build(config, network, now.float());
    let world = World {
        queue: fleet::history(&cluster, now),
        cluster,
        faults: faults::Faults { latency: config.latency, ..faults::Faults::default() },
        log: RequestLog::default(),
        users: config.users.clone(),
        tls: cert::make(config.certificate, address.ip())?,
    };
    let shared = Shared::new(world, config);
    let listening = accept(&shared, listener);
    if config.consoles.unwrap_or(config.instances <= 200) {
        drop(shared.tasks.spawn(rfb::supervise(shared.clone())));
    }
    Ok(SimCluster::new(config, address, shared, listening, mark))
}

/// Takes connections until the cluster stops or the answered token is cancelled.
pub(crate) fn accept(shared: &Arc<Shared>, listener: TcpListener) -> CancellationToken {
    let (inner, listening) = (shared.clone(), shared.stop.child_token());
    let token = listening.clone();
    drop(shared.tasks.spawn(async move {
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => accepted,
                () = token.cancelled() => return,
            };
            let Ok((stream, _)) = stream else { continue };
            let (serve, stop) = (http::serve(inner.clone(), stream), inner.stop.clone());
            drop(inner.tasks.spawn(async move { stop.run_until_cancelled(serve).await }));
        }
    }));
    listening
}
