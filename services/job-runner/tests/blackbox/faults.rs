//! Ganeti misbehaves: at most one Ganeti job for each of ours, never none, and words for who waits.

use gwm_rapi_sim::{Access, CertStyle, Fault, FaultRule, User};
use serde_json::json;

use crate::stage::{SOON, Stage};

fn reboot_of(name: &str, fault: Fault) -> FaultRule {
    FaultRule::once(fault).method("POST").path(&format!("/2/instances/{name}/reboot"))
}

/// One submission with one fault; the job must end well with one Ganeti job, and have said `says`.
async fn survives(fault: Fault, says: &str) {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let name = stage.instance(true);
    stage.sim.fault(reboot_of(&name, fault.clone()));
    let job = stage.submit(&runner, "reboot", &name, json!({})).await;
    stage
        .until(&runner, &job, says, |job| {
            job.waiting_for.contains(says) || job.state == "succeeded"
        })
        .await;
    if fault == Fault::HangAfter {
        // Whoever archives while we search must not hide the job.
        stage.sim.idle().await;
        stage.sim.archive_jobs(None);
    }
    let job = stage.ended(&runner, &job).await;
    assert_eq!(job.state, "succeeded", "{fault:?}: {job:?}");
    assert_eq!(stage.at_ganeti(&job), 1, "{fault:?}");
    assert_eq!(stage.sim.faults_struck(), 1, "{fault:?}");
    let (_, _, most_open) = stage.sim.connections();
    assert!(most_open <= 2, "the hanging one and one more: {most_open}");
}

#[tokio::test]
async fn an_answer_that_never_comes_is_searched_for_and_adopted() {
    survives(Fault::HangAfter, "not known").await;
}

#[tokio::test]
async fn a_call_that_hung_before_ganeti_took_it_is_sent_again_after_the_wait() {
    survives(Fault::Hang, "not known").await;
}

#[tokio::test]
async fn a_connection_cut_after_the_work_is_adopted() {
    survives(Fault::CutAfter, "not known").await;
}

#[tokio::test]
async fn a_connection_cut_before_the_work_is_sent_again_after_the_wait() {
    survives(Fault::CutBefore, "not known").await;
}

#[tokio::test]
async fn half_an_answer_is_adopted() {
    survives(Fault::HalfAnswer, "not known").await;
}

#[tokio::test]
async fn a_master_that_is_down_leaves_it_unknown() {
    survives(Fault::MasterDown, "not known").await;
}

#[tokio::test]
async fn a_full_queue_is_waited_for() {
    survives(Fault::QueueFull, "full or drained").await;
}

#[tokio::test]
async fn an_answer_that_is_not_rapis_leaves_it_unknown() {
    survives(Fault::NotJson, "not known").await;
}

#[tokio::test]
async fn an_internal_error_of_rapi_ends_the_job_with_its_words_once_it_made_nothing() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let name = stage.instance(true);
    let fault = Fault::Status { status: 500, message: "int() argument: 'list'".to_owned() };
    stage.sim.fault(reboot_of(&name, fault));
    let job = stage.submit(&runner, "reboot", &name, json!({})).await;
    let job = stage.ended(&runner, &job).await;
    let error = job.error.as_ref().unwrap();
    assert_eq!(error.code, "rejected", "{job:?}");
    assert!(error.message.contains("int() argument: 'list'"), "{}", error.message);
    assert_eq!(stage.at_ganeti(&job), 0);
}

#[tokio::test]
async fn a_refusal_is_final_and_in_ganetis_words() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let name = stage.instance(true);
    let fault = Fault::Status { status: 400, message: "Invalid parameter".to_owned() };
    stage.sim.fault(reboot_of(&name, fault));
    let job = stage.submit(&runner, "reboot", &name, json!({})).await;
    let job = stage.ended(&runner, &job).await;
    assert_eq!(job.error.as_ref().unwrap().code, "rejected");
    assert!(job.error.as_ref().unwrap().message.contains("Invalid parameter"));
    assert_eq!(job.steps[0].state, "failed");
}

#[tokio::test]
async fn a_cluster_that_refuses_connections_is_waited_for() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let name = stage.instance(true);
    stage.sim.refuse_connections();
    let job = stage.submit(&runner, "reboot", &name, json!({})).await;
    stage
        .until(&runner, &job, "words about the cluster", |job| {
            job.waiting_for == "cluster fra1, which can't be reached"
        })
        .await;
    stage.sim.listen_again().await.unwrap();
    let job = stage.ended(&runner, &job).await;
    assert_eq!(job.state, "succeeded");
    assert_eq!(stage.at_ganeti(&job), 1);
}

#[tokio::test]
async fn nothing_is_sent_to_a_changed_certificate() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let name = stage.instance(true);
    let warm = stage.submit(&runner, "reboot", &name, json!({})).await;
    stage.ended(&runner, &warm).await;
    stage.sim.clear_requests();
    // cache-updater hands out what was confirmed; here it knows the new one only after a while.
    stage.fakes.knobs(|k| k.cache_down = true);
    stage.sim.change_certificate(CertStyle::GanetiV1).unwrap();
    stage.fakes.knobs(|k| k.cache_down = false);
    let job = stage.submit(&runner, "reboot", &name, json!({})).await;
    let job = stage.ended(&runner, &job).await;
    assert_eq!(job.state, "succeeded", "with the certificate that is confirmed by then");
    assert_eq!(stage.at_ganeti(&job), 1);
}

