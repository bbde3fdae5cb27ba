//! What people do to their own account.

use gwm_authz::SignedAssertion;
use gwm_proto::auth::account_client::AccountClient;
use gwm_proto::auth::resolve_request::Credential;
use gwm_proto::auth::tokens_client::TokensClient;
use gwm_proto::auth::{
    ChangePasswordRequest, CreateTokenRequest, EndOtherSessionsRequest, EndSessionRequest,
    ListSessionsRequest,
};
use tonic::Code;

use crate::login::until_held_up;
use crate::watch::Watching;
use crate::world::{
    Person, World, admin, password_of, person, reason, try_login, try_resolve, user_person,
};

const NEW: &str = "a mill by the brook";

fn passwords(old: &str, new: &str) -> ChangePasswordRequest {
    ChangePasswordRequest { old_password: old.to_owned(), new_password: new.to_owned() }
}

fn session_of(person: &Person) -> Credential {
    Credential::SessionToken(person.session_token.clone())
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_the_other_sessions() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let other = person(&gateway, "jane", &password_of("jane")).await;
    let mut account = AccountClient::new(gateway.clone());
    let old = password_of("jane");
    for (given, new, field) in [
        ("not it", NEW, "old_password"),
        (&old, "jane-password", "new_password"),
        (&old, "short", "new_password"),
        (&old, &old, "new_password"),
    ] {
        let refused = account.change_password(jane.ask(passwords(given, new))).await.unwrap_err();
        let fault = gwm_kernel::Fault::from_status(&refused);
        assert_eq!(refused.code(), Code::InvalidArgument, "{fault:?}");
        assert_eq!(fault.field.as_deref(), Some(field), "{fault:?}");
    }
    // A token is a program's: it can't take the account over.
    let name = CreateTokenRequest { name: "ci".to_owned(), ..Default::default() };
    let token = TokensClient::new(gateway.clone()).create_token(jane.ask(name)).await.unwrap();
    let bearer = Credential::BearerToken(token.into_inner().secret);
    let resolved = try_resolve(&gateway, bearer).await.unwrap();
    let signed = SignedAssertion { assertion: resolved.assertion, signature: resolved.signature };
    let refused = account.change_password(signed.attach(passwords(&old, NEW))).await.unwrap_err();
    assert_eq!(reason(&refused), "session_needed");

    let mut watching = Watching::start(&gateway).await;
    let done = account.change_password(jane.ask(passwords(&old, NEW))).await.unwrap();
    assert_eq!(done.into_inner().ended_sessions, 1);
    watching.until_ended(&other.resolved.session_id).await;
    try_resolve(&gateway, session_of(&jane)).await.unwrap();
    try_resolve(&gateway, session_of(&other)).await.unwrap_err();
    assert_eq!(reason(&try_login(&gateway, "jane", &old).await.unwrap_err()), "login_refused");
    person(&gateway, "jane", NEW).await;
    let records: Vec<String> = sqlx::query_scalar(
        "select outcome from audit_record where action = 'user.change_password' order by number",
    )
    .fetch_all(&world.pool().await)
    .await
    .unwrap();
    assert_eq!(records, ["refused", "succeeded"]);
}

#[tokio::test]
async fn guessing_the_old_password_is_slowed_as_logins_are() {
    let world =
        World::with(&[("GWM_AUTH__LOGIN__USER_BURST", "3"), ("GWM_AUTH__LOGIN__USER_EVERY", "1h")])
            .await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let mut account = AccountClient::new(gateway.clone());
    for _ in 0..3 {
        let wrong = jane.ask(passwords("wrong", NEW));
        let refused = account.change_password(wrong).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    let right = jane.ask(passwords(&password_of("jane"), NEW));
    let refused = account.change_password(right).await.unwrap_err();
    assert_eq!(reason(&refused), "login_throttled");
}

#[tokio::test]
async fn a_password_that_was_set_meanwhile_stays() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let pool = world.pool().await;
    let mut held = pool.begin().await.unwrap();
    let lock = "select from app_user where username = 'jane' for update";
    sqlx::query(lock).execute(&mut *held).await.unwrap();
    let request = jane.ask(passwords(&password_of("jane"), NEW));
    let peer = gateway.clone();
    let mut changing = tokio::task::JoinSet::new();
    changing.spawn(async move { AccountClient::new(peer).change_password(request).await });
    until_held_up(&pool, 1).await;
    let set = "update app_user set password_hash = 'another' where username = 'jane'";
    sqlx::query(set).execute(&mut *held).await.unwrap();
    held.commit().await.unwrap();
    let refused = changing.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(reason(&refused), "unauthenticated");
    let kept: String =
        sqlx::query_scalar("select password_hash from app_user where username = 'jane'")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(kept, "another");
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions_and_nobody_elses() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(person(&gateway, "jane", &password_of("jane")).await);
    }
    let mut account = AccountClient::new(gateway.clone());
    let listed = account.list_sessions(jane.ask(ListSessionsRequest::default())).await.unwrap();
    let listed = listed.into_inner().sessions;
    assert_eq!(listed.len(), 4);
    let current: Vec<_> = listed.iter().filter(|s| s.current).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0].session_id, jane.resolved.session_id);
    assert_eq!(
        (current[0].client_address.as_str(), current[0].user_agent.as_str()),
        ("192.0.2.7", "test")
    );

    let end = |person: &Person| EndSessionRequest {
        session_id: person.resolved.session_id.clone(),
        user: String::new(),
    };
    let foreign = account.end_session(jane.ask(end(&admin))).await.unwrap_err();
    assert_eq!(foreign.code(), Code::NotFound);
    try_resolve(&gateway, session_of(&admin)).await.unwrap();
    let mut watching = Watching::start(&gateway).await;
    account.end_session(jane.ask(end(&others[0]))).await.unwrap();
    account.end_session(jane.ask(end(&others[0]))).await.unwrap();
    watching.until_ended(&others[0].resolved.session_id).await;
    try_resolve(&gateway, session_of(&others[0])).await.unwrap_err();
    let ended =
        account.end_other_sessions(jane.ask(EndOtherSessionsRequest::default())).await.unwrap();
    assert_eq!(ended.into_inner().ended, 2);
    for other in &others[1..] {
        watching.until_ended(&other.resolved.session_id).await;
    }
    try_resolve(&gateway, session_of(&jane)).await.unwrap();
    let records: i64 = sqlx::query_scalar(
        "select count(*) from audit_record where action = 'session.end' and actor = 'jane'",
    )
    .fetch_one(&world.pool().await)
    .await
    .unwrap();
    assert_eq!(records, 3);
}
