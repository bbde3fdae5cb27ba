//! Lists and logs: what one may see, page by page.

use gwm_proto::common::{CompleteRequest, ObjectRef, PageRequest};
use gwm_proto::jobs::{GetJobRequest, ListJobsRequest, ListJobsResponse};
use gwm_types::UserId;
use serde_json::json;
use tonic::Status;

use crate::stage::{Runner, Stage, ask};

async fn list(
    stage: &Stage,
    runner: &Runner,
    user: UserId,
    page: PageRequest,
    object: Option<ObjectRef>,
) -> Result<ListJobsResponse, Status> {
    let request = ListJobsRequest { page: Some(page), object, uncounted: false };
    let request = stage.fakes.assertion(user).attach(request);
    Ok(runner.client().list_jobs(request).await?.into_inner())
}

fn query(q: &str) -> PageRequest {
    PageRequest { q: q.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn jobs_are_listed_filtered_and_paged_by_what_one_may_see() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let (admin, jane) = (stage.fakes.admin, stage.fakes.jane);
    let names: Vec<String> = stage.sim.look(|c| c.instances.keys().cloned().collect());
    let mut all = Vec::new();
    for name in &names[..5] {
        all.push(stage.submit(&runner, "shutdown", name, json!({})).await);
    }
    let own = ask("reboot", &stage.fakes.granted, json!({}));
    let own = stage.submit_as(&runner, jane, own).await.unwrap();
    for job in &all {
        stage.ended(&runner, job).await;
    }
    stage.ended(&runner, &own).await;

    let everything = list(&stage, &runner, admin, query(""), None).await.unwrap();
    assert_eq!(everything.jobs.len(), 6);
    assert_eq!(everything.jobs[0].job_id, own.job_id, "newest first");
    let info = everything.page.unwrap();
    assert_eq!((info.total, info.total_exact, info.next_cursor.as_str()), (6, true, ""));
    assert!(info.stream_sequence.is_some());

    // Jane sees her own and those on the instance that she may see.
    let hers = list(&stage, &runner, jane, query(""), None).await.unwrap();
    let granted = stage.fakes.granted.clone();
    assert!(hers.jobs.iter().all(|job| job.object.as_ref().unwrap().uuid == granted));
    let total = u64::try_from(hers.jobs.len()).unwrap();
    assert_eq!(hers.page.unwrap().total, total);
    let hidden = all.iter().find(|job| job.object.as_ref().unwrap().uuid != granted).unwrap();
    let peek = stage.fakes.assertion(jane).attach(GetJobRequest { job_id: hidden.job_id.clone() });
    let peek = runner.client().get_job(peek).await.unwrap_err();
    assert_eq!(peek.code(), tonic::Code::NotFound);

    for (q, count) in [
        ("state:succeeded", 6),
        ("state:failed", 0),
        ("kind:reboot", 1),
        ("kind:shutdown cluster:fra1", 5),
        ("user:jane", 1),
        (names[0].as_str(), 1 + usize::from(own.object_name == names[0])),
    ] {
        let found = list(&stage, &runner, admin, query(q), None).await.unwrap();
        assert_eq!(found.jobs.len(), count, "{q}");
    }
    let wrong = list(&stage, &runner, admin, query("speed:3"), None).await.unwrap_err();
    assert_eq!(wrong.code(), tonic::Code::InvalidArgument);

    // Two by two; a cursor is good for its own list only.
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = PageRequest { limit: 2, cursor: cursor.clone(), ..Default::default() };
        let found = list(&stage, &runner, admin, page, None).await.unwrap();
        seen.extend(found.jobs.into_iter().map(|job| job.job_id));
        let info = found.page.unwrap();
        assert_eq!(info.total, 6);
        if info.next_cursor.is_empty() {
            break;
        }
        cursor = info.next_cursor;
    }
    let mut expected: Vec<String> = all.iter().map(|job| job.job_id.clone()).collect();
    expected.push(own.job_id.clone());
    expected.reverse();
    assert_eq!(seen, expected);
    let stolen = PageRequest { limit: 2, cursor, ..Default::default() };
    assert!(list(&stage, &runner, jane, stolen, None).await.is_err());

    let object = all[0].object.clone();
    let of_one = list(&stage, &runner, admin, query("kind:shutdown"), object).await.unwrap();
    assert_eq!(of_one.jobs.len(), 1);
}

#[tokio::test]
async fn the_filter_is_completed_with_what_one_may_see() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let (admin, jane) = (stage.fakes.admin, stage.fakes.jane);
    let names: Vec<String> = stage.sim.look(|c| c.instances.keys().cloned().collect());
    for name in &names[..3] {
        let job = stage.submit(&runner, "shutdown", name, json!({})).await;
        stage.ended(&runner, &job).await;
    }
    let complete = async |user: UserId, q: &str| {
        let at = u32::try_from(q.chars().count()).unwrap();
        let request = CompleteRequest { list: "jobs".to_owned(), q: q.to_owned(), at };
        let request = stage.fakes.assertion(user).attach(request);
        let answer = runner.client().complete_jobs(request).await.unwrap().into_inner();
        answer.suggestions.into_iter().map(|s| s.text).collect::<Vec<_>>()
    };
    assert_eq!(complete(admin, "st").await, ["state:", "started>"]);
    assert_eq!(complete(admin, "state:").await, ["succeeded"]);
    assert_eq!(complete(admin, "kind:s").await, ["shutdown"]);
    let mut all = names[..3].to_vec();
    all.sort();
    assert_eq!(complete(admin, "instance:").await, all);
    let hers = complete(jane, "instance:").await;
    assert!(hers.len() < 3, "{hers:?}");
}
