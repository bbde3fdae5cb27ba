//! A small TLS server that records requests and answers as a script says.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gwm_rapi::{Client, Credentials, Endpoint, Fingerprint, Limits, Trust};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub(crate) fn data(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)
}

/// A certificate with its key.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// As Ganeti makes them: self-signed, X.509 version 1.
    pub(crate) fn ganeti() -> Self {
        Self {
            certificate: CertificateDer::from_pem_file(data("tls/x509-v1-cert.pem")).unwrap(),
            key: PrivateKeyDer::from_pem_file(data("tls/x509-v1-key.pem")).unwrap(),
        }
    }

    /// The public certificate of [`Self::ganeti`] in the hands of somebody who hasn't its key.
    pub(crate) fn stolen() -> Self {
        let other = rcgen::KeyPair::generate().unwrap();
        Self {
            certificate: Self::ganeti().certificate,
            key: other.serialize_der().try_into().unwrap(),
        }
    }

    /// Issued for these names by an authority, whose PEM comes with it.
    pub(crate) fn issued(names: &[&str]) -> (Self, String) {
        let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        let identity = Self {
            certificate: certificate.der().clone(),
            key: key.serialize_der().try_into().unwrap(),
        };
        (identity, authority_certificate.pem())
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    fn acceptor(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> TlsAcceptor {
        let provider = Arc::new(ring::default_provider());
        let key = provider.key_provider.load_private_key(self.key.clone_key()).unwrap();
        // Not with_single_cert: that parses the certificate, and refuses version 1.
        let certified = CertifiedKey::new(vec![self.certificate.clone()], key);
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        TlsAcceptor::from(Arc::new(config))
    }
}

/// What the server does with a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A whole answer.
    Answer { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// These bytes, then the connection ends.
    Cut(Vec<u8>),
    /// A head without length, then zeros without end.
    Endless,
    /// Nothing, for ever.
    Silence,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        let headers = vec![
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("Server".to_owned(), "Ganeti 3.0.2".to_owned()),
        ];
        Self::Answer { status, headers, body: body.as_bytes().to_vec() }
    }

    pub(crate) fn with_header(self, name: &str, value: &str) -> Self {
        match self {
            Self::Answer { status, mut headers, body } => {
                headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
                headers.push((name.to_owned(), value.to_owned()));
                Self::Answer { status, headers, body }
            }
            other @ (Self::Cut(_) | Self::Endless | Self::Silence) => other,
        }
    }
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (own, value) = line.split_once(": ")?;
            own.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// The running server; stops when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) fingerprint: Fingerprint,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<Mutex<usize>>,
    zeros: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_as(&Identity::ganeti(), rustls::DEFAULT_VERSIONS, reply).await
    }

    pub(crate) async fn start_as(
        identity: &Identity,
        versions: &[&'static rustls::SupportedProtocolVersion],
        reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = identity.acceptor(versions);
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let connections: Arc<Mutex<usize>> = Arc::default();
        let zeros: Arc<AtomicUsize> = Arc::default();
        let written = Arc::clone(&zeros);
        let (log, counter, reply) = (Arc::clone(&seen), Arc::clone(&connections), Arc::new(reply));
        let accepting = async move {
            let mut serving = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *counter.lock().unwrap() += 1;
                let (acceptor, log, reply) =
                    (acceptor.clone(), Arc::clone(&log), Arc::clone(&reply));
                let written = Arc::clone(&written);
                serving
                    .spawn(async move { serve(acceptor, stream, &log, &written, &*reply).await });
            }
        };
        #[expect(clippy::disallowed_methods, reason = "a test server; it ends with the test")]
        let task = tokio::spawn(accepting);
        Self { address, fingerprint: identity.fingerprint(), seen, connections, zeros, task }
    }

    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    /// How much of an endless answer was taken from the server.
    pub(crate) fn endless_bytes(&self) -> usize {
        self.zeros.load(Ordering::SeqCst)
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&self.address.to_string()).unwrap()
    }

    /// A client that pins this server and logs in.
    pub(crate) fn client(&self) -> Client {
        self.client_with(&Trust::Pinned(self.fingerprint), Limits::default())
    }

    pub(crate) fn client_with(&self, trust: &Trust, limits: Limits) -> Client {
        Client::new(self.endpoint(), trust, Some(credentials()), limits).unwrap()
    }
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new("webmgr", "sesame-42".into()).unwrap()
}

async fn serve(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    log: &Mutex<Vec<Seen>>,
    written: &AtomicUsize,
    reply: &(dyn Fn(&Seen) -> Reply + Send + Sync),
) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let Some(request) = read_request(&mut stream).await else { return };
    log.lock().unwrap().push(request.clone());
    match reply(&request) {
        Reply::Answer { status, headers, body } => {
            let mut head = format!("HTTP/1.1 {status} Text\r\nConnection: close\r\n");
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
            let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
        }
        Reply::Cut(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            return;
        }
        Reply::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await;
            while stream.write_all(&[b'0'; 65536]).await.is_ok() {
                written.fetch_add(65536, Ordering::SeqCst);
            }
        }
        Reply::Silence => std::future::pending().await,
    }
    let _ = stream.shutdown().await;
}

async fn read_request(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut seen = Seen { head, body: String::new() };
    let length: usize = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    seen.body = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
    Some(seen)
}
