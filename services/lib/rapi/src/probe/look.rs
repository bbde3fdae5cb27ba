//! Connecting just to see the certificate: no HTTP, no credentials.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, Phase, kind_of_tls_error};
use crate::limits::Limits;
use crate::trust::observing_config;

/// The certificate that the server shows now.
pub(crate) async fn see_certificate(
    endpoint: &Endpoint,
    limits: &Limits,
) -> Result<CertificateDer<'static>, Error> {
    let seen = Arc::default();
    let looking = handshake(endpoint, Arc::clone(&seen));
    let outcome = timeout(limits.connect, looking)
        .await
        .unwrap_or(Err(ErrorKind::TimedOut { phase: Phase::Connect }));
    let certificate = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (certificate, outcome) {
        (Some(certificate), Ok(())) => Ok(certificate),
        (_, Err(kind)) => Err(Error::new("TLS handshake", false, kind)),
        (None, Ok(())) => Err(Error::new("TLS handshake", false, ErrorKind::NotTls)),
    }
}

async fn handshake(
    endpoint: &Endpoint,
    seen: Arc<Mutex<Option<CertificateDer<'static>>>>,
) -> Result<(), ErrorKind> {
    let host = endpoint.host();
    let unknown = || ErrorKind::Dns { host: host.to_owned() };
    let addresses: Vec<_> =
        tokio::net::lookup_host((host, endpoint.port())).await.map_err(|_| unknown())?.collect();
    if addresses.is_empty() {
        return Err(unknown());
    }
    let stream =
        TcpStream::connect(addresses.as_slice()).await.map_err(|error| kind_of_connect(&error))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|_| unknown())?;
    let connector = TlsConnector::from(Arc::new(observing_config(seen)));
    connector.connect(name, stream).await.map_err(|error| kind_of_tls_error(&error))?;
    Ok(())
}

/// A reset while connecting is a firewall's refusal; only after that does it speak of the protocol.
fn kind_of_connect(error: &io::Error) -> ErrorKind {
    let kind = kind_of_tls_error(error);
    if kind == ErrorKind::NotTls { ErrorKind::Refused } else { kind }
}
