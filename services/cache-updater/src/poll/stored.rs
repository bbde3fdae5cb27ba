//! Rule 1 on the stored rows: whatever a cluster answers, no object that exists is lost and none that does
//! not comes back. Real Postgres, the poll's own code; only time and the network are left out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use chrono::Utc;
use gwm_rapi::Bulk;
use gwm_testkit::TestPg;
use proptest::prelude::*;
use sqlx::PgPool;
use uuid::Uuid;

use super::slices::Slices;
use super::snapshot::Snapshot;
use crate::bench::Polled;
use crate::domain::{ClusterRecord, InstanceRecord};
use crate::store::by_hand;

/// What a cluster answers: the truth, or one of the ways to be wrong.
#[derive(Debug, Clone)]
enum Answer {
    /// In some order.
    True(u64),
    /// Looks complete, but lacks some; 0 is an empty list.
    Lying(u64),
    /// Cut after so many bytes of a thousand.
    Cut(usize),
    /// One object stands in it twice.
    Twice,
    /// One object is of another shape than Ganeti's.
    WrongType,
}

#[derive(Debug, Clone)]
struct Step {
    wait: u64,
    toggle: Option<u128>,
    answer: Answer,
}

fn step() -> impl Strategy<Value = Step> {
    let answer = prop_oneof![
        4 => any::<u64>().prop_map(Answer::True),
        1 => any::<u64>().prop_map(Answer::Lying),
        1 => Just(Answer::Lying(0)),
        1 => (0..1000_usize).prop_map(Answer::Cut),
        1 => Just(Answer::Twice),
        1 => Just(Answer::WrongType),
    ];
    (1..40_u64, proptest::option::of(0..20_u128), answer).prop_map(|(wait, toggle, answer)| Step {
        wait,
        toggle,
        answer,
    })
}

