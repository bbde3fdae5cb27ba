//! The acts of the story, each begun and seen through apart, so that something may happen between.

use gwm_integration_tests::Console;
use gwm_testkit::wait_for;
use reqwest::Method;
use serde_json::{Value, json};

use crate::ganeti;
use crate::stage::{PATIENCE, Stage, eventually, succeeded};

/// What was asked for, and is there.
pub(crate) struct Made {
    pub(crate) name: String,
    pub(crate) uuid: String,
    pub(crate) job: String,
}

impl Made {
    fn path(&self, cluster: &str) -> String {
        format!("/clusters/{cluster}/instances/{}", self.name)
    }
}

/// Asks for an instance; yields the job.
pub(crate) async fn ask_for_one(stage: &Stage, cluster: &str) -> Value {
    let body = json!({
        "cluster": cluster, "name": format!("lab-story.{cluster}.lab.test"), "os": "noop+default",
        "hypervisor": "kvm", "disk_template": "sharedfile", "disks": [{"size_mib": 64}],
        "memory_mib": 128, "vcpus": 1, "nics": [{"mode": "bridged", "link": "br0"}],
        "tags": ["made:here"], "pnode": format!("node2.{cluster}.lab.test"),
    });
    stage.ask(Method::POST, "/instances", &body).await
}

/// The instance that was asked for, once it is there.
pub(crate) async fn is_made(stage: &Stage, cluster: &str, job: &Value) -> Made {
    let job = succeeded(&stage.admin, job).await;
    let id = job["id"].as_str().unwrap();
    assert_eq!((&job["requested_by"], &job["stale"]), (&json!("admin"), &json!(false)), "{job:#}");
    ganeti::has_one_of(cluster, &job);
    let tells = |log: &Value| log["items"].to_string().contains("creating instance disks");
    eventually("Ganeti's log lines", &stage.admin, &format!("/jobs/{id}/log"), tells).await;
    let name = job["object"]["name"].as_str().unwrap().to_owned();
    // "succeeded" is said only when the inventory has read it.
    let path = format!("/clusters/{cluster}/instances/{name}");
    let seen = eventually("what was made", &stage.admin, &path, |_| true).await;
    assert_eq!(seen["status"], "running", "{seen:#}");
    assert_eq!(seen["console_kinds"], json!(["vnc"]), "{seen:#}");
    let uuid = seen["uuid"].as_str().unwrap().to_owned();
    Made { name, uuid, job: id.to_owned() }
}

/// A console on which QEMU's picture is.
pub(crate) async fn shows_qemus_picture(stage: &Stage, cluster: &str, name: &str) -> Console {
    // The machine's first moments are black.
    wait_for("QEMU's picture", PATIENCE, async || {
        let mut console =
            stage.console(cluster, name).await.map_err(|error| format!("{error:#}"))?;
        assert_eq!(console.vnc.name(), format!("QEMU ({name})"));
        let picture = console.vnc.frame().await.map_err(|error| error.to_string())?;
        match picture.colours() {
            0 | 1 => Err("one colour".to_owned()),
            _ => Ok(console),
        }
    })
    .await
}

/// Shuts it down on Ganeti's own command line.
pub(crate) async fn shut_down_outside(cluster: &'static str, made: &Made) {
    ganeti::run_beside(cluster, &["gnt-instance", "shutdown", "--timeout=1", &made.name]).await;
}

/// That it was shut down shows up.
pub(crate) async fn shows_as_down(stage: &Stage, cluster: &str, made: &Made) {
    let down = |seen: &Value| seen["status"] == "ADMIN_down" && seen["admin_state"] == "down";
    eventually("the shutdown to show up", &stage.admin, &made.path(cluster), down).await;
}

/// Gives it one more tag on Ganeti's own command line, and sees that.
pub(crate) async fn tag_outside_shows_up(stage: &Stage, cluster: &'static str, made: &Made) {
    ganeti::run_beside(cluster, &["gnt-instance", "add-tags", &made.name, "by:cli"]).await;
    let tagged = |seen: &Value| seen["tags"] == json!(["by:cli", "made:here"]);
    eventually("the tag to show up", &stage.admin, &made.path(cluster), tagged).await;
}

/// Asks for its end; yields the job.
pub(crate) async fn ask_to_delete(stage: &Stage, cluster: &str, made: &Made) -> Value {
    stage.ask(Method::DELETE, &made.path(cluster), &Value::Null).await
}

/// Nothing of it is left.
pub(crate) async fn is_deleted(stage: &Stage, cluster: &str, made: &Made, job: &Value) {
    let job = succeeded(&stage.admin, job).await;
    ganeti::has_one_of(cluster, &job);
    assert!(!ganeti::instances(cluster).contains(&made.name));
    let path = made.path(cluster);
    wait_for("404 for what is gone", PATIENCE, async || match stage.admin.get(&path).await {
        gone if gone.status == 404 => Ok(()),
        there => Err(there.text),
    })
    .await;
    let unlisted = |listed: &Value| {
        let items = listed["items"].as_array().unwrap();
        !items.iter().any(|item| item["uuid"] == made.uuid.as_str())
    };
    eventually("the list without it", &stage.admin, "/instances?limit=200", unlisted).await;
}
