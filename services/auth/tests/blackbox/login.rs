use gwm_authz::{Authz, AuthzConfig, Mode};
use gwm_proto::auth::LogoutRequest;
use gwm_proto::auth::resolve_request::Credential;
use gwm_proto::auth::sessions_client::SessionsClient;
use gwm_testkit::wait_for;
use tonic::Code;

use crate::watch::Watching;
use crate::world::{
    PATIENCE, World, admin, person, reason, try_login, try_resolve, user, user_person,
};

#[tokio::test]
async fn a_session_stands_for_its_person_until_logout() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    assert_eq!(admin.resolved.user.clone().unwrap().username, "admin");
    assert_eq!(admin.session_token.len(), 43);

    // The assertion is good for whoever follows the watch.
    let mut watching = Watching::start(&world.peer(&replica, "job-runner").await).await;
    let authz = Authz::detached(AuthzConfig::default());
    let (revision, body) = watching.next().await.unwrap();
    authz.receive(revision, body);
    let seen = authz.verify(&admin.signed(), Mode::Write).unwrap();
    assert_eq!(seen.user_id.to_string(), admin.user_id());
    assert!(authz.is_admin(&seen));

    let logout = LogoutRequest { session_token: admin.session_token.clone() };
    let mut sessions = SessionsClient::new(gateway.clone());
    sessions.logout(logout.clone()).await.unwrap();
    sessions.logout(logout).await.unwrap();
    let credential = Credential::SessionToken(admin.session_token.clone());
    let refused = try_resolve(&gateway, credential).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::Unauthenticated, "unauthenticated".into())
    );
    watching.until_ended(&admin.resolved.session_id).await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_can_not_be_told_apart() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    admin(&gateway).await;
    let wrong = try_login(&gateway, "admin", "not the password").await.unwrap_err();
    assert_eq!((wrong.code(), reason(&wrong)), (Code::Unauthenticated, "login_refused".into()));
    for name in ["nobody", "", "No Such\0Name", &"x".repeat(2000)] {
        let unknown = try_login(&gateway, name, "not the password").await.unwrap_err();
        assert_eq!(unknown.code(), wrong.code(), "{name}");
        assert_eq!(unknown.message(), wrong.message(), "{name}");
        assert_eq!(unknown.details(), wrong.details(), "{name}");
    }
    let metrics = replica.admin("/metrics").await.unwrap();
    assert!(metrics.contains("gwm_auth_logins_total{outcome=\"refused\"} 5"), "{metrics}");
}

#[tokio::test]
async fn passwords_may_hold_anything_but_are_not_endless() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let refused = try_login(&gateway, "admin", &"x".repeat(1025)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);

    let odd = "nul\0and ünïcode \u{202e}";
    let mut users = gwm_proto::auth::users_client::UsersClient::new(gateway.clone());
    let request = gwm_proto::auth::CreateUserRequest {
        username: "odd".to_owned(),
        password: odd.to_owned(),
        is_admin: false,
    };
    users.create_user(admin.ask(request.clone())).await.unwrap();
    person(&gateway, "odd", odd).await;
    let half = try_login(&gateway, "odd", "nul").await.unwrap_err();
    assert_eq!(reason(&half), "login_refused");

    let twice = users.create_user(admin.ask(request)).await.unwrap_err();
    assert_eq!((twice.code(), reason(&twice)), (Code::AlreadyExists, "user_exists".into()));
    let weak = gwm_proto::auth::CreateUserRequest {
        username: "weak".to_owned(),
        password: "ninechars".to_owned(),
        is_admin: false,
    };
    let weak = users.create_user(admin.ask(weak)).await.unwrap_err();
    assert_eq!(weak.code(), Code::InvalidArgument);
    assert!(weak.message().contains("10 characters"), "{}", weak.message());
}

#[tokio::test]
async fn guessing_is_slowed_by_user_name_on_all_replicas_and_a_good_login_is_not() {
    let world =
        World::with(&[("GWM_AUTH__LOGIN__USER_BURST", "3"), ("GWM_AUTH__LOGIN__USER_EVERY", "1h")])
            .await;
    let (one, two) = tokio::join!(world.replica("a"), world.replica("b"));
    let (one, two) = (world.gateway(&one).await, world.gateway(&two).await);
    let admin = admin(&one).await;
    user(&one, &admin, "jane").await;
    // Good logins leave nothing behind.
    for _ in 0..4 {
        person(&one, "jane", "jane-password").await;
    }
    for peer in [&one, &two, &one] {
        assert_eq!(reason(&try_login(peer, "jane", "wrong").await.unwrap_err()), "login_refused");
    }
    for password in ["wrong", "jane-password"] {
        let refused = try_login(&two, "jane", password).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert_eq!(reason(&refused), "login_throttled");
    }
    // Others are not touched.
    person(&two, "admin", crate::world::ADMIN_PASSWORD).await;
}

#[tokio::test]
async fn guessing_is_slowed_by_client_address() {
    let world = World::with(&[
        ("GWM_AUTH__LOGIN__ADDRESS_BURST", "3"),
        ("GWM_AUTH__LOGIN__ADDRESS_EVERY", "1h"),
    ])
    .await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    admin(&gateway).await;
    for number in 0..3 {
        let refused = try_login(&gateway, &format!("user{number}"), "wrong").await.unwrap_err();
        assert_eq!(reason(&refused), "login_refused");
    }
    let refused = try_login(&gateway, "user4", "wrong").await.unwrap_err();
    assert_eq!(reason(&refused), "login_throttled");
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_in_any_case_after_its_time() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let idle = user_person(&gateway, &admin, "idle").await;
    let old = user_person(&gateway, &admin, "old").await;
    let used = user_person(&gateway, &admin, "used").await;
    let pool = world.pool().await;
    let mut watching = Watching::start(&world.peer(&replica, "vnc-proxy").await).await;
    watching.next().await.unwrap();

    let set_back = async |person: &crate::world::Person, seen: &str, made: &str| {
        let changed = sqlx::query(
            "update session set last_seen_at = now() - $2::text::interval,
                 created_at = now() - $3::text::interval where session_id = $1::text::uuid",
        )
        .bind(&person.resolved.session_id)
        .bind(seen)
        .bind(made)
        .execute(&pool)
        .await
        .unwrap();
        assert_eq!(changed.rows_affected(), 1);
    };
    set_back(&used, "29 minutes", "11 hours").await;
    let credential = |p: &crate::world::Person| Credential::SessionToken(p.session_token.clone());
    try_resolve(&gateway, credential(&used)).await.unwrap();
    let seen: bool = sqlx::query_scalar(
        "select last_seen_at > now() - interval '1 minute' from session
             where session_id = $1::text::uuid",
    )
    .bind(&used.resolved.session_id)
    .fetch_one(&pool)
    .await
    .unwrap();
    assert!(seen, "a use counts");

    set_back(&idle, "31 minutes", "2 hours").await;
    set_back(&old, "1 minute", "13 hours").await;
    for person in [&idle, &old] {
        let refused = try_resolve(&gateway, credential(person)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
    }
    // Whatever they hold open hears of it without anybody asking.
    watching.until_ended(&idle.resolved.session_id).await;
    watching.until_ended(&old.resolved.session_id).await;
    let reasons: Vec<String> = wait_for("both ends to be recorded", PATIENCE, async || {
        let reasons: Vec<String> = sqlx::query_scalar(
            "select end_reason from session where end_reason is not null order by end_reason",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        if reasons.len() == 2 { Ok(reasons) } else { Err(format!("{reasons:?}")) }
    })
    .await;
    assert_eq!(reasons, ["absolute", "idle"]);
}
