use gwm_kernel::grpc::Peer;
use gwm_proto::auth::access_client::AccessClient;
use gwm_proto::auth::grants_client::GrantsClient;
use gwm_proto::auth::groups_client::GroupsClient;
use gwm_proto::auth::owners_client::OwnersClient;
use gwm_proto::auth::{
    CheckRequest, CreateGroupRequest, DeleteGroupRequest, GetGroupRequest, Group,
    ListGrantsRequest, ListGroupsRequest, OwnerLine, RemoveGrantRequest, RemoveMemberRequest,
    SetMemberRequest, SetOwnersRequest, UpdateGroupRequest,
};
use gwm_proto::common::ObjectRef;
use gwm_testkit::wait_for;
use tonic::{Code, Status};

use crate::world::{
    PATIENCE, Person, World, admin, cluster_of, grant, instance, reason, user, user_person,
};

pub(crate) async fn create(peer: &Peer, who: &Person, name: &str) -> Result<Group, Status> {
    let request = CreateGroupRequest { name: name.to_owned(), description: String::new() };
    Ok(GroupsClient::new(peer.clone()).create_group(who.ask(request)).await?.into_inner())
}

pub(crate) async fn put(
    peer: &Peer,
    who: &Person,
    group: &str,
    username: &str,
    is_admin: bool,
) -> Result<Group, Status> {
    let (group, username) = (group.to_owned(), username.to_owned());
    let request = SetMemberRequest { group, username, is_admin };
    Ok(GroupsClient::new(peer.clone()).set_member(who.ask(request)).await?.into_inner())
}

pub(crate) async fn take_out(
    peer: &Peer,
    who: &Person,
    group: &str,
    username: &str,
) -> Result<(), Status> {
    let (group, username) = (group.to_owned(), username.to_owned());
    let request = RemoveMemberRequest { group, username };
    GroupsClient::new(peer.clone()).remove_member(who.ask(request)).await.map(drop)
}

async fn get(peer: &Peer, who: &Person, group: &str) -> Result<Group, Status> {
    let request = GetGroupRequest { group: group.to_owned() };
    Ok(GroupsClient::new(peer.clone()).get_group(who.ask(request)).await?.into_inner())
}

/// Waits until every service would hear that the user may do this, or may not.
pub(crate) async fn may(
    peer: &Peer,
    user_id: &str,
    permission: &str,
    object: &ObjectRef,
    expected: bool,
) {
    wait_for("the decision", PATIENCE, async || {
        let check = CheckRequest {
            user_id: user_id.to_owned(),
            permission: permission.to_owned(),
            object: Some(object.clone()),
        };
        let answer = AccessClient::new(peer.clone()).check(check).await?.into_inner();
        if answer.allowed == expected { Ok(()) } else { Err(Status::unknown("not yet")) }
    })
    .await;
}

async fn own_names(peer: &Peer, who: &Person) -> Vec<String> {
    let answer =
        GroupsClient::new(peer.clone()).list_groups(who.ask(ListGroupsRequest::default())).await;
    answer.unwrap().into_inner().groups.into_iter().map(|g| g.name).collect()
}

#[tokio::test]
async fn what_a_group_holds_its_members_may_do_for_as_long_as_they_belong_to_it() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let (one, other) = (instance(), instance());
    create(&gateway, &admin, "shop").await.unwrap();
    put(&gateway, &admin, "shop", "jane", false).await.unwrap();
    may(&gateway, &jane.user_id(), "view", &one, false).await;

    // Given while she belongs to it, and before somebody does.
    let given = grant(&gateway, &admin, "group/shop", "power", &one).await.unwrap();
    assert_eq!((given.persona_kind.as_str(), given.persona_name.as_str()), ("group", "shop"));
    let again = grant(&gateway, &admin, "group/shop", "power", &one).await.unwrap();
    assert_eq!(given, again);
    may(&gateway, &jane.user_id(), "power", &one, true).await;
    may(&gateway, &jane.user_id(), "power", &other, false).await;
    let bob = user_person(&gateway, &admin, "bob").await;
    put(&gateway, &admin, "shop", "bob", true).await.unwrap();
    may(&gateway, &bob.user_id(), "console", &one, true).await;

    // Her own right stays when the group's goes.
    grant(&gateway, &admin, "jane", "view", &one).await.unwrap();
    take_out(&gateway, &admin, "shop", "jane").await.unwrap();
    may(&gateway, &jane.user_id(), "power", &one, false).await;
    may(&gateway, &jane.user_id(), "view", &one, true).await;
    may(&gateway, &bob.user_id(), "power", &one, true).await;

    // Both are listed as hers while she belongs to it, and a member reads what the group holds.
    let mut grants = GrantsClient::new(gateway.clone());
    let of = |id: &str| ListGrantsRequest { persona_id: id.to_owned(), ..Default::default() };
    let hers = grants.list_grants(jane.ask(of(&jane.user_id()))).await.unwrap().into_inner().grants;
    assert_eq!(hers.len(), 1, "{hers:?}");
    let bobs = grants.list_grants(bob.ask(of(&bob.user_id()))).await.unwrap().into_inner().grants;
    assert_eq!(bobs, std::slice::from_ref(&given));
    let shops = grants.list_grants(bob.ask(of(&given.persona_id))).await.unwrap().into_inner();
    assert_eq!(shops.grants, std::slice::from_ref(&given));
    let hidden = grants.list_grants(jane.ask(of(&given.persona_id))).await.unwrap_err();
    assert_eq!(hidden.code(), Code::PermissionDenied);
}

