use std::time::Duration;

use gwm_authz::{Authz, AuthzConfig, Mode, SignedAssertion};
use gwm_kernel::grpc::Peer;
use gwm_proto::auth::grants_client::GrantsClient;
use gwm_proto::auth::sessions_client::SessionsClient;
use gwm_proto::auth::tickets_client::TicketsClient;
use gwm_proto::auth::{
    CreateTicketRequest, LogoutRequest, RedeemTicketRequest, RedeemTicketResponse,
    RemoveGrantRequest,
};
use gwm_proto::common::ObjectRef;
use gwm_testkit::wait_for;
use tonic::{Code, Status};

use crate::watch::Watching;
use crate::world::{
    PATIENCE, Person, Replica, World, admin, cluster_of, grant, instance, reason, user_person,
};

async fn ticket(peer: &Peer, person: &Person, object: &ObjectRef) -> Result<String, Status> {
    let request = CreateTicketRequest { instance: Some(object.clone()), kind: "vnc".to_owned() };
    let mut tickets = TicketsClient::new(peer.clone());
    Ok(tickets.create_ticket(person.ask(request)).await?.into_inner().ticket)
}

async fn redeem(proxy: &Peer, ticket: &str) -> Result<RedeemTicketResponse, Status> {
    let request =
        RedeemTicketRequest { ticket: ticket.to_owned(), client_address: "192.0.2.8".to_owned() };
    Ok(TicketsClient::new(proxy.clone()).redeem_ticket(request).await?.into_inner())
}

/// A person with `console` on an instance, known to the replica.
async fn viewer(world: &World, replica: &Replica) -> (Peer, Person, Person, ObjectRef, String) {
    let gateway = world.gateway(replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let object = instance();
    let granted = grant(&gateway, &admin, "jane", "console", &object).await.unwrap();
    let mut watching = Watching::start(&world.peer(replica, "vnc-proxy").await).await;
    watching.until_user(&jane.user_id(), |u| u.rights.len() == 1).await;
    (gateway, admin, jane, object, granted.grant_id)
}

#[tokio::test]
async fn of_a_hundred_who_redeem_one_ticket_one_gets_the_console() {
    let world = World::new().await;
    let (one, two) = tokio::join!(world.replica("a"), world.replica("b"));
    let (gateway, _, jane, object, _) = viewer(&world, &one).await;
    let proxies = [world.peer(&one, "vnc-proxy").await, world.peer(&two, "vnc-proxy").await];
    let ticket = ticket(&gateway, &jane, &object).await.unwrap();
    assert_eq!(ticket.len(), 43);

    let mut tries = tokio::task::JoinSet::new();
    for number in 0..100 {
        let (proxy, ticket) = (proxies[number % 2].clone(), ticket.clone());
        tries.spawn(async move { redeem(&proxy, &ticket).await });
    }
    let (won, lost): (Vec<_>, Vec<_>) = tries.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 99));
    for status in lost.into_iter().map(Result::unwrap_err) {
        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(reason(&status), "ticket_invalid");
    }
    let redeemed = won.into_iter().next().unwrap().unwrap();
    assert_eq!(redeemed.instance, Some(object));
    assert_eq!((redeemed.username.as_str(), redeemed.kind.as_str()), ("jane", "vnc"));
    assert_eq!(redeemed.session_id, jane.resolved.session_id);

    // With it comes the person, for the calls that open the console.
    let mut watching = Watching::start(&proxies[0]).await;
    let authz = Authz::detached(AuthzConfig::default());
    let (revision, body) = watching.next().await.unwrap();
    authz.receive(revision, body);
    let signed = SignedAssertion { assertion: redeemed.assertion, signature: redeemed.signature };
    let person = authz.verify(&signed, Mode::Write).unwrap();
    assert_eq!(person.user_id.to_string(), jane.user_id());
    assert_eq!(person.client_address, "192.0.2.8");
}

