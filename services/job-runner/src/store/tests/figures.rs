//! The figures of the overview are what a count would say, whatever was done and whoever asks.

use chrono::{TimeDelta, Utc};
use gwm_authz::{Principal, Scope, SignedAssertion};
use gwm_types::{ClusterId, InstanceUuid, JobId, Slug, UserId};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::store;
use crate::domain::{self, Failure, ForeignJob, Job, Parameters, Phase};
use crate::seen::{Asker, Seen};
use crate::store::{MIGRATOR, Store, commit, figures, foreign, job, list};

const CLUSTERS: u128 = 3;
const PEOPLE: [&str; 2] = ["jane", "joe"];

/// Numbers out of which a step makes what it needs.
type Step = (u32, u32, u32, u32);

fn steps(many: usize) -> Vec<Step> {
    let mut runner = TestRunner::default();
    let one = (0..9_u32, 0..1000_u32, 0..1000_u32, 0..1000_u32);
    proptest::collection::vec(one, many).new_tree(&mut runner).unwrap().current()
}

fn cluster(n: u32) -> ClusterId {
    ClusterId(uuid::Uuid::from_u128(1 + u128::from(n) % CLUSTERS))
}

fn instance(n: u32) -> InstanceUuid {
    InstanceUuid(uuid::Uuid::from_u128(100 + u128::from(n) % 4))
}

fn person(n: u32) -> Principal {
    let n = n % 2;
    Principal {
        user_id: UserId(uuid::Uuid::from_u128(7 + u128::from(n))),
        username: PEOPLE[n as usize].to_owned(),
        session_id: None,
        token_id: None,
        acting_as: None,
        restricted: false,
        issued_at: 0,
        client_address: "192.0.2.1".to_owned(),
        signed: SignedAssertion::default(),
        expires_at: 0,
    }
}

async fn ask(store: &Store, (a, b, c): (u32, u32, u32)) -> Job {
    let new = job::NewJob {
        job_id: JobId::generate(),
        request_hash: b"hash",
        cluster_id: cluster(a),
        cluster_slug: "fra1",
        kind: domain::Kind::Startup,
        instance_uuid: Some(instance(b)),
        object_name: "web1.example.com",
        parameters: &Parameters::read(domain::Kind::Startup, serde_json::Map::new()).unwrap(),
        person: &person(c),
        request_id: None,
        traceparent: None,
    };
    let mut tx = store.begin().await.unwrap();
    let job = job::insert(&mut tx, &new).await.unwrap().unwrap();
    commit(tx).await.unwrap();
    job
}

async fn refuse(store: &Store, c: u32) {
    let refused = job::Refused {
        job_id: JobId::generate(),
        request_hash: b"hash",
        cluster: &"fra1".parse::<Slug>().unwrap(),
        kind: domain::Kind::Startup,
        object_name: "web1.example.com",
        person: &person(c),
        request_id: None,
        traceparent: None,
        failure: Failure::new("not_found", "there is none", ""),
    };
    let mut tx = store.begin().await.unwrap();
    job::insert_refused(&mut tx, &refused).await.unwrap();
    commit(tx).await.unwrap();
}

/// Somewhere it may go from where it is; thrown away at the end now and then.
async fn go_on(store: &Store, before: &Job, choice: u32, keep: bool) -> Option<Job> {
    let next: Vec<Phase> =
        Phase::ALL.into_iter().filter(|next| before.phase.may_become(*next)).collect();
    let mut after = before.clone();
    after.phase = *next.get(choice as usize % next.len().max(1))?;
    let mut tx = store.begin().await.unwrap();
    let saved = job::save(&mut tx, before, &after).await.unwrap();
    if !keep {
        drop(tx);
        return None;
    }
    commit(tx).await.unwrap();
    Some(saved)
}

async fn tell_foreign(store: &Store, (a, b, c): (u32, u32, u32)) {
    let state = ["queued", "running", "succeeded", "failed", "canceled"][c as usize % 5];
    let number = u64::from(b) % 12;
    let told = ForeignJob {
        job_id: JobId(uuid::Uuid::from_u128((cluster(a).0.as_u128() << 64) | u128::from(number))),
        cluster_id: cluster(a),
        cluster_slug: "fra1".to_owned(),
        kind: "instance_startup".to_owned(),
        object_kind: "instance".to_owned(),
        instance_uuid: (b % 3 > 0).then(|| instance(b)),
        object_name: "web1.example.com".to_owned(),
        summary: Vec::new(),
        state: state.to_owned(),
        ganeti_job: number,
        ganeti_status: state.to_owned(),
        error: None,
        revision: i64::from(c),
        created_at: Utc::now(),
        started_at: None,
        ended_at: (c % 5 > 1).then(|| Utc::now() - TimeDelta::minutes(37 * (i64::from(a) % 50))),
    };
    let mut tx = store.begin().await.unwrap();
    foreign::put(&mut tx, &told).await.unwrap();
    commit(tx).await.unwrap();
}

