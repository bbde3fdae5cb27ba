//! Races and limits, on real Postgres.

use std::time::Duration;

use chrono::Utc;
use gwm_authz::{Principal, SignedAssertion};
use gwm_pg::Kind;
use gwm_pg::lease::{Holder, LeaseSettings};
use gwm_testkit::TestPg;
use gwm_types::{ClusterId, InstanceUuid, OpId, UserId};

mod figures;
mod placement;
mod sets;

use super::*;
use crate::domain::{self, Job, OpState, Parameters, Phase};

async fn store() -> Store {
    Store::of(TestPg::fresh("gwm_jobs", &MIGRATOR).await.pool().await)
}

async fn queued(store: &Store) -> Job {
    let person = Principal {
        user_id: UserId::generate(),
        username: "jane".to_owned(),
        session_id: None,
        token_id: None,
        acting_as: None,
        restricted: false,
        issued_at: 0,
        client_address: "192.0.2.1".to_owned(),
        signed: SignedAssertion::default(),
        expires_at: 0,
    };
    let new = job::NewJob {
        job_id: gwm_types::JobId::generate(),
        request_hash: b"hash",
        cluster_id: ClusterId::generate(),
        cluster_slug: "fra1",
        kind: domain::Kind::Startup,
        instance_uuid: Some(InstanceUuid::generate()),
        object_name: "web1.example.com",
        parameters: &Parameters::read(domain::Kind::Startup, serde_json::Map::new()).unwrap(),
        person: &person,
        request_id: None,
        traceparent: None,
    };
    let mut tx = store.begin().await.unwrap();
    let job = job::insert(&mut tx, &new).await.unwrap().unwrap();
    commit(tx).await.unwrap();
    job
}

async fn become_(store: &Store, before: &Job, phase: Phase) -> Result<Job> {
    let mut after = before.clone();
    after.phase = phase;
    let mut tx = store.begin().await?;
    let saved = job::save(&mut tx, before, &after).await?;
    commit(tx).await?;
    Ok(saved)
}

fn new_op(job: &Job, attempt: i32) -> op::NewOp {
    op::NewOp {
        op_id: OpId::generate(),
        job_id: job.job_id,
        attempt,
        after_ganeti_job: 41,
        lease_generation: 1,
        deadline: Duration::from_secs(8),
    }
}

async fn insert_op(store: &Store, op: &op::NewOp) -> Result<()> {
    let mut tx = store.begin().await?;
    op::insert(&mut tx, op).await?;
    commit(tx).await
}

async fn move_op(store: &Store, op_id: OpId, moved: &op::Moved<'_>) -> Result<()> {
    let mut tx = store.begin().await?;
    op::moved(&mut tx, op_id, moved).await?;
    commit(tx).await
}

async fn events(store: &Store) -> Vec<String> {
    sqlx::query_scalar(
        "select (payload::jsonb) ->> 'type' from outbox where class = 'jobs' order by position",
    )
    .fetch_all(store.pool())
    .await
    .unwrap()
}

#[tokio::test]
async fn of_two_who_change_a_job_at_once_one_is_told_to_look_again() {
    let store = store().await;
    let job = queued(&store).await;
    let (one, two) =
        tokio::join!(become_(&store, &job, Phase::Claimed), become_(&store, &job, Phase::Failed));
    let failures: Vec<_> = [one, two].into_iter().filter_map(Result::err).collect();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].kind(), Kind::Conflict);
    assert_eq!(events(&store).await.len(), 2, "queued, and the winner's");
}

#[tokio::test]
async fn an_illegal_transition_is_never_written() {
    let store = store().await;
    let job = queued(&store).await;
    assert!(become_(&store, &job, Phase::Submitted).await.is_err());
    let ended = become_(&store, &job, Phase::Failed).await.unwrap();
    assert!(ended.ended_at.is_some());
    assert!(become_(&store, &ended, Phase::Claimed).await.is_err());
}

