use gwm_proto::auth::grants_client::GrantsClient;
use gwm_proto::auth::users_client::UsersClient;
use gwm_proto::auth::{
    CreateUserRequest, GetMeRequest, ListGrantsRequest, ListUsersRequest, RemoveGrantRequest,
};
use gwm_proto::common::{ObjectRef, PageRequest};
use gwm_testkit::wait_for;
use tonic::Code;

use crate::world::{
    PATIENCE, World, admin, cluster_of, fleet, grant, instance, reason, user, user_person,
};

#[tokio::test]
async fn who_has_no_rights_grants_none_and_twice_is_once() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let object = instance();

    let own = grant(&gateway, &jane, "jane", "power", &object).await.unwrap_err();
    assert_eq!((own.code(), reason(&own)), (Code::NotFound, "not_found".into()));
    let one = grant(&gateway, &admin, "jane", "power", &object).await.unwrap();
    let again = grant(&gateway, &admin, "jane", "power", &object).await.unwrap();
    assert_eq!(one, again);
    assert_eq!((one.persona_name.as_str(), one.created_by.as_str()), ("jane", "admin"));
    let whole = cluster_of(&object);
    grant(&gateway, &admin, "jane", "view", &whole).await.unwrap();
    grant(&gateway, &admin, "jane", "view", &whole).await.unwrap();

    let mut grants = GrantsClient::new(gateway.clone());
    let list = |object, user: &str| ListGrantsRequest {
        object,
        persona_id: user.to_owned(),
        inherited: false,
    };
    let all = grants.list_grants(admin.ask(list(None, ""))).await.unwrap().into_inner();
    assert_eq!(all.grants.len(), 2);
    let on = grants.list_grants(admin.ask(list(Some(object), ""))).await.unwrap().into_inner();
    assert_eq!(on.grants, std::slice::from_ref(&one));
    // One's own are no secret; others' are.
    let own = list(None, &jane.user_id());
    assert_eq!(grants.list_grants(jane.ask(own)).await.unwrap().into_inner().grants.len(), 2);
    let others = grants.list_grants(jane.ask(list(None, ""))).await.unwrap_err();
    assert_eq!(others.code(), Code::PermissionDenied);

    let remove = || RemoveGrantRequest { grant_id: one.grant_id.clone() };
    let refused = grants.remove_grant(jane.ask(remove())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    grants.remove_grant(admin.ask(remove())).await.unwrap();
    let gone = grants.remove_grant(admin.ask(remove())).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);

    let audited: i64 = sqlx::query_scalar(
        "select count(*) from audit_record where record like '%\"reason\":\"permission_denied\"%'",
    )
    .fetch_one(&world.pool().await)
    .await
    .unwrap();
    assert_eq!(audited, 3, "each refusal is on record");
    let metrics = replica.admin("/metrics").await.unwrap();
    assert!(metrics.contains("gwm_authz_denied_total{action=\"grant.add\"} 1"), "{metrics}");
}

