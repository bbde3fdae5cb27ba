//! Codes of an authenticator, and the second half of a login.

use std::time::{SystemTime, UNIX_EPOCH};

use gwm_kernel::grpc::Peer;
use gwm_proto::auth::resolve_request::Credential;
use gwm_proto::auth::second_factor_client::SecondFactorClient;
use gwm_proto::auth::{
    BeginSecondFactorRequest, ConfirmSecondFactorRequest, FinishLoginRequest,
    GetSecondFactorRequest, LoginResponse, RemoveSecondFactorRequest, ResetSecondFactorRequest,
};
use tonic::{Code, Status};
use totp_rs::{Builder, Secret};

use crate::world::{
    Person, World, admin, password_of, reason, try_login, try_resolve, user_person,
};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What the authenticator shows at a time.
fn code(secret: &str, at: u64) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    Builder::new()
        .with_secret(secret)
        .with_account_name("x")
        .build()
        .unwrap()
        .generate(at)
        .to_string()
}

pub(crate) async fn begin(peer: &Peer, person: &Person, password: &str) -> Result<String, Status> {
    let request = BeginSecondFactorRequest { password: password.to_owned() };
    let mut client = SecondFactorClient::new(peer.clone());
    Ok(client.begin_second_factor(person.ask(request)).await?.into_inner().secret)
}

async fn confirm(peer: &Peer, person: &Person, code: &str) -> Result<Vec<String>, Status> {
    let request = ConfirmSecondFactorRequest { code: code.to_owned() };
    let mut client = SecondFactorClient::new(peer.clone());
    Ok(client.confirm_second_factor(person.ask(request)).await?.into_inner().recovery_codes)
}

async fn finish(peer: &Peer, challenge: &str, code: &str) -> Result<LoginResponse, Status> {
    let request = FinishLoginRequest {
        challenge: challenge.to_owned(),
        code: code.to_owned(),
        client_address: "192.0.2.7".to_owned(),
        user_agent: "test".to_owned(),
    };
    Ok(SecondFactorClient::new(peer.clone()).finish_login(request).await?.into_inner())
}

/// The first half of jane's login.
async fn challenge(peer: &Peer) -> String {
    let half = try_login(peer, "jane", &password_of("jane")).await.unwrap();
    assert!(half.session_token.is_empty() && half.user.is_none(), "{half:?}");
    assert_eq!(half.challenge.len(), 43);
    half.challenge
}

/// jane with an authenticator: its secret, when it was confirmed, the recovery codes.
pub(crate) async fn set_up(peer: &Peer, jane: &Person) -> (String, u64, Vec<String>) {
    set_up_of(peer, jane, &password_of("jane")).await
}

pub(crate) async fn set_up_of(
    peer: &Peer,
    person: &Person,
    password: &str,
) -> (String, u64, Vec<String>) {
    let secret = begin(peer, person, password).await.unwrap();
    let at = now();
    let codes = confirm(peer, person, &code(&secret, at)).await.unwrap();
    (secret, at, codes)
}

#[tokio::test]
async fn a_login_needs_a_code_and_no_code_counts_twice() {
    let world = World::new().await;
    let (one, two) = tokio::join!(world.replica("a"), world.replica("b"));
    let (gateway, other) = (world.gateway(&one).await, world.gateway(&two).await);
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let wrong = begin(&gateway, &jane, "not it").await.unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    let early = confirm(&gateway, &jane, "123456").await.unwrap_err();
    assert_eq!(early.code(), Code::InvalidArgument);
    // Begun is not on: whoever loses the secret now is not shut out.
    begin(&gateway, &jane, &password_of("jane")).await.unwrap();
    assert!(try_login(&gateway, "jane", &password_of("jane")).await.unwrap().challenge.is_empty());
    let (secret, at, codes) = set_up(&gateway, &jane).await;
    assert_eq!(codes.len(), 10);
    let twice = begin(&gateway, &jane, &password_of("jane")).await.unwrap_err();
    assert_eq!(reason(&twice), "second_factor_on");
    let bad = try_login(&gateway, "jane", "not it").await.unwrap_err();
    assert_eq!(reason(&bad), "login_refused");

    // The code that confirmed is used up; of many with the next one, one comes in.
    let half = challenge(&gateway).await;
    for used in [code(&secret, at), "".to_owned(), "999".to_owned()] {
        let refused = finish(&gateway, &half, &used).await.unwrap_err();
        assert_eq!(reason(&refused), "code_refused", "{used}");
    }
    let next = code(&secret, at + 30);
    let mut halves = Vec::new();
    for number in 0..4 {
        let peer = if number % 2 == 0 { &gateway } else { &other };
        halves.push((peer.clone(), challenge(peer).await));
    }
    let mut tries = tokio::task::JoinSet::new();
    for (peer, half) in halves {
        let next = next.clone();
        tries.spawn(async move { finish(&peer, &half, &next).await });
    }
    let (won, lost): (Vec<_>, Vec<_>) = tries.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 3));
    assert!(lost.into_iter().all(|status| reason(&status.unwrap_err()) == "code_refused"));
    let token = won.into_iter().next().unwrap().unwrap().session_token;
    try_resolve(&other, Credential::SessionToken(token)).await.unwrap();

    // A recovery code stands in once.
    let half = challenge(&gateway).await;
    let typed = codes[0].to_uppercase().replace('-', " ");
    finish(&gateway, &half, &typed).await.unwrap();
    let over = finish(&gateway, &half, &codes[1]).await.unwrap_err();
    assert_eq!(reason(&over), "challenge_over", "it has served");
    let half = challenge(&gateway).await;
    let used = finish(&gateway, &half, &codes[0]).await.unwrap_err();
    assert_eq!(reason(&used), "code_refused");
    let mut client = SecondFactorClient::new(gateway.clone());
    let state = client.get_second_factor(jane.ask(GetSecondFactorRequest {})).await.unwrap();
    let state = state.into_inner();
    assert!(state.on && state.recovery_codes_left == 9, "{state:?}");

    let kept: String = sqlx::query_scalar(
        "select string_agg(t, ' ') from (select authenticator::text as t from authenticator
             union all select recovery_code::text from recovery_code
             union all select record from audit_record union all select payload::text from outbox
         ) as everything",
    )
    .fetch_one(&world.pool().await)
    .await
    .unwrap();
    let bytes = hex::encode(Secret::try_from_base32(&secret).unwrap().as_bytes());
    for secret in [&secret, &bytes, &codes[0], &codes[1].replace('-', "")] {
        assert!(!kept.contains(secret.as_str()), "a secret is where it must not be");
    }
}