#[tokio::test]
async fn a_job_has_at_most_one_submission_that_may_be_at_ganeti() {
    let store = store().await;
    let job = queued(&store).await;
    let (first, second, third) = (new_op(&job, 1), new_op(&job, 2), new_op(&job, 3));
    insert_op(&store, &first).await.unwrap();
    let (again, other) = tokio::join!(insert_op(&store, &second), insert_op(&store, &third));
    for refused in [again, other] {
        assert_eq!(refused.unwrap_err().constraint(), Some("op_open_key"));
    }
    let unknown = op::Moved { state: OpState::Unknown, ganeti_job: None, error: None };
    move_op(&store, first.op_id, &unknown).await.unwrap();
    assert!(insert_op(&store, &second).await.is_err(), "unknown counts as sent");
    let not_sent = op::Moved { state: OpState::NotSent, ganeti_job: None, error: None };
    move_op(&store, first.op_id, &not_sent).await.unwrap();
    insert_op(&store, &second).await.unwrap();
    move_op(&store, second.op_id, &op::Moved::submitted(42)).await.unwrap();
    let late = move_op(&store, second.op_id, &unknown).await.unwrap_err();
    assert_eq!(late.kind(), Kind::Conflict, "what is known is not forgotten");
    let mut connection = store.connection().await.unwrap();
    assert_eq!(op::count(&mut connection, job.job_id).await.unwrap(), 1);
}

#[tokio::test]
async fn a_write_under_a_lease_that_changed_hands_is_refused() {
    let store = store().await;
    let job = queued(&store).await;
    let holder = |id: &str| Holder { id: id.to_owned(), endpoint: String::new() };
    let short = LeaseSettings { duration: Duration::from_millis(50) };
    let old = store.acquire(job.cluster_id, &holder("a"), &short).await.unwrap().unwrap();
    let new =
        gwm_testkit::wait_for(
            "the lease to run out",
            Duration::from_secs(10),
            async || match store
                .acquire(job.cluster_id, &holder("b"), &LeaseSettings::default())
                .await
            {
                Ok(Some(held)) => Ok(held),
                other => Err(format!("{other:?}")),
            },
        )
        .await;
    assert!(new.generation() > old.generation());
    let refused = store.begin_fenced(&old).await.unwrap_err();
    assert!(matches!(refused, gwm_pg::Error::LeaseLost { .. }), "{refused}");
    store.begin_fenced(&new).await.unwrap();
}

#[tokio::test]
async fn progress_is_told_at_most_once_a_second_and_never_lost() {
    let store = store().await;
    let job = queued(&store).await;
    let mut job = become_(&store, &job, Phase::Claimed).await.unwrap();
    for number in 0..5 {
        let mut after = job.clone();
        after.waiting_for = Some(format!("text {number}"));
        let mut tx = store.begin().await.unwrap();
        job = job::save(&mut tx, &job, &after).await.unwrap();
        commit(tx).await.unwrap();
    }
    let progressed =
        |events: &[String]| events.iter().filter(|name| name.contains("progressed")).count();
    assert_eq!(progressed(&events(&store).await), 1);
    let mut connection = store.connection().await.unwrap();
    job::age_progress(&mut connection, job.job_id).await.unwrap();
    for _ in 0..2 {
        let mut tx = store.begin().await.unwrap();
        job::flush_progress(&mut tx, job.cluster_id).await.unwrap();
        commit(tx).await.unwrap();
    }
    assert_eq!(progressed(&events(&store).await), 2);
    let last: String = sqlx::query_scalar(
        "select (payload::jsonb) #>> '{data,object,waiting_for}' from outbox
         where class = 'jobs' order by position desc limit 1",
    )
    .fetch_one(store.pool())
    .await
    .unwrap();
    assert_eq!(last, "text 4");
}

#[tokio::test]
async fn log_lines_seen_twice_are_kept_once() {
    let store = store().await;
    let job = queued(&store).await;
    let line = |serial: u64| log::NewLine {
        ganeti_serial: serial,
        at: Utc::now(),
        text: format!("line {serial}"),
    };
    let mut tx = store.begin().await.unwrap();
    let last = log::append(&mut tx, job.job_id, 7, 0, &[line(3), line(4)]).await.unwrap();
    let last = log::append(&mut tx, job.job_id, 7, last, &[line(4), line(9)]).await.unwrap();
    assert_eq!(last, 3);
    let lines = log::list(&mut tx, job.job_id, 1).await.unwrap();
    let shown: Vec<_> = lines.iter().map(|line| (line.serial, line.text.as_str())).collect();
    assert_eq!(shown, [(2, "line 4"), (3, "line 9")]);
    assert_eq!(log::last_ganeti_serial(&mut tx, job.job_id, 7).await.unwrap(), 9);
    assert_eq!(log::last_ganeti_serial(&mut tx, job.job_id, 8).await.unwrap(), 0);
}
