use gwm_proto::auth::resolve_request::Credential;
use gwm_proto::auth::tokens_client::TokensClient;
use gwm_proto::auth::{CreateTokenRequest, ListTokensRequest, RevokeTokenRequest};
use tonic::Code;

use crate::watch::Watching;
use crate::world::{World, admin, reason, try_resolve, user_person};

#[tokio::test]
async fn a_token_is_shown_once_stands_for_its_person_and_ends_everywhere_when_revoked() {
    let world = World::new().await;
    let (one, two) = tokio::join!(world.replica("a"), world.replica("b"));
    let (gateway, other) = (world.gateway(&one).await, world.gateway(&two).await);
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let mut tokens = TokensClient::new(gateway.clone());

    let name = CreateTokenRequest { name: " build server ".to_owned(), ..Default::default() };
    let made = tokens.create_token(jane.ask(name)).await.unwrap().into_inner();
    let token = made.token.unwrap();
    assert!(made.secret.starts_with("gwm_pat_") && made.secret.len() == 51);
    assert_eq!(token.name, "build server");
    assert!(made.secret.starts_with(&token.prefix) && token.prefix.len() == 12);

    let bearer = || Credential::BearerToken(made.secret.clone());
    let resolved = try_resolve(&other, bearer()).await.unwrap();
    assert_eq!(resolved.user.unwrap().username, "jane");
    assert_eq!(resolved.token_id, token.token_id);
    assert_eq!(resolved.session_id, "");

    let listed =
        tokens.list_tokens(jane.ask(ListTokensRequest::default())).await.unwrap().into_inner();
    assert_eq!(listed.tokens.len(), 1);
    assert!(listed.tokens[0].last_used_at.is_some(), "the use is recorded");

    // A session's token is no bearer token, and the other way round.
    let session = Credential::BearerToken(jane.session_token.clone());
    assert_eq!(try_resolve(&gateway, session).await.unwrap_err().code(), Code::Unauthenticated);
    let as_session = Credential::SessionToken(made.secret.clone());
    assert_eq!(try_resolve(&gateway, as_session).await.unwrap_err().code(), Code::Unauthenticated);

    // Nobody else's business, not even the administrator's here.
    let revoke = || RevokeTokenRequest { token_id: token.token_id.clone(), user: String::new() };
    let foreign = tokens.revoke_token(admin.ask(revoke())).await.unwrap_err();
    assert_eq!(foreign.code(), Code::NotFound);

    let mut watching = Watching::start(&world.peer(&two, "web-gateway").await).await;
    tokens.revoke_token(jane.ask(revoke())).await.unwrap();
    tokens.revoke_token(jane.ask(revoke())).await.unwrap();
    watching.until_ended(&token.token_id).await;
    let refused = try_resolve(&other, bearer()).await.unwrap_err();
    assert_eq!(reason(&refused), "unauthenticated");
}

#[tokio::test]
async fn a_token_needs_a_name_and_a_person() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let mut tokens = TokensClient::new(gateway.clone());
    for name in ["", "  ", "a\nb", &"x".repeat(101)] {
        let request = CreateTokenRequest { name: name.to_owned(), ..Default::default() };
        let refused = tokens.create_token(admin.ask(request)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name:?}");
    }
    let request = CreateTokenRequest { name: "x".to_owned(), ..Default::default() };
    let nobody = tokens.create_token(request.clone()).await.unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
    let mut forged = admin.signed();
    forged.assertion.push(0);
    let forged = tokens.create_token(forged.attach(request)).await.unwrap_err();
    assert_eq!(forged.code(), Code::Unauthenticated);
    let bearer = Credential::BearerToken("gwm_pat_nonsense".to_owned());
    assert_eq!(try_resolve(&gateway, bearer).await.unwrap_err().code(), Code::Unauthenticated);
}
