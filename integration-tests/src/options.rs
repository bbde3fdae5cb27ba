//! What kind of stack to start.

use std::path::PathBuf;

use serde_json::Value;

use crate::Part;

/// Where its data lives.
#[derive(Debug, Clone)]
pub enum Place {
    /// Gone with the process.
    Scratch,
    /// Kept: settings and streams in `state`, Postgres in `postgres`.
    Lasting {
        /// Secrets, certificates, NATS, logs.
        state: PathBuf,
        /// Data of Postgres.
        postgres: PathBuf,
    },
}

/// What kind of stack to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// For people, in messages and file names.
    pub name: String,
    /// Where its data lives.
    pub place: Place,
    /// How many of each service.
    pub replicas: usize,
    /// The first administrator's password.
    pub admin_password: String,
    /// Whether the usual ports are taken where they are free.
    pub usual_ports: bool,
    /// More settings of a service: merged over the usual ones.
    pub settings: Vec<(Part, Value)>,
    /// Told what is being done, a line at a time.
    pub progress: fn(&str),
}

impl Options {
    /// For a test: quick polls, quick take-over, nothing kept.
    #[must_use]
    pub fn test(name: &str) -> Self {
        let cache = serde_json::json!({
            "poll": { "interval": "1s", "scan": "200ms" },
            "lease": { "duration": "3s" },
        });
        let jobs = serde_json::json!({
            "ganeti": { "follow_interval": "200ms", "send_deadline": "2s", "longest_pause": "2s" },
            "lease": { "duration": "4s", "linger": "5s" },
        });
        Self {
            name: name.to_owned(),
            place: Place::Scratch,
            replicas: 1,
            admin_password: "correct horse battery".to_owned(),
            usual_ports: false,
            settings: vec![(Part::CacheUpdater, cache), (Part::JobRunner, jobs)],
            progress: |_| {},
        }
    }

    /// How many of each service.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// More settings of one service, over those there are.
    #[must_use]
    pub fn with(mut self, part: Part, settings: Value) -> Self {
        self.settings.push((part, settings));
        self
    }
}
