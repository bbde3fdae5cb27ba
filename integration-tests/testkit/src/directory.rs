//! A directory: Debian's `slapd` with TLS, thrown away after the test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::ca::CertificateFiles;
use crate::process::{Plan, Scratch, Supervised};
use crate::wait::Patience;
use crate::{Error, ReservedPort, paths};

/// Everything stands below it.
pub const BASE: &str = "dc=example,dc=org";
/// Who may change it.
pub const ROOT_DN: &str = "cn=root,dc=example,dc=org";
/// The password of that one.
pub const ROOT_PASSWORD: &str = "the root of the tree";
const READY: Duration = Duration::from_secs(20);

/// A running one. It takes passwords only over TLS.
#[derive(Debug)]
pub struct TestDirectory {
    process: Option<Supervised>,
    port: u16,
    tls_port: u16,
    scratch: Scratch,
}

impl TestDirectory {
    /// Starts one with these entries (LDIF). `reader` may look everybody up; nobody reads passwords. The
    /// certificate is that of `service`.
    pub async fn start(
        certificates: &CertificateFiles,
        service: &str,
        reader: &str,
        entries: &str,
    ) -> Result<Self, Error> {
        let scratch = Scratch::new("gwm-directory-")?;
        let slapd = slapd()?;
        // Its parts stand beside it, wherever it was unpacked.
        let root = slapd.ancestors().nth(3).unwrap_or(Path::new("/"));
        let schema =
            |name: &str| format!("include {}\n", root.join("etc/ldap/schema").join(name).display());
        let database = scratch.path().join("database");
        std::fs::create_dir_all(&database).map_err(Error::file(&database))?;
        let configuration = [
            schema("core.schema"),
            schema("cosine.schema"),
            schema("inetorgperson.schema"),
            format!("modulepath {}\nmoduleload back_mdb\n", root.join("usr/lib/ldap").display()),
            format!("TLSCACertificateFile {}\n", certificates.ca().display()),
            format!("TLSCertificateFile {}\n", certificates.certificate(service).display()),
            format!("TLSCertificateKeyFile {}\n", certificates.key(service).display()),
            "security simple_bind=128\n".to_owned(),
            format!("database mdb\nsuffix \"{BASE}\"\ndirectory {}\n", database.display()),
            format!("rootdn \"{ROOT_DN}\"\nrootpw \"{ROOT_PASSWORD}\"\n"),
            "access to attrs=userPassword by anonymous auth by * none\n".to_owned(),
            format!("access to * by dn.exact=\"{reader}\" read by * none\n"),
        ];
        let file = scratch.path().join("slapd.conf");
        std::fs::write(&file, configuration.concat()).map_err(Error::file(&file))?;
        let ldif = scratch.path().join("entries.ldif");
        std::fs::write(&ldif, entries).map_err(Error::file(&ldif))?;
        let filled = Command::new(&slapd)
            .args(["-T", "add", "-f"])
            .arg(&file)
            .arg("-l")
            .arg(&ldif)
            .output()
            .map_err(|source| Error::Spawn { name: "slapadd".to_owned(), source })?;
        if !filled.status.success() {
            let said = String::from_utf8_lossy(&filled.stderr).into_owned();
            return Err(Error::NotReady(format!("the directory takes no entries: {said}")));
        }
        let ports = [ReservedPort::any(), ReservedPort::any()];
        let [port, tls_port] = ports.map(|port| port.map(ReservedPort::release));
        let (port, tls_port) =
            (port.map_err(Error::file("port"))?, tls_port.map_err(Error::file("port"))?);
        let mut directory = Self { process: None, port, tls_port, scratch };
        directory.start_again().await?;
        Ok(directory)
    }

    /// Where it speaks in the clear until it is asked to begin TLS.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// Where it speaks TLS from the start.
    #[must_use]
    pub fn tls_url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.tls_port)
    }

    /// The process, for freezing it (`STOP`, `CONT`).
    pub fn process(&mut self) -> Result<&mut Supervised, Error> {
        self.process.as_mut().ok_or_else(|| Error::NotReady("the directory is stopped".to_owned()))
    }

    /// Ends it in order.
    pub async fn stop(&mut self) -> Result<(), Error> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.signal("TERM")?;
        process.wait(READY).await?;
        Ok(())
    }

    /// Starts it again after [`stop`](Self::stop): same ports, same entries.
    pub async fn start_again(&mut self) -> Result<(), Error> {
        let plan = Plan::new("slapd", slapd()?, self.scratch.path())
            .args(["-d", "0", "-h"])
            .arg(format!("{}/ {}/", self.url(), self.tls_url()))
            .arg("-f")
            .arg(self.scratch.path().join("slapd.conf"))
            .stop_with("KILL", Duration::from_secs(1));
        let mut process = plan.start()?;
        let mut patience = Patience::new("the directory to take connections", READY);
        while let Err(error) = tokio::net::TcpStream::connect(("127.0.0.1", self.tls_port)).await {
            process.check_alive()?;
            patience.pause(&error).await.map_err(Error::NotReady)?;
        }
        self.process = Some(process);
        Ok(())
    }
}

/// The server; daemons are often not on the PATH of a user.
fn slapd() -> Result<PathBuf, Error> {
    let debian = PathBuf::from("/usr/sbin/slapd");
    if debian.is_file() { Ok(debian) } else { paths::program("slapd") }
}
