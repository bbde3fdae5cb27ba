//! Tokens that may do less than their owner, end by themselves, or count from some networks only.

use std::net::IpAddr;

use gwm_authz::Rights;
use gwm_kernel::grpc::Peer;
use gwm_proto::auth::grants_client::GrantsClient;
use gwm_proto::auth::owners_client::OwnersClient;
use gwm_proto::auth::resolve_request::Credential;
use gwm_proto::auth::roles_client::RolesClient;
use gwm_proto::auth::sessions_client::SessionsClient;
use gwm_proto::auth::tickets_client::TicketsClient;
use gwm_proto::auth::tokens_client::TokensClient;
use gwm_proto::auth::views_client::ViewsClient;
use gwm_proto::auth::{
    Assertion, CreateRoleRequest, CreateTicketRequest, CreateTokenRequest, CreateTokenResponse,
    DeleteRoleRequest, ListGrantsRequest, ListTokensRequest, ListViewsRequest, Presence,
    RedeemTicketRequest, RemoveGrantRequest, ResolveRequest, ResolveResponse, TellPresenceRequest,
    TokenObject,
};
use gwm_proto::common::ObjectRef;
use gwm_testkit::wait_for;
use gwm_types::{Object, Permission, UserId};
use prost::Message;
use prost_types::Timestamp;
use tonic::{Code, Status};

use crate::groups::{create as make_group, may, put};
use crate::watch::Watching;
use crate::world::{
    PATIENCE, Person, World, admin, cluster_of, grant, instance, reason, resolve_as, try_resolve,
    user, user_person,
};

fn asked(name: &str) -> CreateTokenRequest {
    CreateTokenRequest { name: name.to_owned(), ..Default::default() }
}

