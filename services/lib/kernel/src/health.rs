//! Readiness: named conditions, all of which must hold. What starts down comes up when it works,
//! and goes down again when it doesn't.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

/// The conditions of one process.
#[derive(Debug, Clone)]
pub struct Health {
    conditions: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
    ready: watch::Sender<bool>,
}

/// One of them, held by whoever knows.
#[derive(Debug, Clone)]
pub struct Condition {
    name: &'static str,
    health: Health,
}

impl Default for Health {
    fn default() -> Self {
        Self { conditions: Arc::default(), ready: watch::Sender::new(false) }
    }
}

impl Health {
    /// Adds a condition; it is down until [`Condition::up`].
    #[must_use]
    pub fn condition(&self, name: &'static str) -> Condition {
        self.set(name, Some("starting"));
        Condition { name, health: self.clone() }
    }

    /// What is missing, by name and reason; empty when ready.
    #[must_use]
    pub fn missing(&self) -> Vec<(&'static str, String)> {
        let conditions = self.conditions.lock().expect("no panic while held");
        conditions.iter().filter_map(|(n, why)| why.clone().map(|w| (*n, w))).collect()
    }

    /// Follows readiness.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    fn set(&self, name: &'static str, why: Option<&str>) {
        let mut conditions = self.conditions.lock().expect("no panic while held");
        let before = conditions.insert(name, why.map(str::to_owned));
        let ready = conditions.values().all(Option::is_none);
        drop(conditions);
        if before.is_some_and(|b| b.is_none() != why.is_none()) {
            match why {
                Some(why) => tracing::warn!(condition = name, why, "condition lost"),
                None => tracing::info!(condition = name, "condition met"),
            }
        }
        self.ready.send_if_modified(|r| std::mem::replace(r, ready) != ready);
    }
}

impl Condition {
    /// It works.
    pub fn up(&self) {
        self.health.set(self.name, None);
    }

    /// It doesn't, and why.
    pub fn down(&self, why: impl Into<String>) {
        self.health.set(self.name, Some(&why.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_lost_again_when_a_condition_is() {
        let health = Health::default();
        let (database, nats) = (health.condition("database"), health.condition("nats"));
        database.up();
        assert_eq!(health.missing(), vec![("nats", "starting".to_owned())]);
        nats.up();
        assert!(health.missing().is_empty());
        assert!(*health.subscribe().borrow());
        database.down("refused");
        assert!(!*health.subscribe().borrow());
    }
}
