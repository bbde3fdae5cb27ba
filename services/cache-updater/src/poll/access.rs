//! From a stored cluster to a client that may talk to it.

use gwm_rapi::{CaBundle, Client, Credentials, Endpoint, Fingerprint, Limits, Trust};
use secrecy::SecretString;

use crate::address;
use crate::domain::ClusterRecord;
use crate::error::{Error, Result};
use crate::vault::{Row, Vault};

/// What it takes to open a cluster's secrets.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) vault: Vault,
    pub(crate) allow_loopback: bool,
}

impl Access {
    /// The open data key of a cluster.
    pub(crate) fn row(&self, cluster: &ClusterRecord) -> Result<Row> {
        Ok(self.vault.row(cluster.cluster_id, &cluster.data_key)?)
    }

    /// A client with the read credential, for the `n`th endpoint (round and round).
    pub(crate) async fn client(&self, cluster: &ClusterRecord, n: usize) -> Result<Client> {
        let count = cluster.endpoints.len().max(1);
        let text = cluster.endpoints.get(n % count).map_or("", String::as_str);
        let endpoint =
            Endpoint::parse(text).map_err(|e| Error::Stored(format!("endpoint {text}: {e}")))?;
        let trust = trust_of(&cluster.fingerprint, &cluster.ca_pem).map_err(Error::Stored)?;
        let password = self.row(cluster)?.open("read_password", &cluster.read_password_sealed)?;
        connect(endpoint, &trust, &cluster.read_username, password, self.allow_loopback).await
    }
}

/// What makes the cluster's certificate acceptable: its fingerprint, or else the CA.
pub(crate) fn trust_of(fingerprint: &str, ca_pem: &str) -> Result<Trust, String> {
    if !fingerprint.is_empty() {
        return fingerprint.parse::<Fingerprint>().map(Trust::Pinned).map_err(|e| e.to_string());
    }
    CaBundle::from_pem(ca_pem).map(Trust::Ca).map_err(|e| e.to_string())
}

/// A client, once the endpoint's addresses are found to be allowed.
pub(crate) async fn connect(
    endpoint: Endpoint,
    trust: &Trust,
    username: &str,
    password: SecretString,
    allow_loopback: bool,
) -> Result<Client> {
    let address = address::resolve(&endpoint, allow_loopback).await?;
    // A pinned certificate needs no name: connect to the very address that was checked.
    let endpoint = match trust {
        Trust::Pinned(_) => Endpoint::parse(&format!("https://{address}"))
            .map_err(|e| Error::Stored(e.to_string()))?,
        Trust::Ca(_) | Trust::Observe => endpoint,
    };
    let credentials =
        Credentials::new(username, password).map_err(|e| Error::Stored(e.to_string()))?;
    Client::new(endpoint, trust, Some(credentials), Limits::default())
        .map_err(|e| Error::Stored(e.to_string()))
}
