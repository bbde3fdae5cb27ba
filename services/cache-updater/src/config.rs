//! Configuration of the service.

use std::time::Duration;

use gwm_authz::AuthzConfig;
use gwm_events::NatsSettings;
use gwm_pg::PgSettings;
use gwm_pg::lease::LeaseSettings;
use secrecy::SecretString;
use serde::Deserialize;

/// Everything but the kernel's keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The database `gwm_cache`.
    pub database: PgSettings,
    /// The bus.
    #[serde(default)]
    pub nats: NatsSettings,
    /// 32 random bytes in base64, which seal the stored credentials; give `master_key_file`.
    pub master_key: SecretString,
    /// How clusters are read.
    #[serde(default)]
    pub poll: PollSettings,
    /// The leases on clusters.
    #[serde(default)]
    pub lease: LeaseSettings,
    /// Owners as tags in Ganeti.
    #[serde(default)]
    pub owner_tags: OwnerTagSettings,
    /// Times of the watch on auth.
    #[serde(default)]
    pub authz: AuthzConfig,
    /// Whether a cluster may be at a loopback address: for development machines only. Private
    /// addresses are always allowed; link-local, multicast and unspecified ones never.
    #[serde(default)]
    pub allow_loopback: bool,
}

/// Owners as tags in Ganeti.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnerTagSettings {
    /// What tells this installation's tags from another's that manages the same cluster. Empty: the
    /// name that the database made up when it was set up.
    pub installation: String,
}

/// How clusters are read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PollSettings {
    /// The shortest time between two reads of everything; longer where that takes long (20 times
    /// its duration).
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// How often slow or rarely changing things are read: hypervisors, node groups, networks.
    #[serde(with = "humantime_serde")]
    pub details: Duration,
    /// How often OSes are read, which costs Ganeti a job each time.
    #[serde(with = "humantime_serde")]
    pub oses: Duration,
    /// How often a cluster's list of Ganeti jobs is read; less often where that takes long (40 times
    /// its duration).
    #[serde(with = "humantime_serde")]
    pub jobs: Duration,
    /// How often clusters that nobody polls are looked for.
    #[serde(with = "humantime_serde")]
    pub scan: Duration,
    /// Connections that may be open to one cluster at once.
    pub requests: usize,
}

impl Default for PollSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            details: Duration::from_secs(300),
            jobs: Duration::from_secs(10),
            oses: Duration::from_secs(3600),
            scan: Duration::from_secs(2),
            requests: 2,
        }
    }
}

impl Config {
    /// Checks what types can't, and names the key.
    ///
    /// # Errors
    /// A value out of its range.
    pub fn validate(&self) -> anyhow::Result<()> {
        self.database.validate()?;
        self.nats.validate()?;
        anyhow::ensure!(
            self.poll.interval >= Duration::from_millis(100),
            "poll.interval must be at least 100ms"
        );
        anyhow::ensure!(
            (1..=4).contains(&self.poll.requests),
            "poll.requests must be from 1 to 4: Ganeti's RAPI serves 20 clients in all"
        );
        anyhow::ensure!(
            self.poll.oses >= Duration::from_secs(3600),
            "poll.oses must be at least 1h: each read is a job of Ganeti's"
        );
        anyhow::ensure!(
            self.poll.jobs >= Duration::from_millis(100),
            "poll.jobs must be at least 100ms"
        );
        anyhow::ensure!(!self.poll.scan.is_zero(), "poll.scan must not be zero");
        let installation = &self.owner_tags.installation;
        anyhow::ensure!(
            installation.is_empty() || crate::domain::owner_tag::is_installation(installation),
            "owner_tags.installation has 1 to 20 of the characters a-z, 0-9 and -, and isn't \"access\""
        );
        crate::vault::Vault::new(&self.master_key)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_complete_and_valid() {
        let text = include_str!("../config.example.toml");
        let mut table: toml::Table = text.parse().unwrap();
        for key in ["log", "grpc", "admin", "advertise", "tls", "peers", "otlp"] {
            assert!(table.remove(key).is_some(), "{key} is missing");
        }
        assert!(table.remove("master_key_file").is_some());
        table
            .insert("master_key".to_owned(), "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".into());
        let nats = table["nats"].as_table_mut().unwrap();
        assert!(nats.remove("nkey_seed_file").is_some());
        let database = table["database"].as_table_mut().unwrap();
        assert!(database.remove("password_file").is_some());
        let config: Config = table.try_into().unwrap();
        config.validate().unwrap();
        assert_eq!(config.poll.interval, PollSettings::default().interval);
    }
}
