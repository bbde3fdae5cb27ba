//! Each refusal says what it was about, so that who looks after that finds it.

use std::collections::BTreeSet;

use gwm_events::types::audit::Record;
use gwm_kernel::grpc::Peer;
use gwm_proto::auth::account_client::AccountClient;
use gwm_proto::auth::audit_client::AuditClient;
use gwm_proto::auth::effective_client::EffectiveClient;
use gwm_proto::auth::grants_client::GrantsClient;
use gwm_proto::auth::groups_client::GroupsClient;
use gwm_proto::auth::invites_client::InvitesClient;
use gwm_proto::auth::owners_client::OwnersClient;
use gwm_proto::auth::ownership_client::OwnershipClient;
use gwm_proto::auth::people_client::PeopleClient;
use gwm_proto::auth::personas_client::PersonasClient;
use gwm_proto::auth::quotas_client::QuotasClient;
use gwm_proto::auth::roles_client::RolesClient;
use gwm_proto::auth::second_factor_client::SecondFactorClient;
use gwm_proto::auth::sign_in_client::SignInClient;
use gwm_proto::auth::ssh_keys_client::SshKeysClient;
use gwm_proto::auth::tokens_client::TokensClient;
use gwm_proto::auth::users_client::UsersClient;
use gwm_proto::auth::{
    AddGrantRequest, ChangeUserRequest, ClusterName, CreateGroupRequest, CreateInviteRequest,
    CreateRoleRequest, CreateUserRequest, DeleteGroupRequest, DeleteRoleRequest,
    EndOtherSessionsRequest, EndSessionRequest, ExplainRequest, GetSignInPolicyRequest,
    GetUserRequest, ListGrantsRequest, ListInvitesRequest, ListOwnersRequest, ListQuotasRequest,
    ListRecordsRequest, ListSessionsRequest, ListSshKeysRequest, ListTokensRequest,
    ListUsersRequest, OwnerLine, QuotaChoice, RemoveGrantRequest, RemoveMemberRequest,
    RemoveSshKeyRequest, ReserveRequest, ResetSecondFactorRequest, RestoreRightsRequest,
    RevokeTokenRequest, SetMemberRequest, SetOwnersRequest, SetPasswordRequest, SetQuotaRequest,
    SetSignInPolicyRequest, Sizes, SwitchPersonaRequest, TellClustersRequest, UpdateGroupRequest,
    UpdateRoleRequest, WithdrawInviteRequest,
};
use gwm_proto::common::{CompleteRequest, ObjectRef, PageRequest};
use gwm_testkit::wait_for;

use crate::quotas::group;
use crate::world::{
    PATIENCE, Person, World, admin, cluster_of, grant, instance, password_of, person, try_login,
    user_person,
};

/// What somebody is refused, and what is on record then: action, kind, id, name, slug.
struct Case {
    rpc: &'static str,
    record: [String; 5],
}

fn case(rpc: &'static str, record: [&str; 5]) -> Case {
    Case { rpc, record: record.map(str::to_owned) }
}