fn on(objects: &[&ObjectRef]) -> Vec<TokenObject> {
    let of = |object: &&ObjectRef| TokenObject {
        object: Some((*object).clone()),
        cluster: "fra1".to_owned(),
        name: "web1".to_owned(),
    };
    objects.iter().map(of).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

async fn make(
    peer: &Peer,
    who: &Person,
    asked: CreateTokenRequest,
) -> Result<CreateTokenResponse, Status> {
    Ok(TokensClient::new(peer.clone()).create_token(who.ask(asked)).await?.into_inner())
}

/// Whoever comes with that token.
async fn with(peer: &Peer, made: &CreateTokenResponse, act_as: &str) -> Result<Person, Status> {
    let bearer = Credential::BearerToken(made.secret.clone());
    let resolved = resolve_as(peer, bearer, act_as).await?;
    Ok(Person { session_token: String::new(), resolved })
}

fn id(made: &CreateTokenResponse) -> String {
    made.token.as_ref().unwrap().token_id.clone()
}

fn object(object: &ObjectRef) -> Object {
    gwm_authz::parse_object(object).unwrap()
}

fn holds(rights: &Rights, holder: &str, permission: Permission, on: &ObjectRef) -> bool {
    let holder: UserId = holder.parse().unwrap();
    rights.allows(holder, permission, object(on))
}

#[tokio::test]
async fn a_limited_token_may_what_is_both_its_owners_and_its_own() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let peer = world.gateway(&replica).await;
    let admin = admin(&peer).await;
    let ann = user_person(&peer, &admin, "ann").await;
    let _group = make_group(&peer, &admin, "shop").await.unwrap();
    let _in = put(&peer, &admin, "shop", "ann", false).await.unwrap();
    let (web, db) = (instance(), instance());
    let there = cluster_of(&db);
    let own = grant(&peer, &admin, "ann", "power", &web).await.unwrap();
    let _shops = grant(&peer, &admin, "group/shop", "operator", &there).await.unwrap();
    let _shops = grant(&peer, &admin, "group/shop", "create_vm", &there).await.unwrap();

    let mut watching = Watching::start(&world.peer(&replica, "cache-updater").await).await;
    watching.until_user(&ann.user_id(), |told| told.rights.len() == 3).await;
    let token = make(
        &peer,
        &ann,
        CreateTokenRequest {
            roles: words(&["console"]),
            objects: on(&[&web, &db]),
            ..asked("look")
        },
    );
    let look = token.await.unwrap();
    let told = look.token.clone().unwrap();
    assert!(told.restricted && told.roles == ["console"] && told.objects.len() == 2);
    let shop = CreateTokenRequest { persona: "group/shop".to_owned(), ..asked("shop") };
    let shop = make(&peer, &ann, shop).await.unwrap();
    let plain = make(&peer, &ann, asked("plain")).await.unwrap();
    assert!(!plain.token.as_ref().unwrap().restricted);
    let first =
        CreateTokenRequest { roles: words(&["power"]), objects: on(&[&there]), ..asked("night") };
    let admins = make(&peer, &admin, first).await.unwrap();
    watching.until_user(&id(&look), |told| told.rights.len() == 2).await;
    watching.until_user(&id(&shop), |told| told.groups.len() == 1).await;
    watching.until_user(&id(&admins), |told| !told.rights.is_empty()).await;

    let rights = watching.rights();
    let (look_id, shop_id, admins_id) = (id(&look), id(&shop), id(&admins));
    for (holder, permission, object, allowed) in [
        (&look_id, Permission::Console, &web, true),
        (&look_id, Permission::View, &db, true),
        (&look_id, Permission::Power, &web, false),
        (&look_id, Permission::Power, &db, false),
        // Held on the cluster, and the token is for one instance of it.
        (&look_id, Permission::View, &there, false),
        (&shop_id, Permission::Migrate, &there, true),
        (&shop_id, Permission::View, &web, false),
        (&admins_id, Permission::Power, &db, true),
        (&admins_id, Permission::Power, &web, false),
        (&admins_id, Permission::Remove, &db, false),
    ] {
        assert_eq!(
            holds(&rights, holder, permission, object),
            allowed,
            "{permission} on {object:?}"
        );
    }
    let holder = |id: &str| id.parse::<UserId>().unwrap();
    let shops = rights.groups(holder(&shop_id)).into_keys().next().unwrap();
    let cluster = object(&there).cluster().unwrap();
    assert!(rights.creates(holder(&shop_id), shops, cluster));
    assert!(!rights.creates(holder(&look_id), shops, cluster), "that token is for consoles");
    assert!(!rights.is_admin(holder(&admins_id)));

    // What is signed says so, and the calls decide by it.
    let looking = with(&peer, &look, "").await.unwrap();
    assert!(Assertion::decode(looking.resolved.assertion.as_slice()).unwrap().restricted);
    let ticket =
        |of: &ObjectRef| CreateTicketRequest { instance: Some(of.clone()), kind: "vnc".to_owned() };
    let mut tickets = TicketsClient::new(peer.clone());
    let pass = tickets.create_ticket(looking.ask(ticket(&web))).await.unwrap().into_inner().ticket;
    let refused = tickets.create_ticket(looking.ask(ticket(&instance()))).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let proxy = world.peer(&replica, "vnc-proxy").await;
    let redeem = RedeemTicketRequest { ticket: pass, client_address: "192.0.2.7".to_owned() };
    let redeemed = TicketsClient::new(proxy).redeem_ticket(redeem).await.unwrap().into_inner();
    let again = Assertion::decode(redeemed.assertion.as_slice()).unwrap();
    assert!(again.restricted && again.token_id == look_id);
    let night = with(&peer, &admins, "").await.unwrap();
    let listed = ListGrantsRequest { object: Some(there.clone()), ..Default::default() };
    let refused = GrantsClient::new(peer.clone()).list_grants(night.ask(listed)).await.unwrap_err();
    assert_eq!(
        refused.code(),
        Code::PermissionDenied,
        "an administrator's token is no administrator"
    );

    // It never reaches its owner's account, so it can't make itself another one.
    let more = make(&peer, &looking, asked("more")).await.unwrap_err();
    assert_eq!((more.code(), &*reason(&more)), (Code::PermissionDenied, "token_restricted"));
    let views =
        ViewsClient::new(peer.clone()).list_views(looking.ask(ListViewsRequest::default())).await;
    assert_eq!(reason(&views.unwrap_err()), "token_restricted");

    // Bound to a persona it acts as that and nobody else.
    let acting = with(&peer, &shop, "").await.unwrap();
    let says = Assertion::decode(acting.resolved.assertion.as_slice()).unwrap();
    assert_eq!(says.acting_as_name, "shop");
    assert!(with(&peer, &shop, "group/shop").await.is_ok());
    for other in ["user/ann", "ann", "group/none"] {
        assert_eq!(
            reason(&with(&peer, &shop, other).await.err().unwrap()),
            "token_persona",
            "{other}"
        );
    }

    // What its owner loses it loses, too.
    let gone = RemoveGrantRequest { grant_id: own.grant_id };
    GrantsClient::new(peer.clone()).remove_grant(admin.ask(gone)).await.unwrap();
    watching.until_user(&look_id, |told| told.rights.len() == 1).await;
    assert!(!holds(&watching.rights(), &look_id, Permission::Console, &web));
    crate::groups::take_out(&peer, &admin, "shop", "ann").await.unwrap();
    watching.until_user(&shop_id, |told| told.rights.is_empty() && told.create_vm.is_empty()).await;
    assert_eq!(reason(&with(&peer, &shop, "").await.err().unwrap()), "token_persona");
}