fn text(uuid: Uuid) -> String {
    format!(r#"{{"uuid": "{uuid}", "name": "i{}", "status": "running"}}"#, uuid.as_u128())
}

/// The bytes that come over the wire.
fn body(answer: &Answer, world: &BTreeSet<Uuid>) -> String {
    let mut texts: Vec<String> = world.iter().map(|uuid| text(*uuid)).collect();
    match answer {
        Answer::True(turn) => {
            let places = texts.len().max(1);
            texts.rotate_left(usize::try_from(*turn).unwrap_or(0) % places);
        }
        Answer::Lying(mask) => {
            let mut place = 0;
            texts.retain(|_| {
                place += 1;
                mask >> (place % 64) & 1 == 1
            });
        }
        Answer::Twice => {
            texts.extend(texts.first().cloned().map(|one| [one.clone(), one].join(",")));
        }
        Answer::WrongType => {
            texts.push(text(Uuid::from_u128(77_777)).replace("\"running\"", "[1]"));
        }
        Answer::Cut(_) => {}
    }
    let whole = format!("[{}]\n", texts.join(", "));
    if let Answer::Cut(share) = answer {
        return whole[..(whole.len() - 2) * share / 1000].to_owned();
    }
    whole
}

struct Poller {
    cluster: Uuid,
    polled: Polled,
    began: Instant,
}

impl Poller {
    async fn new(pool: &PgPool) -> Self {
        let cluster = Uuid::now_v7();
        let mut connection = pool.acquire().await.unwrap();
        ClusterRecord::example(&mut connection, cluster, cluster).await.unwrap();
        let polled = Polled::open(pool, cluster).await.unwrap();
        polled.session.load().await.unwrap();
        Self { cluster, polled, began: Instant::now() }
    }

    /// A poll whose answer was asked for `at` seconds after the beginning.
    async fn poll(&self, body: String, at: u64) -> crate::error::Result<()> {
        let session = &self.polled.session;
        let asked_at = self.began + Duration::from_secs(at);
        let want = session.want().await;
        let slices =
            |body: String, sight| Slices::of(Bulk::new("test", body.into()), asked_at, sight);
        let instances = slices(body, &want.instances)?;
        let hypervisors: HashMap<Uuid, String> =
            instances.seen.iter().map(|s| (s.uuid, "kvm".to_owned())).collect();
        let info = format!(r#"{{"uuid": "{}", "name": "one"}}"#, self.cluster);
        let snapshot = Snapshot {
            info: serde_json::from_str(&info).unwrap(),
            nodes: slices("[]".to_owned(), &want.nodes)?,
            instances,
            groups: Some(HashMap::new()),
            networks: Some(Vec::new()),
            node_group_slices: None,
            network_slices: None,
            instance_details: None,
            node_details: None,
            hypervisors,
            observed_at: Utc::now(),
            bulk_took: Duration::ZERO,
        };
        drop(want);
        session.take_in(&mut *session.polling.lock().await, &snapshot, None).await
    }

    /// UUIDs with whether they were absent from the last complete answer.
    async fn rows(&self) -> BTreeMap<Uuid, bool> {
        let rows = self.polled.session.store.list_known::<InstanceRecord>(self.cluster).await;
        rows.unwrap().into_iter().map(|row| (row.uuid, row.doubted)).collect()
    }
}

async fn story(pool: &PgPool, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let poller = Poller::new(pool).await;
    let mut world: BTreeSet<Uuid> = (1..=15).map(Uuid::from_u128).collect();
    // Since when all complete answers lacked what is stored.
    let mut lacking: BTreeMap<Uuid, u64> = BTreeMap::new();
    let (mut at, mut fresh, mut lied) = (0, 1000, false);
    for mut step in steps {
        at += step.wait;
        if let Some(n) = step.toggle
            && !world.remove(&Uuid::from_u128(n))
        {
            // Whatever is made is new: Ganeti gives no UUID twice.
            fresh += 1;
            world.insert(Uuid::from_u128(fresh));
        }
        // One glitch at a time: two lies in a row can't be told from the truth.
        if lied && matches!(step.answer, Answer::Lying(_)) {
            step.answer = Answer::True(0);
        }
        let before = poller.rows().await;
        let body = body(&step.answer, &world);
        let said: BTreeSet<Uuid> =
            world.iter().copied().filter(|uuid| body.contains(&uuid.to_string())).collect();
        let outcome = poller.poll(body, at).await;
        let after = poller.rows().await;
        let broken = match step.answer {
            Answer::Cut(_) | Answer::WrongType => true,
            Answer::Twice => !world.is_empty(),
            Answer::True(_) | Answer::Lying(_) => false,
        };
        prop_assert_eq!(outcome.is_err(), broken, "{:?}: {:?}", step.answer, outcome);
        if broken {
            prop_assert_eq!(after, before, "{:?} changed something", step.answer);
            continue;
        }
        lied = matches!(step.answer, Answer::Lying(_));
        for uuid in before.keys().filter(|uuid| !said.contains(uuid)) {
            lacking.entry(*uuid).or_insert(at);
        }
        lacking.retain(|uuid, _| !said.contains(uuid));
        let lost = before.keys().filter(|uuid| !said.contains(uuid)).count();
        let needed = if lost > 10 && lost * 10 > before.len() { 600 } else { 10 };
        lacking.retain(|uuid, since| {
            let proven = at - *since >= needed;
            assert!(!proven || !world.contains(uuid), "the story itself loses {uuid}");
            !proven
        });
        let expected: BTreeMap<Uuid, bool> = said
            .iter()
            .map(|uuid| (*uuid, false))
            .chain(lacking.keys().map(|uuid| (*uuid, true)))
            .collect();
        prop_assert_eq!(&after, &expected, "after {:?} at {}", step.answer, at);
        let lost: Vec<_> = world
            .intersection(&before.keys().copied().collect())
            .filter(|uuid| !after.contains_key(uuid))
            .copied()
            .collect();
        prop_assert!(lost.is_empty(), "lost {:?}", lost);
    }
    Ok(())
}

#[test]
fn no_sequence_of_answers_loses_what_exists_or_brings_back_what_does_not() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pool =
        runtime.block_on(async { TestPg::fresh("stored", "migrations/cache").await.pool().await });
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() };
    proptest!(config, |(steps in proptest::collection::vec(step(), 1..25))| {
        runtime.block_on(story(&pool, steps))?;
    });
}

#[tokio::test]
async fn who_lost_the_lease_writes_nothing_not_even_what_a_look_costs() {
    let pool = TestPg::fresh("fence", "migrations/cache").await.pool().await;
    let old = Poller::new(&pool).await;
    let body = |uuids: &[u128]| {
        let texts: Vec<String> = uuids.iter().map(|u| text(Uuid::from_u128(*u))).collect();
        format!("[{}]", texts.join(", "))
    };
    old.poll(body(&[1, 2]), 1).await.unwrap();
    by_hand::end_leases(&pool).await;
    let polled = Polled::open(&pool, old.cluster).await.unwrap();
    polled.session.load().await.unwrap();
    let new = Poller { cluster: old.cluster, polled, began: old.began };
    new.poll(body(&[2, 3]), 2).await.unwrap();
    let stored = async || by_hand::everything(&pool).await;
    let before = stored().await;

    let session = &old.polled.session;
    let (store, held, id) = (&session.store, &session.held, old.cluster);
    let late = [("late".to_owned(), false, false)];
    let refused = [
        // It saw what is gone by now, and lacks what came.
        old.poll(body(&[1, 2]), 3).await,
        store.update_rate(held, id, 9, 9.0).await,
        store.note_certificate(held, id, Some(Utc::now())).await,
        store.replace_oses(held, id, &late).await,
    ];
    for outcome in refused {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("lease"), "{error}");
    }
    assert_eq!(stored().await, before);
}
