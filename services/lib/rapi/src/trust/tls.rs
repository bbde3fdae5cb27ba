//! The TLS configurations, one for each kind of trust.

use std::fmt;
use std::sync::{Arc, Mutex};

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::verifier::{ObservingVerifier, PinVerifier};
use super::{Fingerprint, Trust};

/// One or more certificate authorities, read from PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct CaBundle(Vec<CertificateDer<'static>>);

/// Why a PEM text can't be used as authorities.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaError {
    /// No certificate in it.
    #[error(
        "the CA text holds no certificate: paste the lines from BEGIN CERTIFICATE to END CERTIFICATE"
    )]
    Empty,
    /// Broken PEM.
    #[error("the CA text is not valid PEM")]
    Pem,
    /// Not a certificate, or none that can act as authority.
    #[error("certificate {0} of the CA text can't act as an authority")]
    Unusable(usize),
}

impl CaBundle {
    /// Reads and checks a PEM text.
    pub fn from_pem(pem: &str) -> Result<Self, CaError> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| CaError::Pem)?;
        if certificates.is_empty() {
            return Err(CaError::Empty);
        }
        let mut roots = RootCertStore::empty();
        for (index, certificate) in certificates.iter().enumerate() {
            roots.add(certificate.clone()).map_err(|_| CaError::Unusable(index + 1))?;
        }
        Ok(Self(certificates))
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.0.iter().cloned());
        roots
    }
}

impl fmt::Debug for CaBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prints = self.0.iter().map(|certificate| Fingerprint::of(certificate));
        f.debug_list().entries(prints).finish()
    }
}

/// The configuration for a client with this trust.
pub(crate) fn client_config(trust: &Trust) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    match trust {
        Trust::Pinned(pinned) => {
            let verifier = PinVerifier::new(*pinned, Arc::clone(&provider));
            without_resumption(
                builder(provider)
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(verifier))
                    .with_no_client_auth(),
            )
        }
        Trust::Ca(bundle) => {
            let roots = Arc::new(bundle.roots());
            let verifier =
                WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                    .build()
                    .expect("a CaBundle holds at least one usable authority");
            without_resumption(
                builder(provider).with_webpki_verifier(verifier).with_no_client_auth(),
            )
        }
        Trust::Observe => observing_config(Arc::default()),
    }
}

/// A configuration that accepts any certificate and leaves it in `seen`.
pub(crate) fn observing_config(seen: Arc<Mutex<Option<CertificateDer<'static>>>>) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let verifier = ObservingVerifier::new(Arc::clone(&provider), seen);
    without_resumption(
        builder(provider)
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth(),
    )
}

fn builder(
    provider: Arc<CryptoProvider>,
) -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports rustls' default versions")
}

/// A resumed session shows no certificate, so a changed one would go unseen until the ticket ends.
fn without_resumption(mut config: ClientConfig) -> ClientConfig {
    config.resumption = Resumption::disabled();
    config
}
