//! The service's own configuration; `config.example.toml` shows and explains each key.

use std::time::Duration;

use gwm_authz::AuthzConfig;
use gwm_events::NatsSettings;
use gwm_pg::PgSettings;
use secrecy::SecretString;
use serde::Deserialize;

/// All keys but the kernel's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The database `gwm_auth`.
    pub database: PgSettings,
    /// The message bus.
    #[serde(default)]
    pub nats: NatsSettings,
    /// 32 bytes in base64: seals the signing key in the database. The same on all replicas.
    pub master_key: SecretString,
    /// The first administrator's password; used while there is no user at all.
    #[serde(default)]
    pub admin_password: Option<SecretString>,
    /// How long a login lasts.
    #[serde(default)]
    pub session: SessionConfig,
    /// How logins are slowed down.
    #[serde(default)]
    pub login: LoginConfig,
    /// Console tickets.
    #[serde(default)]
    pub ticket: TicketConfig,
    /// When this replica's own decisions stop, as in the other services.
    #[serde(default)]
    pub authz: AuthzConfig,
}

/// How long a login lasts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionConfig {
    /// Without being used.
    #[serde(with = "humantime_serde")]
    pub idle: Duration,
    /// In all.
    #[serde(with = "humantime_serde")]
    pub absolute: Duration,
    /// How often sessions that are over by time are looked for, so that whatever they hold open
    /// ends too.
    #[serde(with = "humantime_serde")]
    pub sweep: Duration,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30 * 60),
            absolute: Duration::from_secs(12 * 3600),
            sweep: Duration::from_secs(5),
        }
    }
}

impl SessionConfig {
    /// A use is recorded at most this often.
    pub(crate) fn touch_every(&self) -> Duration {
        (self.idle / 10).min(Duration::from_secs(60))
    }
}

/// How logins are slowed down.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoginConfig {
    /// Passwords hashed at the same time; each takes 64 MiB and a core.
    pub concurrent: usize,
    /// Refused logins of one user name before further ones must wait.
    pub user_burst: u32,
    /// One more is let through after each of these.
    #[serde(with = "humantime_serde")]
    pub user_every: Duration,
    /// The same for one client address.
    pub address_burst: u32,
    /// The same for one client address.
    #[serde(with = "humantime_serde")]
    pub address_every: Duration,
}

impl Default for LoginConfig {
    fn default() -> Self {
        Self {
            concurrent: 2,
            user_burst: 10,
            user_every: Duration::from_secs(10),
            address_burst: 50,
            address_every: Duration::from_secs(2),
        }
    }
}

/// Console tickets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TicketConfig {
    /// How long one can be redeemed.
    #[serde(with = "humantime_serde")]
    pub lifetime: Duration,
}

impl Default for TicketConfig {
    fn default() -> Self {
        Self { lifetime: Duration::from_secs(30) }
    }
}

impl Config {
    /// Checks what can be checked without a connection; the text names the key.
    pub(crate) fn validate(&self) -> anyhow::Result<()> {
        self.database.validate()?;
        self.nats.validate()?;
        let session = &self.session;
        anyhow::ensure!(!session.idle.is_zero(), "session.idle must be more than nothing");
        anyhow::ensure!(session.absolute >= session.idle, "session.absolute is below session.idle");
        anyhow::ensure!(!session.sweep.is_zero(), "session.sweep must be more than nothing");
        let login = &self.login;
        anyhow::ensure!((1..=64).contains(&login.concurrent), "login.concurrent must be 1 to 64");
        anyhow::ensure!(login.user_burst > 0, "login.user_burst must be at least 1");
        anyhow::ensure!(login.address_burst > 0, "login.address_burst must be at least 1");
        anyhow::ensure!(!login.user_every.is_zero(), "login.user_every must be more than nothing");
        anyhow::ensure!(
            !login.address_every.is_zero(),
            "login.address_every must be more than nothing"
        );
        let lifetime = self.ticket.lifetime;
        anyhow::ensure!(
            !lifetime.is_zero() && lifetime <= Duration::from_secs(300),
            "ticket.lifetime must be more than nothing and at most 5m"
        );
        Ok(())
    }
}
