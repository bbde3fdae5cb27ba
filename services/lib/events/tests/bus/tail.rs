use std::collections::BTreeSet;

use gwm_events::{
    Class, Event, Nats, Tail, TailFrom, TailItem, ensure_streams, publish_and_wait,
    types::inventory::Instance,
};
use gwm_testkit::TestNats;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{PATIENCE, bus, change};

struct Following {
    items: mpsc::Receiver<TailItem>,
    shutdown: CancellationToken,
}

fn follow(nats: &Nats, from: TailFrom) -> Following {
    let (out, items) = mpsc::channel(4);
    let shutdown = CancellationToken::new();
    let tail = Tail::new(nats.clone(), vec![(Class::Inventory, from)]);
    tokio::spawn(tail.run(out, shutdown.clone()));
    Following { items, shutdown }
}

impl Following {
    async fn next(&mut self) -> TailItem {
        tokio::time::timeout(PATIENCE, self.items.recv()).await.expect("an item").unwrap()
    }

    /// The revision and sequence of the next message.
    async fn message(&mut self) -> (u64, u64) {
        match self.next().await {
            TailItem::Message(message) => {
                let event = Event::<Instance>::decode(&message.payload).unwrap();
                (event.data.object.revision, message.stream_sequence)
            }
            reset @ TailItem::Reset { .. } => panic!("{reset:?}"),
        }
    }
}

async fn publish(nats: &Nats, revisions: std::ops::RangeInclusive<u64>) {
    for revision in revisions {
        publish_and_wait(nats, &change(1, revision), PATIENCE).await.unwrap();
    }
}

#[tokio::test]
async fn it_starts_where_it_is_told_to() {
    let server = TestNats::start().await;
    let nats = bus(&server, "cache-updater").await;
    ensure_streams(&nats, &[Class::Inventory]).await.unwrap();
    publish(&nats, 1..=5).await;
    for (from, first) in
        [(TailFrom::Last(2), 4), (TailFrom::Last(100), 1), (TailFrom::Sequence(3), 3)]
    {
        let mut following = follow(&nats, from);
        for revision in first..=5 {
            assert_eq!(following.message().await, (revision, revision), "{from:?}");
        }
        following.shutdown.cancel();
        assert!(following.items.recv().await.is_none());
    }
}

#[tokio::test]
async fn it_misses_nothing_and_repeats_nothing_when_the_server_is_killed() {
    let mut server = TestNats::start().await;
    let nats = bus(&server, "cache-updater").await;
    ensure_streams(&nats, &[Class::Inventory]).await.unwrap();
    publish(&nats, 1..=50).await;
    let mut following = follow(&nats, TailFrom::Sequence(1));
    let mut seen = BTreeSet::new();
    for _ in 0..10 {
        seen.insert(following.message().await.1);
    }
    server.kill().await.unwrap();
    server.start_again().await.unwrap();
    gwm_testkit::wait_for("the stream", PATIENCE, async || {
        publish_and_wait(&nats, &change(1, 51), PATIENCE).await
    })
    .await;
    while seen.len() < 51 {
        let (_, sequence) = following.message().await;
        assert!(seen.insert(sequence), "{sequence} came twice");
        assert_eq!(seen.last(), Some(&sequence), "out of order");
    }
    assert_eq!(seen, (1..=51).collect());
}

#[tokio::test]
async fn a_place_that_the_stream_no_longer_has_is_a_reset() {
    let server = TestNats::start().await;
    let nats = bus(&server, "cache-updater").await;
    ensure_streams(&nats, &[Class::Inventory]).await.unwrap();
    publish(&nats, 1..=3).await;
    let mut following = follow(&nats, TailFrom::Sequence(900));
    match following.next().await {
        TailItem::Reset { class: Class::Inventory, next_sequence: 1 } => {}
        other @ (TailItem::Message(_) | TailItem::Reset { .. }) => panic!("{other:?}"),
    }
    assert_eq!(following.message().await, (1, 1));
}

#[tokio::test]
async fn a_stream_made_anew_under_it_is_a_reset() {
    let server = TestNats::start().await;
    let nats = bus(&server, "cache-updater").await;
    ensure_streams(&nats, &[Class::Inventory]).await.unwrap();
    publish(&nats, 1..=3).await;
    let mut following = follow(&nats, TailFrom::Sequence(1));
    for revision in 1..=3 {
        assert_eq!(following.message().await, (revision, revision));
    }
    crate::stranger(&server.url()).await.delete_stream("GWM_INVENTORY").await.unwrap();
    ensure_streams(&nats, &[Class::Inventory]).await.unwrap();
    publish(&nats, 4..=8).await;
    match following.next().await {
        TailItem::Reset { class: Class::Inventory, next_sequence: 1 } => {}
        other @ (TailItem::Message(_) | TailItem::Reset { .. }) => panic!("{other:?}"),
    }
    assert_eq!(following.message().await, (4, 1));
}
