//! Reading again: what integrators can do with the mirrors, and all that they can not.

use async_nats::Client;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::Info;
use async_nats::jetstream::{self, Context};
use futures::StreamExt;
use gwm_events::types::inventory::Instance;
use gwm_events::{Class, Event, Nats, ensure_mirrors, ensure_streams, publish_and_wait};
use gwm_testkit::wait_for;
use serde_json::{Value, json};

use crate::users::{Installation, installation, was_refused};
use crate::{PATIENCE, change, commit, database, relay};

const STREAM: &str = "GWM_INVENTORY";

/// An event of another cluster.
fn elsewhere(instance: u32) -> Event<Instance> {
    let mut event = change(instance, 1);
    event.data.object.cluster = "beta".to_owned();
    event
}

/// Twenty events, of the clusters alpha and beta in turn, mirrored.
async fn stocked() -> (Installation, Nats) {
    let installation = installation().await;
    let cache = installation.service("cache-updater").await;
    ensure_streams(&cache, &[Class::Inventory]).await.unwrap();
    ensure_mirrors(&cache, &[Class::Inventory]).await.unwrap();
    for instance in 1..=10 {
        publish_and_wait(&cache, &change(instance, 1), PATIENCE).await.unwrap();
        publish_and_wait(&cache, &elsewhere(instance), PATIENCE).await.unwrap();
    }
    (installation, cache)
}

fn replay(client: &Client) -> Context {
    jetstream::with_domain(client.clone(), "replay")
}

/// The mirror, once it has so many messages.
async fn mirror(reader: &Client, last_sequence: u64) -> Info {
    let context = replay(reader);
    wait_for("the mirror", PATIENCE, async || {
        let stream = context.get_stream(STREAM).await.map_err(|error| error.to_string())?;
        let info = stream.cached_info().clone();
        let last = info.state.last_sequence;
        if last == last_sequence { Ok(info) } else { Err(format!("it is at {last}")) }
    })
    .await
}

/// Sequences of what a consumer has, up to the mirror's end.
/// What is there for it now.
async fn sequences(consumer: &PullConsumer, limit: usize) -> Vec<u64> {
    let messages = consumer.fetch().max_messages(limit).messages().await.unwrap();
    messages
        .map(|message| {
            let message = message.unwrap();
            message.info().unwrap().stream_sequence
        })
        .collect()
        .await
}

/// The next ones, however soon they come: a consumer is told a moment later that its stream has more.
async fn next(consumer: &PullConsumer, count: usize) -> Vec<u64> {
    let messages = consumer.messages().await.unwrap().take(count);
    let sequences = messages.map(|message| message.unwrap().info().unwrap().stream_sequence);
    tokio::time::timeout(PATIENCE, sequences.collect()).await.unwrap()
}

fn from(name: &str, sequence: u64) -> pull::Config {
    pull::Config {
        name: Some(name.to_owned()),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: sequence },
        ack_policy: AckPolicy::None,
        ..pull::Config::default()
    }
}

/// A request as it is, and the code of what is wrong with it.
async fn ask(client: &Client, request: &str, body: &Value) -> Value {
    let subject = format!("$JS.replay.API.{request}");
    let answer = client.request(subject, body.to_string().into()).await.unwrap();
    serde_json::from_slice(&answer.payload).unwrap()
}

async fn refusal(client: &Client, request: &str, config: Value) -> u64 {
    let body = json!({ "stream_name": STREAM, "config": config });
    let answer = ask(client, request, &body).await;
    answer["error"]["err_code"].as_u64().unwrap_or_else(|| panic!("{request}: {answer}"))
}

