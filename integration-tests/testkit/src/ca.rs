//! A certificate authority for the mTLS between services, in tests and under `make run`.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use crate::Error;

/// Makes certificates whose URI names the service: `spiffe://gwm/<service>`.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// One service's certificate and key, as PEM text.
#[derive(Clone)]
pub struct Identity {
    /// Its certificate.
    pub certificate: String,
    /// Its private key (PKCS #8).
    pub key: String,
}

/// Where [`Ca::write`] put things.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    directory: PathBuf,
}

impl Ca {
    /// A new authority.
    pub fn new(name: &str) -> Result<Self, Error> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let pem = parameters.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(parameters, key), pem })
    }

    /// Its certificate, for those who are to trust it.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a service on this machine, good for serving and for calling.
    pub fn issue(&self, service: &str) -> Result<Identity, Error> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, service);
        parameters.subject_alt_names = vec![
            SanType::URI(format!("spiffe://gwm/{service}").try_into()?),
            SanType::DnsName("localhost".try_into()?),
            // What clients check of a server, whatever host they dialled (gwm_kernel::grpc::service_host).
            SanType::DnsName(format!("{service}.gwm.internal").try_into()?),
            SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
            SanType::IpAddress(Ipv6Addr::LOCALHOST.into()),
        ];
        parameters.use_authority_key_identifier_extension = true;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// Writes `ca.pem` and, for each service, `<service>.pem` and `<service>.key` (mode 0600).
    pub fn write(&self, directory: &Path, services: &[&str]) -> Result<CertificateFiles, Error> {
        std::fs::create_dir_all(directory).map_err(Error::file(directory))?;
        let files = CertificateFiles { directory: directory.to_path_buf() };
        write(&files.ca(), &self.pem, 0o644)?;
        for service in services {
            let identity = self.issue(service)?;
            write(&files.certificate(service), &identity.certificate, 0o644)?;
            write(&files.key(service), &identity.key, 0o600)?;
        }
        Ok(files)
    }
}

impl CertificateFiles {
    /// The authority's certificate.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// A service's certificate.
    #[must_use]
    pub fn certificate(&self, service: &str) -> PathBuf {
        self.directory.join(format!("{service}.pem"))
    }

    /// A service's private key.
    #[must_use]
    pub fn key(&self, service: &str) -> PathBuf {
        self.directory.join(format!("{service}.key"))
    }
}

impl std::fmt::Debug for Ca {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ca").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// Written aside and renamed: a service that reloads its certificate never sees half of one.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let aside = path.with_extension("new");
    let _ = std::fs::remove_file(&aside);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&aside)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(&aside, path))
        .map_err(Error::file(path))
}
