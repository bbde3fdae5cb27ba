use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use gwm_events::server_config::{NatsUser, Role, SERVICES, server_config};
use gwm_events::types::Object;
use gwm_events::types::access::{USER_CREATED, User};
use gwm_events::types::console::{CONSOLE_OPENED, Console};
use gwm_events::{
    Class, Event, Nats, NatsSettings, Outgoing, REQUESTS, connect, ensure_streams,
    publish_and_wait, publish_intake_and_wait, send,
};
use gwm_testkit::nats::NatsKey;
use gwm_testkit::{TestNats, wait_for};

use crate::{PATIENCE, change};

pub(crate) struct Installation {
    pub(crate) server: TestNats,
    keys: Vec<NatsKey>,
    reader: NatsKey,
    alpha_reader: NatsKey,
}

pub(crate) async fn installation() -> Installation {
    let keys: Vec<NatsKey> = SERVICES.iter().map(|_| NatsKey::generate()).collect();
    let (reader, alpha_reader) = (NatsKey::generate(), NatsKey::generate());
    let mut users: Vec<NatsUser> = SERVICES
        .iter()
        .zip(&keys)
        .map(|(service, key)| NatsUser {
            public_key: key.public.clone(),
            role: Role::Service((*service).to_owned()),
        })
        .collect();
    for (key, name, clusters) in
        [(&reader, "reader", Vec::new()), (&alpha_reader, "alpha-reader", vec!["alpha".to_owned()])]
    {
        let role = Role::Integrator { name: name.to_owned(), clusters };
        users.push(NatsUser { public_key: key.public.clone(), role });
    }
    let operator = "users: [ { user: operator, password: operator }";
    let text = server_config(&users).unwrap().replacen("users: [", operator, 1);
    let server = TestNats::with(&text).await;
    Installation { server, keys, reader, alpha_reader }
}

impl Installation {
    pub(crate) async fn service(&self, name: &str) -> Nats {
        let place = SERVICES.iter().position(|service| *service == name).unwrap();
        let settings = NatsSettings {
            urls: vec![self.server.url()],
            nkey_seed: Some(self.keys[place].seed.clone().into()),
            ..NatsSettings::default()
        };
        let nats = connect(&settings, name).await.unwrap();
        wait_for("the bus", PATIENCE, async || nats.check()).await;
        nats
    }

    /// One who may do everything in the services' account.
    pub(crate) async fn operator(&self) -> async_nats::jetstream::Context {
        let options = async_nats::ConnectOptions::new();
        let options = options.user_and_password("operator".to_owned(), "operator".to_owned());
        async_nats::jetstream::new(options.connect(self.server.url()).await.unwrap())
    }

    /// The one who reads everything, and what the server refused it.
    pub(crate) async fn reader(&self) -> (async_nats::Client, Refusals) {
        self.integrator(&self.reader, "reader").await
    }

    /// The one who reads of the cluster alpha only.
    pub(crate) async fn alpha_reader(&self) -> (async_nats::Client, Refusals) {
        self.integrator(&self.alpha_reader, "alpha-reader").await
    }

    async fn integrator(&self, key: &NatsKey, name: &str) -> (async_nats::Client, Refusals) {
        let refusals = Refusals::default();
        let noted = Arc::clone(&refusals);
        let options = async_nats::ConnectOptions::with_nkey(key.seed.clone())
            .custom_inbox_prefix(format!("_INBOX_{name}"))
            .event_callback(move |event| {
                if let async_nats::Event::ServerError(error) = event {
                    noted.lock().unwrap().push(error.to_string());
                }
                std::future::ready(())
            });
        (options.connect(self.server.url()).await.unwrap(), refusals)
    }
}

pub(crate) type Refusals = Arc<Mutex<Vec<String>>>;

pub(crate) async fn was_refused(refusals: &Refusals, what: &[&str]) {
    wait_for("the refusals", PATIENCE, async || {
        let refusals = refusals.lock().unwrap().clone();
        let told = |what: &&str| refusals.iter().any(|refusal| refusal.contains(*what));
        if what.iter().all(told) { Ok(()) } else { Err(format!("{refusals:?}")) }
    })
    .await;
}

fn console_event() -> Event<Console> {
    Event::new(CONSOLE_OPENED, "vnc-proxy", chrono::Utc::now(), Console::example("opened"))
}

fn user_event(service: &str) -> Event<User> {
    Event::new(USER_CREATED, service, chrono::Utc::now(), User::example("created"))
}

#[tokio::test]
async fn nobody_comes_in_without_a_key_that_is_known() {
    let installation = installation().await;
    let url = installation.server.url();
    let anonymous = async_nats::connect(&url).await.unwrap_err();
    assert!(anonymous.to_string().contains("authorization"), "{anonymous}");
    let stranger = async_nats::ConnectOptions::with_nkey(NatsKey::generate().seed);
    assert!(stranger.connect(&url).await.is_err());
}

