//! Roles, rights on everything, and why somebody may do something.

use gwm_kernel::grpc::Peer;
use gwm_proto::auth::effective_client::EffectiveClient;
use gwm_proto::auth::grants_client::GrantsClient;
use gwm_proto::auth::roles_client::RolesClient;
use gwm_proto::auth::{
    CreateRoleRequest, DeleteRoleRequest, ExplainRequest, ExplainResponse, ListGrantsRequest,
    ListRolesRequest, RemoveGrantRequest, Role, UpdateRoleRequest,
};
use gwm_proto::common::ObjectRef;
use tonic::{Code, Status};

use crate::groups::{create as make, may, put};
use crate::world::{Person, World, admin, cluster_of, fleet, grant, instance, reason, user_person};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

async fn create(peer: &Peer, who: &Person, name: &str, of: &[&str]) -> Result<Role, Status> {
    let request = CreateRoleRequest {
        name: name.to_owned(),
        description: "For the test".to_owned(),
        permissions: words(of),
    };
    Ok(RolesClient::new(peer.clone()).create_role(who.ask(request)).await?.into_inner())
}

async fn update(
    peer: &Peer,
    who: &Person,
    name: &str,
    of: &[&str],
    revision: i64,
) -> Result<Role, Status> {
    let request = UpdateRoleRequest {
        name: name.to_owned(),
        description: "For the test".to_owned(),
        permissions: words(of),
        revision,
    };
    Ok(RolesClient::new(peer.clone()).update_role(who.ask(request)).await?.into_inner())
}

async fn delete(peer: &Peer, who: &Person, name: &str) -> Result<(), Status> {
    let request = who.ask(DeleteRoleRequest { name: name.to_owned() });
    RolesClient::new(peer.clone()).delete_role(request).await.map(drop)
}

async fn explain(
    peer: &Peer,
    who: &Person,
    user: &str,
    object: &ObjectRef,
) -> Result<ExplainResponse, Status> {
    let request = ExplainRequest { username: user.to_owned(), object: Some(object.clone()) };
    Ok(EffectiveClient::new(peer.clone()).explain(who.ask(request)).await?.into_inner())
}

#[tokio::test]
async fn a_role_gives_what_it_says_and_another_thing_when_it_is_changed() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let ann = user_person(&gateway, &admin, "ann").await;
    let bob = user_person(&gateway, &admin, "bob").await;
    let one = instance();

    let made = create(&gateway, &admin, "first-line", &["tags", "power", "power"]).await.unwrap();
    assert_eq!(made.permissions, ["power", "tags"], "each once, in the order of the table");
    assert_eq!(made.allows, ["view", "console", "power", "tags"]);
    make(&gateway, &admin, "shop").await.unwrap();
    put(&gateway, &admin, "shop", "bob", false).await.unwrap();
    grant(&gateway, &admin, "ann", "first-line", &one).await.unwrap();
    grant(&gateway, &admin, "group/shop", "first-line", &cluster_of(&one)).await.unwrap();
    for who in [&ann, &bob] {
        may(&gateway, &who.user_id(), "power", &one, true).await;
        may(&gateway, &who.user_id(), "tags", &one, true).await;
        may(&gateway, &who.user_id(), "modify", &one, false).await;
    }

    // Somebody else's change is not overwritten, and one's own reaches all who hold the role.
    let stale = update(&gateway, &admin, "first-line", &["admin"], 7).await.unwrap_err();
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::FailedPrecondition, "role_changed"));
    let changed = update(&gateway, &admin, "first-line", &["modify", "migrate"], 1).await.unwrap();
    assert_eq!(changed.revision, 2);
    for who in [&ann, &bob] {
        may(&gateway, &who.user_id(), "modify", &one, true).await;
        may(&gateway, &who.user_id(), "power", &one, false).await;
    }
    // What can't be held on an instance isn't, also when the role came to include it later.
    may(&gateway, &bob.user_id(), "migrate", &cluster_of(&one), true).await;
    may(&gateway, &ann.user_id(), "migrate", &one, false).await;
    may(&gateway, &ann.user_id(), "view_placement", &cluster_of(&one), false).await;

    let held = delete(&gateway, &admin, "first-line").await.unwrap_err();
    assert_eq!(reason(&held), "role_in_use");
    assert!(held.message().starts_with("2 grants"), "{held:?}");
    let mut grants = GrantsClient::new(gateway.clone());
    let all = grants.list_grants(admin.ask(ListGrantsRequest::default())).await.unwrap();
    for grant in all.into_inner().grants.into_iter().filter(|g| g.role == "first-line") {
        let request = RemoveGrantRequest { grant_id: grant.grant_id };
        grants.remove_grant(admin.ask(request)).await.unwrap();
    }
    delete(&gateway, &admin, "first-line").await.unwrap();
    assert_eq!(delete(&gateway, &admin, "first-line").await.unwrap_err().code(), Code::NotFound);

    let sql = "select subject from outbox where subject like 'gwm.v1.access.\\_.role.%' order by position";
    let subjects: Vec<String> =
        sqlx::query_scalar(sql).fetch_all(&world.pool().await).await.unwrap();
    let ends: Vec<_> = subjects.iter().filter_map(|s| s.rsplit('.').next()).collect();
    assert_eq!(ends, ["created", "changed", "deleted"]);
}

