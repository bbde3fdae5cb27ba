use gwm_authz::{Authz, AuthzConfig, Mode};
use gwm_proto::auth::LogoutRequest;
use gwm_proto::auth::resolve_request::Credential;
use gwm_proto::auth::sessions_client::SessionsClient;
use gwm_testkit::wait_for;
use tonic::Code;

use crate::watch::Watching;
use crate::world::{
    PATIENCE, World, admin, password_of, person, reason, try_login, try_resolve, user, user_person,
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
        person(&one, "jane", &password_of("jane")).await;
    }
    for peer in [&one, &two, &one] {
        assert_eq!(reason(&try_login(peer, "jane", "wrong").await.unwrap_err()), "login_refused");
    }
    for password in ["wrong", password_of("jane").as_str()] {
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

/// Waits until this many statements wait for a lock.
pub(crate) async fn until_held_up(pool: &sqlx::PgPool, wanted: i64) {
    wait_for("statements to wait for a lock", PATIENCE, async || {
        let waiting: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock'",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        if waiting >= wanted { Ok(()) } else { Err(format!("{waiting} wait")) }
    })
    .await;
}

/// A login between whose look at the password and whose session this happened.
async fn login_overtaken_by(what: &'static str) -> String {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    user(&gateway, &admin, "jane").await;
    let pool = world.pool().await;
    let mut held = pool.begin().await.unwrap();
    let lock = "select from app_user where username = 'jane' for update";
    sqlx::query(lock).execute(&mut *held).await.unwrap();
    let mut login = tokio::task::JoinSet::new();
    login.spawn(async move { try_login(&gateway, "jane", &password_of("jane")).await });
    // The password was right; the session waits for the user's row.
    until_held_up(&pool, 1).await;
    sqlx::query(what).execute(&mut *held).await.unwrap();
    held.commit().await.unwrap();
    let refused = login.join_next().await.unwrap().unwrap().unwrap_err();
    let sessions: i64 = sqlx::query_scalar(
        "select count(*) from session join app_user using (user_id) where username = 'jane'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(sessions, 0, "{what}");
    reason(&refused)
}

#[tokio::test]
async fn a_login_sees_that_its_password_was_changed_while_it_was_compared() {
    let changed = "update app_user set password_hash = 'another' where username = 'jane'";
    assert_eq!(login_overtaken_by(changed).await, "login_refused");
}

#[tokio::test]
async fn a_login_sees_that_its_user_was_disabled_while_the_password_was_compared() {
    let disabled = "update app_user set disabled = true where username = 'jane'";
    assert_eq!(login_overtaken_by(disabled).await, "login_refused");
}

#[tokio::test]
async fn a_login_sees_that_a_code_is_needed_since_its_password_was_compared() {
    let on = "update app_user set second_factor = true where username = 'jane'";
    assert_eq!(login_overtaken_by(on).await, "login_refused");
}

#[tokio::test]
async fn logins_beyond_the_waiting_room_are_told_to_come_again() {
    let world =
        World::with(&[("GWM_AUTH__LOGIN__CONCURRENT", "1"), ("GWM_AUTH__LOGIN__WAITING", "1")])
            .await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    admin(&gateway).await;
    let mut tries = tokio::task::JoinSet::new();
    for number in 0..20 {
        let gateway = gateway.clone();
        tries.spawn(async move { try_login(&gateway, &format!("u{number}"), "wrong").await });
    }
    let answers = tries.join_all().await;
    let (busy, refused): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .map(Result::unwrap_err)
        .partition(|status| reason(status) == "login_busy");
    assert!(!busy.is_empty() && !refused.is_empty(), "{} {}", busy.len(), refused.len());
    for status in &busy {
        assert_eq!(status.code(), Code::ResourceExhausted);
        let fault = gwm_kernel::Fault::from_status(status);
        assert!(fault.retry_after.is_some(), "{fault:?}");
    }
    assert!(refused.iter().all(|status| reason(status) == "login_refused"));
}
