//! Jobs: status, log, results, the search for an op.

use gwm_rapi::{GanetiJobId, JobStatus, Reason};
use uuid::Uuid;

use crate::fixture::{serving, serving_job};
use crate::server::{Reply, Server};

#[tokio::test]
async fn a_finished_job_has_its_log_and_times() {
    let server = serving("alpha/job-op_instance_create-success").await;
    let job = server.client().job(GanetiJobId(28)).await.unwrap().unwrap();
    assert_eq!((job.id, job.status.clone()), (GanetiJobId(28), Some(JobStatus::Success)));
    assert!(job.status.as_ref().unwrap().is_final());
    assert_eq!(job.summary, ["INSTANCE_CREATE(serial1.alpha.lab.test)"]);
    assert_eq!(job.ops[0].op_id, "OP_INSTANCE_CREATE");
    assert_eq!(job.ops[0].instance_name.as_deref(), Some("serial1.alpha.lab.test"));
    assert_eq!(job.oplog[0].len(), 10);
    assert_eq!(job.log_after(8).map(|entry| entry.serial).collect::<Vec<_>>(), [9, 10]);
    assert_eq!(job.oplog[0][0].text, "* disk 0, size 64M");
    assert_eq!(job.received_ts.unwrap().timestamp_micros(), 1_795_367_471_850_155);
    assert!(job.error().is_none());
}

#[tokio::test]
async fn a_failed_job_says_why() {
    let job = serving("alpha/job-prereq-error")
        .await
        .client()
        .job(GanetiJobId(37))
        .await
        .unwrap()
        .unwrap();
    let (index, error) = job.error().unwrap();
    assert_eq!((index, error.class.as_deref()), (0, Some("OpPrereqError")));
    assert_eq!(error.text, "Instance 'nosuch.alpha.lab.test' not known");
    assert_eq!(error.ecode.as_deref(), Some("unknown_entity"));
    let job = serving_job("alpha-ops/create-dup")
        .await
        .client()
        .job(GanetiJobId(104))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(job.error().unwrap().1.ecode.as_deref(), Some("already_exists"));
    for name in ["startup", "shutdown", "delete", "multi-alloc"] {
        let server = serving_job(&format!("alpha-ops/{name}")).await;
        assert!(server.client().job(GanetiJobId(1)).await.unwrap().is_some(), "{name}");
    }
}

#[tokio::test]
async fn an_unknown_job_number_is_none() {
    assert_eq!(
        serving("alpha/err-404-job").await.client().job(GanetiJobId(999_999)).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn lists_of_jobs_are_read() {
    let jobs = serving("alpha/jobs-bulk").await.client().jobs().await.unwrap();
    assert!(jobs.len() > 30 && jobs.iter().all(|job| job.status.is_some() && !job.ops.is_empty()));
    let last = serving("alpha/jobs").await.client().last_job_id().await.unwrap();
    assert_eq!(last, jobs.iter().map(|job| job.id).max());
}

#[tokio::test]
async fn cancel_tells_what_it_did() {
    let server = serving("alpha/job-cancel-finished").await;
    let outcome = server.client().cancel_job(GanetiJobId(36)).await.unwrap();
    assert!(!outcome.canceled && outcome.message.contains("not found in queue"));
    assert_eq!(server.requests()[0].line(), "DELETE /2/jobs/36 HTTP/1.1");
}

#[tokio::test]
async fn an_unknown_status_is_kept_and_is_no_end() {
    let server = Server::start(|_| {
        Reply::json(200, r#"{"id": "7", "status": "pausing", "opstatus": ["x"]}"#)
    })
    .await;
    let job = server.client().job(GanetiJobId(7)).await.unwrap().unwrap();
    assert_eq!(job.status, Some(JobStatus::Unknown("pausing".to_owned())));
    assert!(!job.status.unwrap().is_final());
}

#[tokio::test]
async fn following_asks_once_for_all_and_leaves_out_the_unknown() {
    let body = r#"{"fields": [], "data": [
        [[0, 7], [0, "running"], [0, ["running"]], [0, [[[1, [10, 5], "message", "hello"]]]], [0, [null]],
         [0, [{"OP_ID": "OP_INSTANCE_STARTUP", "reason": []}]], [0, ["S"]], [0, [10, 5]], [0, [11, 0]], [0, null]],
        [[0, 8], [3, null], [3, null], [3, null], [3, null], [3, null], [3, null], [3, null], [3, null], [3, null]]]}"#;
    let server = Server::start(move |_| Reply::json(200, body)).await;
    let jobs = server.client().query_jobs(&[GanetiJobId(7), GanetiJobId(8)]).await.unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].oplog[0][0].text, "hello");
    assert_eq!((jobs[0].start_ts.unwrap().timestamp(), jobs[0].end_ts), (11, None));
    assert!(server.requests()[0].body.contains(r#""qfilter":["|",["=","id",7],["=","id",8]]"#));
    assert!(server.client().query_jobs(&[]).await.unwrap().is_empty());
    assert_eq!(server.connections(), 1, "asking for nothing sends nothing");
}

#[tokio::test]
async fn the_op_is_found_in_the_trail_lowest_number_first() {
    let (op, job) = (Uuid::from_u128(77), Uuid::from_u128(1));
    let own = Reason::for_op(op, job);
    let other = Reason::for_op(Uuid::from_u128(78), job);
    let row = |id: u64, reason: &str, archived: bool| {
        format!(
            r#"[[0, {id}], [0, [{{"OP_ID": "X", "reason": [["gnt:user", "{reason}", 1], ["gnt:opcode:x", "job={id};index=0", 2]]}}]],
               [0, "success"], [0, {archived}]]"#
        )
    };
    let data = [
        row(14, own.as_str(), false),
        row(12, own.as_str(), true),
        row(11, other.as_str(), false),
        row(13, "because", false),
    ];
    let body = format!(r#"{{"fields": [], "data": [{}]}}"#, data.join(","));
    let server = Server::start(move |_| Reply::json(200, &body)).await;
    let found = server.client().find_jobs_by_op(op, GanetiJobId(10)).await.unwrap();
    assert_eq!(found.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [12, 14]);
    let request = &server.requests()[0];
    assert_eq!(request.line(), "PUT /2/query/job HTTP/1.1");
    let expected = r#"{"fields":["id","ops","status","archived"],"qfilter":[">","id",10]}"#;
    assert_eq!(request.body, expected);
}

#[tokio::test]
async fn a_search_that_could_not_read_every_job_is_no_search() {
    let body = r#"{"fields": [], "data": [[[0, 12], [2, null], [0, "success"], [0, false]]]}"#;
    let server = Server::start(move |_| Reply::json(200, body)).await;
    let op = Uuid::from_u128(77);
    let error = server.client().find_jobs_by_op(op, GanetiJobId(10)).await.unwrap_err();
    assert_eq!(error.code(), "rapi_protocol");
}

#[tokio::test]
async fn the_recorded_trail_is_read() {
    let job =
        serving("alpha/job-reason").await.client().job(GanetiJobId(39)).await.unwrap().unwrap();
    assert_eq!(job.ops[0].reason[0].1, "because");
    assert_eq!(job.op(), None, "a foreign reason is no op of ours");
}