#[tokio::test]
async fn roles_that_come_with_gwm_stay_and_only_administrators_make_others() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let ann = user_person(&gateway, &admin, "ann").await;

    for name in ["view", "admin", "operator"] {
        let refused = update(&gateway, &admin, name, &["view"], 0).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "role_built_in"));
        let refused = delete(&gateway, &admin, name).await.unwrap_err();
        assert_eq!(reason(&refused), "role_built_in");
    }
    let refused = create(&gateway, &ann, "mine", &["admin"]).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    for (name, of, field) in [
        ("", &["view"][..], "name"),
        ("A B", &["view"], "name"),
        ("x", &[], "permissions"),
        ("x", &["view", "root"], "permissions"),
    ] {
        let refused = create(&gateway, &admin, name, of).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name:?} {of:?}");
        let fault = gwm_kernel::Fault::from_status(&refused);
        assert_eq!(fault.field.as_deref(), Some(field), "{fault:?}");
    }
    let twice = create(&gateway, &admin, "user", &["view"]).await.unwrap_err();
    assert_eq!((twice.code(), reason(&twice).as_str()), (Code::AlreadyExists, "role_exists"));

    // Everybody may read them: who gives a role has to know what it allows.
    let request = ann.ask(ListRolesRequest {});
    let roles = RolesClient::new(gateway).list_roles(request).await.unwrap().into_inner().roles;
    let user = roles.iter().find(|role| role.name == "user").unwrap();
    assert_eq!(user.allows, ["view", "console", "power", "modify", "tags"]);
    assert!(roles.iter().all(|role| role.builtin && role.grants == 0));
}

#[tokio::test]
async fn what_is_held_on_everything_counts_on_each_but_makes_no_administrator() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let ann = user_person(&gateway, &admin, "ann").await;
    let one = instance();

    grant(&gateway, &admin, "ann", "operator", &fleet()).await.unwrap();
    may(&gateway, &ann.user_id(), "power", &one, true).await;
    may(&gateway, &ann.user_id(), "view_placement", &cluster_of(&one), true).await;
    may(&gateway, &ann.user_id(), "migrate", &fleet(), true).await;
    may(&gateway, &ann.user_id(), "remove", &one, false).await;
    may(&gateway, &ann.user_id(), "admin", &fleet(), false).await;
    // Whoever has it can't hand it on, nor give it to themselves on what they like.
    for object in [&fleet(), &cluster_of(&one), &one] {
        let refused = grant(&gateway, &ann, "ann", "power", object).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{object:?}");
    }
}

#[tokio::test]
async fn it_is_said_why_somebody_may_and_only_to_whom_it_concerns() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let ann = user_person(&gateway, &admin, "ann").await;
    let bob = user_person(&gateway, &admin, "bob").await;
    let one = instance();

    make(&gateway, &admin, "shop").await.unwrap();
    put(&gateway, &admin, "shop", "ann", false).await.unwrap();
    grant(&gateway, &admin, "ann", "tags", &one).await.unwrap();
    grant(&gateway, &admin, "group/shop", "operator", &cluster_of(&one)).await.unwrap();
    grant(&gateway, &admin, "group/shop", "view", &fleet()).await.unwrap();
    grant(&gateway, &admin, "bob", "admin", &one).await.unwrap();
    grant(&gateway, &admin, "ann", "remove", &instance()).await.unwrap();
    may(&gateway, &bob.user_id(), "admin", &one, true).await;

    let told = explain(&gateway, &bob, "ann", &one).await.unwrap();
    let reasons: Vec<_> = told
        .reasons
        .iter()
        .map(|r| {
            let grant = r.grant.clone().unwrap();
            format!("{} {} {}", grant.persona_name, grant.role, grant.object.unwrap().kind)
        })
        .collect();
    assert_eq!(reasons, ["ann tags instance", "shop operator cluster", "shop view fleet"]);
    assert_eq!(told.reasons[0].allows, ["view", "tags"]);
    // The same as the decisions say, permission by permission.
    for permission in gwm_types::Permission::ALL {
        let says = told.allowed.contains(&permission.to_string());
        may(&gateway, &ann.user_id(), permission.as_str(), &one, says).await;
    }
    assert!(told.allowed.contains(&"migrate".to_owned()), "{told:?}");
    assert!(!told.allowed.contains(&"remove".to_owned()), "that is on another one");

    let own = explain(&gateway, &ann, "", &one).await.unwrap();
    assert_eq!(own, told);
    assert!(explain(&gateway, &admin, "admin", &one).await.unwrap().is_admin);
    // ann sees the instance and administers it not; bob sees no other cluster, so there is none.
    let refused = explain(&gateway, &ann, "bob", &one).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    for who in ["", "ann"] {
        let hidden = explain(&gateway, &bob, who, &instance()).await.unwrap_err();
        assert_eq!(hidden.code(), Code::NotFound, "{who:?}");
    }
    let nobody = explain(&gateway, &bob, "nobody", &one).await.unwrap_err();
    assert_eq!(nobody.code(), Code::InvalidArgument);

    // What counts on an instance from around it is shown to those who administer what is around.
    let list = async |who: &Person| {
        let request =
            ListGrantsRequest { object: Some(one.clone()), inherited: true, ..Default::default() };
        let answer = GrantsClient::new(gateway.clone()).list_grants(who.ask(request)).await;
        let mut kinds: Vec<_> = answer
            .unwrap()
            .into_inner()
            .grants
            .into_iter()
            .map(|g| g.object.unwrap().kind)
            .collect();
        kinds.sort();
        kinds
    };
    assert_eq!(list(&admin).await, ["cluster", "fleet", "instance", "instance"]);
    assert_eq!(list(&bob).await, ["instance", "instance"]);
}