/// `admin` on a cluster or an instance is also handing on rights to it, and to nothing else.
#[tokio::test]
async fn who_holds_admin_on_an_object_grants_on_it_and_nowhere_else() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let bob = user_person(&gateway, &admin, "bob").await;
    let carol = user_person(&gateway, &admin, "carol").await;
    let (mine, elsewhere) = (instance(), instance());
    let neighbour = ObjectRef { uuid: instance().uuid, ..mine.clone() };
    let whole = cluster_of(&mine);
    grant(&gateway, &admin, "jane", "admin", &whole).await.unwrap();
    grant(&gateway, &admin, "bob", "admin", &mine).await.unwrap();

    // On the cluster and all in it.
    wait_for("jane's right", PATIENCE, async || {
        grant(&gateway, &jane, "carol", "remove", &whole).await
    })
    .await;
    grant(&gateway, &jane, "jane", "admin", &neighbour).await.unwrap();
    let hidden = grant(&gateway, &jane, "carol", "view", &elsewhere).await.unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);

    // On the instance alone.
    let given = wait_for("bob's right", PATIENCE, async || {
        grant(&gateway, &bob, "carol", "console", &mine).await
    })
    .await;
    let hidden = grant(&gateway, &bob, "bob", "view", &neighbour).await.unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);
    let refused = grant(&gateway, &bob, "bob", "view", &whole).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    // Whatever else somebody holds is not theirs to give.
    for permission in ["view", "console", "power", "modify", "remove"] {
        grant(&gateway, &admin, "carol", permission, &mine).await.unwrap();
    }
    let refused = wait_for("carol to see it", PATIENCE, async || {
        match grant(&gateway, &carol, "carol", "admin", &mine).await {
            Err(status) if status.code() == Code::PermissionDenied => Ok(status),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert_eq!(reason(&refused), "permission_denied");

    let mut grants = GrantsClient::new(gateway.clone());
    let on = |object: &ObjectRef| ListGrantsRequest {
        inherited: false,
        object: Some(object.clone()),
        persona_id: String::new(),
    };
    let listed = grants.list_grants(bob.ask(on(&mine))).await.unwrap().into_inner().grants;
    assert_eq!(listed.len(), 6, "{listed:?}");
    let refused = grants.list_grants(bob.ask(on(&whole))).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let janes = grants.list_grants(jane.ask(on(&whole))).await.unwrap().into_inner().grants;
    assert_eq!(janes.len(), 2, "{janes:?}");

    let remove = |grant_id: &str| RemoveGrantRequest { grant_id: grant_id.to_owned() };
    for theirs in &janes {
        let refused = grants.remove_grant(bob.ask(remove(&theirs.grant_id))).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
    grants.remove_grant(bob.ask(remove(&given.grant_id))).await.unwrap();
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_field() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    user(&gateway, &admin, "jane").await;
    let object = instance();
    let node = ObjectRef { kind: "node".to_owned(), ..object.clone() };
    let outside = ObjectRef { uuid: "../x".to_owned(), ..object.clone() };
    for (name, role, object, field) in [
        ("nobody", "view", &object, "persona"),
        ("group/nobody", "view", &object, "persona"),
        ("role/jane", "view", &object, "persona"),
        ("", "view", &object, "persona"),
        ("jane", "root", &cluster_of(&object), "role"),
        ("jane", "", &object, "role"),
        ("jane", "create_vm", &object, "role"),
        ("jane", "operator", &object, "role"),
        ("jane", "admin", &fleet(), "role"),
        ("jane", "view", &ObjectRef { uuid: object.uuid.clone(), ..fleet() }, "object"),
        ("jane", "view", &node, "object"),
        ("jane", "view", &outside, "object"),
    ] {
        let refused = grant(&gateway, &admin, name, role, object).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name} {role} {object:?}");
        let fault = gwm_kernel::Fault::from_status(&refused);
        assert_eq!(fault.field.as_deref(), Some(field), "{fault:?}");
    }
}

#[tokio::test]
async fn users_are_listed_page_by_page_for_administrators_only() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let mut users = UsersClient::new(gateway.clone());
    for name in ["bob", "carol", "dave"] {
        user(&gateway, &admin, name).await;
    }
    let jane = user_person(&gateway, &admin, "jane").await;
    let me = users.get_me(jane.ask(GetMeRequest {})).await.unwrap().into_inner();
    assert_eq!((me.username.as_str(), me.is_admin), ("jane", false));

    let mut page = PageRequest { limit: 2, sort: "-username".to_owned(), ..Default::default() };
    let mut names = Vec::new();
    loop {
        let request = ListUsersRequest { page: Some(page.clone()) };
        let answer = users.list_users(admin.ask(request)).await.unwrap().into_inner();
        let info = answer.page.unwrap();
        assert_eq!((info.total, info.total_exact), (5, true));
        assert_eq!(info.stream_sequence.is_some(), page.cursor.is_empty());
        names.extend(answer.users.into_iter().map(|u| u.username));
        if info.next_cursor.is_empty() {
            break;
        }
        page.cursor = info.next_cursor;
    }
    assert_eq!(names, ["jane", "dave", "carol", "bob", "admin"]);
    let some = PageRequest { q: "a".to_owned(), ..Default::default() };
    let request = ListUsersRequest { page: Some(some) };
    let found = users.list_users(admin.ask(request.clone())).await.unwrap().into_inner();
    let found: Vec<_> = found.users.into_iter().map(|u| u.username).collect();
    assert_eq!(found, ["admin", "carol", "dave", "jane"]);

    let refused = users.list_users(jane.ask(request)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let mallory = CreateUserRequest {
        username: "mallory".to_owned(),
        password: "a good password".to_owned(),
        is_admin: true,
    };
    let refused = users.create_user(jane.ask(mallory)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let beyond = PageRequest { limit: 201, ..Default::default() };
    let beyond = users.list_users(admin.ask(ListUsersRequest { page: Some(beyond) })).await;
    assert_eq!(beyond.unwrap_err().code(), Code::InvalidArgument);
}
