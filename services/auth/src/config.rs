//! The service's own configuration; `config.example.toml` shows and explains each key.

mod checks;
mod directory;
mod provider;

use std::collections::BTreeMap;
use std::time::Duration;

use gwm_authz::AuthzConfig;
use gwm_events::NatsSettings;
use gwm_pg::PgSettings;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub(crate) use directory::DirectoryConfig;
pub(crate) use provider::ProviderConfig;

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
    /// Directories whose people may sign in, by name.
    #[serde(default)]
    pub(crate) directories: BTreeMap<String, DirectoryConfig>,
    /// Providers at which people may sign in, by name.
    #[serde(default)]
    pub(crate) providers: BTreeMap<String, ProviderConfig>,
    /// Counting what instances take.
    #[serde(default)]
    pub recount: RecountConfig,
    /// When this replica's own decisions stop, as in the other services.
    #[serde(default)]
    pub authz: AuthzConfig,
}

/// How long a login lasts.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoginConfig {
    /// Passwords hashed at the same time; each takes 64 MiB and a core.
    pub concurrent: usize,
    /// Logins that wait for their turn; more are told at once to come again.
    pub waiting: usize,
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
            waiting: 50,
            user_burst: 10,
            user_every: Duration::from_secs(10),
            address_burst: 50,
            address_every: Duration::from_secs(2),
        }
    }
}

/// Counting what instances take, for quotas.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecountConfig {
    /// How often all of it is read again; changes are told as they come.
    #[serde(with = "humantime_serde")]
    pub every: Duration,
}

impl Default for RecountConfig {
    fn default() -> Self {
        Self { every: Duration::from_secs(3600) }
    }
}

/// Console tickets.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
        anyhow::ensure!((1..=1000).contains(&login.waiting), "login.waiting must be 1 to 1000");
        anyhow::ensure!(login.user_burst > 0, "login.user_burst must be at least 1");
        anyhow::ensure!(login.address_burst > 0, "login.address_burst must be at least 1");
        anyhow::ensure!(!login.user_every.is_zero(), "login.user_every must be more than nothing");
        anyhow::ensure!(
            !login.address_every.is_zero(),
            "login.address_every must be more than nothing"
        );
        for (name, directory) in &self.directories {
            directory.validate(name)?;
        }
        for (name, provider) in &self.providers {
            provider.validate(name)?;
        }
        anyhow::ensure!(!self.recount.every.is_zero(), "recount.every must be more than nothing");
        let lifetime = self.ticket.lifetime;
        anyhow::ensure!(
            !lifetime.is_zero() && lifetime <= Duration::from_secs(300),
            "ticket.lifetime must be more than nothing and at most 5m"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../config.example.toml");

    fn load(text: &str) -> anyhow::Result<Config> {
        let directory = tempfile::tempdir()?;
        let key = directory.path().join("key");
        std::fs::write(&key, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")?;
        let text = text.replace("/etc/gwm/auth-master.key", &key.display().to_string());
        let file = directory.path().join("config.toml");
        std::fs::write(&file, text)?;
        Ok(gwm_kernel::load::<Config>("auth-example", Some(&file))?.1)
    }

    #[test]
    fn the_example_is_valid_and_shows_the_defaults() {
        let config = load(EXAMPLE).unwrap();
        config.validate().unwrap();
        crate::domain::MasterKey::parse(&config.master_key).unwrap();
        let json = |value: &dyn Fn() -> serde_json::Result<serde_json::Value>| value().unwrap();
        let shown = [
            json(&|| serde_json::to_value(&config.session)),
            json(&|| serde_json::to_value(&config.login)),
            json(&|| serde_json::to_value(&config.ticket)),
            json(&|| serde_json::to_value(&config.authz)),
        ];
        let defaults = [
            json(&|| serde_json::to_value(SessionConfig::default())),
            json(&|| serde_json::to_value(LoginConfig::default())),
            json(&|| serde_json::to_value(TicketConfig::default())),
            json(&|| serde_json::to_value(AuthzConfig::default())),
        ];
        assert_eq!(shown, defaults);
    }

    #[test]
    fn the_example_leaves_no_key_out() {
        let example: toml::Table = toml::from_str(EXAMPLE).unwrap();
        let own = [
            ("session", serde_json::to_value(SessionConfig::default()).unwrap()),
            ("login", serde_json::to_value(LoginConfig::default()).unwrap()),
            ("ticket", serde_json::to_value(TicketConfig::default()).unwrap()),
            ("authz", serde_json::to_value(AuthzConfig::default()).unwrap()),
            ("database", serde_json::to_value(PgSettings::default()).unwrap()),
        ];
        for (section, defaults) in own {
            let shown = example[section].as_table().unwrap();
            for key in defaults.as_object().unwrap().keys() {
                assert!(shown.contains_key(key), "{section}.{key} is not in the example");
            }
        }
    }

    #[test]
    fn what_can_not_work_is_refused_by_name() {
        for (from, to, named) in [
            ("idle = \"30m\"", "idle = \"30h\"", "session.absolute"),
            ("lifetime = \"30s\"", "lifetime = \"1h\"", "ticket.lifetime"),
            ("concurrent = 2", "concurrent = 0", "login.concurrent"),
            ("waiting = 50", "waiting = 0", "login.waiting"),
            ("user_burst = 10", "user_burst = 0", "login.user_burst"),
            ("concurrent = 2", "concurent = 2", "concurent"),
        ] {
            let text = EXAMPLE.replace(from, to);
            let error = load(&text).and_then(|c| c.validate()).unwrap_err();
            assert!(format!("{error:#}").contains(named), "{error:#}");
        }
    }
}
