use gwm_pg::inbox::first_time;
use uuid::Uuid;

use crate::database;

#[tokio::test]
async fn an_event_counts_once_for_each_consumer() {
    let pool = database("inbox").await;
    let event = Uuid::now_v7();
    let mut connection = pool.acquire().await.unwrap();
    assert!(first_time(&mut connection, "auth-intake", event).await.unwrap());
    assert!(!first_time(&mut connection, "auth-intake", event).await.unwrap());
    assert!(first_time(&mut connection, "auth-usage", event).await.unwrap());
}

#[tokio::test]
async fn a_rolled_back_effect_leaves_the_event_for_the_next_time() {
    let pool = database("inbox_rollback").await;
    let event = Uuid::now_v7();
    let mut tx = pool.begin().await.unwrap();
    assert!(first_time(&mut tx, "auth-intake", event).await.unwrap());
    tx.rollback().await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    assert!(first_time(&mut tx, "auth-intake", event).await.unwrap());
}
