//! DESIGN.md rule 13: a part that is down takes only itself. And of two replicas one may die at any
//! moment.

use gwm_integration_tests::{Api, EventStream, Options, Part, ServerEvent};
use gwm_testkit::wait_for;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, eventually, moving_picture, open, pass, succeeded};

async fn act(api: &Api, slug: &str, name: &str, action: &str) -> Value {
    let path = format!("/clusters/{slug}/instances/{name}/{action}");
    api.post(&path, &json!({})).await.expect_status(202).ok()
}

/// Everything that reads works: lists, the first page.
async fn reads_work(stage: &Stage) {
    for path in ["/instances", "/clusters", "/nodes", "/jobs", "/me"] {
        let _read = stage.admin.get(path).await.expect_status(200);
    }
    let page = stage.admin.send(stage.admin.raw(Method::GET, "/instances")).await;
    assert_eq!(page.status, 200, "{}", page.text);
}

fn tells_end_of(job: &Value) -> impl Fn(&ServerEvent) -> bool + use<> {
    let id = job["id"].clone();
    move |event| {
        let kind = event.data["type"].as_str().unwrap_or_default();
        event.data["data"]["object"]["id"] == id && kind.contains("job.succeeded")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_nats_or_vnc_proxy_or_one_rapi_the_rest_goes_on() {
    let mut stage = Stage::start(Options::test("faults-edges"), &["fra1", "ams1"]).await;
    let (stopped, running) = (stage.stopped("fra1"), stage.running("fra1"));

    // NATS: pages and jobs work, consoles refuse in words, events come later.
    let mut sse = EventStream::open(&stage.admin, None).await.unwrap();
    assert_eq!(sse.next().await.unwrap().name, "hello");
    stage.stack.nats().kill().await.unwrap();
    reads_work(&stage).await;
    let job = act(&stage.admin, "fra1", &stopped, "startup").await;
    let _job = succeeded(&stage.admin, &job).await;
    let ticket = pass(&stage.admin, "fra1", &running).await;
    let refused = open(&ticket, &stage.stack.url()).await.err().expect("no console without audit");
    let refused = format!("{refused:#}");
    assert!(refused.contains("audit"), "{refused}");
    stage.stack.nats().start_again().await.unwrap();
    sse.find(tells_end_of(&job)).await.unwrap();
    drop(stage.console(&stage.admin, "fra1", &running).await);

    // vnc-proxy: only consoles.
    stage.stack.kill(Part::VncProxy, 0).await.unwrap();
    reads_work(&stage).await;
    let ticket = pass(&stage.admin, "fra1", &running).await;
    assert!(open(&ticket, &stage.stack.url()).await.is_err());
    let job = act(&stage.admin, "fra1", &stopped, "reboot").await;
    let _job = succeeded(&stage.admin, &job).await;
    stage.stack.restart(Part::VncProxy, 0).await.unwrap();
    let mut console = stage.console(&stage.admin, "fra1", &running).await;
    moving_picture(&mut console).await;

    // One RAPI: only its cluster, and what is asked of it waits.
    stage.cluster("fra1").refuse_connections();
    eventually("the cluster to be unreachable", &stage.admin, "/clusters/fra1", |cluster| {
        let health = &cluster["health"];
        let told = health["error"].is_string() && health["last_success"].is_string();
        if health["reachable"] == false && told { Ok(()) } else { Err(health.to_string()) }
    })
    .await;
    reads_work(&stage).await;
    assert_eq!(stage.admin.get("/instances").await.ok()["total"], 16, "a dead cluster lost some");
    let waiting = act(&stage.admin, "fra1", &stopped, "shutdown").await;
    let other = stage.stopped("ams1");
    let job = act(&stage.admin, "ams1", &other, "startup").await;
    let _job = succeeded(&stage.admin, &job).await;
    let path = format!("/jobs/{}", waiting["id"].as_str().unwrap());
    eventually("the job to say what it waits for", &stage.admin, &path, |job| {
        if job["waiting_for"].is_string() { Ok(()) } else { Err(job.to_string()) }
    })
    .await;
    stage.cluster("fra1").listen_again().await.unwrap();
    let _job = succeeded(&stage.admin, &waiting).await;
    let id = waiting["id"].as_str().unwrap();
    assert_eq!(stage.cluster("fra1").jobs_by_reason(id).len(), 1);
    eventually("the cluster to be reachable", &stage.admin, "/clusters/fra1", |cluster| {
        if cluster["health"]["reachable"] == true { Ok(()) } else { Err(cluster.to_string()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_job_runner_or_cache_updater_or_postgres_nothing_is_lost() {
    let mut stage = Stage::start(Options::test("faults-core"), &["fra1"]).await;
    let (stopped, running) = (stage.stopped("fra1"), stage.running("fra1"));

    // job-runner, with a job at Ganeti: it goes on where it was, once.
    stage.cluster("fra1").pause_queue(true);
    let job = act(&stage.admin, "fra1", &stopped, "startup").await;
    let id = job["id"].as_str().unwrap().to_owned();
    wait_for("the job to be at Ganeti", PATIENCE, async || {
        let there = stage.cluster("fra1").jobs_by_reason(&id).len();
        if there == 1 { Ok(()) } else { Err(format!("{there} jobs")) }
    })
    .await;
    stage.stack.kill(Part::JobRunner, 0).await.unwrap();
    for path in ["/instances", "/clusters", "/nodes", "/me"] {
        let _read = stage.admin.get(path).await.expect_status(200);
    }
    let refused = stage.admin.get("/jobs").await.expect_status(503);
    assert!(refused.headers.contains_key("retry-after"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("job-runner"), "{}", refused.text);
    stage.cluster("fra1").pause_queue(false);
    stage.stack.restart(Part::JobRunner, 0).await.unwrap();
    let _job = succeeded(&stage.admin, &job).await;
    assert_eq!(stage.cluster("fra1").jobs_by_reason(&id).len(), 1, "the job was sent twice");

    // cache-updater: its lists are aged (faults_aged.rs), the rest goes on.
    stage.stack.kill(Part::CacheUpdater, 0).await.unwrap();
    for path in ["/jobs", "/me", "/me/tokens"] {
        let _read = stage.admin.get(path).await.expect_status(200);
    }
    stage.stack.restart(Part::CacheUpdater, 0).await.unwrap();
    wait_for("the lists to be back", PATIENCE, async || {
        let list = stage.admin.get("/instances").await;
        let fresh = list.json()["total"] == 8 && !list.headers.contains_key("gwm-stale");
        if fresh { Ok(()) } else { Err(list.text) }
    })
    .await;

    // Postgres: 503 in words; an open console stays; all of it comes back by itself.
    let mut console = stage.console(&stage.admin, "fra1", &running).await;
    moving_picture(&mut console).await;
    stage.stack.stop_postgres();
    wait_for("503 without the database", PATIENCE, async || {
        match stage.admin.get("/instances").await {
            answer if answer.status == 503 => Ok(()),
            answer => Err(format!("{}: {}", answer.status, answer.text)),
        }
    })
    .await;
    let no_job = stage.admin.post("/me/tokens", &json!({"name": "x"})).await;
    assert_eq!(no_job.status, 503, "{}", no_job.text);
    moving_picture(&mut console).await;
    assert!(!console.closed.is_finished(), "the console was closed");
    stage.stack.start_postgres().await.unwrap();
    wait_for("all to be back", PATIENCE, async || {
        let list = stage.admin.get("/instances").await;
        let fresh = list.json()["total"] == 8 && !list.headers.contains_key("gwm-stale");
        if fresh { Ok(()) } else { Err(list.text) }
    })
    .await;
    let job = wait_for("writes to be back", PATIENCE, async || {
        let path = format!("/clusters/fra1/instances/{stopped}/reboot");
        let answer = stage.admin.post(&path, &json!({})).await;
        if answer.status == 202 { Ok(answer.ok()) } else { Err(answer.text) }
    })
    .await;
    let _job = succeeded(&stage.admin, &job).await;
    assert_eq!(stage.stack.start_fallen(), Vec::<String>::new(), "a service ended");
}

/// While one replica is gone, and was not a moment ago, what changes something goes to the other one.
async fn none_is_refused(stage: &Stage, instance: &str) {
    let notes = format!("/clusters/fra1/instances/{instance}/notes");
    for turn in 0..15 {
        let _admin = stage.stack.admin().await.unwrap();
        let _notes = stage.admin.post(&notes, &json!({ "text": format!("{turn}") })).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_one_of_each_dies_midway_and_nobody_is_the_wiser() {
    let mut stage = Stage::start(Options::test("faults-replicas").replicas(2), &["fra1"]).await;
    let stopped = stage.stopped("fra1");
    let mut sse = EventStream::open(&stage.admin, None).await.unwrap();
    assert_eq!(sse.next().await.unwrap().name, "hello");
    let mut jobs = Vec::new();
    for (turn, part) in Part::ALL.into_iter().enumerate() {
        let action = if turn % 2 == 0 { "startup" } else { "shutdown" };
        let path = format!("/clusters/fra1/instances/{stopped}/{action}");
        // One key for all tries: an answer that was lost makes no second job.
        let key = format!("turn-{turn}");
        let send = async || {
            let request = stage
                .admin
                .request(Method::POST, &path)
                .header("idempotency-key", &key)
                .json(&json!({}));
            stage.admin.send(request).await
        };
        let first = send().await;
        stage.stack.kill(part, 0).await.unwrap();
        let job = wait_for("the job to be accepted", PATIENCE, async || {
            let answer = send().await;
            assert_ne!(answer.status, 401, "the login is lost: {}", answer.text);
            if answer.status == 202 { Ok(answer.ok()) } else { Err(answer.text) }
        })
        .await;
        if first.status == 202 {
            assert_eq!(first.ok()["id"], job["id"]);
        }
        let path = format!("/jobs/{}", job["id"].as_str().unwrap());
        wait_for("the job to succeed", PATIENCE, async || {
            let answer = stage.admin.get(&path).await;
            let state = answer.json()["state"].clone();
            assert_ne!(state, "failed", "{}", answer.text);
            if state == "succeeded" { Ok(()) } else { Err(answer.text) }
        })
        .await;
        // The stream goes on, or is opened again where it was.
        let wanted = tells_end_of(&job);
        if sse.find(&wanted).await.is_err() {
            let after = sse.last_id.clone();
            sse = wait_for("the stream to be opened again", PATIENCE, async || {
                EventStream::open(&stage.admin, Some(&after)).await.map_err(|e| format!("{e:#}"))
            })
            .await;
            sse.find(&wanted).await.unwrap();
        }
        none_is_refused(&stage, &stopped).await;
        stage.stack.restart(part, 0).await.unwrap();
        jobs.push(job);
    }
    for job in &jobs {
        let id = job["id"].as_str().unwrap();
        assert_eq!(stage.cluster("fra1").jobs_by_reason(id).len(), 1, "doubled or lost: {job}");
    }
    assert_eq!(stage.cluster("fra1").jobs_by_reason("gwm:op=").len(), jobs.len());
}
