//! A TCP proxy before Postgres that can hang or refuse, as a network can.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// All goes through.
    Open,
    /// Nothing goes through and nobody is told.
    Hangs,
    /// Connections are cut and new ones refused.
    Cut,
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    line: watch::Sender<Line>,
}

impl Proxy {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let line = watch::Sender::new(Line::Open);
        spawn(accept(listener, port, line.clone()));
        Self { address, line }
    }

    pub(crate) fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

#[expect(clippy::disallowed_methods, reason = "ends with the test")]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}

async fn accept(listener: TcpListener, port: u16, line: watch::Sender<Line>) {
    while let Ok((client, _)) = listener.accept().await {
        if *line.borrow() == Line::Cut {
            continue;
        }
        let mut state = line.subscribe();
        let through = async move {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let (up, down) = (state.clone(), state.clone());
            let cut = async move { drop(state.wait_for(|l| *l == Line::Cut).await) };
            tokio::select! {
                () = copy(from_client, to_server, up) => {}
                () = copy(from_server, to_client, down) => {}
                () = cut => {}
            }
        };
        spawn(through);
    }
}

async fn copy(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut line: watch::Receiver<Line>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        drop(line.wait_for(|l| *l == Line::Open).await);
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
