//! The service's configuration, besides the kernel's keys.

use std::time::Duration;

use gwm_authz::AuthzConfig;
use gwm_events::NatsSettings;
use gwm_pg::PgSettings;
use gwm_pg::lease::LeaseSettings;
use serde::{Deserialize, Serialize};

/// All of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The database `gwm_jobs`.
    pub database: PgSettings,
    /// The message bus.
    pub nats: NatsSettings,
    /// How long decisions hold while auth is silent.
    pub authz: AuthzConfig,
    /// How Ganeti is talked to.
    pub ganeti: GanetiConfig,
    /// How owners are written as tags.
    pub owner_tags: OwnerTags,
    /// How what jobs had reserved is given back.
    pub reservations: Reservations,
    /// How the clusters are shared between replicas.
    pub lease: SubmitLease,
}

/// How owners are written as tags in Ganeti, where that is switched on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnerTags {
    /// Between the end of one such job and the next, at each cluster.
    #[serde(with = "humantime_serde")]
    pub pace: Duration,
    /// How often something to do is looked for while there is nothing.
    #[serde(with = "humantime_serde")]
    pub look: Duration,
    /// How long an instance is left alone after one that failed; doubles with each.
    #[serde(with = "humantime_serde")]
    pub first_pause: Duration,
    /// The longest pause, of an instance and of a cluster.
    #[serde(with = "humantime_serde")]
    pub longest_pause: Duration,
}

/// How what jobs had reserved with auth is given back.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reservations {
    /// How often jobs that have ended are looked for.
    #[serde(with = "humantime_serde")]
    pub look: Duration,
    /// How often auth is asked what it has for jobs that there are not.
    #[serde(with = "humantime_serde")]
    pub compare: Duration,
    /// For how long auth must have had it.
    #[serde(with = "humantime_serde")]
    pub unclaimed: Duration,
}

/// The submit lease of a cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SubmitLease {
    /// How long it lasts without being renewed: how long a cluster waits for another replica when
    /// its runner was killed.
    #[serde(with = "humantime_serde")]
    pub duration: Duration,
    /// How long it is kept when the cluster has no job any more.
    #[serde(with = "humantime_serde")]
    pub linger: Duration,
}

/// Rates, limits and waits of the calls to RAPI; the same for each cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GanetiConfig {
    /// How often all open Ganeti jobs of a cluster are asked for, in one request.
    #[serde(with = "humantime_serde")]
    pub follow_interval: Duration,
    /// A submission must have left within this, connect and TLS included; else it is not sent.
    #[serde(with = "humantime_serde")]
    pub send_deadline: Duration,
    /// How much longer its answer is waited for.
    #[serde(with = "humantime_serde")]
    pub answer_wait: Duration,
    /// A submission without an answer counts as not sent only if a search finds nothing this long
    /// after it can have been sent. Ganeti's own time-outs add up to 200 s: never less.
    #[serde(with = "humantime_serde")]
    pub rapi_unknown_wait: Duration,
    /// Name lookup, connect and TLS of a read.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// A whole read.
    #[serde(with = "humantime_serde")]
    pub read_timeout: Duration,
    /// How long a write credential is kept in memory.
    #[serde(with = "humantime_serde")]
    pub credential_refresh: Duration,
    /// The longest pause after failed tries; the first is a second.
    #[serde(with = "humantime_serde")]
    pub longest_pause: Duration,
    /// How many of gwm's jobs may be at one cluster at once.
    pub jobs_at_once: usize,
    /// How long the end of a job waits for the inventory to read the object.
    #[serde(with = "humantime_serde")]
    pub observe_wait: Duration,
}

impl Default for SubmitLease {
    fn default() -> Self {
        Self { duration: Duration::from_secs(15), linger: Duration::from_secs(20) }
    }
}

impl Default for Reservations {
    fn default() -> Self {
        Self {
            look: Duration::from_secs(1),
            compare: Duration::from_secs(30),
            unclaimed: Duration::from_secs(60),
        }
    }
}

impl Default for OwnerTags {
    fn default() -> Self {
        Self {
            pace: Duration::from_secs(1),
            look: Duration::from_secs(15),
            first_pause: Duration::from_secs(30),
            longest_pause: Duration::from_secs(3600),
        }
    }
}

impl Default for GanetiConfig {
    fn default() -> Self {
        Self {
            follow_interval: Duration::from_secs(1),
            send_deadline: Duration::from_secs(8),
            answer_wait: Duration::from_secs(12),
            rapi_unknown_wait: Duration::from_secs(200),
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(40),
            credential_refresh: Duration::from_secs(300),
            longest_pause: Duration::from_secs(60),
            jobs_at_once: 20,
            observe_wait: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// Checks what the types can't, and names the key that is wrong.
    pub(crate) fn validate(&self) -> anyhow::Result<()> {
        self.database.validate()?;
        self.nats.validate()?;
        let ganeti = &self.ganeti;
        anyhow::ensure!(
            ganeti.send_deadline + Duration::from_millis(200) < self.lease.duration * 9 / 10,
            "lease.duration must be longer than ganeti.send_deadline by a quarter: a submission \
             must never outlive the lease it is sent under"
        );
        anyhow::ensure!(ganeti.jobs_at_once > 0, "ganeti.jobs_at_once must be at least 1");
        anyhow::ensure!(
            ganeti.follow_interval >= Duration::from_millis(100),
            "ganeti.follow_interval must be at least 100ms"
        );
        let tags = &self.owner_tags;
        anyhow::ensure!(
            !tags.pace.is_zero() && !tags.look.is_zero() && !tags.first_pause.is_zero(),
            "owner_tags.pace, look and first_pause must not be zero"
        );
        anyhow::ensure!(
            tags.longest_pause <= Duration::from_secs(86_400),
            "owner_tags.longest_pause is a day at most"
        );
        Ok(())
    }

    pub(crate) fn lease_settings(&self) -> LeaseSettings {
        LeaseSettings { duration: self.lease.duration }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_complete_and_holds_the_defaults() {
        let text = include_str!("../config.example.toml");
        let mut example: toml::Table = text.parse().unwrap();
        for kernel in ["log", "grpc", "admin", "advertise", "tls", "peers", "otlp"] {
            example.remove(kernel);
        }
        let read: Config = example.clone().try_into().unwrap();
        read.validate().unwrap();
        let defaults = toml::Table::try_from(Config::default()).unwrap();
        for section in ["authz", "ganeti", "lease", "owner_tags"] {
            assert_eq!(example[section], defaults[section], "{section}");
        }
    }

    #[test]
    fn a_lease_shorter_than_a_submission_is_refused() {
        let mut config = Config::default();
        config.database.url = "postgres://gwm@localhost/gwm_jobs".to_owned();
        config.validate().unwrap();
        config.lease.duration = config.ganeti.send_deadline;
        assert!(config.validate().unwrap_err().to_string().contains("lease.duration"));
    }
}
