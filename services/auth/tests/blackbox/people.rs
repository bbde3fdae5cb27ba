//! What administrators do to accounts.

use gwm_kernel::grpc::Peer;
use gwm_proto::auth::account_client::AccountClient;
use gwm_proto::auth::people_client::PeopleClient;
use gwm_proto::auth::resolve_request::Credential;
use gwm_proto::auth::tickets_client::TicketsClient;
use gwm_proto::auth::tokens_client::TokensClient;
use gwm_proto::auth::users_client::UsersClient;
use gwm_proto::auth::{
    ChangeUserRequest, CreateTicketRequest, CreateTokenRequest, CreateUserRequest,
    EndOtherSessionsRequest, EndSessionRequest, GetUserRequest, ListSessionsRequest,
    ListTokensRequest, ListUsersRequest, RedeemTicketRequest, RevokeTokenRequest,
    SetPasswordRequest, User,
};
use gwm_proto::common::{CompleteRequest, PageRequest};
use tonic::{Code, Status};

use crate::login::until_held_up;
use crate::watch::Watching;
use crate::world::{
    Person, World, admin, grant, instance, password_of, person, reason, try_login, try_resolve,
    user, user_person,
};

fn disable(who: &str, disabled: bool) -> ChangeUserRequest {
    ChangeUserRequest {
        user: who.to_owned(),
        disabled: Some(disabled),
        ..ChangeUserRequest::default()
    }
}

async fn change(peer: &Peer, asker: &Person, what: ChangeUserRequest) -> Result<User, Status> {
    Ok(PeopleClient::new(peer.clone()).change_user(asker.ask(what)).await?.into_inner())
}

async fn audited(world: &World, action: &str, outcome: &str) -> i64 {
    let query = "select count(*) from audit_record where action = $1 and outcome = $2";
    let query = sqlx::query_scalar(query).bind(action).bind(outcome);
    query.fetch_one(&world.pool().await).await.unwrap()
}

#[tokio::test]
async fn who_is_disabled_is_out_everywhere_and_enabled_again_has_the_same_rights() {
    let world = World::new().await;
    let (one, two) = tokio::join!(world.replica("a"), world.replica("b"));
    let gateway = world.gateway(&one).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let object = instance();
    grant(&gateway, &admin, "jane", "console", &object).await.unwrap();
    let mut watching = Watching::start(&world.peer(&two, "vnc-proxy").await).await;
    watching.until_user(&jane.user_id(), |u| u.rights.len() == 1).await;
    // This replica has heard of the right as well.
    Watching::start(&world.peer(&one, "vnc-proxy").await)
        .await
        .until_user(&jane.user_id(), |u| u.rights.len() == 1)
        .await;
    let name = CreateTokenRequest { name: "ci".to_owned(), ..Default::default() };
    let token = TokensClient::new(gateway.clone()).create_token(jane.ask(name)).await.unwrap();
    let token = token.into_inner();
    let request = CreateTicketRequest { instance: Some(object.clone()), kind: "vnc".to_owned() };
    let mut tickets = TicketsClient::new(gateway.clone());
    let ticket = tickets.create_ticket(jane.ask(request)).await.unwrap().into_inner().ticket;

    let disabled = change(&gateway, &admin, disable("jane", true)).await.unwrap();
    assert!(disabled.disabled && disabled.revision == 2);
    watching.until_user(&jane.user_id(), |u| u.disabled).await;
    watching.until_ended(&jane.resolved.session_id).await;
    watching.until_ended(&token.token.unwrap().token_id).await;
    let refused = try_login(&gateway, "jane", &password_of("jane")).await.unwrap_err();
    assert_eq!(reason(&refused), "login_refused");
    let bearer = || Credential::BearerToken(token.secret.clone());
    let session = || Credential::SessionToken(jane.session_token.clone());
    for credential in [bearer(), session()] {
        let refused = try_resolve(&gateway, credential).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
    }
    let redeem = RedeemTicketRequest { ticket, client_address: "192.0.2.8".to_owned() };
    let mut proxy = TicketsClient::new(world.peer(&two, "vnc-proxy").await);
    let refused = proxy.redeem_ticket(redeem).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);

    // Said twice it is as said once.
    let again = change(&gateway, &admin, disable("jane", true)).await.unwrap();
    assert_eq!(again.revision, 2);
    change(&gateway, &admin, disable(&jane.user_id(), false)).await.unwrap();
    watching.until_user(&jane.user_id(), |u| !u.disabled && u.rights.len() == 1).await;
    person(&gateway, "jane", &password_of("jane")).await;
    for credential in [bearer(), session()] {
        let refused = try_resolve(&gateway, credential).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "what ended stays ended");
    }
    assert_eq!(audited(&world, "user.disable", "succeeded").await, 1);
    assert_eq!(audited(&world, "user.enable", "succeeded").await, 1);
    let told: Vec<String> = sqlx::query_scalar(
        "select payload::jsonb #>> '{data,changed,disabled}' from outbox
         where subject like 'gwm.v1.access.\\_.user.%.changed' order by position",
    )
    .fetch_all(&world.pool().await)
    .await
    .unwrap();
    assert_eq!(told, ["false", "true"], "each with what it was before");
}