#[tokio::test]
async fn a_service_publishes_its_own_classes_and_no_others() {
    let installation = installation().await;
    let auth = installation.service("auth").await;
    let cache = installation.service("cache-updater").await;
    let proxy = installation.service("vnc-proxy").await;
    ensure_streams(&auth, &[Class::Access, Class::Console, Class::Audit, Class::Intake])
        .await
        .unwrap();
    ensure_streams(&cache, &[Class::Inventory]).await.unwrap();

    assert_eq!(publish_and_wait(&cache, &change(1, 1), PATIENCE).await.unwrap(), 1);
    assert_eq!(publish_and_wait(&auth, &user_event("auth"), PATIENCE).await.unwrap(), 1);
    assert_eq!(publish_intake_and_wait(&proxy, &console_event(), PATIENCE).await.unwrap(), 1);

    let patience = Duration::from_millis(300);
    for refused in [
        publish_and_wait(&cache, &user_event("cache-updater"), patience).await,
        publish_and_wait(&proxy, &console_event(), patience).await,
        publish_and_wait(&auth, &change(1, 2), patience).await,
    ] {
        assert!(refused.is_err(), "{refused:?}");
    }
    // Only the gateway leaves requests for job-runner.
    let runner = installation.service("job-runner").await;
    ensure_streams(&runner, &[Class::Requests]).await.unwrap();
    let request = |id: &str| Outgoing {
        subject: REQUESTS.to_owned(),
        message_id: id.to_owned(),
        payload: "a request".into(),
        traceparent: None,
    };
    for nats in [&auth, &cache, &proxy, &runner] {
        assert!(send(nats, request("forged"), patience).await.is_err(), "{}", nats.service());
    }
    let gateway = installation.service("web-gateway").await;
    assert_eq!(send(&gateway, request("one"), PATIENCE).await.unwrap(), 1);
    // Another's stream can't be made either, nor can a stream be deleted.
    assert!(ensure_streams(&cache, &[Class::Jobs]).await.is_err());
    // Nothing of that was stored: the next of each is the second.
    assert_eq!(publish_and_wait(&auth, &user_event("auth"), PATIENCE).await.unwrap(), 2);
    assert_eq!(publish_and_wait(&cache, &change(1, 2), PATIENCE).await.unwrap(), 2);
}

#[tokio::test]
async fn an_integrator_reads_events_and_can_do_nothing_else() {
    let installation = installation().await;
    let cache = installation.service("cache-updater").await;
    let auth = installation.service("auth").await;
    ensure_streams(&cache, &[Class::Inventory]).await.unwrap();
    ensure_streams(&auth, &[Class::Access, Class::Intake]).await.unwrap();
    let (reader, refused) = installation.reader().await;
    let (alpha, alpha_refused) = installation.alpha_reader().await;

    let mut all = reader.subscribe("gwm.v1.>").await.unwrap();
    let mut alphas = alpha.subscribe("gwm.v1.*.alpha.>").await.unwrap();
    let _everything = reader.subscribe(">").await.unwrap();
    let _intake = reader.subscribe("gwm.intake.>").await.unwrap();
    let _answers = reader.subscribe("_INBOX_auth.>").await.unwrap();
    let _another_s = reader.subscribe("_INBOX_alpha-reader.>").await.unwrap();
    let _beyond = alpha.subscribe("gwm.v1.>").await.unwrap();

    let forged = change(9, 9);
    let subject = forged.nats_subject().unwrap().to_string();
    reader.publish(subject, forged.encode().unwrap().into()).await.unwrap();
    reader.publish("$JS.API.STREAM.DELETE.GWM_INVENTORY", "".into()).await.unwrap();
    reader.publish("gwm.intake.auth.record.appended", "{}".into()).await.unwrap();
    was_refused(
        &refused,
        &[
            "Subscription to \">\"",
            "Subscription to \"gwm.intake.>\"",
            "Subscription to \"_INBOX_auth.>\"",
            "Subscription to \"_INBOX_alpha-reader.>\"",
            "Publish to \"gwm.v1.inventory.",
            "Publish to \"$JS.API.STREAM.DELETE.",
            "Publish to \"gwm.intake.auth.",
        ],
    )
    .await;
    was_refused(&alpha_refused, &["Subscription to \"gwm.v1.>\""]).await;

    publish_and_wait(&auth, &user_event("auth"), PATIENCE).await.unwrap();
    let stored = publish_and_wait(&cache, &change(1, 1), PATIENCE).await.unwrap();
    assert_eq!(stored, 1, "the forged event was not stored");

    let mut subjects = Vec::new();
    for _ in 0..2 {
        let message = tokio::time::timeout(PATIENCE, all.next()).await.unwrap().unwrap();
        subjects.push(message.subject.to_string());
    }
    assert!(subjects[0].starts_with("gwm.v1.access._.user."), "{subjects:?}");
    assert!(subjects[1].starts_with("gwm.v1.inventory.alpha.instance."), "{subjects:?}");
    let message = tokio::time::timeout(PATIENCE, alphas.next()).await.unwrap().unwrap();
    assert_eq!(message.subject.to_string(), subjects[1]);
}
