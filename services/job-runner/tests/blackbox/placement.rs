//! What Ganeti says of nodes is for those who may see where instances run; the rest learn how their job went.

use chrono::Utc;
use gwm_events::types::inventory::{GANETI_JOB_ENDED, GanetiJob, GanetiJobObject};
use gwm_events::{Event, publish_and_wait};
use gwm_proto::common::{CompleteRequest, PageRequest};
use gwm_proto::jobs::{
    GetJobFiguresRequest, GetJobLogRequest, GetJobLogResponse, GetJobRequest, Job, ListJobsRequest,
};
use gwm_testkit::wait_for;
use gwm_types::UserId;
use serde_json::json;

use crate::foreign::inventory;
use crate::stage::{Runner, SOON, Stage, ask};

async fn list(stage: &Stage, runner: &Runner, user: UserId, q: &str) -> Vec<Job> {
    let page = PageRequest { q: q.to_owned(), ..Default::default() };
    let request = ListJobsRequest { page: Some(page), object: None, uncounted: false };
    let request = stage.fakes.assertion(user).attach(request);
    runner.client().list_jobs(request).await.expect("a list").into_inner().jobs
}

async fn log(stage: &Stage, runner: &Runner, user: UserId, job_id: &str) -> GetJobLogResponse {
    let asked = GetJobLogRequest { job_id: job_id.to_owned(), after: 0 };
    let asked = stage.fakes.assertion(user).attach(asked);
    runner.client().get_job_log(asked).await.expect("a log").into_inner()
}

/// Everything that the service answers to this person about jobs, printed.
async fn everything(stage: &Stage, runner: &Runner, user: UserId) -> String {
    let mut said = String::new();
    for job in list(stage, runner, user, "").await {
        let asked =
            stage.fakes.assertion(user).attach(GetJobRequest { job_id: job.job_id.clone() });
        let one = runner.client().get_job(asked).await.expect("a job");
        let lines = log(stage, runner, user, &job.job_id).await;
        said += &format!("{job:?}\n{one:?}\n{lines:?}\n");
    }
    let asked = GetJobFiguresRequest { own_only: false, failed: 50 };
    let asked = stage.fakes.assertion(user).attach(asked);
    said += &format!("{:?}\n", runner.client().get_job_figures(asked).await);
    for q in ["object:", "error:", "kind:", "user:"] {
        let at = u32::try_from(q.len()).expect("a short query");
        let asked = CompleteRequest { list: String::new(), q: q.to_owned(), at };
        let asked = stage.fakes.assertion(user).attach(asked);
        said += &format!("{:?}\n", runner.client().complete_jobs(asked).await);
    }
    said
}

#[tokio::test]
async fn what_ganeti_says_of_nodes_is_for_those_who_may_see_them() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let nats = inventory(&stage).await;
    let (jane, vera, otto) = (stage.fakes.jane, stage.fakes.vera, stage.fakes.otto);
    let node = stage.sim.look(|c| {
        let hers = c.instances.values().find(|i| i.uuid == stage.fakes.granted);
        hers.map(|i| i.pnode.clone()).unwrap()
    });

    // One of hers that ends well, and one that Ganeti refuses with the name of the node.
    let well = ask("startup", &stage.fakes.granted, json!({}));
    let well = stage.submit_as(&runner, jane, well).await.unwrap();
    let well = stage.ended(&runner, &well).await;
    stage.sim.edit(|c| c.nodes.get_mut(&node).unwrap().down = true);
    let failed = ask("reboot", &stage.fakes.granted, json!({}));
    let failed = stage.submit_as(&runner, jane, failed).await.unwrap();
    let failed = stage.ended(&runner, &failed).await;
    assert!(failed.error.as_ref().unwrap().message.contains(&node), "{failed:?}");
    // And one about the node itself, of somebody at Ganeti's command line.
    let job = GanetiJob {
        number: 901,
        cluster: "fra1".to_owned(),
        cluster_id: stage.fakes.cluster_id.to_string(),
        status: "error".to_owned(),
        op_code: "OP_NODE_EVACUATE".to_owned(),
        summary: vec![format!("NODE_EVACUATE({node})")],
        objects: vec![GanetiJobObject { kind: "node".to_owned(), name: node.clone(), uuid: None }],
        gwm_job: None,
        received_at: Some(Utc::now()),
        started_at: Some(Utc::now()),
        ended_at: Some(Utc::now()),
        error: Some("OpPrereqError wrong_state".to_owned()),
        revision: 3,
    };
    let event = Event::new(GANETI_JOB_ENDED, "cache-updater", Utc::now(), job);
    publish_and_wait(&nats, &event, SOON).await.unwrap();
    wait_for("the node's job", SOON, async || {
        let jobs = list(&stage, &runner, otto, "origin:ganeti").await;
        if jobs.len() == 1 { Ok(()) } else { Err(jobs.len()) }
    })
    .await;

    for (who, user) in [("jane", jane), ("vera", vera)] {
        let said = everything(&stage, &runner, user).await;
        assert!(said.contains(&failed.job_id), "{who} sees the job: {said}");
        assert!(!said.contains(&node), "{who}: {said}");
        let all = list(&stage, &runner, user, "").await;
        assert!(all.iter().all(|job| job.details_hidden), "{who}");
        // It is still said how it went, and what to do.
        let seen = all.iter().find(|job| job.job_id == failed.job_id).unwrap();
        assert_eq!((seen.state.as_str(), seen.steps[0].state.as_str()), ("failed", "failed"));
        let error = seen.error.as_ref().unwrap();
        assert_eq!(error.code, failed.error.as_ref().unwrap().code);
        assert_eq!(error.hint, failed.error.as_ref().unwrap().hint);
        assert!(error.message.contains("for operators"), "{error:?}");
        let lines = log(&stage, &runner, user, &well.job_id).await;
        assert!(lines.hidden && lines.lines.is_empty(), "{who}");
        // Neither a filter nor a bare word is an oracle.
        for q in [node.clone(), format!("object:{node}"), format!("object:{}*", &node[..4])] {
            assert_eq!(list(&stage, &runner, user, &q).await, [], "{who} {q}");
        }
        assert_eq!(list(&stage, &runner, user, &format!("-object:{node}")).await.len(), all.len());
    }
    let evacuation = list(&stage, &runner, vera, "origin:ganeti").await.remove(0);
    assert_eq!((evacuation.kind.as_str(), evacuation.object_name.as_str()), ("node_evacuate", ""));
    assert_eq!(evacuation.steps[0].name, "NODE_EVACUATE");

    let said = everything(&stage, &runner, otto).await;
    assert!(said.contains(&format!("NODE_EVACUATE({node})")), "{said}");
    assert_eq!(list(&stage, &runner, otto, &node).await.len(), 2);
    let lines = log(&stage, &runner, otto, &well.job_id).await;
    assert!(!lines.hidden);
}
