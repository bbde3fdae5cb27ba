//! Secrets as files that only we can read, made once and kept.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gwm_events::server_config::{NatsUser, Role, server_config};
use gwm_testkit::Ca;
use gwm_testkit::nats::NatsKey;

use crate::Part;

/// Who reads events under `make run` and in tests.
pub(crate) const INTEGRATOR: &str = "integrator";

/// A stack's directory.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    root: PathBuf,
}

impl Files {
    pub(crate) fn new(root: &Path) -> anyhow::Result<Self> {
        for part in ["secrets", "tls", "config", "logs", "nats"] {
            let directory = root.join(part);
            std::fs::create_dir_all(&directory)
                .with_context(|| format!("making {}", directory.display()))?;
            std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700))?;
        }
        Ok(Self { root: root.to_path_buf() })
    }

    pub(crate) fn secret(&self, name: &str) -> PathBuf {
        self.root.join("secrets").join(name)
    }

    pub(crate) fn tls(&self, name: &str) -> PathBuf {
        self.root.join("tls").join(name)
    }

    pub(crate) fn config(&self, name: &str) -> PathBuf {
        self.root.join("config").join(format!("{name}.toml"))
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(crate) fn nats(&self) -> PathBuf {
        self.root.join("nats")
    }

    pub(crate) fn seed(part: &str) -> String {
        format!("{part}.nk")
    }

    /// Makes what is not there yet: master keys and NATS users. Certificates are new each time,
    /// nothing remembers them.
    pub(crate) fn prepare(&self, admin_password: &str) -> anyhow::Result<String> {
        for name in ["auth-master.key", "cache-updater-master.key"] {
            if !self.secret(name).exists() {
                write(&self.secret(name), &STANDARD.encode(rand::random::<[u8; 32]>()))?;
            }
        }
        write(&self.secret("admin.password"), admin_password)?;
        let ca = Ca::new("gwm of this machine").context("making the CA")?;
        ca.write(&self.root.join("tls"), &Part::ALL.map(Part::name)).context("certificates")?;
        // For the coverage test, which plays a service that may call nothing.
        ca.write(&self.root.join("tls"), &["stranger"]).context("certificates")?;
        self.nats_users()
    }

    fn nats_users(&self) -> anyhow::Result<String> {
        let mut users = Vec::new();
        for name in Part::ALL.map(Part::name).into_iter().chain([INTEGRATOR]) {
            let public_key = self.public_key(name)?;
            let role = if name == INTEGRATOR {
                Role::Integrator { name: name.to_owned(), clusters: Vec::new() }
            } else {
                Role::Service(name.to_owned())
            };
            users.push(NatsUser { public_key, role });
        }
        server_config(&users).context("configuration of NATS")
    }

    fn public_key(&self, name: &str) -> anyhow::Result<String> {
        let path = self.secret(&Self::seed(name));
        if let Ok(seed) = std::fs::read_to_string(&path) {
            let pair = nkeys::KeyPair::from_seed(seed.trim())
                .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
            return Ok(pair.public_key());
        }
        let key = NatsKey::generate();
        write(&path, &key.seed)?;
        Ok(key.public)
    }
}

/// Writes a file that only we can read.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let written = (|| {
        let aside = path.with_extension("new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(text.as_bytes())?;
        std::fs::rename(&aside, path)
    })();
    written.with_context(|| format!("writing {}", path.display()))
}
