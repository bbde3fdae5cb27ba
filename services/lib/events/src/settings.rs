//! The `[nats]` section of a service's configuration.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Where NATS is and who we are there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NatsSettings {
    /// `nats://host:port` or `tls://host:port`, one for each server of the cluster.
    pub urls: Vec<String>,
    /// The service's nkey seed (`SU..`). Without one only a server that lets anybody in can be
    /// used, which gwm's own configuration never does.
    #[serde(skip_serializing)]
    pub nkey_seed: Option<SecretString>,
    /// The CA that the servers' certificates come from; demands TLS.
    pub ca_path: Option<PathBuf>,
    /// How many servers of the cluster keep each stream: 1 or 3.
    pub replicas: usize,
}

impl Default for NatsSettings {
    fn default() -> Self {
        Self {
            urls: vec!["nats://127.0.0.1:4222".to_owned()],
            nkey_seed: None,
            ca_path: None,
            replicas: 1,
        }
    }
}

impl NatsSettings {
    /// Checks what can be checked without a connection and names the field that is wrong.
    pub fn validate(&self) -> Result<()> {
        if self.urls.is_empty() {
            return Err(Error::Settings("urls must name at least one server".to_owned()));
        }
        for url in &self.urls {
            if url.contains('@') {
                return Err(Error::Settings("urls must not carry credentials".to_owned()));
            }
            url.parse::<async_nats::ServerAddr>()
                .map_err(|error| Error::Settings(format!("urls: {url:?}: {error}")))?;
        }
        if !matches!(self.replicas, 1 | 3 | 5) {
            return Err(Error::Settings("replicas must be 1, 3 or 5".to_owned()));
        }
        if let Some(seed) = &self.nkey_seed {
            nkeys::KeyPair::from_seed(seed.expose_secret().trim())
                .map_err(|_| Error::Settings("nkey_seed is no nkey seed (SU..)".to_owned()))?;
        }
        Ok(())
    }
}
