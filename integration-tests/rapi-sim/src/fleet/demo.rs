//! The fleet that `make run` shows.

use std::time::Duration;

use crate::config::{ClusterConfig, SimConfig};

/// Two clusters in two places: one whose console call is mended, one as shipped.
#[must_use]
pub fn demo(seed: u64) -> SimConfig {
    let shared = ClusterConfig {
        trouble: true,
        job_time: Duration::from_millis(1800),
        queue_time: Duration::from_millis(150),
        latency: Duration::from_millis(15),
        consoles: Some(true),
        ..ClusterConfig::default()
    };
    let fra1 = ClusterConfig {
        name: "fra1.example.org".to_owned(),
        seed,
        nodes: 5,
        instances: 26,
        console_patched: true,
        ..shared.clone()
    };
    let ams1 = ClusterConfig {
        name: "ams1.example.org".to_owned(),
        seed: seed.wrapping_add(1),
        nodes: 3,
        instances: 14,
        console_patched: false,
        trouble: false,
        ..shared
    };
    SimConfig { clusters: vec![fra1, ams1], admin: None }
}