#[tokio::test]
async fn a_token_for_a_cluster_has_what_its_owner_holds_there_by_node_groups() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let peer = world.gateway(&replica).await;
    let admin = admin(&peer).await;
    let ann = user_person(&peer, &admin, "ann").await;
    let (web, other) = (instance(), instance());
    let group = ObjectRef { kind: "node_group".to_owned(), uuid: instance().uuid, ..web.clone() };
    let _held = grant(&peer, &admin, "ann", "power", &group).await.unwrap();
    let _seen = grant(&peer, &admin, "ann", "view", &other).await.unwrap();
    let news = Presence {
        what: "traits".to_owned(),
        cluster_id: web.cluster_id.clone(),
        uuid: web.uuid.clone(),
        node_group: group.uuid.clone(),
        tags: Vec::new(),
    };
    let mut owners = OwnersClient::new(world.peer(&replica, "cache-updater").await);
    owners.tell_presence(TellPresenceRequest { news: vec![news] }).await.unwrap();
    may(&peer, &ann.user_id(), "power", &web, true).await;
    may(&peer, &ann.user_id(), "view", &other, true).await;

    let of = |name: &str, object: &ObjectRef, roles: &[&str]| CreateTokenRequest {
        objects: on(&[object]),
        roles: words(roles),
        ..asked(name)
    };
    let there = make(&peer, &ann, of("there", &cluster_of(&web), &[])).await.unwrap();
    let looks = make(&peer, &ann, of("looks", &cluster_of(&web), &["console"])).await.unwrap();
    let elsewhere = make(&peer, &ann, of("elsewhere", &cluster_of(&other), &[])).await.unwrap();
    may(&peer, &id(&there), "power", &web, true).await;
    may(&peer, &id(&looks), "console", &web, true).await;
    may(&peer, &id(&looks), "power", &web, false).await;
    may(&peer, &id(&elsewhere), "view", &other, true).await;
    may(&peer, &id(&elsewhere), "view", &web, false).await;
    let refused = make(&peer, &ann, of("group", &group, &[])).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "a token is for clusters and instances");
}