#[tokio::test]
async fn the_last_administrator_can_neither_be_disabled_nor_lose_it() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let take = ChangeUserRequest {
        user: "admin".to_owned(),
        is_admin: Some(false),
        ..ChangeUserRequest::default()
    };
    for what in [disable("admin", true), take.clone()] {
        let refused = change(&gateway, &admin, what).await.unwrap_err();
        assert_eq!(refused.code(), Code::Aborted);
        assert_eq!(reason(&refused), "last_administrator");
        assert!(refused.message().contains("make somebody else"), "{}", refused.message());
    }
    assert_eq!(audited(&world, "user.disable", "refused").await, 1);
    assert_eq!(audited(&world, "user.take_admin", "refused").await, 1);
    // A disabled administrator is no other one.
    user(&gateway, &admin, "bob").await;
    let promote = |disabled| ChangeUserRequest {
        user: "bob".to_owned(),
        is_admin: Some(true),
        disabled: Some(disabled),
        ..ChangeUserRequest::default()
    };
    change(&gateway, &admin, promote(true)).await.unwrap();
    change(&gateway, &admin, take.clone()).await.unwrap_err();
    change(&gateway, &admin, promote(false)).await.unwrap();
    let after = change(&gateway, &admin, take).await.unwrap();
    assert!(!after.is_admin);
}

