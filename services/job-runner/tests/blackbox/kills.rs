//! The process is killed or stopped around the call: for each job one Ganeti job, never two, never
//! none.

use std::time::Duration;

use gwm_rapi_sim::{Fault, FaultRule};
use gwm_testkit::wait_for;
use serde_json::json;

use crate::stage::{SOON, Stage};

/// How often each kill test kills.
const ROUNDS: u64 = 25;

async fn struck(stage: &Stage, times: u64) {
    wait_for("the call to be at Ganeti", SOON, async || {
        let now = stage.sim.faults_struck();
        if now >= times { Ok(()) } else { Err(format!("{now} of {times}")) }
    })
    .await;
}

fn at_the_call(name: &str, fault: Fault) -> FaultRule {
    FaultRule::once(fault).method("POST").path(&format!("/2/instances/{name}/reboot"))
}

/// Kills between the call and its answer, again and again.
async fn kills(fault: impl Fn(u64) -> Fault) {
    let mut stage = Stage::new().await;
    // Taking over is what takes the time here.
    stage.set("LEASE__DURATION", "900ms");
    stage.set("GANETI__SEND_DEADLINE", "500ms");
    stage.set("GANETI__RAPI_UNKNOWN_WAIT", "600ms");
    let mut runner = stage.runner().await;
    let name = stage.instance(true);
    let mut jobs = Vec::new();
    for round in 0..ROUNDS {
        let before = stage.sim.faults_struck();
        stage.sim.fault(at_the_call(&name, fault(round)));
        let job = stage.submit(&runner, "reboot", &name, json!({})).await;
        struck(&stage, before + 1).await;
        // Not a wait for anything: the kill falls before, at and after the answer in turn.
        tokio::time::sleep(Duration::from_millis(round * 7 % 60)).await;
        runner = stage.kill_and_restart(runner).await;
        let job = stage.ended(&runner, &job).await;
        assert_eq!(job.state, "succeeded", "round {round}: {job:?}");
        jobs.push(job);
    }
    for (round, job) in jobs.iter().enumerate() {
        assert_eq!(stage.at_ganeti(job), 1, "round {round}");
    }
    stage.figures_hold(&runner).await;
}

#[tokio::test]
async fn killed_while_ganeti_has_it_and_does_not_answer() {
    kills(|_| Fault::HangAfter).await;
}

#[tokio::test]
async fn killed_around_the_moment_of_the_answer() {
    kills(|_| Fault::Latency { ms: 30 }).await;
}

async fn stopped_during_the_send(stage: &Stage, pause: Duration, fault: Fault) {
    let mut first = stage.runner().await;
    let name = stage.instance(true);
    stage.sim.fault(at_the_call(&name, fault.clone()));
    let job = stage.submit(&first, "reboot", &name, json!({})).await;
    struck(stage, 1).await;
    first.process.signal("STOP").unwrap();
    // The second one can only take over when the first one's lease is over.
    let second = stage.runner().await;
    tokio::time::sleep(pause).await;
    first.process.signal("CONT").unwrap();
    wait_for("the stopped one to notice", SOON, async || {
        let said = ["lease ran out", "lease lost"];
        if said.iter().any(|text| first.process.has_said(text)) { Ok(()) } else { Err("silent") }
    })
    .await;
    let job = stage.ended(&second, &job).await;
    assert_eq!(job.state, "succeeded", "{fault:?}: {job:?}");
    assert_eq!(stage.at_ganeti(&job), 1, "{fault:?}");
}

/// The process is stopped between the moment it decides to send and the send itself: a lock on the
/// table of ops holds it there.
async fn stopped_before_the_send(stage: &Stage, pause: Duration) {
    let mut first = stage.runner().await;
    let name = stage.instance(true);
    let pool = stage.database.pool().await;
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("lock table op in share mode").execute(&mut *lock).await.unwrap();
    let job = stage.submit(&first, "reboot", &name, json!({})).await;
    wait_for("the intent to be written", SOON, async || {
        let waiting: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where wait_event_type = 'Lock' and query like 'insert into op%'",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        if waiting > 0 { Ok(()) } else { Err("nobody waits") }
    })
    .await;
    first.process.signal("STOP").unwrap();
    lock.rollback().await.unwrap();
    let second = stage.runner().await;
    tokio::time::sleep(pause).await;
    let sent = stage.at_ganeti(&job);
    first.process.signal("CONT").unwrap();
    let job = stage.ended(&second, &job).await;
    assert_eq!(job.state, "succeeded", "{job:?}");
    assert_eq!(stage.at_ganeti(&job), 1, "{sent} before it went on");
}

