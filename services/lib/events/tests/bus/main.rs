//! The library on a real NATS and a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]
#![expect(clippy::disallowed_methods, reason = "a test has no task set and connects as a stranger")]

mod consumer;
mod outage;
mod relay;
mod replay;
mod tail;
mod users;

use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use chrono::Utc;
use futures::StreamExt;
use gwm_events::types::Object;
use gwm_events::types::inventory::{INSTANCE_CHANGED, Instance};
use gwm_events::{Event, Nats, NatsSettings, Relay, connect};
use gwm_pg::PgSettings;
use gwm_testkit::pg::Migrations;
use gwm_testkit::{TestNats, TestPg, wait_for};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);

/// A bus that was reached.
async fn bus(server: &TestNats, service: &str) -> Nats {
    let nats = lazy_bus(&server.url(), service).await;
    wait_for("the bus", PATIENCE, async || nats.check()).await;
    nats
}

async fn lazy_bus(url: &str, service: &str) -> Nats {
    let settings = NatsSettings { urls: vec![url.to_owned()], ..NatsSettings::default() };
    connect(&settings, service).await.unwrap()
}

async fn database(name: &str) -> PgPool {
    let database = TestPg::fresh(name, Migrations::None).await;
    let settings = PgSettings { url: database.url().to_owned(), ..PgSettings::default() };
    let pool = gwm_pg::connect(&settings, "test").unwrap();
    sqlx::raw_sql(gwm_pg::FOUNDATION_SQL).execute(&pool).await.unwrap();
    pool
}

/// The event of a change of an instance to a revision.
fn change(instance: u32, revision: u64) -> Event<Instance> {
    let mut object = Instance::example("changed");
    object.uuid = format!("8a8f1c2e-5c1b-4d3c-9d7e-{instance:012}");
    object.revision = revision;
    Event::new(INSTANCE_CHANGED, "cache-updater", Utc::now(), object)
}

async fn commit(pool: &PgPool, events: &[Event<Instance>]) {
    let rows: Vec<_> = events.iter().map(|event| event.outbox_row().unwrap()).collect();
    let mut tx = pool.begin().await.unwrap();
    gwm_pg::outbox::append_all(&mut tx, &rows).await.unwrap();
    tx.commit().await.unwrap();
}

struct Running {
    task: JoinHandle<anyhow::Result<()>>,
    shutdown: CancellationToken,
}

impl Running {
    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

fn relay(pool: &PgPool, nats: &Nats) -> Running {
    let shutdown = CancellationToken::new();
    let relay = Relay::new(pool.clone(), nats.clone());
    Running { task: tokio::spawn(relay.run(shutdown.clone())), shutdown }
}

async fn all_published(pool: &PgPool) {
    wait_for("everything to be published", PATIENCE, async || {
        let mut connection = pool.acquire().await.unwrap();
        let waiting = gwm_pg::outbox::backlog(&mut connection).await.unwrap().rows;
        if waiting == 0 { Ok(()) } else { Err(format!("{waiting} rows wait")) }
    })
    .await;
}

async fn stranger(url: &str) -> async_nats::jetstream::Context {
    async_nats::jetstream::new(async_nats::connect(url).await.unwrap())
}

/// All that the inventory's stream holds: (instance, revision), in order.
async fn stored(server: &TestNats) -> Vec<(String, u64)> {
    let stream = stranger(&server.url()).await.get_stream("GWM_INVENTORY").await.unwrap();
    let count = stream.cached_info().state.messages;
    if count == 0 {
        return Vec::new();
    }
    let consumer = stream.create_consumer(pull::OrderedConfig::default()).await.unwrap();
    let messages = consumer.messages().await.unwrap().take(usize::try_from(count).unwrap());
    messages
        .map(|message| {
            let event = Event::<Instance>::decode(&message.unwrap().payload).unwrap();
            (event.data.object.uuid, event.data.object.revision)
        })
        .collect()
        .await
}

/// Each object's revisions are 1, 2, 3, .. and each is there once.
fn assert_in_order(stored: &[(String, u64)], objects: usize, revisions: u64) {
    let mut seen = std::collections::BTreeMap::new();
    for (object, revision) in stored {
        let last = seen.entry(object).or_insert(0);
        assert_eq!(*revision, *last + 1, "{object}");
        *last = *revision;
    }
    assert_eq!(seen.len(), objects);
    assert!(seen.values().all(|last| *last == revisions), "{seen:?}");
}