#[tokio::test]
async fn of_two_administrators_who_disable_each_other_at_once_one_stays() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let request = CreateUserRequest {
        username: "bob".to_owned(),
        password: password_of("bob"),
        is_admin: true,
    };
    UsersClient::new(gateway.clone()).create_user(admin.ask(request)).await.unwrap();
    let bob = person(&gateway, "bob", &password_of("bob")).await;
    Watching::start(&gateway).await.until_user(&bob.user_id(), |u| u.is_admin).await;
    // Both are past all that is looked at beforehand, if anything lets them.
    let pool = world.pool().await;
    let mut held = pool.begin().await.unwrap();
    sqlx::query("select from app_user for update").execute(&mut *held).await.unwrap();
    let mut tries = tokio::task::JoinSet::new();
    for (asker, who) in [(&admin, "bob"), (&bob, "admin")] {
        let (peer, request) = (gateway.clone(), asker.ask(disable(who, true)));
        tries.spawn(async move { PeopleClient::new(peer).change_user(request).await });
    }
    until_held_up(&pool, 2).await;
    held.rollback().await.unwrap();
    let mut done = 0;
    for tried in tries.join_all().await {
        match tried {
            Ok(_) => done += 1,
            Err(refused) => assert_eq!(refused.code(), Code::PermissionDenied),
        }
    }
    assert_eq!(done, 1);
    let left: i64 =
        sqlx::query_scalar("select count(*) from app_user where is_admin and not disabled")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn a_password_that_an_administrator_sets_ends_the_sessions_and_the_tokens_unless_those_are_kept()
 {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let name = CreateTokenRequest { name: "ci".to_owned(), ..Default::default() };
    let token = TokensClient::new(gateway.clone()).create_token(jane.ask(name)).await.unwrap();
    let mut watching = Watching::start(&gateway).await;
    let mut people = PeopleClient::new(gateway.clone());
    let set_and = |user: &str, password: &str, keep_tokens: bool| {
        let (user, password) = (user.to_owned(), password.to_owned());
        admin.ask(SetPasswordRequest { user, password, keep_tokens })
    };
    let set = |user: &str, password: &str| set_and(user, password, true);
    let weak = people.set_password(set("jane", "jane-password")).await.unwrap_err();
    assert_eq!(weak.code(), Code::InvalidArgument);
    assert!(weak.message().contains("too easy to guess"), "{}", weak.message());
    let own = people.set_password(set("admin", "a mill by the brook")).await.unwrap_err();
    assert_eq!(reason(&own), "own_password");
    let nobody = people.set_password(set("nobody", "a mill by the brook")).await.unwrap_err();
    assert_eq!(nobody.code(), Code::NotFound);
    people.set_password(set("jane", "a mill by the brook")).await.unwrap();
    watching.until_ended(&jane.resolved.session_id).await;
    let old = try_login(&gateway, "jane", &password_of("jane")).await.unwrap_err();
    assert_eq!(reason(&old), "login_refused");
    person(&gateway, "jane", "a mill by the brook").await;
    let token = token.into_inner();
    let token_id = token.token.unwrap().token_id;
    let bearer = Credential::BearerToken(token.secret);
    try_resolve(&gateway, bearer.clone()).await.unwrap();
    people.set_password(set_and("jane", "a mill by the broom", false)).await.unwrap();
    watching.until_ended(&token_id).await;
    assert_eq!(try_resolve(&gateway, bearer).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(audited(&world, "user.set_password", "succeeded").await, 2);
    let ended: Vec<(String, String)> = sqlx::query_as(
        "select r #>> '{details,ended_sessions}', r #>> '{details,ended_tokens}'
         from (select record::jsonb as r, number from audit_record) l
         where r ->> 'action' = 'user.set_password' order by number",
    )
    .fetch_all(&world.pool().await)
    .await
    .unwrap();
    let count = |(sessions, tokens): &(&str, &str)| ((*sessions).to_owned(), (*tokens).to_owned());
    assert_eq!(ended, [("1", "0"), ("1", "1")].iter().map(count).collect::<Vec<_>>());
    let seen: bool = sqlx::query_scalar(
        "select exists (select from audit_record where record like '%mill by%')
             or exists (select from outbox where payload::text like '%mill by%')",
    )
    .fetch_one(&world.pool().await)
    .await
    .unwrap();
    assert!(!seen, "a password is where it must not be");
}

#[tokio::test]
async fn users_are_found_by_what_they_are_and_an_overtaken_change_is_refused() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    user(&gateway, &admin, "joe").await;
    let mut people = PeopleClient::new(gateway.clone());
    let by_name = people.get_user(admin.ask(GetUserRequest { user: "joe".to_owned() }));
    let joe = by_name.await.unwrap().into_inner();
    assert!(joe.last_login_at.is_none() && joe.revision == 1);
    let first = ChangeUserRequest { revision: joe.revision, ..disable("joe", true) };
    change(&gateway, &admin, first.clone()).await.unwrap();
    let late = ChangeUserRequest { disabled: Some(false), ..first };
    let refused = change(&gateway, &admin, late).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(reason(&refused), "user_changed");

    let mut users = UsersClient::new(gateway.clone());
    for (q, wanted) in [
        ("disabled:yes", vec!["joe"]),
        ("admin:yes", vec!["admin"]),
        ("j* -disabled:yes", vec!["jane"]),
        ("last_login<1d", vec!["admin", "jane"]),
        (joe.user_id.as_str(), vec![]),
    ] {
        let page = PageRequest { q: q.to_owned(), ..Default::default() };
        let request = admin.ask(ListUsersRequest { page: Some(page) });
        let found = users.list_users(request).await.unwrap().into_inner().users;
        let names: Vec<_> = found.iter().map(|u| u.username.as_str()).collect();
        assert_eq!(names, wanted, "{q}");
    }
    let ask = CompleteRequest { list: "users".to_owned(), q: "user:ja".to_owned(), at: 7 };
    let offered = people.complete_users(admin.ask(ask.clone())).await.unwrap().into_inner();
    let texts: Vec<_> = offered.suggestions.iter().map(|s| s.text.as_str()).collect();
    assert_eq!(texts, ["jane"]);

    // None of it is for others.
    let codes = [
        people.get_user(jane.ask(GetUserRequest { user: "jane".to_owned() })).await.err(),
        people.change_user(jane.ask(disable("admin", true))).await.err(),
        people.set_password(jane.ask(SetPasswordRequest::default())).await.err(),
        people.complete_users(jane.ask(ask)).await.err(),
    ];
    for code in codes {
        assert_eq!(code.unwrap().code(), Code::PermissionDenied);
    }
    assert_eq!(audited(&world, "user.change", "refused").await, 1);
}

