//! What is refused, what acts on nothing but what was meant, and what goes on without others.

use gwm_kernel::{ErrorCode, Fault};
use gwm_rapi_sim::Outside;
use gwm_testkit::wait_for;
use serde_json::json;
use tonic::Status;

use crate::stage::{SOON, Stage, ask};

fn fault(status: &Status) -> (ErrorCode, String, Option<String>) {
    let fault = Fault::from_status(status);
    (fault.code, fault.reason.into_owned(), fault.field)
}

#[tokio::test]
async fn an_instance_made_anew_or_gone_meanwhile_is_left_alone() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let (one, two) = (stage.instance(true), stage.instance(false));
    stage.sim.refuse_connections();
    let replaced = stage.submit(&runner, "reboot", &one, json!({})).await;
    let gone = stage.submit(&runner, "remove", &two, json!({})).await;
    stage.sim.outside(Outside::Recreate { instance: one }).await.unwrap();
    stage.sim.outside(Outside::Remove { instance: two }).await.unwrap();
    stage.sim.clear_requests();
    stage.sim.listen_again().await.unwrap();
    for job in [replaced, gone] {
        let job = stage.ended(&runner, &job).await;
        assert_eq!(job.error.as_ref().unwrap().code, "object_replaced", "{job:?}");
        assert_eq!(stage.at_ganeti(&job), 0);
    }
    let sent: Vec<_> = stage.sim.requests().into_iter().filter(|r| r.method != "GET").collect();
    assert!(sent.is_empty(), "{sent:?}");
}

#[tokio::test]
async fn a_read_only_cluster_takes_no_job() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let name = stage.instance(true);
    // One that became read-only after the job was accepted ends the job.
    stage.sim.refuse_connections();
    let late = stage.submit(&runner, "reboot", &name, json!({})).await;
    stage.fakes.knobs(|k| k.read_only = true);
    let late = stage.ended(&runner, &late).await;
    assert_eq!(late.error.unwrap().code, "read_only");

    let request = ask("reboot", &name, json!({}));
    let refused = stage.submit_as(&runner, stage.fakes.admin, request).await.unwrap_err();
    let (code, reason, _) = fault(&refused);
    assert_eq!((code, reason.as_str()), (ErrorCode::Conflict, "read_only"));
}

#[tokio::test]
async fn jobs_of_a_removed_cluster_end_in_words() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    stage.sim.refuse_connections();
    let job = stage.submit(&runner, "reboot", &stage.instance(true), json!({})).await;
    stage.fakes.knobs(|k| k.removed = true);
    let error = stage.ended(&runner, &job).await.error.unwrap();
    assert_eq!(error.code, "cluster_removed");
    assert!(error.message.contains("fra1"), "{}", error.message);
}

#[tokio::test]
async fn only_who_may_gets_a_job() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let granted = stage.fakes.granted.clone();
    let others = stage.sim.look(|c| c.instances.values().last().unwrap().name.clone());
    let jane = stage.fakes.jane;
    let create = json!({"os": "x", "disk_template": "diskless"});
    for (kind, instance, parameters, expected) in [
        ("reboot", others.as_str(), json!({}), ErrorCode::NotFound),
        ("remove", others.as_str(), json!({}), ErrorCode::NotFound),
        ("remove", granted.as_str(), json!({}), ErrorCode::PermissionDenied),
        ("create", "new.example.org", create, ErrorCode::PermissionDenied),
    ] {
        let refused =
            stage.submit_as(&runner, jane, ask(kind, instance, parameters)).await.unwrap_err();
        assert_eq!(fault(&refused).0, expected, "{kind} {instance}");
    }
    let job = stage.submit_as(&runner, jane, ask("reboot", &granted, json!({}))).await.unwrap();
    assert_eq!(job.requested_by, "jane");
    assert_eq!(stage.ended(&runner, &job).await.state, "succeeded");
    // Without a person, and by a service that is not on the list: nothing.
    let nobody = runner.client().submit_job(ask("reboot", &granted, json!({}))).await.unwrap_err();
    assert_eq!(fault(&nobody).0, ErrorCode::Unauthenticated);
}

