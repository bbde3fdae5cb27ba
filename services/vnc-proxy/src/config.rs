//! Configuration; see `config.example.toml`.

use std::net::SocketAddr;
use std::time::Duration;

use gwm_authz::AuthzConfig;
use gwm_events::NatsSettings;
use gwm_kernel::HttpTls;
use serde::Deserialize;

/// vnc-proxy's own keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where browsers connect.
    pub http: HttpConfig,
    /// Where consoles are told of; one does not open without.
    #[serde(default)]
    pub nats: NatsSettings,
    /// Times of the watch on auth.
    #[serde(default)]
    pub authz: AuthzConfig,
    /// Limits of a console.
    #[serde(default)]
    pub console: ConsoleConfig,
}

/// The public port.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Certificate and key; without them only loopback is let in, unless a proxy does TLS.
    #[serde(default)]
    pub tls: Option<HttpTls>,
    /// A proxy in front does TLS and sets `X-Forwarded-For`; nobody else reaches this port.
    #[serde(default)]
    pub behind_tls_proxy: bool,
    /// What people type for the gateway: the only origin whose pages may open consoles.
    pub public_url: String,
}

/// Limits of a console.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleConfig {
    /// The most consoles that this process carries.
    pub max_open: usize,
    /// How long the node has to accept the connection and to finish RFB's handshake.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// After reads of permissions have stopped, open consoles have this long.
    #[serde(with = "humantime_serde")]
    pub orphan_timeout: Duration,
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        Self {
            max_open: 5_000,
            connect_timeout: Duration::from_secs(10),
            orphan_timeout: Duration::from_secs(30),
        }
    }
}
