//! The job runner is killed right after it has taken a job, on real Ganeti: for each job one Ganeti
//! job, never two, never none.

use std::time::{Duration, Instant};

use gwm_integration_tests::Part;
use serde_json::json;

use crate::ganeti;
use crate::stage::{Stage, ended, wanted};

/// From before the call to RAPI until after its answer.
const DELAYS_MS: [u64; 5] = [0, 35, 70, 100, 200];

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_during_submits_on_real_ganeti() {
    if !wanted() {
        return;
    }
    let mut stage = Stage::start("lab-kills", 1).await;
    let name = "lab-kill.alpha.lab.test";
    let body = json!({
        "cluster": "alpha", "name": name, "os": "noop+default", "hypervisor": "fake",
        "disk_template": "diskless", "memory_mib": 128, "vcpus": 1,
        "pnode": "node1.alpha.lab.test",
    });
    stage.post("/instances", &body).await;
    let path = format!("/clusters/alpha/instances/{name}");
    let mut jobs = Vec::new();
    for (delay, action) in DELAYS_MS.into_iter().zip(["shutdown", "startup"].into_iter().cycle()) {
        let begun = Instant::now();
        let answer = stage.admin.post(&format!("{path}/{action}"), &json!({})).await;
        let job = answer.expect_status(202).ok();
        // Not a wait for anything: the kill falls before, at and after the call in turn.
        tokio::time::sleep(Duration::from_millis(delay)).await;
        stage.stack.kill(Part::JobRunner, 0).await.unwrap();
        let at_ganeti = ganeti::jobs_of("alpha", job["id"].as_str().unwrap()).len();
        stage.stack.restart(Part::JobRunner, 0).await.unwrap();
        let job = ended(&stage.admin, &job).await;
        eprintln!(
            "killed {delay} ms after the answer, {at_ganeti} Ganeti jobs then; {} after {:.1} s",
            job["state"],
            begun.elapsed().as_secs_f64()
        );
        assert_eq!(job["state"], "succeeded", "{job:#}");
        jobs.push(job);
    }
    for job in &jobs {
        ganeti::has_one_of("alpha", job);
    }
}
