use std::sync::Mutex;
use std::time::Duration;

use gwm_events::types::inventory::Instance;
use gwm_events::{
    Class, Consumer, ConsumerSettings, Handler, Nats, Received, Verdict, dead, ensure_streams,
    publish_and_wait,
};
use gwm_testkit::{TestNats, wait_for};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

use crate::{PATIENCE, Running, bus, change};

/// Says of each revision what it is told to, and notes what came.
struct Scripted {
    seen: Arc<Mutex<Vec<(u64, u64)>>>,
    verdict: fn(u64, u64) -> Verdict,
}

impl Handler for Scripted {
    async fn handle(&self, message: &Received) -> Verdict {
        let Ok(event) = message.decode::<Instance>() else {
            return Verdict::Reject("undecodable".to_owned());
        };
        assert_eq!(message.event_id, Some(event.id));
        let revision = event.data.object.revision;
        self.seen.lock().unwrap().push((revision, message.delivered));
        (self.verdict)(revision, message.delivered)
    }
}

type Seen = Arc<Mutex<Vec<(u64, u64)>>>;

fn consume(nats: &Nats, verdict: fn(u64, u64) -> Verdict) -> (Running, Seen) {
    let settings = ConsumerSettings {
        class: Class::Inventory,
        purpose: "test".to_owned(),
        filters: Vec::new(),
        concurrency: 1,
        max_deliver: 3,
    };
    let seen = Seen::default();
    let handler = Scripted { seen: Arc::clone(&seen), verdict };
    let shutdown = CancellationToken::new();
    let consumer = Consumer::new(nats.clone(), settings);
    (Running { task: tokio::spawn(consumer.run(handler, shutdown.clone())), shutdown }, seen)
}

async fn saw(seen: &Seen, wanted: &[(u64, u64)]) {
    wait_for("the deliveries", PATIENCE, async || {
        let seen = seen.lock().unwrap().clone();
        if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
}

async fn start(server: &TestNats) -> Nats {
    let nats = bus(server, "cache-updater").await;
    ensure_streams(&nats, &[Class::Inventory, Class::Dead]).await.unwrap();
    nats
}

/// Nothing is delivered and not settled.
async fn settled(server: &TestNats) {
    let stranger = crate::stranger(&server.url()).await;
    wait_for("all to be acknowledged", PATIENCE, async || {
        let mut consumer: async_nats::jetstream::consumer::PullConsumer = stranger
            .get_consumer_from_stream("cache-updater-test", "GWM_INVENTORY")
            .await
            .map_err(|error| error.to_string())?;
        let info = consumer.info().await.map_err(|error| error.to_string())?;
        if info.num_ack_pending == 0 && info.num_pending == 0 {
            Ok(())
        } else {
            Err(format!("{} unsettled, {} waiting", info.num_ack_pending, info.num_pending))
        }
    })
    .await;
}

#[tokio::test]
async fn what_failed_comes_again_and_what_is_done_does_not() {
    let server = TestNats::start().await;
    let nats = start(&server).await;
    let (running, seen) = consume(&nats, |revision, delivered| match (revision, delivered) {
        (2, 1) => Verdict::Retry(Duration::from_millis(1)),
        _ => Verdict::Done,
    });
    for revision in 1..=2 {
        publish_and_wait(&nats, &change(1, revision), PATIENCE).await.unwrap();
    }
    saw(&seen, &[(1, 1), (2, 1), (2, 2)]).await;
    settled(&server).await;
    running.stop().await;
}

#[tokio::test]
async fn what_can_never_work_becomes_a_dead_letter_and_holds_up_nothing() {
    let server = TestNats::start().await;
    let nats = start(&server).await;
    let (running, seen) = consume(&nats, |revision, _| match revision {
        1 => Verdict::Reject("no such\r\ncluster".to_owned()),
        2 => Verdict::Retry(Duration::from_millis(1)),
        _ => Verdict::Done,
    });
    for revision in 1..=3 {
        publish_and_wait(&nats, &change(1, revision), PATIENCE).await.unwrap();
    }
    saw(&seen, &[(1, 1), (2, 1), (2, 2), (2, 3), (3, 1)]).await;
    settled(&server).await;
    running.stop().await;

    let stranger = crate::stranger(&server.url()).await;
    let stream = stranger.get_stream("GWM_DEAD").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 2);
    for (sequence, reason) in [(1, "no such  cluster"), (2, "given up after 3 deliveries")] {
        let letter = stream.get_raw_message(sequence).await.unwrap();
        assert_eq!(letter.subject.as_str(), "gwm.dead.cache-updater");
        assert_eq!(letter.headers.get(dead::REASON).unwrap().as_str(), reason);
        assert_eq!(letter.headers.get(dead::SEQUENCE).unwrap().as_str(), sequence.to_string());
        assert_eq!(letter.headers.get(dead::CONSUMER).unwrap().as_str(), "cache-updater-test");
    }
}

#[tokio::test]
async fn it_goes_on_after_a_restarted_server_and_after_its_consumer_was_deleted() {
    let mut server = TestNats::start().await;
    let nats = start(&server).await;
    let (running, seen) = consume(&nats, |_, _| Verdict::Done);
    publish_and_wait(&nats, &change(1, 1), PATIENCE).await.unwrap();
    saw(&seen, &[(1, 1)]).await;
    settled(&server).await;

    // In order: a killed server forgets acknowledgements, and then waits for `ack_wait`.
    server.stop().await.unwrap();
    server.start_again().await.unwrap();
    wait_for("the stream", PATIENCE, async || {
        publish_and_wait(&nats, &change(1, 2), PATIENCE).await
    })
    .await;
    wait_for("the second", PATIENCE, async || {
        if seen.lock().unwrap().iter().any(|(revision, _)| *revision == 2) {
            Ok(())
        } else {
            Err("not there")
        }
    })
    .await;

    let stranger = crate::stranger(&server.url()).await;
    stranger.delete_consumer_from_stream("cache-updater-test", "GWM_INVENTORY").await.unwrap();
    publish_and_wait(&nats, &change(1, 3), PATIENCE).await.unwrap();
    // The new consumer begins at the beginning: effects are made once by the inbox.
    wait_for("the third", PATIENCE, async || {
        if seen.lock().unwrap().iter().any(|(revision, _)| *revision == 3) {
            Ok(())
        } else {
            Err("not there")
        }
    })
    .await;
    running.stop().await;
}
