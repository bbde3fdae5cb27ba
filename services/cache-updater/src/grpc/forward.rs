//! Passing a call on to the replica that reads the cluster: once, never further.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use gwm_kernel::Fault;
use gwm_kernel::grpc::{Peer, TlsIdentity, connect_replica};
use tonic::Request;

/// Marks a call that was passed on already.
const FORWARDED: &str = "gwm-forwarded";
/// Connections to replicas that are gone are dropped when there are more than this.
const KEPT: usize = 64;

/// Connections to other replicas.
#[derive(Debug)]
pub(crate) struct Forward {
    identity: TlsIdentity,
    peers: Mutex<HashMap<String, Peer>>,
}

impl Forward {
    pub(crate) fn new(identity: TlsIdentity) -> Self {
        Self { identity, peers: Mutex::default() }
    }

    /// A connection to the replica at `url`.
    pub(crate) async fn peer(&self, url: &str) -> Result<Peer, Fault> {
        let known = self.peers.lock().expect("no panic while held").get(url).cloned();
        if let Some(peer) = known {
            return Ok(peer);
        }
        let connected = connect_replica("cache-updater", url, &self.identity).await;
        let peer = connected.map_err(|error| {
            tracing::warn!(url, %error, "replica can't be reached");
            moved()
        })?;
        let mut peers = self.peers.lock().expect("no panic while held");
        if peers.len() >= KEPT {
            peers.clear();
        }
        peers.insert(url.to_owned(), peer.clone());
        Ok(peer)
    }

    /// The call, marked; refused if it was passed on before.
    pub(crate) fn again<T: Clone>(request: &Request<T>) -> Result<Request<T>, Fault> {
        if request.metadata().contains_key(FORWARDED) {
            return Err(moved());
        }
        let mut again = Request::new(request.get_ref().clone());
        *again.metadata_mut() = request.metadata().clone();
        again.metadata_mut().insert(FORWARDED, tonic::metadata::MetadataValue::from_static("1"));
        Ok(again)
    }
}

/// Nobody, or somebody else by now, reads the cluster.
pub(crate) fn moved() -> Fault {
    Fault::unavailable("this cluster is just being taken over by another reader; try again")
        .retry_after(Duration::from_secs(2))
}
