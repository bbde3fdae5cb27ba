//! Certificates: as Ganeti makes them, and proper ones.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData, SigningKey,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;

use crate::config::CertStyle;
use crate::error::Error;
use crate::world::Tls;

/// Makes a new key and certificate.
pub(crate) fn make(style: CertStyle, address: IpAddr) -> Result<Tls, Error> {
    let (key, certificate, ca_pem) = match style {
        CertStyle::GanetiV1 => {
            let key = KeyPair::generate()?;
            let certificate = version_one(&key)?;
            (key, certificate, None)
        }
        CertStyle::Ca => signed(address)?,
    };
    let fingerprint = hex::encode(Sha256::digest(&certificate));
    let provider = rustls::crypto::ring::default_provider();
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let signer = provider.key_provider.load_private_key(der)?;
    let chain = vec![CertificateDer::from(certificate.clone())];
    let resolver = Always(Arc::new(CertifiedKey::new(chain, signer)));
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), fingerprint, certificate, ca_pem })
}

/// Serves one certificate unlooked at: rustls would refuse to load version 1.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

fn signed(address: IpAddr) -> Result<(KeyPair, Vec<u8>, Option<String>), Error> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "rapi-sim CA");
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(vec!["localhost".to_owned(), address.to_string()])?;
    leaf.distinguished_name.push(DnType::CommonName, "localhost");
    let certificate = leaf.signed_by(&key, &Issuer::from_params(&ca, &ca_key))?;
    Ok((key, certificate.der().to_vec(), Some(ca_pem)))
}

/// A self-signed X.509 version 1 certificate for `ganeti.example.com`, five years.
fn version_one(key: &KeyPair) -> Result<Vec<u8>, Error> {
    // AlgorithmIdentifier ecdsa-with-SHA256 and the attribute type commonName.
    const ECDSA: &[u8] = &[0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    const COMMON_NAME: &[u8] = &[6, 3, 0x55, 4, 3];
    let serial = Sha256::digest(key.public_key_raw());
    // Below 128 at the front: a DER integer would be negative otherwise.
    let serial = [&[1], &serial[..15]].concat();
    let attribute = [COMMON_NAME, &der(0x0c, b"ganeti.example.com")].concat();
    let name = der(0x30, &der(0x31, &der(0x30, &attribute)));
    let validity = [der(0x17, b"260101000000Z"), der(0x17, b"310101000000Z")].concat();
    let to_sign = der(
        0x30,
        &[
            der(2, &serial),
            ECDSA.to_vec(),
            name.clone(),
            der(0x30, &validity),
            name,
            key.subject_public_key_info(),
        ]
        .concat(),
    );
    let signature = [vec![0], key.sign(&to_sign)?].concat();
    Ok(der(0x30, &[to_sign, ECDSA.to_vec(), der(3, &signature)].concat()))
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).expect("a certificate is short").to_be_bytes();
    let mut out = match (high, low) {
        (0, low) if low < 128 => vec![tag, low],
        (0, low) => vec![tag, 0x81, low],
        (high, low) => vec![tag, 0x82, high, low],
    };
    out.extend_from_slice(content);
    out
}