/// Who comes in while a right of the group is being taken away must be told of that: they may have got it already.
#[tokio::test]
async fn who_comes_into_a_group_just_as_it_loses_a_right_is_told_of_the_loss() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    create(&gateway, &admin, "shop").await.unwrap();
    let jane = user(&gateway, &admin, "jane").await.user_id;
    let object = instance();
    let given = grant(&gateway, &admin, "group/shop", "view", &object).await.unwrap();

    let pool = world.pool().await;
    let waiting = async |number: i64| {
        wait_for("both to wait", PATIENCE, async || {
            let sql = "select count(*) from pg_stat_activity
                       where wait_event_type = 'Lock' and datname = current_database()";
            let seen: i64 = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
            if seen == number { Ok(()) } else { Err(seen) }
        })
        .await;
    };
    // Both have decided all but the number of the change.
    let mut hold = pool.begin().await.unwrap();
    sqlx::query("select from access_revision for update").execute(&mut *hold).await.unwrap();
    let comes = put(&gateway, &admin, "shop", "jane", false);
    let remove = async {
        waiting(1).await;
        let request = RemoveGrantRequest { grant_id: given.grant_id.clone() };
        GrantsClient::new(gateway.clone()).remove_grant(admin.ask(request)).await
    };
    let release = async {
        waiting(2).await;
        hold.commit().await.unwrap();
    };
    let (came, removed, ()) = tokio::join!(comes, remove, release);
    came.unwrap();
    removed.unwrap();

    let told: Vec<Vec<uuid::Uuid>> =
        sqlx::query_scalar("select user_ids from change_log order by revision desc limit 2")
            .fetch_all(&pool)
            .await
            .unwrap();
    let jane_id: uuid::Uuid = jane.parse().unwrap();
    assert_eq!(told, [vec![jane_id], vec![jane_id]]);
    may(&gateway, &jane, "view", &object, false).await;
}

#[tokio::test]
async fn who_administers_a_group_chooses_its_members_and_to_others_it_is_not_there() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let [jane, bob, carol] = [
        user_person(&gateway, &admin, "jane").await,
        user_person(&gateway, &admin, "bob").await,
        user_person(&gateway, &admin, "carol").await,
    ];
    assert_eq!(create(&gateway, &jane, "shop").await.unwrap_err().code(), Code::PermissionDenied);
    create(&gateway, &admin, "shop").await.unwrap();
    create(&gateway, &admin, "other").await.unwrap();
    let twice = create(&gateway, &admin, "shop").await.unwrap_err();
    assert_eq!((twice.code(), reason(&twice)), (Code::AlreadyExists, "group_exists".to_owned()));
    for bad in ["", "Shop", "a/b", "a b", &"x".repeat(65)] {
        let refused = create(&gateway, &admin, bad).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{bad}");
    }
    put(&gateway, &admin, "shop", "jane", true).await.unwrap();

    let shop = put(&gateway, &jane, "shop", "bob", false).await.unwrap();
    let members: Vec<_> = shop.members.iter().map(|m| (m.username.as_str(), m.is_admin)).collect();
    assert_eq!(members, [("bob", false), ("jane", true)]);
    let again = put(&gateway, &jane, "shop", "bob", false).await.unwrap();
    assert_eq!(again.revision, shop.revision, "nothing has changed");
    let unknown = put(&gateway, &jane, "shop", "nobody", false).await.unwrap_err();
    assert_eq!(unknown.code(), Code::InvalidArgument);

    assert_eq!(own_names(&gateway, &admin).await, ["other", "shop"]);
    assert_eq!(own_names(&gateway, &bob).await, ["shop"]);
    assert!(own_names(&gateway, &carol).await.is_empty());
    assert!(!get(&gateway, &bob, "shop").await.unwrap().administered);
    for status in [
        get(&gateway, &carol, "shop").await.unwrap_err(),
        put(&gateway, &carol, "shop", "carol", true).await.unwrap_err(),
        take_out(&gateway, &carol, "shop", "carol").await.unwrap_err(),
        put(&gateway, &jane, "other", "jane", true).await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::NotFound, "{status:?}");
    }
    let mut groups = GroupsClient::new(gateway.clone());
    let change = |group: &str| UpdateGroupRequest {
        group: group.to_owned(),
        description: "sells things".to_owned(),
    };
    let changed = groups.update_group(jane.ask(change("shop"))).await.unwrap().into_inner();
    assert_eq!((changed.description.as_str(), changed.revision), ("sells things", 4));
    let delete = || DeleteGroupRequest { group: "shop".to_owned() };
    for status in [
        put(&gateway, &bob, "shop", "bob", true).await.unwrap_err(),
        take_out(&gateway, &bob, "shop", "jane").await.unwrap_err(),
        groups.update_group(bob.ask(change("shop"))).await.unwrap_err(),
        groups.delete_group(jane.ask(delete())).await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    }
    // Everybody may leave.
    take_out(&gateway, &bob, "shop", "bob").await.unwrap();
    assert_eq!(get(&gateway, &bob, "shop").await.unwrap_err().code(), Code::NotFound);
    let gone = take_out(&gateway, &jane, "shop", "bob").await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);

    let pool = world.pool().await;
    let told = "select count(*) from audit_record where record like $1";
    let count = async |like: &str| -> i64 {
        sqlx::query_scalar(told).bind(like).fetch_one(&pool).await.unwrap()
    };
    assert_eq!(count("%\"action\":\"group.%\"outcome\":\"refused\"%").await, 5);
    assert_eq!(count("%\"action\":\"group.remove_member\"%\"member\":\"bob\"%").await, 1);
}

