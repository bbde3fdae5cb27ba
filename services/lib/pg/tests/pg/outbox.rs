use std::time::Duration;

use gwm_pg::outbox::{self, OutboxRow, Published};
use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::database;

fn row(object: &str, payload: &str) -> OutboxRow {
    OutboxRow {
        event_id: Uuid::now_v7(),
        object_key: object.to_owned(),
        class: "inventory".to_owned(),
        subject: format!("gwm.v1.inventory.alpha.instance.{object}.changed"),
        payload: payload.to_owned(),
        traceparent: None,
    }
}

async fn payloads(connection: &mut PgConnection) -> Vec<String> {
    let rows = outbox::fetch_unpublished(connection, 100).await.unwrap();
    rows.into_iter().map(|row| row.payload).collect()
}

async fn publish_all(pool: &PgPool, sequence: i64) {
    let mut connection = pool.acquire().await.unwrap();
    let rows = outbox::fetch_unpublished(&mut connection, 100).await.unwrap();
    let published: Vec<Published> = rows
        .into_iter()
        .map(|row| Published {
            position: row.position,
            class: row.class,
            stream_sequence: sequence,
        })
        .collect();
    outbox::mark_published(&mut connection, &published).await.unwrap();
}

async fn acknowledged(pool: &PgPool) -> i64 {
    let mut connection = pool.acquire().await.unwrap();
    outbox::acknowledged_sequence(&mut connection, "inventory").await.unwrap()
}

#[tokio::test]
async fn only_what_is_committed_waits_and_in_its_order() {
    let pool = database("outbox").await;
    let mut tx = pool.begin().await.unwrap();
    outbox::append(&mut tx, &row("x", "rolled back")).await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    outbox::append(&mut tx, &row("x", "1")).await.unwrap();
    let object = |n: i32| if n % 2 == 0 { "a" } else { "x" };
    let many: Vec<OutboxRow> = (2..=9).map(|n| row(object(n), &n.to_string())).collect();
    outbox::append_all(&mut tx, &many).await.unwrap();
    tx.commit().await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    assert_eq!(payloads(&mut connection).await, ["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

#[tokio::test]
async fn a_commit_wakes_the_relay_and_a_bulk_insert_wakes_it_once() {
    let pool = database("outbox_notify").await;
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    listener.listen(outbox::CHANNEL).await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    let many: Vec<OutboxRow> = (0..100).map(|n| row("x", &n.to_string())).collect();
    outbox::append_all(&mut tx, &many).await.unwrap();
    tx.commit().await.unwrap();
    listener.recv().await.unwrap();
    sqlx::query("select pg_notify('gwm_outbox', 'end')").execute(&pool).await.unwrap();
    assert_eq!(listener.recv().await.unwrap().payload(), "end");
}

#[tokio::test]
async fn the_acknowledged_sequence_only_grows_and_outlives_the_rows() {
    let pool = database("outbox_acknowledged").await;
    assert_eq!(acknowledged(&pool).await, 0);
    let mut connection = pool.acquire().await.unwrap();
    outbox::append(&mut connection, &row("x", "1")).await.unwrap();
    publish_all(&pool, 41).await;
    outbox::append(&mut connection, &row("y", "2")).await.unwrap();
    publish_all(&pool, 40).await;
    assert_eq!(acknowledged(&pool).await, 41);
    assert!(payloads(&mut connection).await.is_empty());

    sqlx::query("update outbox set published_at = now() - interval '2 days' where payload = '1'")
        .execute(&pool)
        .await
        .unwrap();
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(outbox::purge_published(&pool, day).await.unwrap(), 1);
    assert_eq!(acknowledged(&pool).await, 41);
    assert_eq!(outbox::backlog(&mut connection).await.unwrap().rows, 0);
}

#[tokio::test]
async fn a_stream_made_anew_is_noticed_and_its_numbers_begin_again() {
    let pool = database("outbox_stream").await;
    let mut connection = pool.acquire().await.unwrap();
    outbox::append(&mut connection, &row("x", "1")).await.unwrap();
    publish_all(&pool, 41).await;
    for (created_at, recreated, then) in [("t1", false, 41), ("t1", false, 41), ("t2", true, 0)] {
        let seen = outbox::observe_stream(&mut connection, "inventory", created_at).await.unwrap();
        assert_eq!((seen, acknowledged(&pool).await), (recreated, then), "{created_at}");
    }
}

#[tokio::test]
async fn one_relay_at_a_time_until_its_connection_ends() {
    let pool = database("outbox_lock").await;
    let mut first = pool.acquire().await.unwrap().detach();
    let mut second = pool.acquire().await.unwrap().detach();
    assert!(outbox::try_lock_relay(&mut first).await.unwrap());
    assert!(!outbox::try_lock_relay(&mut second).await.unwrap());
    sqlx::Connection::close(first).await.unwrap();
    let took = gwm_testkit::wait_for("the lock", Duration::from_secs(10), async || {
        match outbox::try_lock_relay(&mut second).await.unwrap() {
            true => Ok(true),
            false => Err("still locked"),
        }
    })
    .await;
    assert!(took);
}
