use gwm_events::{Class, Error, ensure_streams, publish_and_wait};
use gwm_testkit::{TestNats, wait_for};

use crate::{
    PATIENCE, all_published, assert_in_order, bus, change, commit, database, lazy_bus, relay,
    stored,
};

#[tokio::test]
async fn what_is_committed_while_nats_is_down_is_published_in_order_afterwards() {
    let (mut server, pool) = (TestNats::start().await, database("outage").await);
    let nats = bus(&server, "cache-updater").await;
    let running = relay(&pool, &nats);
    let round = async |revision| {
        let events: Vec<_> = (0..20).map(|instance| change(instance, revision)).collect();
        commit(&pool, &events).await;
    };
    round(1).await;
    all_published(&pool).await;
    server.kill().await.unwrap();
    for revision in 2..=10 {
        round(revision).await;
    }
    wait_for("the loss to be noticed", PATIENCE, async || match nats.check() {
        Err(_) => Ok(()),
        Ok(()) => Err("still connected"),
    })
    .await;
    server.start_again().await.unwrap();
    all_published(&pool).await;
    running.stop().await;
    assert_in_order(&stored(&server).await, 20, 10);
}

#[tokio::test]
async fn a_service_starts_without_nats_and_uses_it_when_it_comes() {
    let mut server = TestNats::start().await;
    let url = server.url();
    server.kill().await.unwrap();
    let nats = lazy_bus(&url, "cache-updater").await;
    let refused = publish_and_wait(&nats, &change(1, 1), PATIENCE).await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    server.start_again().await.unwrap();
    wait_for("the bus", PATIENCE, async || nats.check()).await;
    ensure_streams(&nats, &[Class::Inventory]).await.unwrap();
    assert_eq!(publish_and_wait(&nats, &change(1, 1), PATIENCE).await.unwrap(), 1);
}

#[tokio::test]
async fn streams_that_differ_are_updated_and_keep_their_messages() {
    let server = TestNats::start().await;
    let nats = bus(&server, "cache-updater").await;
    ensure_streams(&nats, &[Class::Inventory]).await.unwrap();
    publish_and_wait(&nats, &change(1, 1), PATIENCE).await.unwrap();
    let stranger = crate::stranger(&server.url()).await;
    let mut stream = stranger.get_stream("GWM_INVENTORY").await.unwrap();
    let mut config = stream.cached_info().config.clone();
    config.max_age = std::time::Duration::from_secs(3600);
    config.duplicate_window = std::time::Duration::from_secs(60);
    config.max_bytes = 1 << 30;
    stranger.update_stream(config).await.unwrap();
    ensure_streams(&nats, &[Class::Inventory]).await.unwrap();
    let info = stream.info().await.unwrap();
    assert_eq!(info.config.max_age.as_secs(), 14 * 86400);
    assert_eq!(info.config.duplicate_window.as_secs(), 600);
    assert_eq!(info.config.max_bytes, 1 << 30, "an operator's limit stays");
    assert_eq!(info.state.messages, 1);
}

#[tokio::test]
async fn an_update_that_the_server_refuses_is_an_error_and_deletes_nothing() {
    let server = TestNats::start().await;
    let stranger = crate::stranger(&server.url()).await;
    let memory = async_nats::jetstream::stream::Config {
        name: "OTHER".to_owned(),
        subjects: vec!["gwm.v1.inventory.alpha.>".to_owned()],
        ..Default::default()
    };
    stranger.create_stream(memory).await.unwrap();
    let nats = bus(&server, "cache-updater").await;
    let error = ensure_streams(&nats, &[Class::Inventory]).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert!(error.to_string().contains("GWM_INVENTORY"), "{error}");
}