#[tokio::test]
async fn stopped_during_the_send_and_overtaken() {
    for fault in [Fault::HangAfter, Fault::Hang] {
        stopped_during_the_send(&Stage::new().await, Duration::from_secs(4), fault).await;
    }
}

#[tokio::test]
async fn stopped_before_the_send_and_overtaken() {
    stopped_before_the_send(&Stage::new().await, Duration::from_secs(4)).await;
}

/// With the times that are used in earnest; but for the 200 s.
#[tokio::test]
async fn stopped_for_twenty_seconds_before_and_during_the_send() {
    if std::env::var_os("GWM_SOAK").is_none() {
        return;
    }
    let pause = Duration::from_secs(20);
    for during in [true, false] {
        let mut stage = Stage::new().await;
        stage.set("LEASE__DURATION", "15s");
        stage.set("GANETI__SEND_DEADLINE", "8s");
        stage.set("GANETI__ANSWER_WAIT", "12s");
        stage.set("GANETI__RAPI_UNKNOWN_WAIT", "5s");
        if during {
            stopped_during_the_send(&stage, pause, Fault::HangAfter).await;
        } else {
            stopped_before_the_send(&stage, pause).await;
        }
    }
}

#[tokio::test]
async fn two_replicas_share_the_work_and_never_the_cluster() {
    let stage = Stage::new().await;
    let replicas = [stage.runner().await, stage.runner().await];
    let names: Vec<String> = stage.sim.look(|c| c.instances.keys().cloned().collect());
    let mut jobs = Vec::new();
    for (index, name) in names.iter().chain(&names).enumerate() {
        let replica = &replicas[index % 2];
        jobs.push(stage.submit(replica, "shutdown", name, json!({})).await);
    }
    for job in &jobs {
        let job = stage.ended(&replicas[0], job).await;
        assert_eq!(job.state, "succeeded", "{job:?}");
        assert_eq!(stage.at_ganeti(&job), 1);
    }
    let (_, _, most_open) = stage.sim.connections();
    assert_eq!(most_open, 1, "one request to a cluster at once, whatever is done");
}

#[tokio::test]
async fn a_killed_replica_is_overtaken_by_the_other() {
    let stage = Stage::new().await;
    let mut first = stage.runner().await;
    let name = stage.instance(true);
    stage.sim.fault(at_the_call(&name, Fault::HangAfter));
    let job = stage.submit(&first, "reboot", &name, json!({})).await;
    struck(&stage, 1).await;
    let second = stage.runner().await;
    first.process.signal("KILL").unwrap();
    first.process.wait(SOON).await.unwrap();
    let job = stage.ended(&second, &job).await;
    assert_eq!(job.state, "succeeded");
    assert_eq!(stage.at_ganeti(&job), 1);
}

#[tokio::test]
async fn a_polite_end_finishes_the_call_it_is_at() {
    let stage = Stage::new().await;
    let mut first = stage.runner().await;
    let name = stage.instance(true);
    stage.sim.fault(at_the_call(&name, Fault::Latency { ms: 300 }));
    let job = stage.submit(&first, "reboot", &name, json!({})).await;
    struck(&stage, 1).await;
    first.process.signal("TERM").unwrap();
    let status = first.process.wait(SOON).await.unwrap();
    assert!(status.success(), "{status}");
    let second = stage.runner().await;
    let known = stage.get(&second, &job.job_id).await.unwrap();
    assert!(known.steps[0].ganeti_job.is_some(), "{known:?}");
    assert_eq!(stage.ended(&second, &job).await.state, "succeeded");
}