#[tokio::test]
async fn a_group_that_owns_instances_stays_and_what_a_deleted_one_held_is_gone() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    create(&gateway, &admin, "shop").await.unwrap();
    put(&gateway, &admin, "shop", "jane", false).await.unwrap();
    let one = instance();
    let mut owners = OwnersClient::new(gateway.clone());
    let mut own = async |owner: &str| {
        let line = OwnerLine {
            instance: Some(one.clone()),
            cluster: "fra1".to_owned(),
            name: "web1".to_owned(),
            owner: owner.to_owned(),
            role: if owner.is_empty() { "" } else { "admin" }.to_owned(),
            remove_former_grants: true,
        };
        let request = SetOwnersRequest { lines: vec![line], ..Default::default() };
        owners.set_owners(admin.ask(request)).await.unwrap().into_inner()
    };
    let set = own("group/shop").await;
    assert!(set.done, "{set:?}");
    may(&gateway, &jane.user_id(), "admin", &one, true).await;
    let unknown = own("group/nobody").await;
    assert_eq!((unknown.done, unknown.outcomes[0].code.as_str()), (false, "unknown_user"));

    let mut groups = GroupsClient::new(gateway.clone());
    let delete = || DeleteGroupRequest { group: "shop".to_owned() };
    let refused = groups.delete_group(admin.ask(delete())).await.unwrap_err();
    assert_eq!(reason(&refused), "group_owns_instances");
    assert!(refused.message().contains('1'), "{refused:?}");
    let on_record: i64 = sqlx::query_scalar(
        "select count(*) from audit_record where record like
             '%\"action\":\"group.delete\"%\"reason\":\"group_owns_instances\"%'",
    )
    .fetch_one(&world.pool().await)
    .await
    .unwrap();
    assert_eq!(on_record, 1, "who tried it is on record");
    let former = own("").await;
    assert_eq!(former.outcomes[0].former, "group/shop");
    may(&gateway, &jane.user_id(), "view", &one, false).await;

    grant(&gateway, &admin, "group/shop", "view", &cluster_of(&one)).await.unwrap();
    may(&gateway, &jane.user_id(), "view", &one, true).await;
    groups.delete_group(admin.ask(delete())).await.unwrap();
    may(&gateway, &jane.user_id(), "view", &one, false).await;
    assert_eq!(get(&gateway, &admin, "shop").await.unwrap_err().code(), Code::NotFound);
    let gone = groups.delete_group(admin.ask(delete())).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);

    let kinds: Vec<String> = sqlx::query_scalar(
        "select substring(subject from 'gwm.v1.access.[^.]*.(.*)$') from outbox
         where subject ~ '[.](group|grant)[.]' order by position",
    )
    .fetch_all(&world.pool().await)
    .await
    .unwrap();
    let kinds: Vec<String> = kinds
        .iter()
        .map(|subject| {
            let mut parts = subject.split('.');
            format!("{} {}", parts.next().unwrap(), parts.next_back().unwrap())
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "group created",
            "group changed",
            "grant added",
            "grant removed",
            "grant added",
            "grant removed",
            "group deleted"
        ]
    );
}