/// The records of refusals, oldest first.
async fn refusals(gateway: &Peer, reader: &Person) -> Vec<Record> {
    let page = PageRequest {
        q: "outcome:refused".to_owned(),
        sort: "at".to_owned(),
        limit: 200,
        ..PageRequest::default()
    };
    let request = reader.ask(ListRecordsRequest { page: Some(page) });
    let answer = AuditClient::new(gateway.clone()).list_records(request).await.unwrap();
    let records = answer.into_inner().records;
    records.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

fn about(record: &Record) -> [String; 5] {
    let object = record.object.clone().expect("each refusal has an object");
    [
        record.action.clone(),
        object.kind,
        object.id.unwrap_or_default(),
        object.name.unwrap_or_default(),
        record.cluster.clone().unwrap_or_default(),
    ]
}

/// RPCs that refuse nobody on record: everybody may, as far as it is their own, or it isn't for people; and reading, where
/// hidden is absent.
const NONE: &[&str] = &[
    "Audit/ListRecords",
    "Audit/CompleteRecords",
    "Sessions/Resolve",
    "Sessions/Logout",
    // FinishOidc puts refusals on record; that needs a provider: integration-tests/tests/suite/story_oidc.rs.
    "Oidc/ListProviders",
    "Oidc/StartOidc",
    "Oidc/FinishOidc",
    "Tokens/CreateToken",
    "Users/GetMe",
    "Access/Check",
    "Access/BatchCheck",
    "Access/Watch",
    "Tickets/CreateTicket",
    "Tickets/RedeemTicket",
    "Ownership/Settle",
    "Ownership/Release",
    "Ownership/ListReservations",
    "SshKeys/AddSshKey",
    "SshKeys/ExportSshKeys",
    "Groups/ListGroups",
    "Groups/GetGroup",
    "Owners/WatchOwners",
    "Owners/TellPresence",
    "Owners/TellClusters",
    "Account/ChangePassword",
    "Invites/RedeemInvite",
    "Roles/ListRoles",
    "SecondFactor/GetSecondFactor",
    "SecondFactor/BeginSecondFactor",
    "SecondFactor/ConfirmSecondFactor",
    "SecondFactor/RemoveSecondFactor",
    "SecondFactor/FinishLogin",
    "Views/ListViews",
    "Views/SaveView",
    "Views/DeleteView",
];

struct Scene {
    gateway: Peer,
    ann: Person,
    made: ObjectRef,
    other: ObjectRef,
    grant: String,
    hidden_grant: String,
    shop: String,
}

macro_rules! refused {
    ($scene:expr, $client:ident, $rpc:ident, $request:expr) => {
        $client::new($scene.gateway.clone()).$rpc($scene.ann.ask($request)).await.unwrap_err()
    };
}

/// Everything that ann may not do, done by her.
async fn tries(scene: &Scene) -> Vec<Case> {
    let mut cases = on_objects(scene).await;
    cases.extend(on_people(scene).await);
    cases.extend(on_the_rest(scene).await);
    cases
}

async fn on_objects(scene: &Scene) -> Vec<Case> {
    let text = str::to_owned;
    let Scene { made, other, .. } = scene;
    let cluster = cluster_of(made);
    let (uuid, id) = (made.uuid.as_str(), made.cluster_id.as_str());
    let mut cases = Vec::new();
    let asked = AddGrantRequest {
        persona: text("ann"),
        role: text("admin"),
        object: Some(made.clone()),
        slug: text("fra1"),
        object_name: text("web1"),
        selector: None,
    };
    refused!(scene, GrantsClient, add_grant, asked);
    cases.push(case("Grants/AddGrant", ["grant.add", "instance", uuid, "web1", "fra1"]));
    let asked = RemoveGrantRequest { grant_id: scene.grant.clone() };
    refused!(scene, GrantsClient, remove_grant, asked);
    cases.push(case("Grants/RemoveGrant", ["grant.remove", "instance", uuid, "web1", "fra1"]));
    // Of what she may not know of, only what she said.
    let asked = RemoveGrantRequest { grant_id: scene.hidden_grant.clone() };
    refused!(scene, GrantsClient, remove_grant, asked);
    let hidden = scene.hidden_grant.as_str();
    cases.push(case("Grants/RemoveGrant", ["grant.remove", "grant", hidden, "", ""]));
    let asked = ListGrantsRequest { object: Some(other.clone()), ..ListGrantsRequest::default() };
    refused!(scene, GrantsClient, list_grants, asked);
    let elsewhere = other.uuid.as_str();
    cases.push(case("Grants/ListGrants", ["grant.list", "instance", elsewhere, "", ""]));
    let asked = ExplainRequest { object: Some(made.clone()), username: text("bob") };
    refused!(scene, EffectiveClient, explain, asked);
    cases.push(case("Effective/Explain", ["access.explain", "instance", uuid, "", "fra1"]));
    let asked = ListOwnersRequest { instances: vec![made.clone()] };
    refused!(scene, OwnersClient, list_owners, asked);
    cases.push(case("Owners/ListOwners", ["owner.list", "instance", uuid, "", "fra1"]));
    let line = |instance: &ObjectRef| OwnerLine {
        instance: Some(instance.clone()),
        cluster: text("fra1"),
        name: text("web1"),
        owner: text("ann"),
        ..OwnerLine::default()
    };
    let neighbour = ObjectRef { uuid: instance().uuid, ..made.clone() };
    let asked = |lines| SetOwnersRequest { lines, ..SetOwnersRequest::default() };
    refused!(scene, OwnersClient, set_owners, asked(vec![line(made)]));
    cases.push(case("Owners/SetOwners", ["owner.set", "instance", uuid, "web1", "fra1"]));
    refused!(scene, OwnersClient, set_owners, asked(vec![line(made), line(&neighbour)]));
    cases.push(case("Owners/SetOwners", ["owner.set", "cluster", id, "fra1", "fra1"]));
    refused!(scene, OwnersClient, set_owners, asked(vec![line(made), line(other)]));
    cases.push(case("Owners/SetOwners", ["owner.set", "fleet", "", "", ""]));
    let asked = RestoreRightsRequest {
        from: Some(neighbour),
        to: Some(made.clone()),
        cluster: text("fra1"),
        name: text("web1"),
    };
    refused!(scene, OwnersClient, restore_rights, asked);
    let record = ["instance.restore_rights", "instance", uuid, "web1", "fra1"];
    cases.push(case("Owners/RestoreRights", record));
    let asked = ListQuotasRequest { cluster_id: cluster.cluster_id, ..Default::default() };
    refused!(scene, QuotasClient, list_quotas, asked);
    cases.push(case("Quotas/ListQuotas", ["quota.list", "quota", "", "everybody", "fra1"]));
    let asked = SetQuotaRequest { persona: text("user/ann"), ..SetQuotaRequest::default() };
    refused!(scene, QuotasClient, set_quota, asked);
    cases.push(case("Quotas/SetQuota", ["quota.set", "quota", "", "user/ann", ""]));
    cases
}

async fn on_people(scene: &Scene) -> Vec<Case> {
    let text = str::to_owned;
    let bob = || text("bob");
    let mut cases = Vec::new();
    refused!(scene, UsersClient, list_users, ListUsersRequest::default());
    cases.push(case("Users/ListUsers", ["user.list", "user", "", "", ""]));
    let asked =
        CreateUserRequest { username: text("eve"), password: password_of("eve"), is_admin: true };
    refused!(scene, UsersClient, create_user, asked);
    cases.push(case("Users/CreateUser", ["user.create", "user", "", "eve", ""]));
    refused!(scene, PeopleClient, get_user, GetUserRequest { user: bob() });
    cases.push(case("People/GetUser", ["user.list", "user", "", "bob", ""]));
    let asked = ChangeUserRequest {
        user: scene.ann.user_id(),
        is_admin: Some(true),
        ..ChangeUserRequest::default()
    };
    let own = scene.ann.user_id();
    refused!(scene, PeopleClient, change_user, asked);
    cases.push(case("People/ChangeUser", ["user.change", "user", &own, "", ""]));
    let asked = SetPasswordRequest { user: bob(), password: password_of("x"), keep_tokens: true };
    refused!(scene, PeopleClient, set_password, asked);
    cases.push(case("People/SetPassword", ["user.set_password", "user", "", "bob", ""]));
    refused!(scene, PeopleClient, complete_users, CompleteRequest::default());
    cases.push(case("People/CompleteUsers", ["user.list", "user", "", "", ""]));
    let asked = ResetSecondFactorRequest { user: bob() };
    refused!(scene, SecondFactorClient, reset_second_factor, asked);
    let record = ["second_factor.reset", "user", "", "bob", ""];
    cases.push(case("SecondFactor/ResetSecondFactor", record));
    refused!(scene, SshKeysClient, list_ssh_keys, ListSshKeysRequest { user: bob() });
    cases.push(case("SshKeys/ListSshKeys", ["ssh_key.list", "user", "", "bob", ""]));
    let asked = RemoveSshKeyRequest { user: bob(), key_id: text("x") };
    refused!(scene, SshKeysClient, remove_ssh_key, asked);
    cases.push(case("SshKeys/RemoveSshKey", ["ssh_key.remove", "user", "", "bob", ""]));
    refused!(scene, TokensClient, list_tokens, ListTokensRequest { user: bob() });
    cases.push(case("Tokens/ListTokens", ["token.list", "user", "", "bob", ""]));
    let asked = RevokeTokenRequest { token_id: text("x"), user: bob() };
    refused!(scene, TokensClient, revoke_token, asked);
    cases.push(case("Tokens/RevokeToken", ["token.revoke", "user", "", "bob", ""]));
    refused!(scene, AccountClient, list_sessions, ListSessionsRequest { user: bob() });
    cases.push(case("Account/ListSessions", ["session.list", "user", "", "bob", ""]));
    let asked = EndSessionRequest { session_id: text("x"), user: bob() };
    refused!(scene, AccountClient, end_session, asked);
    cases.push(case("Account/EndSession", ["session.end", "user", "", "bob", ""]));
    let asked = EndOtherSessionsRequest { user: bob() };
    refused!(scene, AccountClient, end_other_sessions, asked);
    cases.push(case("Account/EndOtherSessions", ["session.end", "user", "", "bob", ""]));
    let asked = CreateInviteRequest { username: text("eve"), ..CreateInviteRequest::default() };
    refused!(scene, InvitesClient, create_invite, asked);
    cases.push(case("Invites/CreateInvite", ["invite.create", "invite", "", "eve", ""]));
    refused!(scene, InvitesClient, list_invites, ListInvitesRequest::default());
    cases.push(case("Invites/ListInvites", ["invite.list", "invite", "", "", ""]));
    let id = instance().uuid;
    let asked = WithdrawInviteRequest { invite_id: id.clone() };
    refused!(scene, InvitesClient, withdraw_invite, asked);
    cases.push(case("Invites/WithdrawInvite", ["invite.withdraw", "invite", &id, "", ""]));
    cases
}

async fn on_the_rest(scene: &Scene) -> Vec<Case> {
    let text = str::to_owned;
    let (shop, group) = (scene.shop.as_str(), || text("shop"));
    let mut cases = Vec::new();
    let asked = CreateGroupRequest { name: text("mine"), ..CreateGroupRequest::default() };
    refused!(scene, GroupsClient, create_group, asked);
    cases.push(case("Groups/CreateGroup", ["group.create", "group", "", "mine", ""]));
    let asked = UpdateGroupRequest { group: group(), ..UpdateGroupRequest::default() };
    refused!(scene, GroupsClient, update_group, asked);
    cases.push(case("Groups/UpdateGroup", ["group.update", "group", shop, "shop", ""]));
    refused!(scene, GroupsClient, delete_group, DeleteGroupRequest { group: group() });
    cases.push(case("Groups/DeleteGroup", ["group.delete", "group", shop, "shop", ""]));
    let asked =
        SetMemberRequest { group: group(), username: text("ann"), ..SetMemberRequest::default() };
    refused!(scene, GroupsClient, set_member, asked);
    cases.push(case("Groups/SetMember", ["group.set_member", "group", shop, "shop", ""]));
    let asked = RemoveMemberRequest { group: group(), username: text("bob") };
    refused!(scene, GroupsClient, remove_member, asked);
    cases.push(case("Groups/RemoveMember", ["group.remove_member", "group", shop, "shop", ""]));
    let asked = SwitchPersonaRequest { persona: text("group/bank") };
    refused!(scene, PersonasClient, switch_persona, asked);
    cases.push(case("Personas/SwitchPersona", ["session.act_as", "group", "", "bank", ""]));
    let asked = CreateRoleRequest { name: text("mine"), ..CreateRoleRequest::default() };
    refused!(scene, RolesClient, create_role, asked);
    cases.push(case("Roles/CreateRole", ["role.create", "role", "", "mine", ""]));
    let asked = UpdateRoleRequest { name: text("x\ny"), ..UpdateRoleRequest::default() };
    refused!(scene, RolesClient, update_role, asked);
    cases.push(case("Roles/UpdateRole", ["role.update", "role", "", "xy", ""]));
    refused!(scene, RolesClient, delete_role, DeleteRoleRequest { name: "long".repeat(99) });
    cases.push(case("Roles/DeleteRole", ["role.delete", "role", "", &"long".repeat(25), ""]));
    refused!(scene, SignInClient, get_sign_in_policy, GetSignInPolicyRequest::default());
    cases.push(case("SignIn/GetSignInPolicy", ["sign_in.read", "sign_in", "", "", ""]));
    refused!(scene, SignInClient, set_sign_in_policy, SetSignInPolicyRequest::default());
    cases.push(case("SignIn/SetSignInPolicy", ["sign_in.change", "sign_in", "", "", ""]));
    cases
}

#[tokio::test]
async fn each_refusal_says_what_it_was_about_and_whoever_looks_after_that_finds_it() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let _ann = user_person(&gateway, &admin, "ann").await;
    let _bob = user_person(&gateway, &admin, "bob").await;
    let (made, other) = (instance(), instance());
    let cluster = cluster_of(&made);
    let shop = group(&gateway, &admin, "shop", "ann").await;
    let lead =
        SetMemberRequest { group: "shop".to_owned(), username: "bob".to_owned(), is_admin: true };
    GroupsClient::new(gateway.clone()).set_member(admin.ask(lead)).await.unwrap();
    let cache = world.peer(&replica, "cache-updater").await;
    let clusters = [(&made, "fra1"), (&other, "ams1")].map(|(object, slug)| ClusterName {
        cluster_id: object.cluster_id.clone(),
        slug: slug.to_owned(),
    });
    let request = TellClustersRequest { clusters: clusters.to_vec() };
    OwnersClient::new(cache).tell_clusters(request).await.unwrap();
    grant(&gateway, &admin, "ann", "view", &made).await.unwrap();
    let theirs = grant(&gateway, &admin, "bob", "admin", &cluster).await.unwrap();
    assert_eq!(theirs.cluster, "fra1");
    let grant_id = grant(&gateway, &admin, "bob", "view", &made).await.unwrap().grant_id;
    let hidden_grant = grant(&gateway, &admin, "bob", "view", &other).await.unwrap().grant_id;
    let ann = wait_for("ann's right", PATIENCE, async || {
        let ann = person(&gateway, "ann", &password_of("ann")).await;
        let request = ExplainRequest { object: Some(made.clone()), username: String::new() };
        let own = EffectiveClient::new(gateway.clone()).explain(ann.ask(request)).await;
        own.map(|_| ann)
    })
    .await;
    let scene = Scene { gateway, ann, made, other, grant: grant_id, hidden_grant, shop };
    let gateway = scene.gateway.clone();

    let mut cases = tries(&scene).await;
    try_login(&gateway, "bob", "no walnut tree").await.unwrap_err();
    let bob = person(&gateway, "bob", &password_of("bob")).await;
    let id = bob.user_id();
    cases.push(case("Sessions/Login", ["session.start", "user", &id, "bob", ""]));
    let none =
        QuotaChoice { resource: "instances".to_owned(), choice: "value".to_owned(), value: 0 };
    let set = SetQuotaRequest { choices: vec![none], ..SetQuotaRequest::default() };
    QuotasClient::new(gateway.clone()).set_quota(admin.ask(set)).await.unwrap();
    let reserve = ReserveRequest {
        job_id: instance().uuid,
        attempt: instance().uuid,
        user_id: scene.ann.user_id(),
        cluster_id: cluster.cluster_id.clone(),
        cluster: "fra1".to_owned(),
        instance_name: "web9".to_owned(),
        target: Some(Sizes { memory_mib: 1, ..Sizes::default() }),
        ..ReserveRequest::default()
    };
    let jobs = world.peer(&replica, "job-runner").await;
    OwnershipClient::new(jobs).reserve(reserve).await.unwrap_err();
    cases.push(case("Ownership/Reserve", ["quota.reserve", "instance", "", "web9", "fra1"]));

    let records = refusals(&gateway, &admin).await;
    assert_eq!(records.len(), cases.len());
    for (record, case) in records.iter().zip(&cases) {
        assert_eq!(about(record), case.record, "{}", case.rpc);
    }

    // Who administers the cluster, or the group, finds those about it; ann finds her own.
    let expected = records.iter().filter(|record| {
        let object = record.object.as_ref().unwrap();
        let own = record.person.as_ref().unwrap().username.as_deref() == Some("bob");
        own || record.cluster_id.as_ref() == Some(&cluster.cluster_id)
            || object.id.as_ref() == Some(&scene.shop)
    });
    let expected: Vec<u64> = expected.map(|record| record.number).collect();
    assert!(expected.len() > 10, "{expected:?}");
    let found = refusals(&gateway, &bob).await;
    assert_eq!(found.iter().map(|r| r.number).collect::<Vec<_>>(), expected);
    let own = refusals(&gateway, &scene.ann).await;
    assert!(own.len() > 30 && own.iter().all(|r| r.object.is_some()), "{}", own.len());
    let told = serde_json::to_string(&own).unwrap();
    assert!(!told.contains("ams1") && !told.contains(&id), "of what she may not know: {told}");

    // All RPCs are here, or refuse nobody on record.
    let all = include_str!("../../../../integration-tests/tests/suite/coverage/rpcs.txt");
    let all: BTreeSet<&str> = all
        .lines()
        .filter_map(|line| line.strip_prefix("/gwm.auth.v1.")?.split_once(':'))
        .map(|(rpc, _)| rpc)
        .collect();
    let here: BTreeSet<&str> = cases.iter().map(|c| c.rpc).chain(NONE.iter().copied()).collect();
    assert_eq!(here, all);
}
