//! What an installation's load balancer does: takes turns, and passes over dead ones.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::spawn;

/// Balances TCP connections until dropped.
#[derive(Debug)]
pub(crate) struct Balancer(AbortHandle);

impl Balancer {
    pub(crate) async fn start(port: u16, backends: Vec<u16>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let backends: Arc<[SocketAddr]> =
            backends.into_iter().map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect();
        let task = spawn(async move {
            let turn = AtomicUsize::new(0);
            loop {
                let Ok((mut client, _)) = listener.accept().await else { continue };
                let first = turn.fetch_add(1, Ordering::Relaxed);
                let backends = Arc::clone(&backends);
                spawn(async move {
                    for step in 0..backends.len() {
                        let backend = backends[(first + step) % backends.len()];
                        let Ok(mut server) = TcpStream::connect(backend).await else { continue };
                        // Either end may break off: that is what the other one is told.
                        drop(copy_bidirectional(&mut client, &mut server).await);
                        return;
                    }
                });
            }
        });
        Ok(Self(task.abort_handle()))
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.0.abort();
    }
}
