use gwm_proto::auth::grants_client::GrantsClient;
use gwm_proto::auth::users_client::UsersClient;
use gwm_proto::auth::{
    CreateUserRequest, GetMeRequest, ListGrantsRequest, ListUsersRequest, RemoveGrantRequest,
};
use gwm_proto::common::{ObjectRef, PageRequest};
use tonic::Code;

use crate::world::{World, admin, cluster_of, grant, instance, reason, user, user_person};

#[tokio::test]
async fn only_administrators_grant_and_twice_is_once() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let object = instance();

    let own = grant(&gateway, &jane, "jane", "power", &object).await.unwrap_err();
    assert_eq!((own.code(), reason(&own)), (Code::PermissionDenied, "permission_denied".into()));
    let one = grant(&gateway, &admin, "jane", "power", &object).await.unwrap();
    let again = grant(&gateway, &admin, "jane", "power", &object).await.unwrap();
    assert_eq!(one, again);
    assert_eq!((one.username.as_str(), one.created_by.as_str()), ("jane", "admin"));
    let whole = cluster_of(&object);
    grant(&gateway, &admin, "jane", "view", &whole).await.unwrap();
    grant(&gateway, &admin, "jane", "view", &whole).await.unwrap();

    let mut grants = GrantsClient::new(gateway.clone());
    let list = |object, user: &str| ListGrantsRequest { object, user_id: user.to_owned() };
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
    for (name, permission, object, field) in [
        ("nobody", "view", &object, "username"),
        ("", "view", &object, "username"),
        ("jane", "admin", &cluster_of(&object), "permission"),
        ("jane", "", &object, "permission"),
        ("jane", "view", &node, "object"),
        ("jane", "view", &outside, "object"),
    ] {
        let refused = grant(&gateway, &admin, name, permission, object).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name} {permission} {object:?}");
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
