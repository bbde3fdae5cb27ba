//! Ganeti jobs of others, as cache-updater tells of them: history, seen by whom it concerns, and ours never twice.

use chrono::Utc;
use gwm_events::types::inventory::{
    GANETI_JOB_ENDED, GANETI_JOB_SUBMITTED, GanetiJob, GanetiJobObject,
};
use gwm_events::{Class, Event, Nats, NatsSettings, ensure_streams, publish_and_wait};
use gwm_proto::common::PageRequest;
use gwm_proto::jobs::{GetJobLogRequest, GetJobRequest, Job, ListJobsRequest};
use gwm_testkit::wait_for;
use gwm_types::UserId;
use serde_json::json;

use crate::stage::{Runner, SOON, Stage};

/// Stands in for cache-updater.
pub(crate) async fn inventory(stage: &Stage) -> Nats {
    let urls = vec![format!("nats://127.0.0.1:{}", stage.nats.port())];
    let settings = NatsSettings { urls, ..NatsSettings::default() };
    let nats = gwm_events::connect(&settings, "cache-updater").await.unwrap();
    wait_for("the bus", SOON, async || nats.check()).await;
    ensure_streams(&nats, &[Class::Inventory]).await.unwrap();
    nats
}

fn told(stage: &Stage, number: u64, status: &str, uuid: &str) -> GanetiJob {
    let ended = ["success", "error"].contains(&status);
    GanetiJob {
        number,
        cluster: "fra1".to_owned(),
        cluster_id: stage.fakes.cluster_id.to_string(),
        status: status.to_owned(),
        op_code: "OP_INSTANCE_SHUTDOWN".to_owned(),
        summary: vec!["INSTANCE_SHUTDOWN(web1)".to_owned()],
        objects: vec![GanetiJobObject {
            kind: "instance".to_owned(),
            name: "web1".to_owned(),
            uuid: Some(uuid.to_owned()),
        }],
        gwm_job: None,
        received_at: Some(Utc::now()),
        started_at: ended.then(Utc::now),
        ended_at: ended.then(Utc::now),
        error: (status == "error").then(|| "OpPrereqError wrong_state".to_owned()),
        revision: if ended { 3 } else { 1 },
    }
}

async fn tell(nats: &Nats, job: GanetiJob) {
    let kind = if job.ended_at.is_some() { GANETI_JOB_ENDED } else { GANETI_JOB_SUBMITTED };
    let event = Event::new(kind, "cache-updater", Utc::now(), job);
    publish_and_wait(nats, &event, SOON).await.unwrap();
}

async fn list(stage: &Stage, runner: &Runner, user: UserId, q: &str) -> Vec<Job> {
    let page = PageRequest { q: q.to_owned(), ..Default::default() };
    let request = ListJobsRequest { page: Some(page), object: None, uncounted: false };
    let request = stage.fakes.assertion(user).attach(request);
    runner.client().list_jobs(request).await.unwrap().into_inner().jobs
}

#[tokio::test]
async fn jobs_of_others_are_history_and_ours_are_not_doubled() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let nats = inventory(&stage).await;
    let (admin, jane) = (stage.fakes.admin, stage.fakes.jane);
    let name = stage.sim.look(|c| c.instances.keys().next().cloned()).unwrap();
    let ours = stage.submit(&runner, "shutdown", &name, json!({})).await;
    let ours = stage.ended(&runner, &ours).await;

    let nobodys = "00000000-0000-4000-8000-000000000001";
    // Twice, the later first: what is known never goes back.
    tell(&nats, told(&stage, 901, "success", nobodys)).await;
    tell(&nats, told(&stage, 901, "waiting", nobodys)).await;
    tell(&nats, told(&stage, 902, "waiting", &stage.fakes.granted)).await;
    tell(&nats, told(&stage, 902, "error", &stage.fakes.granted)).await;
    // Ours, by its reason; and one that only claims to be.
    let number = ours.ganeti_jobs[0];
    let own = GanetiJob {
        gwm_job: Some(ours.job_id.clone()),
        ..told(&stage, number, "success", nobodys)
    };
    tell(&nats, own).await;
    let forged =
        GanetiJob { gwm_job: Some(nobodys.to_owned()), ..told(&stage, 903, "success", nobodys) };
    tell(&nats, forged).await;

    let all = wait_for("all three", SOON, async || {
        let jobs = list(&stage, &runner, admin, "origin:ganeti").await;
        if jobs.iter().any(|j| j.ganeti_jobs == [903]) { Ok(jobs) } else { Err(jobs.len()) }
    })
    .await;
    let of = |number: u64| all.iter().find(|job| job.ganeti_jobs == [number]).unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!((of(901).state.as_str(), of(901).kind.as_str()), ("succeeded", "instance_shutdown"));
    let error = of(902).error.as_ref().unwrap();
    assert!(error.message.starts_with("Ganeti says: OpPrereqError wrong_state."), "{error:?}");
    assert_eq!(list(&stage, &runner, admin, "").await.len(), 4, "with ours, once");
    stage.figures_hold(&runner).await;

    // Their place is when Ganeti received them, whenever gwm heard of them; no clock that is ahead counts.
    let at = |hours: i64| Some(Utc::now() + chrono::TimeDelta::hours(hours));
    let late = GanetiJob { received_at: at(-2), ..told(&stage, 904, "success", nobodys) };
    tell(&nats, late).await;
    let ahead = GanetiJob { received_at: at(9), ..told(&stage, 905, "success", nobodys) };
    tell(&nats, ahead).await;
    tell(&nats, told(&stage, 906, "success", nobodys)).await;
    let listed = wait_for("the last", SOON, async || {
        let jobs = list(&stage, &runner, admin, "").await;
        let numbers: Vec<u64> = jobs.iter().map(|j| j.ganeti_jobs[0]).collect();
        if numbers.contains(&906) { Ok(numbers) } else { Err(format!("{numbers:?}")) }
    })
    .await;
    assert_eq!((&listed[..2], listed.last()), (&[906, 905][..], Some(&904)));

    // Who sees the instance sees its jobs, and no other.
    let hers = list(&stage, &runner, jane, "origin:ganeti").await;
    assert_eq!(hers.len(), 1);
    assert_eq!(hers[0].ganeti_jobs, [902]);
    let peek = stage.fakes.assertion(jane).attach(GetJobRequest { job_id: of(901).job_id.clone() });
    let refused = runner.client().get_job(peek).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::NotFound);
    let log = GetJobLogRequest { job_id: hers[0].job_id.clone(), after: 0 };
    let log = stage.fakes.assertion(jane).attach(log);
    assert!(runner.client().get_job_log(log).await.unwrap().into_inner().lines.is_empty());
}
