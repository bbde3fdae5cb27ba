//! Serving an axum router, with or without TLS, until the process ends.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use serde::{Deserialize, Serialize};

use crate::Tasks;

/// Certificate and key of a public port (PEM).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTls {
    /// The certificate and its chain.
    pub cert_path: PathBuf,
    /// The key.
    pub key_path: PathBuf,
}

/// Binds at once, so that a taken port is a failed start; serves until the soft signal, then lets
/// open requests end for `grace`.
pub(crate) async fn serve(
    tasks: &Tasks,
    name: &'static str,
    address: SocketAddr,
    tls: Option<HttpTls>,
    router: Router,
    grace: Duration,
) -> anyhow::Result<SocketAddr> {
    let listener =
        TcpListener::bind(address).with_context(|| format!("{name}: can't listen on {address}"))?;
    listener.set_nonblocking(true)?;
    let local = listener.local_addr()?;
    let handle = Handle::new();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let stop = {
        let (handle, soft) = (handle.clone(), tasks.shutdown().soft.clone());
        async move {
            soft.cancelled().await;
            handle.graceful_shutdown(Some(grace));
        }
    };
    tasks.run("http-stop", stop);
    match tls {
        Some(tls) => {
            let config = RustlsConfig::from_pem_file(&tls.cert_path, &tls.key_path)
                .await
                .with_context(|| format!("{name}: {}", tls.cert_path.display()))?;
            let acceptor = RustlsAcceptor::new(config).acceptor(NoDelayAcceptor::new());
            let server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle);
            tasks.spawn(name, async move { Ok(server.serve(service).await?) });
        }
        None => {
            let acceptor = NoDelayAcceptor::new();
            let server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle);
            tasks.spawn(name, async move { Ok(server.serve(service).await?) });
        }
    }
    tracing::info!(server = name, address = %local, "listening");
    Ok(local)
}