#[tokio::test]
async fn a_changed_password_is_fetched_anew_and_one_that_stays_wrong_ends_the_job() {
    let stage = Stage::new().await;
    stage.fakes.knobs(|k| k.wrong_passwords = 2);
    let runner = stage.runner().await;
    let name = stage.instance(true);
    let job = stage.submit(&runner, "reboot", &name, json!({})).await;
    assert_eq!(stage.ended(&runner, &job).await.state, "succeeded");

    stage.fakes.knobs(|k| k.wrong_passwords = u32::MAX);
    let runner = stage.kill_and_restart(runner).await;
    let job = stage.submit(&runner, "reboot", &name, json!({})).await;
    let job = stage.ended(&runner, &job).await;
    assert_eq!(job.error.as_ref().unwrap().code, "unauthorized", "{job:?}");
    assert_eq!(stage.at_ganeti(&job), 0);
}

#[tokio::test]
async fn a_user_that_may_only_read_ends_the_job_in_words() {
    let stage = Stage::new().await;
    let mut users = User::usual();
    for user in users.iter_mut().filter(|user| user.name == "gwm-write") {
        user.access = Access::Read;
    }
    stage.sim.set_users(users);
    let runner = stage.runner().await;
    let job = stage.submit(&runner, "reboot", &stage.instance(true), json!({})).await;
    let job = stage.ended(&runner, &job).await;
    assert_eq!(job.error.as_ref().unwrap().code, "unauthorized", "{job:?}");
    assert_eq!(stage.at_ganeti(&job), 0);
}

#[tokio::test]
async fn another_cluster_at_the_address_gets_nothing() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let name = stage.instance(true);
    let other = "11111111-2222-4333-8444-555555555555".to_owned();
    stage.sim.fault(FaultRule::always(Fault::OtherUuid { uuid: other }).path("/2/info"));
    let job = stage.submit(&runner, "reboot", &name, json!({})).await;
    stage.until(&runner, &job, "a wait", |job| job.waiting_for.contains("can't be reached")).await;
    let changes: Vec<_> = stage.sim.requests().into_iter().filter(|r| r.method != "GET").collect();
    assert!(changes.is_empty(), "{changes:?}");
    stage.sim.clear_faults().await.unwrap();
    assert_eq!(stage.ended(&runner, &job).await.state, "succeeded");
}

#[tokio::test]
async fn waiting_for_a_lock_is_said() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let name = stage.instance(true);
    stage.sim.pause_queue(true);
    let job = stage.submit(&runner, "reboot", &name, json!({})).await;
    let next = stage.submit(&runner, "shutdown", &name, json!({})).await;
    let in_queue = |job: &gwm_proto::jobs::Job| job.waiting_for == "its turn in Ganeti's queue";
    stage.until(&runner, &job, "the queue", in_queue).await;
    let behind =
        |job: &gwm_proto::jobs::Job| job.waiting_for == "an earlier job on the same instance";
    stage.until(&runner, &next, "the earlier job", behind).await;
    stage.sim.pause_queue(false);
    assert_eq!(stage.ended(&runner, &job).await.state, "succeeded");
    assert_eq!(stage.ended(&runner, &next).await.state, "succeeded");
    assert_eq!(stage.sim.status(&name), Some("ADMIN_down"), "the later one came last");
}

#[tokio::test]
async fn a_database_that_freezes_for_a_moment_loses_nothing() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let name = stage.instance(true);
    // The outcome of the call can't be written while the rows are locked.
    let pool = stage.database.pool().await;
    let struck = stage.sim.faults_struck();
    stage.sim.fault(reboot_of(&name, Fault::Latency { ms: 400 }));
    let job = stage.submit(&runner, "reboot", &name, json!({})).await;
    gwm_testkit::wait_for("the call", SOON, async || {
        if stage.sim.faults_struck() > struck { Ok(()) } else { Err("not yet") }
    })
    .await;
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("lock table job in exclusive mode").execute(&mut *lock).await.unwrap();
    stage.sim.idle().await;
    lock.rollback().await.unwrap();
    let job = stage.ended(&runner, &job).await;
    assert_eq!(job.state, "succeeded");
    assert_eq!(stage.at_ganeti(&job), 1);
}

#[tokio::test]
async fn a_paused_cluster_gets_nothing_new_until_it_is_resumed() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    // The credential is known by now, and kept.
    let first = stage.submit(&runner, "reboot", &stage.instance(true), json!({})).await;
    assert_eq!(stage.ended(&runner, &first).await.state, "succeeded");
    stage.fakes.knobs(|k| k.paused = true);
    let job = stage.submit(&runner, "reboot", &stage.instance(true), json!({})).await;
    let waits = |job: &gwm_proto::jobs::Job| job.waiting_for.contains("paused");
    let waiting = stage.until(&runner, &job, "the job to say why it waits", waits).await;
    assert_eq!(waiting.state, "queued");
    assert_eq!(stage.at_ganeti(&job), 0);
    stage.fakes.knobs(|k| k.paused = false);
    assert_eq!(stage.ended(&runner, &job).await.state, "succeeded");
    assert_eq!(stage.at_ganeti(&job), 1);
}

#[tokio::test]
async fn nothing_is_sent_any_more_once_a_cluster_was_made_read_only() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let first = stage.submit(&runner, "reboot", &stage.instance(true), json!({})).await;
    assert_eq!(stage.ended(&runner, &first).await.state, "succeeded");
    stage.fakes.knobs(|k| k.held_read_only = true);
    let job = stage.submit(&runner, "reboot", &stage.instance(true), json!({})).await;
    let job = stage.ended(&runner, &job).await;
    assert_eq!(job.error.as_ref().unwrap().code, "read_only", "{job:?}");
    assert_eq!(stage.at_ganeti(&job), 0);
}
