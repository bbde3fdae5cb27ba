//! Passing a call on to the replica that reads the cluster: once, never further.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use gwm_authz::SignedAssertion;
use gwm_kernel::Fault;
use gwm_kernel::grpc::{Peer, TlsIdentity, connect_replica};
use tonic::Request;
use tonic::metadata::MetadataValue;

/// Marks a call that was passed on already.
const FORWARDED: &str = "gwm-forwarded";
const TIMEOUT: &str = "grpc-timeout";
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

    /// The call again with `message`, marked; refused if it was passed on before. Of the metadata
    /// only the person and the deadline go along: the rest, such as the length, is this hop's own.
    pub(crate) fn again<A, T>(request: &Request<A>, message: T) -> Result<Request<T>, Fault> {
        let metadata = request.metadata();
        if metadata.contains_key(FORWARDED) {
            return Err(moved());
        }
        let mut again = match SignedAssertion::of(request) {
            Ok(person) => person.attach(message),
            Err(_) => Request::new(message),
        };
        if let Some(timeout) = metadata.get(TIMEOUT) {
            again.metadata_mut().insert(TIMEOUT, timeout.clone());
        }
        again.metadata_mut().insert(FORWARDED, MetadataValue::from_static("1"));
        Ok(again)
    }
}

/// Nobody, or somebody else by now, reads the cluster.
pub(crate) fn moved() -> Fault {
    Fault::unavailable("this cluster is just being taken over by another reader; try again")
        .retry_after(Duration::from_secs(2))
}
