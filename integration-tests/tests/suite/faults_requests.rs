//! DESIGN.md rule 13 with job-runner's last replica dead: requests are accepted and wait; on its return
//! each is done once, or is a job that says why not.

use futures::future::join_all;
use gwm_integration_tests::{Answer, Api, Options, Part};
use gwm_testkit::wait_for;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, ended, succeeded};

async fn act(api: &Api, name: &str, action: &str, key: &str, body: &Value) -> Answer {
    let path = format!("/clusters/fra1/instances/{name}/{action}");
    let mut request = api.request(Method::POST, &path).json(body);
    if !key.is_empty() {
        request = request.header("idempotency-key", key);
    }
    api.send(request).await
}

/// The job that says that it waits for job-runner.
fn waiting(answer: Answer) -> Value {
    let job = answer.expect_status(202).ok();
    assert_eq!(job["state"], "queued", "{job}");
    assert!(job["waiting_for"].as_str().unwrap().contains("the job service"), "{job}");
    job
}

/// Once job-runner is back it knows of the job; before that the gateway answers what it knows itself.
async fn over(api: &Api, job: &Value) -> Value {
    let path = format!("/jobs/{}", job["id"].as_str().unwrap());
    let _known = api.get(&path).await.expect_status(200);
    ended(api, job).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_job_runner_requests_wait_and_are_done_once() {
    let mut stage = Stage::start(Options::test("faults-requests"), &["fra1"]).await;
    let admin = stage.admin.clone();
    let (stopped, running) = (stage.stopped("fra1"), stage.running("fra1"));
    let carla = stage.user("carla").await;
    let grant = |permission: &str| json!({"username": "carla", "role": permission, "cluster": "fra1", "instance": running});
    let _view = admin.post("/grants", &grant("view")).await.expect_status(201);
    let power = admin.post("/grants", &grant("power")).await.expect_status(201).ok();

    stage.stack.kill(Part::JobRunner, 0).await.unwrap();
    let start = waiting(act(&admin, &stopped, "startup", "once", &json!({})).await);
    let again = waiting(act(&admin, &stopped, "startup", "once", &json!({})).await);
    assert_eq!(start["id"], again["id"], "one key, two jobs");
    let bad = waiting(act(&admin, &running, "reboot", "", &json!({"type": "warm"})).await);
    let create = json!({
        "cluster": "fra1", "name": "late.fra1.example.org", "os": "ubuntu+jammy",
        "disk_template": "diskless", "memory_mib": 128,
    });
    let create = waiting(admin.post("/instances", &create).await);
    let hers = waiting(act(&carla, &running, "reboot", "", &json!({})).await);
    // What nothing is called, or can be, is refused at once.
    for nobody in ["no-such.example.org", "..%2Fx"] {
        let _no = act(&admin, nobody, "reboot", "", &json!({})).await.expect_status(404);
    }
    // Who asked sees it, nobody else; its page says what it waits for.
    let path = format!("/jobs/{}", hers["id"].as_str().unwrap());
    assert_eq!(carla.get(&path).await.expect_status(200).ok()["state"], "queued");
    let _log = carla.get(&format!("{path}/log")).await.expect_status(200);
    let _not_hers = admin.get(&path).await.expect_status(503);
    let page = carla.send(carla.raw(Method::GET, &path)).await.expect_status(200);
    assert!(page.text.contains("the job service, which is away"), "{}", page.text);
    let _gone = admin.delete(&format!("/grants/{}", power["id"].as_str().unwrap())).await.ok();
    // Without NATS nobody takes it down.
    stage.stack.nats().kill().await.unwrap();
    let refused = act(&admin, &running, "reboot", "", &json!({})).await.expect_status(503);
    assert!(refused.headers.contains_key("retry-after"));
    stage.stack.nats().start_again().await.unwrap();

    stage.stack.restart(Part::JobRunner, 0).await.unwrap();
    for job in [&start, &create] {
        let id = job["id"].as_str().unwrap();
        assert_eq!(over(&admin, job).await["state"], "succeeded");
        assert_eq!(stage.cluster("fra1").jobs_by_reason(id).len(), 1, "doubled or lost: {job}");
    }
    for (api, job, code) in
        [(&admin, &bad, "invalid_argument"), (&carla, &hers, "permission_denied")]
    {
        let job = over(api, job).await;
        assert_eq!((&job["state"], &job["error"]["code"]), (&json!("failed"), &json!(code)));
        assert_eq!(stage.cluster("fra1").jobs_by_reason(job["id"].as_str().unwrap()).len(), 0);
        assert!(api.get("/jobs").await.text.contains(job["id"].as_str().unwrap()));
    }
    let replayed = act(&admin, &stopped, "startup", "once", &json!({})).await.expect_status(202);
    assert_eq!(replayed.ok()["id"], start["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_made_while_job_runner_dies_are_done_once() {
    let mut stage = Stage::start(Options::test("faults-race"), &["fra1"]).await;
    let admin = stage.admin.clone();
    let running = stage.running("fra1");
    let mut jobs = Vec::new();
    for turn in 0..3 {
        let send = async |number: usize| {
            let key = format!("turn-{turn}-{number}");
            act(&admin, &running, "reboot", &key, &json!({})).await
        };
        let all = join_all((0..8).map(&send));
        let (answers, killed) = tokio::join!(all, stage.stack.kill(Part::JobRunner, 0));
        killed.unwrap();
        for (number, answer) in answers.into_iter().enumerate() {
            let job = answer.expect_status(202).ok();
            // Asked again by somebody who saw no answer: the same job.
            assert_eq!(send(number).await.expect_status(202).ok()["id"], job["id"]);
            jobs.push(job);
        }
        stage.stack.restart(Part::JobRunner, 0).await.unwrap();
    }
    for job in &jobs {
        let id = job["id"].as_str().unwrap();
        let path = format!("/jobs/{id}");
        wait_for("the job to be taken up", PATIENCE, async || {
            let answer = admin.get(&path).await;
            if answer.status == 200 { Ok(()) } else { Err(answer.text) }
        })
        .await;
        let _job = succeeded(&admin, job).await;
        assert_eq!(stage.cluster("fra1").jobs_by_reason(id).len(), 1, "doubled or lost: {job}");
    }
    assert_eq!(stage.cluster("fra1").jobs_by_reason("gwm:op=").len(), jobs.len());
}