#[tokio::test]
async fn a_ticket_that_is_late_used_or_made_up_is_refused_in_the_same_words() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let (gateway, _, jane, object, _) = viewer(&world, &replica).await;
    let proxy = world.peer(&replica, "vnc-proxy").await;

    let late = ticket(&gateway, &jane, &object).await.unwrap();
    let aged = sqlx::query("update console_ticket set expires_at = expires_at - interval '30 s'")
        .execute(&world.pool().await)
        .await
        .unwrap();
    assert_eq!(aged.rows_affected(), 1);
    let late = redeem(&proxy, &late).await.unwrap_err();
    let used = ticket(&gateway, &jane, &object).await.unwrap();
    redeem(&proxy, &used).await.unwrap();
    let used = redeem(&proxy, &used).await.unwrap_err();
    assert_eq!(reason(&late), "ticket_invalid");
    for made_up in ["", "x", "../x", &"y".repeat(100_000)] {
        let refused = redeem(&proxy, made_up).await.unwrap_err();
        for status in [&late, &used] {
            assert_eq!(status.code(), refused.code());
            assert_eq!(status.message(), refused.message());
            assert_eq!(status.details(), refused.details());
        }
    }
}

#[tokio::test]
async fn a_ticket_is_worth_nothing_once_the_right_or_the_session_is_gone() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let (gateway, admin, jane, object, grant_id) = viewer(&world, &replica).await;
    let proxy = world.peer(&replica, "vnc-proxy").await;

    let first = ticket(&gateway, &jane, &object).await.unwrap();
    let second = ticket(&gateway, &jane, &object).await.unwrap();
    let mut sessions = SessionsClient::new(gateway.clone());
    let logout = LogoutRequest { session_token: jane.session_token.clone() };
    sessions.logout(logout).await.unwrap();
    let refused = redeem(&proxy, &first).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::Unauthenticated, "unauthenticated".into())
    );
    // What was refused is used up all the same.
    assert_eq!(reason(&redeem(&proxy, &first).await.unwrap_err()), "ticket_invalid");

    let pool = world.pool().await;
    sqlx::query("update session set ended_at = null").execute(&pool).await.unwrap();
    let mut grants = GrantsClient::new(gateway.clone());
    grants.remove_grant(admin.ask(RemoveGrantRequest { grant_id })).await.unwrap();
    let refused = redeem(&proxy, &second).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::PermissionDenied, "permission_denied".into())
    );
}

#[tokio::test]
async fn a_ticket_needs_console_and_what_is_hidden_stays_so() {
    let world = World::with(&[("GWM_AUTH__TICKET__LIFETIME", "2s")]).await;
    let replica = world.replica("a").await;
    let (gateway, admin, jane, object, _) = viewer(&world, &replica).await;
    let hidden = ticket(&gateway, &jane, &instance()).await.unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);
    let seen = instance();
    grant(&gateway, &admin, "jane", "view", &seen).await.unwrap();
    let denied = wait_for("the right to view", PATIENCE, async || {
        let refused = ticket(&gateway, &jane, &seen).await.unwrap_err();
        if refused.code() == Code::PermissionDenied { Ok(refused) } else { Err(refused) }
    })
    .await;
    assert_eq!(reason(&denied), "permission_denied");
    let cluster = ticket(&gateway, &jane, &cluster_of(&object)).await.unwrap_err();
    assert_eq!(cluster.code(), Code::InvalidArgument);
    let mut tickets = TicketsClient::new(gateway.clone());
    let spice = CreateTicketRequest { instance: Some(object.clone()), kind: "spice".to_owned() };
    let spice = tickets.create_ticket(jane.ask(spice)).await.unwrap_err();
    assert_eq!(spice.code(), Code::InvalidArgument);

    // Its time is the database's, and as configured.
    let vnc = CreateTicketRequest { instance: Some(object), kind: "vnc".to_owned() };
    let made = tickets.create_ticket(jane.ask(vnc)).await.unwrap().into_inner();
    let lifetime: f64 = sqlx::query_scalar(
        "select extract(epoch from expires_at - created_at)::float8 from console_ticket",
    )
    .fetch_one(&world.pool().await)
    .await
    .unwrap();
    assert!((lifetime - Duration::from_secs(2).as_secs_f64()).abs() < 0.001);
    assert!(made.expires_at.is_some());
}
