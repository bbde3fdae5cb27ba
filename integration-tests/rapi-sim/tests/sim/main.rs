//! What only the simulator can do: faults, changes from outside, consoles, looking back.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../contract/client.rs"]
mod client;

mod admin;
mod consoles;
mod faults;
mod outside;
mod queue;

use gwm_rapi_sim::{ClusterConfig, Sim, SimCluster, SimConfig};
use serde_json::Value;

use crate::client::{Answer, send, trusting};

/// One cluster with quick jobs.
async fn quick() -> Sim {
    let config = ClusterConfig {
        name: "sim.test".to_owned(),
        job_time: std::time::Duration::from_millis(20),
        queue_time: std::time::Duration::ZERO,
        ..ClusterConfig::default()
    };
    Sim::start(SimConfig { clusters: vec![config], admin: None }).await.unwrap()
}

/// Sends as the user who may write.
async fn ask(cluster: &SimCluster, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let auth = Some(("gwm-write", "write-secret"));
    send(&trusting(), &cluster.url(), method, path, auth, body).await
}

/// Sends and expects that no whole answer comes.
async fn fails(cluster: &SimCluster, method: reqwest::Method, path: &str) -> reqwest::Error {
    let sent = trusting()
        .request(method, format!("{}{path}", cluster.url()))
        .basic_auth("gwm-write", Some("write-secret"))
        .timeout(std::time::Duration::from_millis(700))
        .send()
        .await;
    match sent {
        Ok(response) => response.bytes().await.expect_err("no whole answer"),
        Err(error) => error,
    }
}
