use std::collections::BTreeMap;

use gwm_events::types::inventory::Instance;
use gwm_events::{Class, Event, Nats, Tail, TailFrom, TailItem};
use gwm_testkit::TestNats;
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{PATIENCE, bus, change, database, relay};

const OBJECTS: u32 = 100;
const ROUNDS: u64 = 60;
const KILLS: usize = 30;

/// What a consumer holds of each object, by id.
type Held = BTreeMap<String, u64>;

/// Changes half of the objects in each round, a transaction a round.
async fn write(pool: PgPool) {
    for round in 0..ROUNDS {
        let mut tx = pool.begin().await.unwrap();
        let mut rows = Vec::new();
        for object in (0..OBJECTS).filter(|object| (u64::from(*object) + round) % 2 == 0) {
            let revision: i64 = sqlx::query_scalar(
                "insert into thing (thing_id, revision) values ($1, 1)
                 on conflict (thing_id) do update set revision = thing.revision + 1
                 returning revision",
            )
            .bind(change(object, 1).data.object.uuid)
            .fetch_one(&mut *tx)
            .await
            .unwrap();
            let event = change(object, u64::try_from(revision).unwrap());
            rows.push(event.outbox_row().unwrap());
        }
        gwm_pg::outbox::append_all(&mut tx, &rows).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// The list and its `stream_sequence`, of one snapshot.
async fn list(pool: &PgPool) -> (Held, u64) {
    let mut tx = pool.begin_with("begin isolation level repeatable read").await.unwrap();
    let rows: Vec<(String, i64)> =
        sqlx::query_as("select thing_id, revision from thing").fetch_all(&mut *tx).await.unwrap();
    let sequence = gwm_pg::outbox::acknowledged_sequence(&mut tx, "inventory").await.unwrap();
    let held = rows.into_iter().map(|(id, revision)| (id, u64::try_from(revision).unwrap()));
    (held.collect(), u64::try_from(sequence).unwrap())
}

/// Applies events to `held` as the contract says, until `enough`.
async fn apply(
    nats: &Nats,
    held: &mut Held,
    after: u64,
    mut enough: impl FnMut(&Held, usize) -> bool,
) {
    let (out, mut items) = mpsc::channel(16);
    let shutdown = CancellationToken::new();
    let starts = vec![(Class::Inventory, TailFrom::Sequence(after + 1))];
    let tail = tokio::spawn(Tail::new(nats.clone(), starts).run(out, shutdown));
    let mut seen = 0;
    while !enough(held, seen) {
        let item = tokio::time::timeout(PATIENCE, items.recv()).await.expect("an event").unwrap();
        let TailItem::Message(message) = item else { panic!("{item:?}") };
        let event = Event::<Instance>::decode(&message.payload).unwrap();
        let (object, revision) = (event.data.object.uuid.clone(), event.revision().unwrap());
        let known = held.entry(object).or_insert(0);
        assert!(revision <= *known + 1, "a gap: {revision} after {known}");
        *known = revision.max(*known);
        seen += 1;
    }
    // As a killed process.
    tail.abort();
}

#[tokio::test]
async fn a_consumer_that_is_killed_over_and_over_has_neither_gap_nor_double() {
    let (server, pool) = (TestNats::start().await, database("bootstrap").await);
    sqlx::raw_sql(
        "create table thing (thing_id text constraint thing_pkey primary key, revision bigint)",
    )
    .execute(&pool)
    .await
    .unwrap();
    let nats = bus(&server, "cache-updater").await;
    let running = relay(&pool, &nats);
    gwm_events::ensure_streams(&nats, &[Class::Inventory]).await.unwrap();
    let writer = tokio::spawn(write(pool.clone()));
    for kill in 0..KILLS {
        let (mut held, after) = list(&pool).await;
        let written = writer.is_finished();
        apply(&nats, &mut held, after, |_, seen| written || seen >= kill).await;
    }
    let (mut held, after) = list(&pool).await;
    writer.await.unwrap();
    let (wanted, _) = list(&pool).await;
    assert_eq!(wanted.len(), OBJECTS as usize);
    apply(&nats, &mut held, after, |held, _| *held == wanted).await;
    running.stop().await;
}