#[tokio::test]
async fn a_challenge_ends_with_its_tries_its_time_and_its_password() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let (_, _, codes) = set_up(&gateway, &jane).await;
    let tried = challenge(&gateway).await;
    for _ in 0..5 {
        let refused = finish(&gateway, &tried, "000000").await.unwrap_err();
        assert_eq!(reason(&refused), "code_refused");
    }
    let refused = finish(&gateway, &tried, &codes[0]).await.unwrap_err();
    assert_eq!(reason(&refused), "challenge_over");
    let late = challenge(&gateway).await;
    let pool = world.pool().await;
    sqlx::query("update login_challenge set expires_at = now()").execute(&pool).await.unwrap();
    for over in [&late, &"A".repeat(43), &String::new()] {
        let refused = finish(&gateway, over, &codes[0]).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        assert_eq!(reason(&refused), "challenge_over");
    }
    let changed = challenge(&gateway).await;
    let set = "update app_user set password_hash = 'another' where username = 'jane'";
    sqlx::query(set).execute(&pool).await.unwrap();
    let refused = finish(&gateway, &changed, &codes[0]).await.unwrap_err();
    assert_eq!(reason(&refused), "login_refused");
}

#[tokio::test]
async fn it_is_taken_away_by_its_owner_with_a_code_or_by_another_administrator() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let (_, _, codes) = set_up(&gateway, &jane).await;
    let mut client = SecondFactorClient::new(gateway.clone());
    let remove = |password: &str, code: &str| {
        jane.ask(RemoveSecondFactorRequest { password: password.to_owned(), code: code.to_owned() })
    };
    let password = password_of("jane");
    for (password, code, field) in
        [("not it", codes[0].as_str(), "password"), (password.as_str(), "000000", "code")]
    {
        let refused = client.remove_second_factor(remove(password, code)).await.unwrap_err();
        let fault = gwm_kernel::Fault::from_status(&refused);
        assert_eq!(fault.field.as_deref(), Some(field), "{fault:?}");
    }
    challenge(&gateway).await;
    client.remove_second_factor(remove(&password, &codes[0])).await.unwrap();
    assert!(try_login(&gateway, "jane", &password).await.unwrap().challenge.is_empty());

    set_up(&gateway, &jane).await;
    let half = challenge(&gateway).await;
    let reset = |who: &str| ResetSecondFactorRequest { user: who.to_owned() };
    let others = client.reset_second_factor(jane.ask(reset("admin"))).await.unwrap_err();
    assert_eq!(others.code(), Code::PermissionDenied);
    let own = client.reset_second_factor(admin.ask(reset("admin"))).await.unwrap_err();
    assert_eq!(reason(&own), "own_second_factor");
    let user = client.reset_second_factor(admin.ask(reset("jane"))).await.unwrap().into_inner();
    assert!(!user.second_factor);
    assert!(try_login(&gateway, "jane", &password).await.unwrap().challenge.is_empty());
    let refused = finish(&gateway, &half, &codes[1]).await.unwrap_err();
    assert_eq!(reason(&refused), "challenge_over");
    let acts: Vec<String> = sqlx::query_scalar(
        "select action from audit_record where action like 'second_factor.%'
             and outcome = 'succeeded' order by number",
    )
    .fetch_all(&world.pool().await)
    .await
    .unwrap();
    let add = "second_factor.add";
    assert_eq!(acts, [add, "second_factor.remove", add, "second_factor.reset"]);
}
