//! Configuration of the gateway; see `config.example.toml`.

use std::net::SocketAddr;

use gwm_authz::AuthzConfig;
use gwm_events::NatsSettings;
use gwm_kernel::HttpTls;
use serde::Deserialize;

/// The gateway's own keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where people connect.
    pub http: HttpConfig,
    /// Events for `/api/v1/events`.
    #[serde(default)]
    pub nats: NatsSettings,
    /// Times of the watch on auth.
    #[serde(default)]
    pub authz: AuthzConfig,
}

/// The public port.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Certificate and key; without them only loopback may sign in, unless a proxy does TLS.
    #[serde(default)]
    pub tls: Option<HttpTls>,
    /// A proxy in front does TLS and sets `X-Forwarded-For`; nobody else reaches this port.
    #[serde(default)]
    pub behind_tls_proxy: bool,
    /// What people type, e.g. `https://gwm.example.com`; requests for another host get 421.
    pub public_url: String,
    /// Where the browser reaches vnc-proxy, e.g. `wss://gwm.example.com:8081`.
    pub console_url: String,
}

impl Config {
    /// Checks what types can't.
    ///
    /// # Errors
    /// A URL that is none, named.
    pub fn validate(&self) -> anyhow::Result<()> {
        let url = |name: &str, text: &str, schemes: [&str; 2]| -> anyhow::Result<()> {
            let uri: ::http::Uri = text.parse().map_err(|e| anyhow::anyhow!("http.{name}: {e}"))?;
            let fits = uri.scheme_str().is_some_and(|s| schemes.contains(&s));
            anyhow::ensure!(
                fits && uri.host().is_some(),
                "http.{name} must be {}://HOST or {}://HOST",
                schemes[0],
                schemes[1]
            );
            Ok(())
        };
        url("public_url", &self.http.public_url, ["http", "https"])?;
        url("console_url", &self.http.console_url, ["ws", "wss"])?;
        self.nats.validate()?;
        Ok(())
    }
}