/// Time goes by for those that have ended.
async fn age(store: &Store, a: u32) {
    for table in ["job", "foreign_job"] {
        let sql = format!(
            "update {table} set ended_at = ended_at - interval '37 minutes' * $1
             where ended_at is not null and number % 3 = $2"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(f64::from(a % 30))
            .bind(i64::from(a % 3))
            .execute(store.pool())
            .await
            .unwrap();
    }
}

async fn delete(store: &Store, a: u32) {
    for table in ["job", "foreign_job"] {
        let sql = format!("delete from {table} where number % 23 = $1");
        let sql = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(i64::from(a % 23));
        sql.execute(store.pool()).await.unwrap();
    }
}

async fn take(store: &Store, jobs: &mut Vec<Job>, (what, a, b, c): Step) {
    match what {
        0 | 1 => jobs.push(ask(store, (a, b, c)).await),
        2..=4 if !jobs.is_empty() => {
            let at = a as usize % jobs.len();
            let gone = job::fetch(&mut store.connection().await.unwrap(), jobs[at].job_id)
                .await
                .unwrap()
                .is_none_or(|now| now.phase.is_final());
            if gone {
                jobs.swap_remove(at);
            } else if let Some(saved) = go_on(store, &jobs[at], b, c % 5 > 0).await {
                jobs[at] = saved;
            }
        }
        5 => tell_foreign(store, (a, b, c)).await,
        6 => refuse(store, c).await,
        7 if a % 4 == 0 => age(store, b).await,
        8 if a % 6 == 0 => delete(store, b).await,
        _ => {}
    }
}

async fn count(store: &Store, scope: &Scope, asker: Asker, q: &str) -> u64 {
    // Where things run is not counted.
    let nowhere = Scope::limited(Vec::new(), Vec::new());
    let wanted = list::Wanted {
        seen: &Seen::with(scope.clone(), asker, &nowhere),
        object: None,
        filter: &gwm_query::parse(q).unwrap(),
        sort: &gwm_query::Sort::parse(&list::TABLE, "-created").unwrap(),
        limit: 1,
        cursor: None,
        counted: true,
    };
    list::page(store, &wanted).await.unwrap().total
}

/// Yields how much there was to count, so that a test of nothing is seen.
async fn compare(store: &Store, after: &str) -> u64 {
    let nothing = Scope::limited(Vec::new(), Vec::new());
    let some = Scope::limited(
        vec![cluster(0)],
        [(cluster(0), instance(1)), (cluster(1), instance(1)), (cluster(1), instance(2))].into(),
    );
    let mut seen = 0;
    for scope in [Scope::Fleet, nothing, some] {
        for n in 0..2 {
            let who = Asker::Person(person(n).user_id);
            let kept = figures::figures(store, &scope, who, 50).await.unwrap();
            let open = count(store, &scope, who, "state:queued or state:running").await;
            let failed = count(store, &scope, who, "state:failed ended<1d").await;
            let own = format!("user:{} state:running", PEOPLE[n as usize]);
            let own = count(store, &scope, who, &own).await;
            assert_eq!(
                (kept.open, kept.failed_in_day, kept.own_running),
                (open, failed, own),
                "after {after}, for {scope:?}"
            );
            assert_eq!(kept.failed.len() as u64, failed.min(50));
            seen += open + failed + own;
        }
    }
    seen
}

#[tokio::test]
async fn figures_are_what_a_count_says_after_any_steps() {
    let store = store().await;
    let (mut jobs, mut seen) = (Vec::new(), 0);
    let steps = steps(400);
    for (n, step) in steps.iter().enumerate() {
        take(&store, &mut jobs, *step).await;
        if n % 8 == 0 {
            seen += compare(&store, &format!("{:?}", &steps[..=n])).await;
        }
    }
    assert!(seen > 500, "{seen}");
}

#[tokio::test]
async fn figures_hold_when_many_write_at_once() {
    let store = store().await;
    let writers = (0..6).map(|_| {
        let store = store.clone();
        async move {
            let mut jobs = Vec::new();
            // Ageing and deleting touch others' jobs in no order: that is not how the service writes.
            for step in steps(120).into_iter().filter(|(what, ..)| *what < 7) {
                take(&store, &mut jobs, step).await;
            }
        }
    });
    futures::future::join_all(writers).await;
    assert!(compare(&store, "all of it").await > 100);
}

#[tokio::test]
async fn an_upgrade_fills_the_figures() {
    let store = store().await;
    let back = "drop schema public cascade; create schema public";
    sqlx::raw_sql(back).execute(store.pool()).await.unwrap();
    let mut connection = store.connection().await.unwrap();
    MIGRATOR.run_to(4, &mut *connection).await.unwrap();
    sqlx::raw_sql(
        r#"insert into job (job_id, cluster_id, cluster_slug, kind, instance_uuid, object_name,
             parameters, phase, requested_by, requested_by_id, ended_at)
         select gen_random_uuid(), ('00000000-0000-0000-0000-00000000000' || 1 + n % 3)::uuid, 'fra1',
             'remove', ('00000000-0000-0000-0000-00000000006' || 4 + n % 4)::uuid, 'web1', '{"kind": "remove"}', phase,
             'jane', '00000000-0000-0000-0000-000000000007',
             case when phase in ('succeeded', 'failed', 'canceled') then now() - interval '37 minutes' * n end
         from generate_series(0, 99) n, unnest(array['queued', 'claimed', 'submitted', 'failed', 'succeeded']) phase;
         insert into foreign_job (job_id, cluster_id, cluster_slug, kind, phase, ganeti_job,
             ganeti_status, revision, created_at, ended_at)
         select gen_random_uuid(), ('00000000-0000-0000-0000-00000000000' || 1 + n % 3)::uuid, 'fra1',
             'tags_set', case when n % 2 = 0 then 'failed' else 'running' end, n, '', 1, now(),
             case when n % 2 = 0 then now() - interval '37 minutes' * n end
         from generate_series(0, 99) n"#,
    )
    .execute(&mut *connection)
    .await
    .unwrap();
    MIGRATOR.run(&mut *connection).await.unwrap();
    assert!(compare(&store, "the upgrade").await > 100);
}