#[tokio::test]
async fn a_role_that_goes_takes_with_it_what_tokens_did_by_it() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let peer = world.gateway(&replica).await;
    let admin = admin(&peer).await;
    let ann = user_person(&peer, &admin, "ann").await;
    let web = instance();
    let _own = grant(&peer, &admin, "ann", "admin", &web).await.unwrap();
    let role = |of: &[&str]| CreateRoleRequest {
        name: "night".to_owned(),
        description: String::new(),
        permissions: words(of),
    };
    let mut roles = RolesClient::new(peer.clone());
    roles.create_role(admin.ask(role(&["power"]))).await.unwrap();
    let mut watching = Watching::start(&world.peer(&replica, "cache-updater").await).await;
    let limited = CreateTokenRequest { roles: words(&["night"]), ..asked("night") };
    let made = make(&peer, &ann, limited).await.unwrap();
    let token = id(&made);
    watching.until_user(&token, |told| !told.rights.is_empty()).await;
    assert!(holds(&watching.rights(), &token, Permission::Power, &web));
    let gone = DeleteRoleRequest { name: "night".to_owned() };
    roles.delete_role(admin.ask(gone)).await.unwrap();
    watching.until_user(&token, |told| told.rights.is_empty()).await;
    // One of the same name is another one.
    roles.create_role(admin.ask(role(&["remove"]))).await.unwrap();
    let _more = grant(&peer, &admin, "ann", "view", &instance()).await.unwrap();
    watching.until_user(&ann.user_id(), |told| told.rights.len() == 2).await;
    assert!(!holds(&watching.rights(), &token, Permission::Remove, &web));
    let mut tokens = TokensClient::new(peer.clone());
    let listed = tokens
        .list_tokens(ann.ask(ListTokensRequest::default()))
        .await
        .unwrap()
        .into_inner()
        .tokens;
    assert!(listed[0].restricted && listed[0].roles.is_empty(), "it says that nothing is left");
}

#[tokio::test]
async fn a_token_ends_by_itself_and_nobody_is_vouched_for_beyond_that() {
    let world = World::new().await;
    let (one, two) = tokio::join!(world.replica("a"), world.replica("b"));
    let peer = world.gateway(&one).await;
    let admin = admin(&peer).await;
    let ann = user_person(&peer, &admin, "ann").await;
    let mut watching = Watching::start(&world.peer(&two, "web-gateway").await).await;
    let ends = chrono::Utc::now().timestamp() + 3;
    let short = CreateTokenRequest {
        expires_at: Some(Timestamp { seconds: ends, nanos: 0 }),
        ..asked("short")
    };
    let made = make(&peer, &ann, short).await.unwrap();
    assert_eq!(made.token.as_ref().unwrap().expires_at.unwrap().seconds, ends);
    let came = with(&peer, &made, "").await.unwrap();
    let says = Assertion::decode(came.resolved.assertion.as_slice()).unwrap();
    assert!(says.expires_at <= ends, "{} is after {ends}", says.expires_at);
    // With it nothing is made that would outlast it.
    let more = make(&peer, &came, asked("more")).await.unwrap_err();
    assert_eq!(reason(&more), "token_restricted");
    watching.until_ended(&id(&made)).await;
    let refused = with(&peer, &made, "").await.err().unwrap();
    assert_eq!(reason(&refused), "unauthenticated");
    // One that never ends may make another one.
    let ever = make(&peer, &ann, asked("ever")).await.unwrap();
    let ever = with(&peer, &ever, "").await.unwrap();
    assert!(make(&peer, &ever, asked("more")).await.is_ok());
}