#[tokio::test]
async fn administrators_see_and_end_tokens_and_sessions_of_others_and_nobody_else_does() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let joe = user_person(&gateway, &admin, "joe").await;
    let other = person(&gateway, "jane", &password_of("jane")).await;
    let mut tokens = TokensClient::new(gateway.clone());
    let mut account = AccountClient::new(gateway.clone());
    let asked = CreateTokenRequest {
        name: "ci".to_owned(),
        roles: vec!["view".to_owned()],
        persona: "user/jane".to_owned(),
        networks: vec!["192.0.2.0/24".to_owned()],
        ..Default::default()
    };
    let made = tokens.create_token(jane.ask(asked)).await.unwrap().into_inner();
    let secret = made.secret;
    let id = made.token.unwrap().token_id;

    // All that jane sees of it, and nothing more: the value is nowhere.
    let of = |user: &str| ListTokensRequest { user: user.to_owned() };
    let own = tokens.list_tokens(jane.ask(of(""))).await.unwrap().into_inner();
    for name in ["jane", &jane.user_id()] {
        let seen = tokens.list_tokens(admin.ask(of(name))).await.unwrap().into_inner();
        assert_eq!(seen, own);
        assert_eq!(seen.tokens[0].roles, ["view"]);
        assert!(secret.starts_with(&seen.tokens[0].prefix));
        assert!(!format!("{seen:?}").contains(&secret));
    }
    let nobody = tokens.list_tokens(admin.ask(of("nobody"))).await.unwrap_err();
    assert_eq!(nobody.code(), Code::NotFound);
    let all = |user: &str| ListSessionsRequest { user: user.to_owned() };
    let open = account.list_sessions(admin.ask(all("jane"))).await.unwrap().into_inner().sessions;
    assert!(open.len() == 2 && open.iter().all(|session| !session.current), "{open:?}");

    // Nobody else; and not under another one's name.
    let revoke = |user: &str| RevokeTokenRequest { token_id: id.clone(), user: user.to_owned() };
    let end = |which: &Person, user: &str| EndSessionRequest {
        session_id: which.resolved.session_id.clone(),
        user: user.to_owned(),
    };
    let others = |user: &str| EndOtherSessionsRequest { user: user.to_owned() };
    for refused in [
        tokens.list_tokens(joe.ask(of("jane"))).await.err(),
        tokens.revoke_token(joe.ask(revoke("jane"))).await.err(),
        account.list_sessions(joe.ask(all("jane"))).await.err(),
        account.end_session(joe.ask(end(&jane, "jane"))).await.err(),
        account.end_other_sessions(joe.ask(others("jane"))).await.err(),
    ] {
        assert_eq!(refused.unwrap().code(), Code::PermissionDenied);
    }
    for absent in [
        tokens.revoke_token(joe.ask(revoke(""))).await.err(),
        tokens.revoke_token(admin.ask(revoke("joe"))).await.err(),
        account.end_session(admin.ask(end(&jane, "joe"))).await.err(),
    ] {
        assert_eq!(absent.unwrap().code(), Code::NotFound);
    }

    let mut watching = Watching::start(&gateway).await;
    tokens.revoke_token(admin.ask(revoke("jane"))).await.unwrap();
    tokens.revoke_token(admin.ask(revoke("jane"))).await.unwrap();
    watching.until_ended(&id).await;
    account.end_session(admin.ask(end(&other, "jane"))).await.unwrap();
    watching.until_ended(&other.resolved.session_id).await;
    let ended = account.end_other_sessions(admin.ask(others("jane"))).await.unwrap();
    assert_eq!(ended.into_inner().ended, 1);
    watching.until_ended(&jane.resolved.session_id).await;
    let still = try_resolve(&gateway, Credential::SessionToken(admin.session_token.clone())).await;
    assert!(still.is_ok(), "whose sessions ended were jane's");
    let with_her: Vec<String> = sqlx::query_scalar(
        "select action from audit_record
         where persona_id = $1 and actor = 'admin' and outcome = 'succeeded' order by number",
    )
    .bind(jane.user_id())
    .fetch_all(&world.pool().await)
    .await
    .unwrap();
    assert_eq!(with_her, ["token.revoke", "session.end", "session.end"]);
}
