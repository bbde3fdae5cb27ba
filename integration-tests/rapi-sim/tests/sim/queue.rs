use std::time::Duration;

use gwm_rapi_sim::{ClusterConfig, Sim, SimConfig};
use serde_json::{Value, json};

use crate::{ask, quick};

#[tokio::test]
async fn queued_jobs_can_be_cancelled_and_running_ones_not() {
    let sim = quick().await;
    let c = &sim.clusters()[0];
    let name = c.look(|c| c.instances.keys().next().unwrap().clone());
    let startup = format!("/2/instances/{name}/startup");
    c.pause_queue(true);
    let id = ask(c, "PUT", &startup, None).await.body;
    let answer = ask(c, "DELETE", &format!("/2/jobs/{id}"), None).await;
    assert_eq!(answer.body, json!([true, "Job successfully cancelled"]));
    assert_eq!(ask(c, "GET", &format!("/2/jobs/{id}"), None).await.body["status"], "canceled");
    c.set_job_time(Duration::from_secs(30));
    c.pause_queue(false);
    let id = ask(c, "PUT", &startup, None).await.body;
    let status =
        async || ask(c, "GET", &format!("/2/jobs/{id}"), None).await.body["status"].clone();
    while status().await != "running" {
        tokio::task::yield_now().await;
    }
    let answer = ask(c, "DELETE", &format!("/2/jobs/{id}"), None).await;
    let text = "Job no longer waiting, can't cancel (informed it anyway)";
    assert_eq!(answer.body, json!([false, text]));
    sim.stop().await;
}

#[tokio::test]
async fn jobs_on_one_instance_run_one_after_the_other() {
    let sim = quick().await;
    let c = &sim.clusters()[0];
    let name = c.look(|c| c.instances.keys().next().unwrap().clone());
    for _ in 0..5 {
        let answer = ask(c, "POST", &format!("/2/instances/{name}/reboot?reason=same"), None).await;
        assert_eq!(answer.status, 200);
    }
    c.idle().await;
    let ids: Vec<u64> = c.jobs_by_reason("same").iter().map(|j| j.id).collect();
    assert_eq!(ids.len(), 5);
    let mut spans = Vec::new();
    for id in ids {
        let job = ask(c, "GET", &format!("/2/jobs/{id}"), None).await.body;
        assert_eq!(job["status"], "success");
        let micros = |v: &Value| v[0].as_u64().unwrap() * 1_000_000 + v[1].as_u64().unwrap();
        spans.push((micros(&job["start_ts"]), micros(&job["end_ts"])));
    }
    spans.sort_unstable();
    assert!(spans.windows(2).all(|w| w[0].1 <= w[1].0), "{spans:?}");
    sim.stop().await;
}

#[tokio::test]
async fn dependencies_failures_and_the_archive_work() {
    let sim = quick().await;
    let c = &sim.clusters()[0];
    let name = c.look(|c| c.instances.keys().next().unwrap().clone());
    c.fail_jobs("OP_INSTANCE_SHUTDOWN", 1, "Could not shutdown instance");
    let path = format!("/2/instances/{name}/shutdown");
    let first = ask(c, "PUT", &path, Some(&json!({}))).await.body;
    let body = json!({"depends": [[first, ["success"]]]});
    let second = ask(c, "PUT", &path, Some(&body)).await.body;
    c.idle().await;
    let job = |id: &Value| c.job(id.as_u64().unwrap()).unwrap();
    let expected = json!([["OpExecError", ["Could not shutdown instance"]]]);
    assert_eq!(job(&first)["opresult"], expected);
    assert_eq!(job(&second)["status"], "error");
    assert!(c.archive_jobs(None) >= 2);
    assert_eq!(ask(c, "GET", "/2/jobs", None).await.body, json!([]));
    let single = ask(c, "GET", &format!("/2/jobs/{first}"), None).await.body;
    assert_eq!(single["status"], "error");
    // By number an archived job is found, by a search only when `archived` is a field.
    for (filter, fields, found) in [
        (json!(["=", "id", first]), json!(["id"]), 1),
        (json!([">=", "id", first]), json!(["id"]), 0),
        (json!([">=", "id", first]), json!(["id", "archived"]), 2),
    ] {
        let body = json!({"fields": fields, "qfilter": filter});
        let answer = ask(c, "PUT", "/2/query/job", Some(&body)).await;
        assert_eq!(answer.body["data"].as_array().unwrap().len(), found, "{body}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_seed_makes_the_same_fleet_and_another_seed_another() {
    async fn names(seed: u64) -> Vec<(String, String)> {
        let config = ClusterConfig { seed, instances: 40, ..ClusterConfig::default() };
        let sim = Sim::start(SimConfig { clusters: vec![config], admin: None }).await.unwrap();
        let made = sim.clusters()[0]
            .look(|c| c.instances.values().map(|i| (i.name.clone(), i.uuid.clone())).collect());
        sim.stop().await;
        made
    }
    assert_eq!(names(5).await, names(5).await);
    assert_ne!(names(5).await, names(6).await);
}

#[tokio::test]
async fn ten_thousand_instances_are_answered_at_once() {
    let config = ClusterConfig { instances: 10_000, nodes: 40, ..ClusterConfig::default() };
    let sim = Sim::start(SimConfig { clusters: vec![config], admin: None }).await.unwrap();
    let answer = ask(&sim.clusters()[0], "GET", "/2/instances?bulk=1", None).await;
    assert_eq!(answer.headers["connection"], "close");
    assert_eq!(answer.body.as_array().unwrap().len(), 10_000);
    sim.stop().await;
}