#[tokio::test]
async fn a_token_counts_from_its_networks_and_who_comes_from_elsewhere_is_on_record_once() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let peer = world.gateway(&replica).await;
    let admin = admin(&peer).await;
    let networks = words(&["192.0.2.0/28", "2001:db8::7"]);
    let made =
        make(&peer, &admin, CreateTokenRequest { networks, ..asked("office") }).await.unwrap();
    assert_eq!(made.token.as_ref().unwrap().networks, ["192.0.2.0/28", "2001:db8::7/128"]);
    let from = async |address: &str| -> Result<ResolveResponse, Status> {
        let request = ResolveRequest {
            credential: Some(Credential::BearerToken(made.secret.clone())),
            client_address: address.to_owned(),
            act_as: String::new(),
        };
        Ok(SessionsClient::new(peer.clone()).resolve(request).await?.into_inner())
    };
    for inside in ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::7"] {
        assert!(from(inside).await.is_ok(), "{inside}");
    }
    for outside in ["192.0.2.16", "2001:db8::8", "", "nonsense", "::1"] {
        let refused = from(outside).await.unwrap_err();
        assert_eq!((refused.code(), &*reason(&refused)), (Code::PermissionDenied, "token_network"));
    }
    let records: Vec<(String, String)> = sqlx::query_as(
        "select record::jsonb->>'outcome', record::jsonb->>'reason' from audit_record
         where record::jsonb->>'action' = 'token.use'",
    )
    .fetch_all(&world.pool().await)
    .await
    .unwrap();
    assert_eq!(records, [("refused".to_owned(), "token_network".to_owned())]);
    assert!(from("192.0.2.7").await.is_ok(), "its owner goes on");
    let somewhere: IpAddr = "192.0.2.7".parse().unwrap();
    wait_for("the address to be noted", PATIENCE, async || {
        drop(from(&somewhere.to_string()).await);
        let mut tokens = TokensClient::new(peer.clone());
        let listed =
            tokens.list_tokens(admin.ask(ListTokensRequest::default())).await?.into_inner().tokens;
        let last = listed[0].last_address.clone();
        if last == somewhere.to_string() { Ok(()) } else { Err(Status::unknown(last)) }
    })
    .await;
}

#[tokio::test]
async fn what_a_token_is_to_be_limited_to_must_be_there() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let peer = world.gateway(&replica).await;
    let admin = admin(&peer).await;
    let ann = user_person(&peer, &admin, "ann").await;
    let _bob = user(&peer, &admin, "bob").await;
    let _group = make_group(&peer, &admin, "ops").await.unwrap();
    let many = vec![TokenObject::default(); 101];
    let past = Some(Timestamp { seconds: 1, nanos: 0 });
    for (field, wrong) in [
        ("expires_at", CreateTokenRequest { expires_at: past, ..asked("x") }),
        ("networks", CreateTokenRequest { networks: words(&["10.0.0.0/40"]), ..asked("x") }),
        (
            "networks",
            CreateTokenRequest { networks: vec!["10.0.0.1".to_owned(); 21], ..asked("x") },
        ),
        ("roles", CreateTokenRequest { roles: words(&["none"]), ..asked("x") }),
        ("persona", CreateTokenRequest { persona: "x/y".to_owned(), ..asked("x") }),
        ("objects", CreateTokenRequest { objects: many, ..asked("x") }),
        ("objects", CreateTokenRequest { objects: vec![TokenObject::default()], ..asked("x") }),
        ("name", asked("")),
    ] {
        let refused = make(&peer, &ann, wrong).await.unwrap_err();
        let fault = gwm_kernel::Fault::from_status(&refused);
        assert_eq!((refused.code(), fault.field.as_deref()), (Code::InvalidArgument, Some(field)));
    }
    for persona in ["user/bob", "group/ops", "group/none"] {
        let other = CreateTokenRequest { persona: persona.to_owned(), ..asked("x") };
        assert_eq!(reason(&make(&peer, &ann, other).await.unwrap_err()), "not_a_member");
    }
    let hidden = CreateTokenRequest { objects: on(&[&instance()]), ..asked("x") };
    assert_eq!(make(&peer, &ann, hidden).await.unwrap_err().code(), Code::NotFound);
    let mut tokens = TokensClient::new(peer.clone());
    let listed = tokens
        .list_tokens(ann.ask(ListTokensRequest::default()))
        .await
        .unwrap()
        .into_inner()
        .tokens;
    assert!(listed.is_empty(), "nothing was made");
    let bearer = Credential::BearerToken("gwm_pat_nonsense".to_owned());
    assert_eq!(try_resolve(&peer, bearer).await.unwrap_err().code(), Code::Unauthenticated);
}
