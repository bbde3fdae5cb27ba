//! A VNC server for each running instance, where its node and port say.

mod font;
mod handshake;
mod pixel;
mod screen;
mod session;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::state::{Cluster, Node};
use crate::world::Shared;

/// What a server shows; another one means a new machine or a new boot.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    uuid: String,
    name: String,
    boots: u64,
    password: Option<String>,
}

/// Starts and stops VNC servers as instances come and go.
pub(crate) async fn supervise(shared: Arc<Shared>) {
    let mut servers: BTreeMap<SocketAddr, (Identity, CancellationToken)> = BTreeMap::new();
    let mut changes = shared.changes();
    let stop = shared.stop.clone();
    loop {
        let wanted = shared.with(|world| wanted(&world.cluster));
        servers.retain(|address, (identity, token)| {
            let keep = wanted.get(address) == Some(identity);
            if !keep {
                token.cancel();
            }
            keep
        });
        for (address, identity) in wanted {
            servers.entry(address).or_insert_with(|| {
                let token = stop.child_token();
                let serve = serve(shared.clone(), address, identity.clone(), token.clone());
                drop(shared.tasks.spawn(serve));
                (identity, token)
            });
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = stop.cancelled() => return,
        }
    }
}

/// The servers that should be there: running, with VNC, bound where others can reach it.
fn wanted(cluster: &Cluster) -> BTreeMap<SocketAddr, Identity> {
    let mut wanted = BTreeMap::new();
    for instance in cluster.instances.values().filter(|i| i.has_vnc()) {
        let node = instance.running_on.as_ref().and_then(|name| cluster.nodes.get(name));
        let Some(node) = node.filter(|n| Node::reachable(n)) else { continue };
        let Some(port) = instance.network_port else { continue };
        let bind = &instance.filled_hvparams()["vnc_bind_address"];
        let bind = bind.as_str().unwrap_or_default();
        if bind != "0.0.0.0" && bind != node.pip.to_string() {
            continue;
        }
        let identity = Identity {
            uuid: instance.uuid.clone(),
            name: instance.name.clone(),
            boots: instance.boots,
            password: cluster.vnc_password.clone(),
        };
        wanted.insert(SocketAddr::from((node.pip, port)), identity);
    }
    wanted
}

async fn serve(
    shared: Arc<Shared>,
    address: SocketAddr,
    identity: Identity,
    token: CancellationToken,
) {
    let Some(listener) = bind(address, &token).await else { return };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = token.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        drop(stream.set_nodelay(true));
        let (identity, token) = (identity.clone(), token.clone());
        drop(shared.tasks.spawn(async move {
            let session = session::run(stream, &identity.name, identity.password.as_deref());
            if let Some(Err(error)) = token.run_until_cancelled(session).await {
                tracing::debug!(%error, "console session ended");
            }
        }));
    }
}

/// Binds, waiting for the previous server of the port to be gone.
async fn bind(address: SocketAddr, token: &CancellationToken) -> Option<TcpListener> {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return Some(listener),
            Err(error) => tracing::debug!(%error, %address, "console port is taken"),
        }
        let pause = tokio::time::sleep(Duration::from_millis(20));
        token.run_until_cancelled(pause).await?;
    }
}
