//! Requests that waited in JetStream: done once, or known to have failed.

use gwm_authz::SignedAssertion;
use gwm_events::{Class, Nats, NatsSettings, Outgoing, REQUESTS, ensure_streams, send};
use gwm_kernel::Fault;
use gwm_proto::common::ObjectRef;
use gwm_proto::jobs::{Job, SubmitJobRequest, WaitingRequest};
use gwm_testkit::wait_for;
use gwm_types::JobId;
use prost::Message;
use serde_json::json;

use crate::stage::{SOON, Stage, ask};

/// Stands in for web-gateway.
async fn gateway(stage: &Stage) -> Nats {
    let urls = vec![format!("nats://127.0.0.1:{}", stage.nats.port())];
    let settings = NatsSettings { urls, ..NatsSettings::default() };
    let nats = gwm_events::connect(&settings, "web-gateway").await.unwrap();
    wait_for("the bus", SOON, async || nats.check()).await;
    // auth's: without it nothing can be put aside.
    ensure_streams(&nats, &[Class::Dead]).await.unwrap();
    nats
}

/// Leaves a payload, as a message of its own.
async fn leave(nats: &Nats, payload: Vec<u8>) {
    let message = Outgoing {
        subject: REQUESTS.to_owned(),
        message_id: JobId::generate().to_string(),
        payload: payload.into(),
        traceparent: None,
    };
    wait_for("the stream", SOON, async || send(nats, message.clone(), SOON).await).await;
}

fn waiting(stage: &Stage, signed: SignedAssertion, request: &SubmitJobRequest) -> Vec<u8> {
    let uuid = |name: &str| stage.sim.look(|c| c.instances.get(name).map(|i| i.uuid.clone()));
    let uuid = uuid(&request.instance).unwrap_or_default();
    meaning(stage, signed, request, &uuid)
}

/// One that was left when the name meant the instance with this UUID.
fn meaning(
    stage: &Stage,
    signed: SignedAssertion,
    request: &SubmitJobRequest,
    uuid: &str,
) -> Vec<u8> {
    let SignedAssertion { assertion, signature } = signed;
    let meant = ObjectRef {
        kind: "instance".to_owned(),
        cluster_id: stage.fakes.cluster_id.to_string(),
        uuid: uuid.to_owned(),
    };
    let (request, request_id) = (Some(request.clone()), "a request".to_owned());
    WaitingRequest { request, assertion, signature, request_id, meant: Some(meant) }.encode_to_vec()
}

fn with_id(mut request: SubmitJobRequest) -> (SubmitJobRequest, Job) {
    request.job_id = JobId::generate().to_string();
    let job = Job { job_id: request.job_id.clone(), ..Job::default() };
    (request, job)
}

#[tokio::test]
async fn a_request_that_waited_is_done_once_however_often_it_comes() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let (nats, admin) = (gateway(&stage).await, stage.fakes.admin);
    // Nonsense is put aside, and keeps nobody waiting.
    leave(&nats, b"nonsense".to_vec()).await;
    let (request, job) = with_id(ask("reboot", &stage.instance(true), json!({})));
    let stranger = SignedAssertion { signature: vec![0; 64], ..stage.fakes.assertion(admin) };
    leave(&nats, waiting(&stage, stranger, &request)).await;
    for _ in 0..3 {
        leave(&nats, waiting(&stage, stage.fakes.assertion(admin), &request)).await;
    }
    assert_eq!(stage.ended(&runner, &job).await.state, "succeeded");
    // The call whose answer was lost, and which is made again: the same job.
    let again = stage.submit_as(&runner, admin, request.clone()).await.unwrap();
    assert_eq!(again.job_id, job.job_id);
    assert_eq!(stage.at_ganeti(&job), 1);
    // Nobody gets another one's job, and no job gets another one's words.
    let other = SubmitJobRequest { kind: "shutdown".to_owned(), ..request.clone() };
    for (user, request) in [(admin, other), (stage.fakes.jane, request)] {
        let taken = stage.submit_as(&runner, user, request).await.unwrap_err();
        assert_eq!(Fault::from_status(&taken).reason, "job_id_taken");
    }

    // With a key the caller made the id out of it: it is that of the same request on another day, too.
    let mut keyed = ask("reboot", &stage.instance(true), json!({}));
    keyed.idempotency_key = "k".to_owned();
    let (keyed, job) = with_id(keyed);
    leave(&nats, waiting(&stage, stage.fakes.assertion(admin), &keyed)).await;
    leave(&nats, waiting(&stage, stage.fakes.assertion(admin), &keyed)).await;
    assert_eq!(stage.ended(&runner, &job).await.state, "succeeded");
    let again = stage.submit_as(&runner, admin, keyed.clone()).await.unwrap();
    assert_eq!(again.job_id, job.job_id);
    let pool = stage.database.pool().await;
    sqlx::query("update idempotency set created_at = created_at - interval '25 hours'")
        .execute(&pool)
        .await
        .unwrap();
    let tomorrow = stage.submit_as(&runner, admin, keyed).await.unwrap();
    assert_ne!(tomorrow.job_id, job.job_id);
    assert_eq!(stage.ended(&runner, &tomorrow).await.state, "succeeded");
}

