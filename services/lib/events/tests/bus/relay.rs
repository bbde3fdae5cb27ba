use std::time::Duration;

use gwm_events::{Class, Outgoing, ensure_streams, send};
use gwm_testkit::{TestNats, wait_for};

use crate::{
    PATIENCE, all_published, assert_in_order, bus, change, commit, database, relay, stored,
};

#[tokio::test]
async fn a_rolled_back_change_publishes_nothing_and_a_committed_one_once() {
    let (server, pool) = (TestNats::start().await, database("rollback").await);
    let nats = bus(&server, "cache-updater").await;
    let running = relay(&pool, &nats);
    let mut tx = pool.begin().await.unwrap();
    gwm_pg::outbox::append(&mut tx, &change(1, 7).outbox_row().unwrap()).await.unwrap();
    tx.rollback().await.unwrap();
    commit(&pool, &[change(1, 1)]).await;
    all_published(&pool).await;
    running.stop().await;
    assert_in_order(&stored(&server).await, 1, 1);
    let mut connection = pool.acquire().await.unwrap();
    let acknowledged = gwm_pg::outbox::acknowledged_sequence(&mut connection, "inventory");
    assert_eq!(acknowledged.await.unwrap(), 1);
}

#[tokio::test]
async fn what_was_published_but_not_marked_is_published_again_and_stored_once() {
    let (server, pool) = (TestNats::start().await, database("unmarked").await);
    let nats = bus(&server, "cache-updater").await;
    ensure_streams(&nats, &[Class::Inventory]).await.unwrap();
    let event = change(1, 1);
    commit(&pool, std::slice::from_ref(&event)).await;
    // As a relay does that dies before it marks.
    let message = Outgoing {
        subject: event.nats_subject().unwrap().to_string(),
        message_id: event.id.to_string(),
        payload: event.encode().unwrap().into(),
        traceparent: None,
    };
    let sequence = send(&nats, message, PATIENCE).await.unwrap();
    let running = relay(&pool, &nats);
    all_published(&pool).await;
    running.stop().await;
    assert_in_order(&stored(&server).await, 1, 1);
    let marked: i64 =
        sqlx::query_scalar("select stream_sequence from outbox").fetch_one(&pool).await.unwrap();
    assert_eq!(u64::try_from(marked).unwrap(), sequence);
}

#[tokio::test]
async fn events_of_one_object_keep_their_order_while_two_relays_take_turns() {
    let (server, pool) = (TestNats::start().await, database("order").await);
    let nats = bus(&server, "cache-updater").await;
    let (first, second) = (relay(&pool, &nats), relay(&pool, &nats));
    for revision in 1..=40 {
        let events: Vec<_> = (0..50).map(|instance| change(instance, revision)).collect();
        commit(&pool, &events).await;
        if revision == 20 {
            // As a killed process: whatever it was at.
            first.task.abort();
        }
    }
    all_published(&pool).await;
    second.stop().await;
    assert_in_order(&stored(&server).await, 50, 40);
}

#[tokio::test]
async fn of_two_relays_one_works_and_the_other_takes_over() {
    let (server, pool) = (TestNats::start().await, database("takeover").await);
    let nats = bus(&server, "cache-updater").await;
    let relays = [relay(&pool, &nats), relay(&pool, &nats)];
    commit(&pool, &[change(1, 1)]).await;
    all_published(&pool).await;
    let locks: i64 =
        sqlx::query_scalar("select count(*) from pg_locks where locktype = 'advisory'")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(locks, 1);
    let [first, second] = relays;
    first.task.abort();
    commit(&pool, &[change(1, 2)]).await;
    all_published(&pool).await;
    second.task.abort();
    let third = relay(&pool, &nats);
    commit(&pool, &[change(1, 3)]).await;
    all_published(&pool).await;
    third.stop().await;
    assert_in_order(&stored(&server).await, 1, 3);
}

#[tokio::test]
async fn a_last_look_at_the_outbox_is_taken_at_shutdown() {
    let (server, pool) = (TestNats::start().await, database("shutdown").await);
    let nats = bus(&server, "cache-updater").await;
    let running = relay(&pool, &nats);
    commit(&pool, &[change(1, 1)]).await;
    all_published(&pool).await;
    sqlx::query("alter table outbox disable trigger all").execute(&pool).await.unwrap();
    commit(&pool, &[change(1, 2)]).await;
    running.stop().await;
    assert_in_order(&stored(&server).await, 1, 2);
}

#[tokio::test]
async fn a_commit_reaches_the_stream_without_waiting_for_the_next_look() {
    let (server, pool) = (TestNats::start().await, database("wake").await);
    let nats = bus(&server, "cache-updater").await;
    let running = relay(&pool, &nats);
    commit(&pool, &[change(1, 1)]).await;
    all_published(&pool).await;
    // Ten commits, one after the other: by its own clock the relay would take ten seconds.
    let begun = std::time::Instant::now();
    for revision in 2..=11 {
        commit(&pool, &[change(1, revision)]).await;
        all_published(&pool).await;
    }
    let took = begun.elapsed();
    running.stop().await;
    assert!(took < Duration::from_secs(6), "{took:?}");
}

#[tokio::test]
async fn a_stream_that_was_made_anew_is_told_of_and_sequences_begin_again() {
    let (server, pool) = (TestNats::start().await, database("anew").await);
    let nats = bus(&server, "cache-updater").await;
    let running = relay(&pool, &nats);
    commit(&pool, &[change(1, 1), change(2, 1), change(3, 1)]).await;
    all_published(&pool).await;
    running.stop().await;
    let stranger = crate::stranger(&server.url()).await;
    stranger.delete_stream("GWM_INVENTORY").await.unwrap();
    let running = relay(&pool, &nats);
    let subject = wait_for("the reset", PATIENCE, async || {
        let stream =
            stranger.get_stream("GWM_INVENTORY").await.map_err(|error| error.to_string())?;
        let first = stream.get_raw_message(1).await.map_err(|error| error.to_string())?;
        Ok::<_, String>(first.subject.to_string())
    })
    .await;
    assert_eq!(subject, "gwm.v1.inventory._.stream.inventory.reset");
    all_published(&pool).await;
    running.stop().await;
    let mut connection = pool.acquire().await.unwrap();
    let acknowledged = gwm_pg::outbox::acknowledged_sequence(&mut connection, "inventory");
    assert_eq!(acknowledged.await.unwrap(), 1);
}
