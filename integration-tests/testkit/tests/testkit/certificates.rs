use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use gwm_testkit::{Ca, Scratch};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

struct Party {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

fn party(ca: &Ca, service: &str) -> Party {
    let identity = ca.issue(service).unwrap();
    Party {
        chain: vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()],
        key: PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap(),
    }
}

fn roots(ca: &Ca) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
    Arc::new(roots)
}

/// Shakes hands over a pipe; returns the client's certificate as the server saw it.
async fn meet(server_ca: &Ca, client_ca: &Ca, name: &str) -> Result<Vec<u8>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (server, client) = (party(server_ca, "auth"), party(client_ca, "job-runner"));
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(server_ca), provider.clone())
        .build()
        .unwrap();
    let server_config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(server.chain, server.key)
        .unwrap();
    let client_config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(server_ca))
        .with_client_auth_cert(client.chain, client.key)
        .unwrap();
    let (near, far) = tokio::io::duplex(65_536);
    let accept = TlsAcceptor::from(Arc::new(server_config)).accept(far);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connect = TlsConnector::from(Arc::new(client_config)).connect(name, near);
    let (accepted, connected) = tokio::join!(accept, connect);
    connected.map_err(|error| error.to_string())?;
    let stream = accepted.map_err(|error| error.to_string())?;
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    Ok(chain[0].to_vec())
}

#[tokio::test]
async fn two_services_of_one_authority_trust_each_other() {
    let ca = Ca::new("test").unwrap();
    for name in ["localhost", "127.0.0.1", "::1", "auth.gwm.internal"] {
        let certificate = meet(&ca, &ca, name).await.unwrap();
        let uri = b"spiffe://gwm/job-runner";
        assert!(certificate.windows(uri.len()).any(|part| part == uri), "{name}");
    }
}

#[tokio::test]
async fn a_stranger_and_a_wrong_name_are_refused() {
    let (ca, other) = (Ca::new("test").unwrap(), Ca::new("other").unwrap());
    meet(&ca, &other, "localhost").await.unwrap_err();
    let error = meet(&ca, &ca, "elsewhere.example").await.unwrap_err();
    assert!(error.contains("elsewhere.example"), "{error}");
}

#[test]
fn written_keys_are_for_their_owner_only() {
    let scratch = Scratch::new("gwm-test-ca-").unwrap();
    let files = Ca::new("test").unwrap().write(scratch.path(), &["auth"]).unwrap();
    let mode = std::fs::metadata(files.key("auth")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for file in [files.ca(), files.certificate("auth")] {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("-----BEGIN CERTIFICATE-----"), "{}", file.display());
    }
}