#[tokio::test]
async fn a_reader_starts_after_any_sequence_and_its_durable_consumer_remembers() {
    let (installation, cache) = stocked().await;
    let (reader, _) = installation.reader().await;
    mirror(&reader, 20).await;
    let context = replay(&reader);
    let consumer = context.create_consumer_on_stream(from("reader", 12), STREAM).await.unwrap();
    assert_eq!(sequences(&consumer, 100).await, (12..=20).collect::<Vec<_>>());
    // What is published now comes too.
    publish_and_wait(&cache, &change(11, 1), PATIENCE).await.unwrap();
    mirror(&reader, 21).await;
    assert_eq!(next(&consumer, 1).await, [21]);
    let stream = context.get_stream(STREAM).await.unwrap();
    stream.delete_consumer("reader").await.unwrap();

    let durable = pull::Config {
        durable_name: Some("reader".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ..from("reader", 5)
    };
    let consumer = context.create_consumer_on_stream(durable.clone(), STREAM).await.unwrap();
    let mut messages = consumer.fetch().max_messages(3).messages().await.unwrap();
    while let Some(message) = messages.next().await {
        message.unwrap().double_ack().await.unwrap();
    }
    drop(reader);
    let (reader, _) = installation.reader().await;
    let again = replay(&reader).create_consumer_on_stream(durable, STREAM).await.unwrap();
    assert_eq!(sequences(&again, 2).await, [8, 9]);
}

#[tokio::test]
async fn a_reader_can_ask_for_nothing_but_its_own_consumers() {
    let (installation, _cache) = stocked().await;
    let (reader, refused) = installation.reader().await;
    mirror(&reader, 20).await;
    let subjects = [
        "$JS.replay.API.INFO",
        "$JS.replay.API.STREAM.NAMES",
        "$JS.replay.API.STREAM.CREATE.MINE",
        "$JS.replay.API.STREAM.UPDATE.GWM_INVENTORY",
        "$JS.replay.API.STREAM.DELETE.GWM_INVENTORY",
        "$JS.replay.API.STREAM.PURGE.GWM_INVENTORY",
        "$JS.replay.API.STREAM.MSG.GET.GWM_INVENTORY",
        "$JS.replay.API.STREAM.MSG.DELETE.GWM_INVENTORY",
        "$JS.replay.API.DIRECT.GET.GWM_INVENTORY",
        "$JS.replay.API.CONSUMER.NAMES.GWM_INVENTORY",
        "$JS.replay.API.CONSUMER.CREATE.GWM_INVENTORY",
        "$JS.replay.API.CONSUMER.CREATE.GWM_INVENTORY.other",
        "$JS.replay.API.CONSUMER.CREATE.GWM_INVENTORY.alpha-reader_alpha.gwm.v1.>",
        "$JS.replay.API.CONSUMER.DURABLE.CREATE.GWM_INVENTORY.reader",
        "$JS.replay.API.CONSUMER.MSG.NEXT.GWM_INVENTORY.alpha-reader_alpha",
        "$JS.replay.API.CONSUMER.DELETE.GWM_INVENTORY.alpha-reader_alpha",
        "$JS.API.STREAM.CREATE.MINE",
        "$JS.API.CONSUMER.CREATE.GWM_INVENTORY.reader",
        "$JS.ACK.GWM_INVENTORY.alpha-reader_alpha.1.1.1.1.0",
        "$JS.FC.GWM_INVENTORY.any.thing",
        "replay.js.STREAM.DELETE.GWM_INVENTORY",
        "replay.mirror.any",
        "origin.js.CONSUMER.CREATE.GWM_INVENTORY",
    ];
    for subject in subjects {
        reader.publish(subject, "".into()).await.unwrap();
    }
    let told: Vec<String> = subjects.iter().map(|s| format!("Publish to \"{s}\"")).collect();
    was_refused(&refused, &told.iter().map(String::as_str).collect::<Vec<_>>()).await;

    // Another's name in the body does not help: the server takes the subject's.
    let create = format!("CONSUMER.CREATE.{STREAM}.reader");
    let durable = json!({ "name": "reader", "durable_name": "other", "ack_policy": "none" });
    assert_eq!(refusal(&reader, &create, durable).await, 10017);
    let body =
        json!({ "stream_name": STREAM, "config": { "name": "other", "ack_policy": "none" } });
    assert_eq!(ask(&reader, &create, &body).await["name"], "reader");
    // What is not for integrators isn't even there.
    let intake = json!({ "stream_name": "GWM_INTAKE", "config": { "ack_policy": "none" } });
    let answer = ask(&reader, "CONSUMER.CREATE.GWM_INTAKE.reader", &intake).await;
    assert_eq!(answer["error"]["err_code"], 10059, "{answer}");
}

#[tokio::test]
async fn a_limited_reader_gets_its_clusters_events_whatever_it_asks_for() {
    let (installation, cache) = stocked().await;
    let (reader, _) = installation.reader().await;
    let (alpha, refused) = installation.alpha_reader().await;
    mirror(&reader, 20).await;
    let everything =
        replay(&reader).create_consumer_on_stream(from("reader", 1), STREAM).await.unwrap();

    let (name, own) = ("alpha-reader_alpha", "gwm.v1.*.alpha.>");
    let create = format!("CONSUMER.CREATE.{STREAM}.{name}");
    let with_own = format!("{create}.{own}");
    for config in [
        json!({}),
        json!({ "filter_subject": "gwm.v1.>" }),
        json!({ "filter_subject": "gwm.v1.*.beta.>" }),
    ] {
        assert_eq!(refusal(&alpha, &with_own, config).await, 10131);
    }
    for config in [
        json!({ "filter_subjects": [own, "gwm.v1.*.beta.>"] }),
        json!({ "filter_subjects": ["gwm.v1.>"] }),
        json!({ "filter_subject": own, "filter_subjects": ["gwm.v1.*.beta.>"] }),
    ] {
        assert_eq!(refusal(&alpha, &with_own, config).await, 10137);
    }
    let subjects = [
        // It would tell the subjects of all that is kept.
        format!("$JS.replay.API.STREAM.INFO.{STREAM}"),
        format!("$JS.replay.API.{create}"),
        format!("$JS.replay.API.{create}.gwm.v1.>"),
        format!("$JS.replay.API.{create}.gwm.v1.*.*.>"),
        format!("$JS.replay.API.{create}.gwm.v1.*.beta.>"),
        format!("$JS.replay.API.CONSUMER.CREATE.{STREAM}.reader.{own}"),
        // It would be given what the other one is entitled to.
        format!("$JS.replay.API.CONSUMER.MSG.NEXT.{STREAM}.reader"),
        format!("$JS.replay.API.CONSUMER.DELETE.{STREAM}.reader"),
    ];
    for subject in &subjects {
        alpha.publish(subject.clone(), "".into()).await.unwrap();
    }
    let told: Vec<String> = subjects.iter().map(|s| format!("Publish to \"{s}\"")).collect();
    was_refused(&refused, &told.iter().map(String::as_str).collect::<Vec<_>>()).await;

    let config = pull::Config { filter_subject: own.to_owned(), ..from(name, 10) };
    let consumer = replay(&alpha).create_consumer_on_stream(config, STREAM).await.unwrap();
    // And once it is there, it can't be widened.
    assert_eq!(refusal(&alpha, &with_own, json!({ "filter_subject": "gwm.v1.>" })).await, 10131);
    publish_and_wait(&cache, &elsewhere(11), PATIENCE).await.unwrap();
    publish_and_wait(&cache, &change(11, 1), PATIENCE).await.unwrap();
    mirror(&reader, 22).await;
    assert_eq!(next(&consumer, 6).await, [11, 13, 15, 17, 19, 22]);
    assert_eq!(next(&everything, 22).await.last(), Some(&22), "nobody took any of these");
}

/// A consumer may deliver to any subject of its account, so that account must be empty.
#[tokio::test]
async fn what_a_consumer_delivers_by_itself_reaches_nobody() {
    let (installation, cache) = stocked().await;
    let auth = installation.service("auth").await;
    ensure_streams(&auth, &[Class::Intake]).await.unwrap();
    let (reader, _) = installation.reader().await;
    let (alpha, _) = installation.alpha_reader().await;
    let before = mirror(&reader, 20).await;
    let mut live = alpha.subscribe("gwm.v1.*.alpha.>").await.unwrap();
    let mut inbox = alpha.subscribe("_INBOX_alpha-reader.>").await.unwrap();
    alpha.flush().await.unwrap();

    for subject in [
        "gwm.intake.auth.record.appended",
        "gwm.v1.inventory.alpha.instance.1.changed",
        "_INBOX_auth.any",
        "_INBOX_alpha-reader.any",
        "$JS.API.STREAM.DELETE.GWM_INVENTORY",
        "$JS.API.STREAM.PURGE.GWM_INVENTORY",
        "replay.js.STREAM.DELETE.GWM_INVENTORY",
        "replay.mirror.any",
        "origin.js.CONSUMER.CREATE.GWM_INVENTORY",
    ] {
        // Without bodies: some requests must have none.
        let body = json!({ "stream_name": STREAM, "config": {
            "name": "reader", "ack_policy": "none", "deliver_policy": "all",
            "deliver_subject": subject, "headers_only": true, "idle_heartbeat": 100_000_000,
        }});
        let made = ask(&reader, &format!("CONSUMER.CREATE.{STREAM}.reader"), &body).await;
        assert!(made["error"].is_null(), "{subject}: {made}");
        let event = change(11, 1);
        let sequence = publish_and_wait(&cache, &event, PATIENCE).await.unwrap();
        mirror(&reader, sequence).await;
        let message = live.next().await.unwrap();
        assert_eq!(
            Event::<Instance>::decode(&message.payload).unwrap().id,
            event.id,
            "{subject}: something else came"
        );
        let gone = ask(&reader, &format!("CONSUMER.DELETE.{STREAM}.reader"), &json!({})).await;
        assert_eq!(gone["success"], true, "{gone}");
    }
    let after = mirror(&reader, 29).await;
    assert_eq!((after.created, after.state.messages), (before.created, 29));
    let pending = futures::FutureExt::now_or_never(inbox.next());
    assert!(pending.is_none(), "{pending:?}");
    let stored = publish_and_wait_intake(&auth).await;
    assert_eq!(stored, 1, "nothing came to the intake before");
}

async fn publish_and_wait_intake(auth: &Nats) -> u64 {
    let event = change(1, 1);
    gwm_events::publish_intake_and_wait(auth, &event, PATIENCE).await.unwrap()
}

#[tokio::test]
async fn a_mirror_survives_restarts_and_begins_again_with_its_stream() {
    let (mut installation, cache) = stocked().await;
    let (reader, _) = installation.reader().await;
    let first = mirror(&reader, 20).await;
    ensure_mirrors(&cache, &[Class::Inventory]).await.unwrap();
    assert_eq!(mirror(&reader, 20).await.created, first.created, "it was good");

    installation.server.kill().await.unwrap();
    assert!(ensure_mirrors(&cache, &[Class::Inventory]).await.unwrap_err().is_unavailable());
    installation.server.start_again().await.unwrap();
    wait_for("the bus", PATIENCE, async || cache.check()).await;
    publish_and_wait(&cache, &change(11, 1), PATIENCE).await.unwrap();
    assert_eq!(mirror(&reader, 21).await.created, first.created);

    // Services can't delete their streams, an operator can.
    installation.operator().await.delete_stream(STREAM).await.unwrap();
    ensure_streams(&cache, &[Class::Inventory]).await.unwrap();
    publish_and_wait(&cache, &change(12, 1), PATIENCE).await.unwrap();
    ensure_mirrors(&cache, &[Class::Inventory]).await.unwrap();
    let second = mirror(&reader, 1).await;
    assert_ne!(second.created, first.created);
}

#[tokio::test]
async fn the_relay_makes_the_mirrors_of_its_classes_as_soon_as_it_can() {
    let (mut installation, pool) = (installation().await, database("mirrors").await);
    let cache = installation.service("cache-updater").await;
    installation.server.kill().await.unwrap();
    let running = relay(&pool, &cache);
    commit(&pool, &[change(1, 1), change(2, 1)]).await;
    installation.server.start_again().await.unwrap();
    let (reader, _) = installation.reader().await;
    mirror(&reader, 2).await;
    running.stop().await;
}
