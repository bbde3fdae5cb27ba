use gwm_events::types::audit::{RECORD_APPENDED, Record};
use gwm_events::types::console::{CONSOLE_OPENED, Console};
use gwm_events::types::{Object, registered};
use gwm_events::{Event, NatsSettings, publish_intake_and_wait};
use gwm_proto::auth::grants_client::GrantsClient;
use gwm_proto::auth::sessions_client::SessionsClient;
use gwm_proto::auth::tickets_client::TicketsClient;
use gwm_proto::auth::tokens_client::TokensClient;
use gwm_proto::auth::{
    CreateTicketRequest, CreateTokenRequest, LogoutRequest, RemoveGrantRequest, RevokeTokenRequest,
};
use gwm_testkit::wait_for;
use sha2::{Digest, Sha256};

use crate::world::{PATIENCE, World, admin, grant, instance, try_login, user_person};

#[tokio::test]
async fn everything_that_happens_is_published_and_no_secret_is_in_it_or_in_the_log() {
    let world = World::with(&[("GWM_AUTH__LOG", "trace")]).await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let granted = grant(&gateway, &admin, "jane", "view", &instance()).await.unwrap();
    let mut grants = GrantsClient::new(gateway.clone());
    let remove = RemoveGrantRequest { grant_id: granted.grant_id };
    grants.remove_grant(admin.ask(remove)).await.unwrap();
    let mut tokens = TokensClient::new(gateway.clone());
    let name = CreateTokenRequest { name: "ci".to_owned(), ..Default::default() };
    let made = tokens.create_token(jane.ask(name)).await.unwrap().into_inner();
    let revoke = RevokeTokenRequest { token_id: made.token.unwrap().token_id, user: String::new() };
    tokens.revoke_token(jane.ask(revoke)).await.unwrap();
    let request = CreateTicketRequest { instance: Some(instance()), kind: "vnc".to_owned() };
    let mut tickets = TicketsClient::new(gateway.clone());
    let ticket = tickets.create_ticket(admin.ask(request)).await.unwrap().into_inner().ticket;
    try_login(&gateway, "admin", "wrong-password-marker").await.unwrap_err();
    let logout = LogoutRequest { session_token: jane.session_token.clone() };
    SessionsClient::new(gateway.clone()).logout(logout).await.unwrap();

    let pool = world.pool().await;
    let rows: Vec<(String, String)> = wait_for("all to be published", PATIENCE, async || {
        let waiting: i64 =
            sqlx::query_scalar("select count(*) from outbox where published_at is null")
                .fetch_one(&pool)
                .await
                .unwrap();
        if waiting > 0 {
            return Err(format!("{waiting} wait"));
        }
        let rows = sqlx::query_as("select subject, payload from outbox order by position");
        Ok(rows.fetch_all(&pool).await.unwrap())
    })
    .await;
    let known = registered();
    let mut seen = Vec::new();
    for (subject, payload) in &rows {
        let parsed: serde_json::Value = serde_json::from_str(payload).unwrap();
        let name = parsed["type"].as_str().unwrap();
        let decode = known.iter().find(|r| r.name == name).unwrap().decode;
        decode(payload.as_bytes()).unwrap();
        assert!(subject.starts_with("gwm.v1."), "{subject}");
        seen.push(name.strip_prefix("org.ganeti.gwm.").unwrap().to_owned());
    }
    let access: Vec<&str> =
        seen.iter().map(String::as_str).filter(|n| *n != "record.appended.v1").collect();
    assert_eq!(
        access,
        [
            "user.created.v1",
            "session.started.v1",
            "user.created.v1",
            "session.started.v1",
            "grant.added.v1",
            "grant.removed.v1",
            "token.created.v1",
            "token.revoked.v1",
            "session.ended.v1",
        ]
    );
    // Bootstrap, two logins, user, two grants, two tokens, refused login, logout.
    assert_eq!(seen.len() - access.len(), 10);

    let mut everything = std::fs::read_to_string(replica.process.log_file()).unwrap();
    for table in ["outbox", "audit_record", "session", "api_token", "console_ticket", "app_user"] {
        let query = format!("select coalesce(string_agg(t::text, ' '), '') from {table} t");
        let text: String =
            sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&pool).await.unwrap();
        assert!(!text.is_empty(), "{table}");
        everything.push_str(&text);
    }
    let passwords = [crate::world::ADMIN_PASSWORD, "jane's walnut tree", "wrong-password-marker"];
    let given = [&*admin.session_token, &jane.session_token, &made.secret, &ticket];
    for secret in passwords.iter().chain(&given) {
        assert!(!everything.contains(secret), "a secret is where it must not be");
    }
}

