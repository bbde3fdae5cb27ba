//! One-time ways to an account.

use gwm_kernel::grpc::Peer;
use gwm_proto::auth::invites_client::InvitesClient;
use gwm_proto::auth::people_client::PeopleClient;
use gwm_proto::auth::users_client::UsersClient;
use gwm_proto::auth::{
    ChangeUserRequest, CreateInviteRequest, CreateInviteResponse, CreateUserRequest,
    ListInvitesRequest, RedeemInviteRequest, User, WithdrawInviteRequest,
};
use tonic::{Code, Status};

use crate::watch::Watching;
use crate::world::{Person, World, admin, password_of, person, reason, user, user_person};

const PASSWORD: &str = "a mill by the brook";

async fn invite(peer: &Peer, asker: &Person, name: &str) -> Result<CreateInviteResponse, Status> {
    let request = CreateInviteRequest { username: name.to_owned(), ..Default::default() };
    Ok(InvitesClient::new(peer.clone()).create_invite(asker.ask(request)).await?.into_inner())
}

async fn redeem(peer: &Peer, code: &str, name: &str, password: &str) -> Result<User, Status> {
    let request = RedeemInviteRequest {
        code: code.to_owned(),
        username: name.to_owned(),
        password: password.to_owned(),
        client_address: "192.0.2.9".to_owned(),
    };
    Ok(InvitesClient::new(peer.clone()).redeem_invite(request).await?.into_inner())
}

async fn states(peer: &Peer, asker: &Person) -> Vec<String> {
    let mut invites = InvitesClient::new(peer.clone());
    let listed = invites.list_invites(asker.ask(ListInvitesRequest {})).await.unwrap();
    listed.into_inner().invites.into_iter().map(|i| i.state).collect()
}

#[tokio::test]
async fn an_invite_makes_one_account_however_many_try() {
    let world = World::new().await;
    let (one, two) = tokio::join!(world.replica("a"), world.replica("b"));
    let peers = [world.gateway(&one).await, world.gateway(&two).await];
    let admin = admin(&peers[0]).await;
    let made = invite(&peers[0], &admin, "").await.unwrap();
    assert_eq!(made.code.len(), 43);
    let mut tries = tokio::task::JoinSet::new();
    for number in 0..8 {
        let (peer, code) = (peers[number % 2].clone(), made.code.clone());
        let name = format!("guest{number}");
        tries.spawn(async move { redeem(&peer, &code, &name, PASSWORD).await });
    }
    let (won, lost): (Vec<_>, Vec<_>) = tries.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 7));
    for status in lost.into_iter().map(Result::unwrap_err) {
        assert_eq!(reason(&status), "invite_invalid");
    }
    let user = won.into_iter().next().unwrap().unwrap();
    assert!(!user.is_admin);
    person(&peers[1], &user.username, PASSWORD).await;
    let pool = world.pool().await;
    let guests: i64 =
        sqlx::query_scalar("select count(*) from app_user where username like 'guest%'")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(guests, 1);
    assert_eq!(states(&peers[0], &admin).await, ["used"]);
    let records: Vec<(String, String)> = sqlx::query_as(
        "select action, outcome from audit_record where action like 'invite.%'
         group by action, outcome order by action, outcome",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let is = |action: &str, outcome: &str| (action.to_owned(), outcome.to_owned());
    let wanted = [
        is("invite.create", "succeeded"),
        is("invite.redeem", "refused"),
        is("invite.redeem", "succeeded"),
    ];
    assert_eq!(records, wanted);
    let kept: bool = sqlx::query_scalar(
        "select exists (select from invite where invite::text like '%' || $1 || '%')
             or exists (select from audit_record where record like '%' || $1 || '%')
             or exists (select from outbox where payload::text like '%' || $1 || '%')",
    )
    .bind(&made.code)
    .fetch_one(&pool)
    .await
    .unwrap();
    assert!(!kept, "the code is kept nowhere");
}

#[tokio::test]
async fn what_is_wrong_with_name_or_password_leaves_the_invite_open() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    user(&gateway, &admin, "jane").await;
    let open = invite(&gateway, &admin, "").await.unwrap().code;
    let named = invite(&gateway, &admin, "joe").await.unwrap().code;
    for (code, name, password, field) in [
        (&open, "", PASSWORD, "username"),
        (&open, "No Name", PASSWORD, "username"),
        (&open, "ann", "password1234", "password"),
        (&named, "ann", PASSWORD, "username"),
        (&named, "", "joe.joe.joe", "password"),
    ] {
        let refused = redeem(&gateway, code, name, password).await.unwrap_err();
        let fault = gwm_kernel::Fault::from_status(&refused);
        assert_eq!(refused.code(), Code::InvalidArgument, "{fault:?}");
        assert_eq!(fault.field.as_deref(), Some(field), "{fault:?}");
    }
    let taken = redeem(&gateway, &open, "jane", PASSWORD).await.unwrap_err();
    assert_eq!(reason(&taken), "user_exists");
    assert_eq!(redeem(&gateway, &named, "", PASSWORD).await.unwrap().username, "joe");
    assert_eq!(redeem(&gateway, &open, "ann", PASSWORD).await.unwrap().username, "ann");
    let taken = invite(&gateway, &admin, "ann").await.unwrap_err();
    assert_eq!(reason(&taken), "user_exists");
}

#[tokio::test]
async fn an_invite_ends_by_time_by_hand_and_with_its_makers_rights() {
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
    let late = invite(&gateway, &admin, "late").await.unwrap();
    let withdrawn = invite(&gateway, &admin, "withdrawn").await.unwrap();
    let bobs = invite(&gateway, &bob, "friend").await.unwrap();
    sqlx::query("update invite set expires_at = now() where username = 'late'")
        .execute(&world.pool().await)
        .await
        .unwrap();
    let mut invites = InvitesClient::new(gateway.clone());
    let which = WithdrawInviteRequest { invite_id: withdrawn.invite.clone().unwrap().invite_id };
    invites.withdraw_invite(admin.ask(which.clone())).await.unwrap();
    invites.withdraw_invite(admin.ask(which.clone())).await.unwrap();
    let take = ChangeUserRequest {
        user: "bob".to_owned(),
        is_admin: Some(false),
        ..ChangeUserRequest::default()
    };
    PeopleClient::new(gateway.clone()).change_user(admin.ask(take)).await.unwrap();
    assert_eq!(states(&gateway, &admin).await, ["void", "withdrawn", "expired"]);
    let never = "A".repeat(43);
    for code in [&late.code, &withdrawn.code, &bobs.code, &never, &String::new()] {
        let refused = redeem(&gateway, code, "", PASSWORD).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        assert_eq!(reason(&refused), "invite_invalid");
    }

    let jane = user_person(&gateway, &admin, "jane").await;
    let codes = [
        invites.create_invite(jane.ask(CreateInviteRequest::default())).await.err(),
        invites.list_invites(jane.ask(ListInvitesRequest {})).await.err(),
        invites.withdraw_invite(jane.ask(which)).await.err(),
    ];
    for code in codes {
        assert_eq!(code.unwrap().code(), Code::PermissionDenied);
    }
}
