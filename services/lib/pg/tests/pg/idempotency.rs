use gwm_pg::idempotency::{Begin, begin, complete};
use sqlx::PgPool;

use crate::database;

const HASH: &[u8] = b"hash of the request";

async fn finish(pool: &PgPool, principal: &str, key: &str) -> Begin {
    let mut tx = pool.begin().await.unwrap();
    let known = begin(&mut tx, principal, "SubmitJob", key, HASH).await.unwrap();
    if known == Begin::Fresh {
        complete(&mut tx, principal, "SubmitJob", key, b"job 1").await.unwrap();
    }
    tx.commit().await.unwrap();
    known
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_another_is_refused() {
    let pool = database("idempotency").await;
    assert_eq!(finish(&pool, "jane", "k").await, Begin::Fresh);
    assert_eq!(finish(&pool, "jane", "k").await, Begin::Replay(b"job 1".to_vec()));
    assert_eq!(finish(&pool, "joe", "k").await, Begin::Fresh);
    let mut tx = pool.begin().await.unwrap();
    let other = begin(&mut tx, "jane", "SubmitJob", "k", b"another body").await.unwrap();
    assert_eq!(other, Begin::Reused);
}

#[tokio::test]
async fn a_request_that_is_being_worked_on_is_in_progress_and_never_waits() {
    let pool = database("idempotency_busy").await;
    let mut first = pool.begin().await.unwrap();
    assert_eq!(begin(&mut first, "jane", "SubmitJob", "k", HASH).await.unwrap(), Begin::Fresh);
    assert_eq!(finish(&pool, "jane", "k").await, Begin::InProgress);
    first.rollback().await.unwrap();
    assert_eq!(finish(&pool, "jane", "k").await, Begin::Fresh);
}

#[tokio::test]
async fn a_key_is_free_again_after_a_day() {
    let pool = database("idempotency_old").await;
    assert_eq!(finish(&pool, "jane", "k").await, Begin::Fresh);
    let age = "update idempotency set created_at = created_at - interval '25 hours'";
    sqlx::query(age).execute(&pool).await.unwrap();
    assert_eq!(finish(&pool, "jane", "k").await, Begin::Fresh);
    sqlx::query(age).execute(&pool).await.unwrap();
    assert_eq!(gwm_pg::idempotency::purge(&pool).await.unwrap(), 1);
}