#[tokio::test]
async fn each_record_of_the_audit_log_is_chained_to_the_one_before() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let logins = (0..4).map(|_| try_login(&gateway, "admin", "wrong password"));
    for refused in futures_join(logins).await {
        refused.unwrap_err();
    }
    user_person(&gateway, &admin, "jane").await;
    let records: Vec<(i64, String, String)> =
        sqlx::query_as("select number, record, hash from audit_record order by number")
            .fetch_all(&world.pool().await)
            .await
            .unwrap();
    assert!(records.len() >= 7);
    let mut previous: Option<String> = None;
    for (place, (number, record, hash)) in records.iter().enumerate() {
        assert_eq!(*number, i64::try_from(place).unwrap() + 1);
        let mut parsed: Record = serde_json::from_str(record).unwrap();
        assert_eq!(parsed.previous_hash, previous);
        assert_eq!(parsed.hash.take().as_ref(), Some(hash));
        let bytes = serde_json::to_string(&parsed).unwrap();
        assert_eq!(hex::encode(Sha256::digest(bytes)), *hash);
        previous = Some(hash.clone());
    }
}

/// All at once.
async fn futures_join<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.map(|f| Box::pin(async move { Some(f.await) })).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        all.retain_mut(|f| match f.as_mut().poll(context) {
            std::task::Poll::Ready(value) => {
                done.extend(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

#[tokio::test]
async fn what_other_services_tell_is_recorded_and_published_once() {
    let world = World::new().await;
    let _replica = world.replica("a").await;
    let settings = NatsSettings { urls: vec![world.nats.url()], ..NatsSettings::default() };
    let nats = gwm_events::connect(&settings, "vnc-proxy").await.unwrap();
    let now = chrono::Utc::now();
    let record = Record {
        service: "vnc-proxy".to_owned(),
        number: 0,
        hash: None,
        ..Record::example("appended")
    };
    let forged = Record { service: "job-runner".to_owned(), ..record.clone() };
    let record = Event::new(RECORD_APPENDED, "vnc-proxy", now, record);
    let forged = Event::new(RECORD_APPENDED, "vnc-proxy", now, forged);
    let console = Event::new(CONSOLE_OPENED, "vnc-proxy", now, Console::example("opened"));

    wait_for("the stream to be there", PATIENCE, async || {
        publish_intake_and_wait(&nats, &forged, PATIENCE).await
    })
    .await;
    for _ in 0..2 {
        publish_intake_and_wait(&nats, &record, PATIENCE).await.unwrap();
        publish_intake_and_wait(&nats, &console, PATIENCE).await.unwrap();
    }
    let pool = world.pool().await;
    let subjects = wait_for("both to be published", PATIENCE, async || {
        let subjects: Vec<String> = sqlx::query_scalar(
            "select subject from outbox where published_at is not null and event_id = any($1)
                 order by subject",
        )
        .bind([record.id, forged.id, console.id])
        .fetch_all(&pool)
        .await
        .unwrap();
        if subjects.len() >= 2 { Ok(subjects) } else { Err(format!("{subjects:?}")) }
    })
    .await;
    let (of_record, of_console) = (&subjects[0], &subjects[1]);
    assert_eq!(subjects.len(), 2, "the forged one is not among them: {subjects:?}");
    assert!(of_record.starts_with("gwm.v1.audit.alpha.record."), "{of_record}");
    assert!(of_console.starts_with("gwm.v1.console.alpha.console."), "{of_console}");
    let stored: String = sqlx::query_scalar("select record from audit_record where record_id = $1")
        .bind(record.id)
        .fetch_one(&pool)
        .await
        .unwrap();
    let stored: Record = serde_json::from_str(&stored).unwrap();
    assert!(stored.number > 0 && stored.hash.is_some());
    assert_eq!(stored.action, "instance.startup");
}