#[tokio::test]
async fn a_request_that_can_not_be_done_any_more_is_a_job_that_failed() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let nats = gateway(&stage).await;
    let (jane, admin, granted) = (stage.fakes.jane, stage.fakes.admin, stage.fakes.granted.clone());
    let others = stage.sim.look(|c| c.instances.values().last().unwrap().name.clone());
    let mut jobs = Vec::new();
    for (user, kind, instance, parameters, code) in [
        (jane, "remove", granted.as_str(), json!({}), "permission_denied"),
        (jane, "reboot", others.as_str(), json!({}), "not_found"),
        (jane, "create", "new.example.org", json!({}), "permission_denied"),
        (admin, "reboot", "no-such.example.org", json!({}), "not_found"),
        (admin, "reboot", others.as_str(), json!({"type": "warm"}), "invalid_argument"),
    ] {
        let mut request = ask(kind, instance, parameters);
        if kind == "create" {
            request.parameters =
                ask(kind, "", json!({"os": "x", "disk_template": "diskless"})).parameters;
        }
        let (request, job) = with_id(request);
        leave(&nats, waiting(&stage, stage.fakes.assertion(user), &request)).await;
        jobs.push((job, code));
    }
    for (job, code) in jobs {
        let job = stage.ended(&runner, &job).await;
        assert_eq!(job.state, "failed");
        assert_eq!(job.error.as_ref().unwrap().code, code, "{job:?}");
        assert_eq!(stage.at_ganeti(&job), 0);
    }
    assert!(stage.sim.requests().iter().all(|r| r.method == "GET" || r.method == "PUT"));
}

#[tokio::test]
async fn what_bears_the_name_since_is_left_alone() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let nats = gateway(&stage).await;
    let former = "0191f0d3-1111-4aaa-8bbb-0123456789ab";
    let (request, job) = with_id(ask("remove", &stage.instance(false), json!({})));
    leave(&nats, meaning(&stage, stage.fakes.assertion(stage.fakes.admin), &request, former)).await;
    let job = stage.ended(&runner, &job).await;
    assert_eq!(job.error.as_ref().unwrap().code, "object_replaced", "{job:?}");
    assert_eq!(stage.at_ganeti(&job), 0);
}

#[tokio::test]
async fn a_request_goes_on_waiting_for_cache_updater() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let nats = gateway(&stage).await;
    stage.fakes.knobs(|k| k.cache_down = true);
    let (request, job) = with_id(ask("reboot", &stage.instance(true), json!({})));
    leave(&nats, waiting(&stage, stage.fakes.assertion(stage.fakes.admin), &request)).await;
    wait_for("the request to be looked at", SOON, async || {
        let log = runner.process.log_tail(50);
        if log.contains("goes on waiting") { Ok(()) } else { Err(log) }
    })
    .await;
    // It survives the process that looks at it; NATS gives it to another after half a minute.
    let runner = stage.kill_and_restart(runner).await;
    stage.fakes.knobs(|k| k.cache_down = false);
    wait_for("the request to be taken up", SOON * 3, async || {
        stage.get(&runner, &job.job_id).await.map_err(|error| error.to_string())
    })
    .await;
    assert_eq!(stage.ended(&runner, &job).await.state, "succeeded");
    assert_eq!(stage.at_ganeti(&job), 1);
}
