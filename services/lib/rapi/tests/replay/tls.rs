//! Certificates: pins, authorities, and who must never see credentials.

use assert_matches::assert_matches;
use gwm_rapi::{
    CaBundle, CaError, Class, Client, Credentials, ErrorKind, Fingerprint, Limits, Trust,
    UntrustedCredentials,
};
use rustls::DEFAULT_VERSIONS;
use rustls::version::{TLS12, TLS13};

use crate::server::{Identity, Reply, Server, credentials};

async fn server_as(
    identity: &Identity,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Server {
    Server::start_as(identity, versions, |_| Reply::json(200, "2")).await
}

#[tokio::test]
async fn ganetis_own_certificate_is_accepted_by_its_pin() {
    let server = server_as(&Identity::ganeti(), DEFAULT_VERSIONS).await;
    assert_eq!(server.client().version().await.unwrap(), 2);
}

#[tokio::test]
async fn another_certificate_is_refused_shown_and_gets_nothing() {
    let (other, _) = Identity::issued(&["127.0.0.1"]);
    let server = server_as(&other, DEFAULT_VERSIONS).await;
    let expected = Identity::ganeti().fingerprint();
    let client = server.client_with(&Trust::Pinned(expected), Limits::default());
    let error = client.version().await.unwrap_err();
    assert_eq!(
        error.kind(),
        &ErrorKind::CertificateChanged { expected, seen: other.fingerprint() }
    );
    assert_eq!(error.class(), Class::NotSent);
    assert!(error.to_string().contains(&other.fingerprint().to_string()));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn the_pinned_certificate_without_its_key_is_refused() {
    let server = server_as(&Identity::stolen(), DEFAULT_VERSIONS).await;
    assert_eq!(server.fingerprint, Identity::ganeti().fingerprint());
    let error = server.client().version().await.unwrap_err();
    assert_eq!(error.class(), Class::NotSent, "{error:?}");
    assert_matches!(
        error.kind(),
        ErrorKind::CertificateInvalid { .. } | ErrorKind::TlsFailed { .. }
    );
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn tls_1_2_is_taken_only_where_its_signature_can_be_checked() {
    let (proper, _) = Identity::issued(&["localhost"]);
    let server = server_as(&proper, &[&TLS12]).await;
    assert_eq!(server.client().version().await.unwrap(), 2);
    let server = server_as(&Identity::ganeti(), &[&TLS12]).await;
    let error = server.client().version().await.unwrap_err();
    assert_matches!(error.kind(), ErrorKind::CertificateInvalid { detail } if detail.contains("TLS 1.3"));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn an_authority_is_checked_with_the_name() {
    let (identity, pem) = Identity::issued(&["127.0.0.1"]);
    let server = server_as(&identity, &[&TLS13]).await;
    let trust = Trust::Ca(CaBundle::from_pem(&pem).unwrap());
    assert_eq!(server.client_with(&trust, Limits::default()).version().await.unwrap(), 2);

    let (elsewhere, pem_elsewhere) = Identity::issued(&["other.example.com"]);
    let misnamed = server_as(&elsewhere, DEFAULT_VERSIONS).await;
    let named = Trust::Ca(CaBundle::from_pem(&pem_elsewhere).unwrap());
    for (server, trust) in [(&misnamed, &named), (&misnamed, &trust)] {
        let error = server.client_with(trust, Limits::default()).version().await.unwrap_err();
        assert_matches!(error.kind(), ErrorKind::CertificateInvalid { .. });
        assert!(server.requests().is_empty());
    }
    // Ganeti's own certificate, given as its own authority, and under another one.
    let own = std::fs::read_to_string(crate::server::data("tls/x509-v1-cert.pem")).unwrap();
    let own = Trust::Ca(CaBundle::from_pem(&own).unwrap());
    let ganeti = server_as(&Identity::ganeti(), DEFAULT_VERSIONS).await;
    for trust in [&own, &trust] {
        let error = ganeti.client_with(trust, Limits::default()).version().await.unwrap_err();
        assert_matches!(error.kind(), ErrorKind::CertificateInvalid { detail } if detail.contains("fingerprint"));
    }
}

#[test]
fn what_is_no_authority_is_refused_early() {
    assert_eq!(CaBundle::from_pem(""), Err(CaError::Empty));
    assert_eq!(
        CaBundle::from_pem("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"),
        Err(CaError::Pem)
    );
    let garbage = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
    assert_eq!(CaBundle::from_pem(garbage), Err(CaError::Unusable(1)));
}

#[tokio::test]
async fn an_observer_can_hold_no_credentials() {
    let server = server_as(&Identity::ganeti(), DEFAULT_VERSIONS).await;
    let observer = |credentials: Option<Credentials>| {
        Client::new(server.endpoint(), &Trust::Observe, credentials, Limits::default())
    };
    assert_eq!(observer(Some(credentials())).unwrap_err(), UntrustedCredentials);
    assert_eq!(observer(None).unwrap().version().await.unwrap(), 2);
    assert_eq!(server.requests()[0].header("authorization"), None);
}

#[test]
fn the_fingerprint_is_openssls() {
    let line = "sha256 Fingerprint=38:04:C5:93:8D:54:86:DE:1B:C5:6D:06:D7:E3:14:1A:9F:3A:B5:C3:43:14:A7:D1:46:B1:C1:5A:C7:35:3D:47";
    assert_eq!(line.parse::<Fingerprint>(), Ok(Identity::ganeti().fingerprint()));
}
