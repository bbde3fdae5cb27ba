//! Configuration: defaults, then a TOML file, then `GWM_<SERVICE>__SECTION__KEY`.
//!
//! A key that ends in `_file` holds a path; its content, without the last line end, becomes the
//! value of the key without the suffix. So no secret needs to stand in an environment.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Dict, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What the kernel itself needs, the same in every service.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KernelConfig {
    /// What is logged and traced: a level, or `tracing` directives. Below `info` (warn, error) log
    /// lines carry no request and trace ids: those are in spans of level info.
    pub log: String,
    /// Where gRPC listens; none: the service serves no gRPC.
    pub grpc: Option<SocketAddr>,
    /// Where `/livez`, `/readyz` and `/metrics` are answered.
    pub admin: Option<SocketAddr>,
    /// How other replicas of this service reach this one, e.g. `https://10.0.0.7:7102`.
    pub advertise: Option<String>,
    /// The CA of the installation, and this service's own certificate and key (PEM).
    pub tls: TlsPaths,
    /// Where the other services are: `https://HOST:PORT`, several joined by commas; a DNS name with
    /// several addresses is balanced over.
    pub peers: BTreeMap<String, String>,
    /// OTLP endpoint for traces, e.g. `http://localhost:4317`; none: traces go nowhere.
    pub otlp: Option<String>,
}

/// PEM files for mTLS between the services.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsPaths {
    /// The installation's CA.
    pub ca_path: PathBuf,
    /// This service's certificate.
    pub cert_path: PathBuf,
    /// Its key.
    pub key_path: PathBuf,
}

impl Default for KernelConfig {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            grpc: None,
            admin: None,
            advertise: None,
            tls: TlsPaths::default(),
            peers: BTreeMap::new(),
            otlp: None,
        }
    }
}

const KERNEL_KEYS: [&str; 7] = ["log", "grpc", "admin", "advertise", "tls", "peers", "otlp"];

/// Loads the kernel's part and the service's own part.
///
/// # Errors
/// An unreadable file, a value of the wrong type, or a key that nobody knows; the text names it.
pub fn load<C: DeserializeOwned>(
    service: &str,
    file: Option<&Path>,
) -> anyhow::Result<(KernelConfig, C)> {
    let prefix = format!("GWM_{}__", service.to_uppercase().replace('-', "_"));
    let mut figment = Figment::new();
    if let Some(file) = file {
        anyhow::ensure!(file.is_file(), "configuration file {} does not exist", file.display());
        figment = figment.merge(Toml::file_exact(file));
    }
    let figment = figment.merge(Env::prefixed(&prefix).split("__"));
    let mut all: Dict = figment.extract()?;
    read_files(&mut all)?;

    let mut kernel = Dict::new();
    for key in KERNEL_KEYS {
        if let Some(value) = all.remove(key) {
            kernel.insert(key.to_owned(), value);
        }
    }
    Ok((parse(&kernel)?, parse(&all)?))
}

fn parse<T: DeserializeOwned>(dict: &Dict) -> anyhow::Result<T> {
    Ok(Figment::from(Serialized::defaults(dict)).extract()?)
}

fn read_files(dict: &mut Dict) -> anyhow::Result<()> {
    let keys: Vec<String> = dict.keys().cloned().collect();
    for key in keys {
        if let Some(Value::Dict(_, inner)) = dict.get_mut(&key) {
            read_files(inner)?;
            continue;
        }
        let Some(plain) = key.strip_suffix("_file") else { continue };
        let Some(path) = dict.get(&key).and_then(|v| v.as_str().map(str::to_owned)) else {
            anyhow::bail!("{key} must be a path");
        };
        let content = std::fs::read_to_string(&path)
            .map_err(|e| anyhow::anyhow!("{key}: can't read {path}: {e}"))?;
        dict.remove(&key);
        dict.insert(plain.to_owned(), Value::from(content.trim_end_matches(['\n', '\r'])));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Own {
        database: Database,
    }
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Database {
        password: String,
    }

    fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn a_secret_comes_from_its_file_even_if_it_looks_like_a_number() {
        let dir = tempfile::tempdir().unwrap();
        let secret = write(dir.path(), "secret", "12345\n");
        let text = format!("log = \"debug\"\n[database]\npassword_file = {:?}\n", secret);
        let file = write(dir.path(), "c.toml", &text);
        let (kernel, own): (_, Own) = load("no-such-service", Some(&file)).unwrap();
        assert_eq!(kernel.log, "debug");
        assert_eq!(own.database.password, "12345");
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = write(dir.path(), "c.toml", "[database]\npassword = \"x\"\nspeed = 3\n");
        let error = load::<Own>("no-such-service", Some(&file)).unwrap_err();
        assert!(error.to_string().contains("speed"), "{error}");
    }
}