#[tokio::test]
async fn bad_requests_name_the_field() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let name = stage.instance(true);
    let mut long_key = ask("reboot", &name, json!({}));
    long_key.idempotency_key = "x".repeat(65);
    let mut no_cluster = ask("reboot", &name, json!({}));
    no_cluster.cluster = String::new();
    for (request, field) in [
        (ask("explode", &name, json!({})), "kind"),
        (ask("reboot", "", json!({})), "instance"),
        (ask("create", "../x", json!({})), "instance"),
        (ask("startup", &name, json!({"dry-run": true})), "parameters.dry-run"),
        (ask("reboot", &name, json!({"type": "warm"})), "parameters.type"),
        (ask("create", "a.example.org", json!({"os": "noop"})), "parameters.disk_template"),
        (long_key, "idempotency_key"),
        (no_cluster, "cluster"),
    ] {
        let refused = stage.submit_as(&runner, stage.fakes.admin, request).await.unwrap_err();
        let (code, _, named) = fault(&refused);
        assert_eq!((code, named.as_deref()), (ErrorCode::InvalidArgument, Some(field)));
    }
    let unknown = ask("reboot", "no-such.example.org", json!({}));
    let refused = stage.submit_as(&runner, stage.fakes.admin, unknown).await.unwrap_err();
    assert_eq!(fault(&refused).0, ErrorCode::NotFound);
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_job_even_when_its_object_is_gone() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let name = stage.instance(false);
    let mut request = ask("remove", &name, json!({}));
    request.idempotency_key = "once".to_owned();
    let admin = stage.fakes.admin;
    let first = stage.submit_as(&runner, admin, request.clone()).await.unwrap();
    stage.ended(&runner, &first).await;
    let again = stage.submit_as(&runner, admin, request.clone()).await.unwrap();
    assert_eq!(again.job_id, first.job_id);
    request.kind = "reboot".to_owned();
    let reused = stage.submit_as(&runner, admin, request).await.unwrap_err();
    assert_eq!(fault(&reused).1, "idempotency_key_reused");
}

#[tokio::test]
async fn without_cache_updater_new_jobs_are_refused_and_ended_ones_are_marked_stale() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    let name = stage.instance(true);
    stage.fakes.knobs(|k| k.blind = true);
    let job = stage.submit(&runner, "reboot", &name, json!({})).await;
    let job = stage.ended(&runner, &job).await;
    assert_eq!((job.state.as_str(), job.stale), ("succeeded", true));

    stage.fakes.knobs(|k| k.cache_down = true);
    let request = ask("reboot", &name, json!({}));
    let refused = stage.submit_as(&runner, stage.fakes.admin, request).await.unwrap_err();
    let fault = Fault::from_status(&refused);
    assert_eq!(fault.code, ErrorCode::Unavailable);
    assert!(fault.message.contains("cache-updater"), "{}", fault.message);
}

#[tokio::test]
async fn a_settlement_waits_for_auth_over_a_restart_and_blocks_nobody() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    stage.fakes.knobs(|k| k.settle_down = true);
    let (gone, other) = (stage.instance(false), stage.instance(true));
    let remove = stage.submit(&runner, "remove", &gone, json!({})).await;
    stage.until(&runner, &remove, "a wait for auth", |j| j.waiting_for.contains("auth")).await;
    let reboot = stage.submit(&runner, "reboot", &other, json!({})).await;
    assert_eq!(stage.ended(&runner, &reboot).await.state, "succeeded");
    let runner = stage.kill_and_restart(runner).await;
    let waiting = stage.get(&runner, &remove.job_id).await.unwrap();
    assert_eq!(waiting.state, "running");
    stage.fakes.knobs(|k| k.settle_down = false);
    assert_eq!(stage.ended(&runner, &remove).await.state, "succeeded");
    let settled = stage.fakes.knobs(|k| k.settled.clone());
    assert_eq!(settled[0].outcome, "removed");
}

#[tokio::test]
async fn nats_may_be_away_and_hears_of_everything_later() {
    let mut stage = Stage::new().await;
    let runner = stage.runner().await;
    stage.nats.kill().await.unwrap();
    let job = stage.submit(&runner, "reboot", &stage.instance(true), json!({})).await;
    assert_eq!(stage.ended(&runner, &job).await.state, "succeeded");
    stage.nats.start_again().await.unwrap();
    let pool = stage.database.pool().await;
    wait_for("an empty outbox", SOON, async || {
        let left: i64 = sqlx::query_scalar(
            "select count(*) from outbox where published_at is null and class = 'jobs'",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        if left == 0 { Ok(()) } else { Err(format!("{left} events")) }
    })
    .await;
}
