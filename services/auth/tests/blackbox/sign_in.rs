//! Who needs a second factor.

use gwm_kernel::Fault;
use gwm_kernel::grpc::Peer;
use gwm_proto::auth::resolve_request::Credential;
use gwm_proto::auth::second_factor_client::SecondFactorClient;
use gwm_proto::auth::sign_in_client::SignInClient;
use gwm_proto::auth::tokens_client::TokensClient;
use gwm_proto::auth::users_client::UsersClient;
use gwm_proto::auth::{
    CreateTokenRequest, GetMeRequest, GetSecondFactorRequest, GetSignInPolicyRequest,
    RemoveSecondFactorRequest, SetSignInPolicyRequest, SignInPolicy,
};
use tonic::{Code, Status};

use crate::second_factor::{begin, set_up, set_up_of};
use crate::watch::Watching;
use crate::world::{
    ADMIN_PASSWORD, Person, World, admin, password_of, person, reason, try_resolve, user_person,
};

async fn set(
    peer: &Peer,
    person: &Person,
    second_factor: &str,
    revision: i64,
) -> Result<SignInPolicy, Status> {
    let request = SetSignInPolicyRequest { second_factor: second_factor.to_owned(), revision };
    Ok(SignInClient::new(peer.clone()).set_sign_in_policy(person.ask(request)).await?.into_inner())
}

async fn me(peer: &Peer, person: &Person) -> Result<(), Status> {
    UsersClient::new(peer.clone()).get_me(person.ask(GetMeRequest {})).await.map(drop)
}

/// The same person, as the gateway asks for them anew.
async fn again(peer: &Peer, person: &Person) -> Person {
    let session_token = person.session_token.clone();
    let credential = Credential::SessionToken(session_token.clone());
    Person { resolved: try_resolve(peer, credential).await.unwrap(), session_token }
}

#[tokio::test]
async fn who_needs_a_second_factor_and_has_none_can_only_set_it_up() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let mut tokens = TokensClient::new(gateway.clone());
    let request = CreateTokenRequest { name: "t".to_owned(), ..Default::default() };
    let token = tokens.create_token(jane.ask(request)).await.unwrap().into_inner().secret;

    // Whoever asks for it has to have one.
    let first = set(&gateway, &admin, "everybody", 0).await.unwrap_err();
    assert_eq!(reason(&first), "second_factor_first");
    let others = set(&gateway, &jane, "nobody", 0).await.unwrap_err();
    assert_eq!(others.code(), Code::PermissionDenied);
    set_up_of(&gateway, &admin, ADMIN_PASSWORD).await;
    let odd = set(&gateway, &admin, "some", 0).await.unwrap_err();
    assert_eq!(Fault::from_status(&odd).field.as_deref(), Some("second_factor"));
    let stale = set(&gateway, &admin, "everybody", 7).await.unwrap_err();
    assert_eq!(reason(&stale), "sign_in_changed");

    // Administrators alone: jane is none.
    set(&gateway, &admin, "administrators", 1).await.unwrap();
    me(&gateway, &again(&gateway, &jane).await).await.unwrap();
    let mut watching = Watching::start(&gateway).await;
    let now = set(&gateway, &admin, "everybody", 2).await.unwrap();
    assert_eq!((now.second_factor.as_str(), now.revision, now.without), ("everybody", 3, 1));
    watching.until_ended(&jane.resolved.session_id).await;
    me(&gateway, &again(&gateway, &admin).await).await.unwrap();

    // A new sign-in is good for one thing.
    let jane = person(&gateway, "jane", &password_of("jane")).await;
    let bearer = Credential::BearerToken(token.clone());
    let program = Person {
        resolved: try_resolve(&gateway, bearer).await.unwrap(),
        session_token: String::new(),
    };
    for refused in [&jane, &program] {
        assert_eq!(reason(&me(&gateway, refused).await.unwrap_err()), "second_factor_missing");
    }
    let by_token = begin(&gateway, &program, &password_of("jane")).await.unwrap_err();
    assert_eq!(reason(&by_token), "session_needed");
    let mut client = SecondFactorClient::new(gateway.clone());
    let state = client.get_second_factor(jane.ask(GetSecondFactorRequest {})).await.unwrap();
    assert!(!state.into_inner().on);
    let (_, _, codes) = set_up(&gateway, &jane).await;
    let jane = again(&gateway, &jane).await;
    me(&gateway, &jane).await.unwrap();
    let bearer = Credential::BearerToken(token);
    let program = Person {
        resolved: try_resolve(&gateway, bearer).await.unwrap(),
        session_token: String::new(),
    };
    me(&gateway, &program).await.unwrap();

    // It can't be done without, and the code that was given for it is not used up.
    let remove = |code: &str| {
        let (password, code) = (password_of("jane"), code.to_owned());
        jane.ask(RemoveSecondFactorRequest { password, code })
    };
    let needed = client.remove_second_factor(remove(&codes[0])).await.unwrap_err();
    assert_eq!(reason(&needed), "second_factor_needed");
    set(&gateway, &admin, "nobody", 3).await.unwrap();
    client.remove_second_factor(remove(&codes[0])).await.unwrap();
    me(&gateway, &again(&gateway, &jane).await).await.unwrap();

    let details: Vec<String> = sqlx::query_scalar(
        "select record::jsonb -> 'details' ->> 'second_factor' from audit_record
             where action = 'sign_in.change' and outcome = 'succeeded' order by number",
    )
    .fetch_all(&world.pool().await)
    .await
    .unwrap();
    assert_eq!(details, ["administrators", "everybody", "nobody"]);
    let mut client = SignInClient::new(gateway.clone());
    let read = client.get_sign_in_policy(jane.ask(GetSignInPolicyRequest {})).await.unwrap_err();
    assert_eq!(read.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn who_becomes_an_administrator_needs_it_from_then_on() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    set_up_of(&gateway, &admin, ADMIN_PASSWORD).await;
    set(&gateway, &admin, "administrators", 0).await.unwrap();
    me(&gateway, &again(&gateway, &jane).await).await.unwrap();
    sqlx::query("update app_user set is_admin = true where username = 'jane'")
        .execute(&world.pool().await)
        .await
        .unwrap();
    let refused = me(&gateway, &again(&gateway, &jane).await).await.unwrap_err();
    assert_eq!(reason(&refused), "second_factor_missing");
    // The way back in leads past the second factor, and to a new one.
    let environment = world.environment();
    let (ok, said, errors) = crate::bootstrap::verb(&environment, &["reset-admin"], "");
    assert!(ok, "{errors}");
    let password = said.strip_prefix("gwm-auth: administrator: admin / ").unwrap().trim();
    let back = person(&gateway, "admin", password).await;
    assert_eq!(reason(&me(&gateway, &back).await.unwrap_err()), "second_factor_missing");
    set_up_of(&gateway, &back, password).await;
    me(&gateway, &again(&gateway, &back).await).await.unwrap();
}
