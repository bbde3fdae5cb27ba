//! The five kinds of jobs, as they go well and as Ganeti lets them go wrong.

use serde_json::json;

use crate::stage::Stage;

fn steps(job: &gwm_proto::jobs::Job) -> Vec<(&str, &str)> {
    job.steps.iter().map(|step| (step.name.as_str(), step.state.as_str())).collect()
}

#[tokio::test]
async fn an_instance_is_started_stopped_and_rebooted_with_log_lines() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let stopped = stage.instance(false);
    let job = stage.submit(&runner, "startup", &stopped, json!({})).await;
    assert_eq!((job.state.as_str(), job.cluster.as_str()), ("queued", "fra1"));
    let job = stage.ended(&runner, &job).await;
    assert_eq!(job.state, "succeeded", "{job:?}");
    assert!(!job.stale);
    assert_eq!(steps(&job), [("startup", "succeeded"), ("observe", "succeeded")]);
    assert_eq!(job.ganeti_jobs.len(), 1);
    assert_eq!(job.steps[0].ganeti_status, "success");
    assert_eq!(stage.sim.status(&stopped), Some("running"));

    let reboot = stage.submit(&runner, "reboot", &stopped, json!({"type": "hard"})).await;
    assert_eq!(stage.ended(&runner, &reboot).await.state, "succeeded");
    let shutdown = stage.submit(&runner, "shutdown", &stopped, json!({"timeout": 5})).await;
    assert_eq!(stage.ended(&runner, &shutdown).await.state, "succeeded");
    assert_eq!(stage.sim.status(&stopped), Some("ADMIN_down"));

    // Rebooting a stopped one makes Ganeti say something.
    let reboot = stage.submit(&runner, "reboot", &stopped, json!({})).await;
    stage.ended(&runner, &reboot).await;
    let lines = stage.log(&runner, &reboot.job_id).await;
    assert!(lines.iter().any(|line| line.text.contains("already stopped")), "{lines:?}");
    assert_eq!(lines[0].serial, 1);
    let observed = stage.fakes.knobs(|k| k.observed.clone());
    assert_eq!(observed.len(), 4);
    assert!(observed.iter().all(|o| o.not_before.is_some() && o.ganeti_job > 0));
}

#[tokio::test]
async fn an_instance_is_created_and_removed_and_auth_hears_of_both() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let os = stage.sim.look(|c| c.instances.values().next().unwrap().os.clone());
    let name = "new1.example.org";
    let parameters = json!({
        "os": os, "disk_template": "drbd", "disks": [{"size_mib": 1024}],
        "memory_mib": 128, "vcpus": 1, "nics": [{"mode": "bridged", "link": "br0"}],
        "iallocator": "hail", "tags": ["made-by-test"],
    });
    let create = stage.submit(&runner, "create", name, parameters.clone()).await;
    let create = stage.ended(&runner, &create).await;
    assert_eq!(create.state, "succeeded", "{create:?}");
    let uuid = stage.sim.instance(name).unwrap().uuid;
    assert_eq!(create.object.as_ref().unwrap().uuid, uuid);
    assert_eq!(
        steps(&create),
        [("create", "succeeded"), ("observe", "succeeded"), ("settle", "succeeded")]
    );
    assert!(!stage.log(&runner, &create.job_id).await.is_empty());

    // The name is taken now: nothing is sent.
    let again = stage.submit(&runner, "create", name, parameters).await;
    let again = stage.ended(&runner, &again).await;
    assert_eq!(again.error.as_ref().unwrap().code, "already_exists", "{again:?}");
    assert_eq!(stage.at_ganeti(&again), 0);

    let remove = stage.submit(&runner, "remove", name, json!({})).await;
    let remove = stage.ended(&runner, &remove).await;
    assert_eq!(remove.state, "succeeded", "{remove:?}");
    assert!(stage.sim.instance(name).is_none());
    let settled = stage.fakes.knobs(|k| k.settled.clone());
    let told: Vec<_> = settled
        .iter()
        .map(|s| (s.outcome.as_str(), s.instance.as_ref().unwrap().uuid.as_str()))
        .collect();
    assert_eq!(told, [("created", uuid.as_str()), ("removed", uuid.as_str())]);
    assert!(settled.iter().all(|s| s.user_id == stage.fakes.admin.to_string()));
    let removed = stage.fakes.knobs(|k| k.observed.last().unwrap().removed);
    assert!(removed, "a successful remove is proof for the inventory");
}

#[tokio::test]
async fn ganetis_message_is_kept_when_its_job_fails() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    stage.sim.fail_jobs("OP_INSTANCE_STARTUP", 1, "the hypervisor said no <script>");
    let job = stage.submit(&runner, "startup", &stage.instance(false), json!({})).await;
    let job = stage.ended(&runner, &job).await;
    assert_eq!(job.state, "failed");
    let error = job.error.unwrap();
    assert_eq!(error.code, "ganeti_error");
    assert!(error.message.contains("the hypervisor said no <script>"), "{}", error.message);
    assert!(!error.hint.is_empty());
}

#[tokio::test]
async fn what_a_failed_create_left_behind_is_settled_and_said() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let os = stage.sim.look(|c| c.instances.values().next().unwrap().os.clone());
    let parameters = json!({"os": os, "disk_template": "diskless", "memory_mib": 128});
    // A policy that it breaks is found by a check: nothing is made.
    let too_large = json!({"os": os, "disk_template": "diskless", "memory_mib": 1_000_000});
    let refused = stage.submit(&runner, "create", "huge.example.org", too_large).await;
    let refused = stage.ended(&runner, &refused).await;
    assert_eq!(refused.state, "failed");
    assert!(stage.fakes.knobs(|k| k.settled.is_empty()));

    stage.sim.fail_jobs("OP_INSTANCE_CREATE", 1, "OS scripts failed");
    let job = stage.submit(&runner, "create", "left.example.org", parameters).await;
    let job = stage.ended(&runner, &job).await;
    assert_eq!(job.state, "failed");
    let left = stage.sim.instance("left.example.org").map(|i| i.uuid);
    let settled = stage.fakes.knobs(|k| k.settled.clone());
    assert_eq!(settled.len(), usize::from(left.is_some()), "{left:?} {settled:?}");
    if left.is_some() {
        assert!(job.error.unwrap().hint.contains("left"));
    }
}
