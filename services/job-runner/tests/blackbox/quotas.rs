//! What grows is reserved with auth before it is a job, and given back when the job has ended or never was.

use gwm_kernel::Fault;
use gwm_testkit::wait_for;
use serde_json::json;
use tonic::Code;

use crate::stage::{SOON, Stage, ask};

/// The kinds of jobs, each with what it makes grow: the list that `Kind` is held against, too.
const GROWTH: &str = include_str!("../../growth.txt");

async fn nothing_is_reserved(stage: &Stage) {
    wait_for("all reservations to be given back", SOON, async || {
        let held = stage.fakes.knobs(|k| k.reserved.clone());
        if held.is_empty() { Ok(()) } else { Err(format!("{held:?}")) }
    })
    .await;
}

#[tokio::test]
async fn each_kind_that_grows_reserves_and_is_refused_without_quota() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let os = stage.sim.look(|c| c.instances.values().next().unwrap().os.clone());
    let (running, stopped) = (stage.instance(true), stage.instance(false));
    stage.fakes.knobs(|k| k.no_quota = true);
    let asked = GROWTH.lines().map(|line| line.split_once(": ").unwrap());
    for (kind, grows) in asked.filter(|(kind, _)| *kind != "owner_tag") {
        let (instance, parameters) = match kind {
            "create" => {
                let disks = json!([{"size_mib": 512}, {"size_mib": 256}]);
                let all = json!({"os": os, "disk_template": "drbd", "disks": disks, "vcpus": 3});
                ("new1.example.org".to_owned(), all)
            }
            "startup" => (stopped.clone(), json!({})),
            _ => (running.clone(), json!({})),
        };
        let request = ask(kind, &instance, parameters);
        let answer = stage.submit_as(&runner, stage.fakes.admin, request).await;
        let told = stage.fakes.knobs(|k| k.asked.pop().unwrap());
        assert_eq!(told.target.is_some(), grows != "nothing", "{kind}");
        match answer {
            Ok(job) => {
                assert_eq!(grows, "nothing", "{kind} got a job");
                stage.ended(&runner, &job).await;
            }
            Err(status) => {
                assert_ne!(grows, "nothing", "{kind}: {status}");
                assert_eq!(status.code(), Code::ResourceExhausted);
                assert_eq!(Fault::from_status(&status).reason, "quota_exceeded");
            }
        }
        let Some(target) = told.target else { continue };
        let sizes = (target.memory_mib, target.vcpus, target.disk_mib, target.admin_up);
        if kind == "create" {
            // The second copy of a mirrored disk is not the guest's; the memory is the cluster's default.
            assert_eq!((sizes, &*told.instance_uuid), ((128, 3, 768, true), ""));
        } else {
            assert_eq!(sizes, (512, 2, 1024, true), "{kind}");
            assert!(!told.instance_uuid.is_empty());
        }
    }
    nothing_is_reserved(&stage).await;
}

#[tokio::test]
async fn what_was_reserved_is_given_back_when_a_job_fails_and_settled_with_its_sizes_when_not() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let os = stage.sim.look(|c| c.instances.values().next().unwrap().os.clone());
    let parameters = json!({"os": os, "disk_template": "diskless", "memory_mib": 128});
    let too_large = json!({"os": os, "disk_template": "diskless", "memory_mib": 1_000_000});
    let failed = stage.submit(&runner, "create", "huge.example.org", too_large).await;
    assert_eq!(stage.ended(&runner, &failed).await.state, "failed");
    nothing_is_reserved(&stage).await;

    let made = stage.submit(&runner, "create", "new1.example.org", parameters).await;
    assert_eq!(stage.ended(&runner, &made).await.state, "succeeded");
    let settled = stage.fakes.knobs(|k| k.settled.clone());
    assert_eq!(settled.len(), 1);
    assert!(settled[0].sizes.is_some_and(|s| s.memory_mib == 128 && s.admin_up), "{settled:?}");

    let stopped = stage.instance(false);
    let started = stage.submit(&runner, "startup", &stopped, json!({})).await;
    assert_eq!(stage.ended(&runner, &started).await.state, "succeeded");
    nothing_is_reserved(&stage).await;
    let released = stage.fakes.knobs(|k| k.released.clone());
    let of = released.iter().find(|r| r.job_id == started.job_id).unwrap();
    assert!(of.now.is_some_and(|now| now.admin_up), "what it has now is told: {of:?}");
}

#[tokio::test]
async fn what_was_reserved_for_a_job_that_never_was_is_given_back_after_a_kill() {
    let mut stage = Stage::new().await;
    stage.set("RESERVATIONS__COMPARE", "100ms");
    stage.set("RESERVATIONS__UNCLAIMED", "0s");
    let runner = stage.runner().await;
    let stopped = stage.instance(false);
    stage.fakes.knobs(|k| k.silent_after_reserving = true);
    let request = ask("startup", &stopped, json!({}));
    let asking = stage.submit_as(&runner, stage.fakes.admin, request.clone());
    let reserved = wait_for("the reservation", SOON, async || {
        stage.fakes.knobs(|k| k.asked.first().cloned()).ok_or("not asked yet")
    });
    let runner = tokio::select! {
        answer = asking => panic!("answered: {answer:?}"),
        _ = reserved => stage.kill_and_restart(runner).await,
    };
    nothing_is_reserved(&stage).await;
    stage.fakes.knobs(|k| k.silent_after_reserving = false);
    let job = stage.submit_as(&runner, stage.fakes.admin, request).await.unwrap();
    assert_eq!(stage.ended(&runner, &job).await.state, "succeeded");
    nothing_is_reserved(&stage).await;
}
