//! What a person needs to see of a certificate before trusting it.

use chrono::{DateTime, Utc};
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Version};

use crate::error::clean;
use crate::trust::Fingerprint;

/// A certificate that a server showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateInfo {
    /// SHA-256 of the whole certificate.
    pub fingerprint: Fingerprint,
    /// Its subject, like `CN=ganeti.example.com`.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// Valid from.
    pub not_before: Option<DateTime<Utc>>,
    /// Valid until.
    pub not_after: Option<DateTime<Utc>>,
    /// X.509 version 1, 2 or 3; Ganeti's own are version 1 and can only be pinned.
    pub version: u32,
    /// Whether subject and issuer are the same.
    pub self_signed: bool,
}

impl CertificateInfo {
    /// Reads a DER certificate; what can't be read is left empty, the fingerprint is always there.
    pub(crate) fn of(der: &[u8]) -> Self {
        let fingerprint = Fingerprint::of(der);
        let Ok((_, parsed)) = X509Certificate::from_der(der) else {
            return Self {
                fingerprint,
                subject: String::new(),
                issuer: String::new(),
                not_before: None,
                not_after: None,
                version: 0,
                self_signed: false,
            };
        };
        let time = |seconds: i64| DateTime::from_timestamp(seconds, 0);
        Self {
            fingerprint,
            subject: clean(&parsed.subject().to_string()),
            issuer: clean(&parsed.issuer().to_string()),
            not_before: time(parsed.validity().not_before.timestamp()),
            not_after: time(parsed.validity().not_after.timestamp()),
            version: version_number(parsed.version()),
            self_signed: parsed.subject() == parsed.issuer(),
        }
    }
}

/// When a DER certificate ends; none if it can't be read.
pub(crate) fn not_after(der: &[u8]) -> Option<DateTime<Utc>> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    DateTime::from_timestamp(parsed.validity().not_after.timestamp(), 0)
}

/// X.509 counts from zero.
fn version_number(version: X509Version) -> u32 {
    version.0.saturating_add(1)
}
