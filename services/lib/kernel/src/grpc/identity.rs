//! Who a process is, on either end of a connection.
//!
//! A service's certificate carries `URI:spiffe://gwm/<service>` (what servers check of callers) and
//! `DNS:<service>.gwm.internal` (what clients check of servers, whatever host they dialled).

use std::path::Path;

use anyhow::Context;
use tonic::transport::{Certificate, Identity};
use x509_parser::extensions::GeneralName;

use crate::TlsPaths;

const URI_PREFIX: &str = "spiffe://gwm/";

/// The service on the other end, as its certificate says; in each request's extensions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller(pub String);

/// The host name in a service's certificate.
#[must_use]
pub fn service_host(service: &str) -> String {
    format!("{service}.gwm.internal")
}

/// This process's certificate and the CA it trusts.
#[derive(Debug, Clone)]
pub struct TlsIdentity {
    pub(super) ca: Certificate,
    pub(super) identity: Identity,
}

impl TlsIdentity {
    /// Reads the PEM files.
    ///
    /// # Errors
    /// One that can't be read; there is no way to run without.
    pub fn load(paths: &TlsPaths) -> anyhow::Result<Self> {
        let read = |key: &str, path: &Path| {
            std::fs::read(path).with_context(|| format!("tls.{key}: {}", path.display()))
        };
        Ok(Self {
            ca: Certificate::from_pem(read("ca_path", &paths.ca_path)?),
            identity: Identity::from_pem(
                read("cert_path", &paths.cert_path)?,
                read("key_path", &paths.key_path)?,
            ),
        })
    }
}

/// The service named in a certificate that was verified already.
pub(super) fn caller_of(der: &[u8]) -> Option<Caller> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(|name| {
        let GeneralName::URI(uri) = name else { return None };
        uri.strip_prefix(URI_PREFIX).map(|service| Caller(service.to_owned()))
    })
}
