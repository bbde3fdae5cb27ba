//! People of a directory: a real one, with TLS.

use std::collections::HashSet;

use gwm_kernel::grpc::Peer;
use gwm_proto::auth::account_client::AccountClient;
use gwm_proto::auth::groups_client::GroupsClient;
use gwm_proto::auth::people_client::PeopleClient;
use gwm_proto::auth::{
    ChangePasswordRequest, ChangeUserRequest, CreateGroupRequest, GetGroupRequest, GetUserRequest,
    SetMemberRequest, SetPasswordRequest, User,
};
use gwm_testkit::TestDirectory;
use gwm_testkit::directory::{BASE, ROOT_DN, ROOT_PASSWORD};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Mod};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::second_factor::{begin, set_up_of};
use crate::world::{Person, Replica, World, admin, person, reason, try_login, user, user_person};

const READER: &str = "cn=reader,dc=example,dc=org";

/// Three people and two groups; passwords are `NAME's dogwood`.
fn entries() -> String {
    let person = |uid: &str| {
        format!(
            "dn: uid={uid},ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\n\
             sn: {uid}\nmail: {uid}@example.org\nuserPassword: {uid}'s dogwood\n\n"
        )
    };
    let group = |cn: &str, uid: &str| {
        format!(
            "dn: cn={cn},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: {cn}\n\
             member: uid={uid},ou=people,{BASE}\n\n"
        )
    };
    let head = format!(
        "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n\
         dn: {READER}\nobjectClass: person\ncn: reader\nsn: reader\nuserPassword: reader's dogwood\n\n\
         dn: ou=people,{BASE}\nobjectClass: organizationalUnit\nou: people\n\n\
         dn: ou=groups,{BASE}\nobjectClass: organizationalUnit\nou: groups\n\n"
    );
    let parts = [
        head,
        person("ann"),
        person("bob"),
        person("Eve Smith"),
        group("Cloud Users", "ann"),
        group("Cloud Admins", "bob"),
    ];
    parts.concat()
}

/// The service's configuration of it.
fn configure(world: &mut World, url: &str) {
    let ca = world.ca().display().to_string();
    let secret = world.scratch.path().join("reader.password");
    std::fs::write(&secret, "reader's dogwood\n").unwrap();
    let secret = secret.display().to_string();
    let people = format!("ou=people,{BASE}");
    let groups = format!("ou=groups,{BASE}");
    for (key, value) in [
        ("URL", url),
        ("CA_PATH", &ca),
        ("BIND_DN", READER),
        ("BIND_PASSWORD_FILE", &secret),
        ("USER_BASE", &people),
        ("USER_FILTER", "(|(uid={username})(mail={username}))"),
        ("GROUP_BASE", &groups),
        ("GROUPS", "{\"Cloud Users\"=\"shop\",\"Nothing Here\"=\"none\"}"),
        ("ADMIN_GROUP", "cloud admins"),
        ("TIMEOUT", "3s"),
    ] {
        world.set(&format!("GWM_AUTH__DIRECTORIES__CORP__{key}"), value);
    }
}

struct Set {
    world: World,
    directory: TestDirectory,
    replica: Replica,
    gateway: Peer,
    admin: Person,
}

async fn set() -> Set {
    let mut world = World::new().await;
    let directory =
        TestDirectory::start(world.certificates(), "auth", READER, &entries()).await.unwrap();
    let url = directory.url();
    configure(&mut world, &url);
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    Set { world, directory, replica, gateway, admin }
}

fn password(uid: &str) -> String {
    format!("{uid}'s dogwood")
}

fn dn(uid: &str) -> String {
    format!("uid={uid},ou=people,{BASE}")
}

/// Who may change the directory.
struct Root {
    ldap: Ldap,
    _driver: JoinSet<ldap3::result::Result<()>>,
}

async fn root(directory: &TestDirectory) -> Root {
    let settings = LdapConnSettings::new().set_no_tls_verify(true);
    let (connection, mut ldap) =
        LdapConnAsync::with_settings(settings, &directory.tls_url()).await.unwrap();
    let mut driver = JoinSet::new();
    driver.spawn(connection.drive());
    ldap.simple_bind(ROOT_DN, ROOT_PASSWORD).await.unwrap().success().unwrap();
    Root { ldap, _driver: driver }
}

async fn user_of(set: &Set, name: &str) -> User {
    let request = set.admin.ask(GetUserRequest { user: name.to_owned() });
    PeopleClient::new(set.gateway.clone()).get_user(request).await.unwrap().into_inner()
}

async fn members(set: &Set, group: &str) -> Vec<String> {
    let request = set.admin.ask(GetGroupRequest { group: group.to_owned() });
    let group = GroupsClient::new(set.gateway.clone()).get_group(request).await.unwrap();
    group.into_inner().members.into_iter().map(|member| member.username).collect()
}

async fn group(set: &Set, name: &str) {
    let request = CreateGroupRequest { name: name.to_owned(), description: String::new() };
    GroupsClient::new(set.gateway.clone()).create_group(set.admin.ask(request)).await.unwrap();
}

async fn refused(set: &Set, name: &str, password: &str) -> Status {
    try_login(&set.gateway, name, password).await.unwrap_err()
}

#[tokio::test]
async fn people_of_a_directory_sign_in_and_belong_to_what_their_groups_stand_for() {
    let set = set().await;
    group(&set, "shop").await;
    group(&set, "chosen").await;
    for (name, given) in [
        ("ann", "not it"),
        ("ann", ""),
        ("", ""),
        ("nobody", "not it"),
        ("*", "ann's dogwood"),
        ("a*", "ann's dogwood"),
        ("ann)(uid=*", "ann's dogwood"),
        ("ann))(|(uid=*", "ann's dogwood"),
        ("ann\\2a", "ann's dogwood"),
        ("\u{ff41}nn", "ann's dogwood"),
        ("reader", "reader's dogwood"),
    ] {
        let wrong = refused(&set, name, given).await;
        assert_eq!(reason(&wrong), "login_refused", "{name}");
        assert_eq!(wrong.message(), "user name or password is wrong", "{name}");
    }
    let made: i64 = sqlx::query_scalar("select count(*) from app_user")
        .fetch_one(&set.world.pool().await)
        .await
        .unwrap();
    assert_eq!(made, 1, "nobody but admin");

    let ann = person(&set.gateway, "ann", &password("ann")).await;
    let seen = user_of(&set, "ann").await;
    assert_eq!((seen.origin.as_str(), seen.is_admin), ("ldap/corp", false));
    assert_eq!(members(&set, "shop").await, ["ann"]);
    // Her address and another spelling are hers, too.
    for name in ["ANN@example.org", " Ann "] {
        assert_eq!(person(&set.gateway, name, &password("ann")).await.user_id(), ann.user_id());
    }
    person(&set.gateway, "bob", &password("bob")).await;
    assert!(user_of(&set, "bob").await.is_admin);
    assert!(members(&set, "shop").await.iter().all(|name| name != "bob"));

    // What somebody chose here stays, whatever the directory says; what it chose goes with it.
    let add = SetMemberRequest {
        group: "chosen".to_owned(),
        username: "ann".to_owned(),
        is_admin: false,
    };
    let mut groups = GroupsClient::new(set.gateway.clone());
    groups.set_member(set.admin.ask(add.clone())).await.unwrap();
    groups
        .set_member(set.admin.ask(SetMemberRequest {
            username: "bob".to_owned(),
            group: "shop".to_owned(),
            ..add
        }))
        .await
        .unwrap();
    let Root { mut ldap, _driver } = root(&set.directory).await;
    let (users, admins) =
        (format!("cn=Cloud Users,ou=groups,{BASE}"), format!("cn=Cloud Admins,ou=groups,{BASE}"));
    let eve = dn("Eve Smith");
    for group in [&users, &admins] {
        let swapped = vec![Mod::Replace("member", HashSet::from([eve.as_str()]))];
        ldap.modify(group, swapped).await.unwrap().success().unwrap();
    }
    person(&set.gateway, "ann", &password("ann")).await;
    person(&set.gateway, "bob", &password("bob")).await;
    assert_eq!(members(&set, "shop").await, ["bob"]);
    assert_eq!(members(&set, "chosen").await, ["ann"]);
    assert!(!user_of(&set, "bob").await.is_admin);
    // One that was made an administrator here stays one.
    let make = ChangeUserRequest {
        user: "bob".to_owned(),
        revision: 0,
        is_admin: Some(true),
        disabled: None,
    };
    PeopleClient::new(set.gateway.clone()).change_user(set.admin.ask(make)).await.unwrap();
    person(&set.gateway, "bob", &password("bob")).await;
    assert!(user_of(&set, "bob").await.is_admin);

    let kept: String = sqlx::query_scalar(
        "select string_agg(t, ' ') from (select record as t from audit_record
             union all select payload from outbox union all select app_user::text from app_user
             union all select identity::text from identity) as everything",
    )
    .fetch_one(&set.world.pool().await)
    .await
    .unwrap();
    let log = set.replica.process.log_tail(10_000);
    assert!(
        !kept.contains("dogwood") && !log.contains("dogwood"),
        "a password is where it must not be"
    );
}

#[tokio::test]
async fn an_account_belongs_to_one_person_whatever_names_become() {
    let set = set().await;
    user(&set.gateway, &set.admin, "bob").await;
    let ann = person(&set.gateway, "ann", &password("ann")).await;

    // A local account is not the directory's, by no way.
    assert_eq!(reason(&refused(&set, "bob", &password("bob")).await), "login_refused");
    let taken = refused(&set, "bob@example.org", &password("bob")).await;
    assert_eq!((taken.code(), reason(&taken)), (Code::AlreadyExists, "name_taken".into()));
    assert!(taken.message().contains("ldap/corp knows you as bob"), "{}", taken.message());
    let odd = refused(&set, "eve smith@example.org", &password("Eve Smith")).await;
    assert_eq!(reason(&odd), "login_refused", "blanks are no name");
    let Root { mut ldap, _driver } = root(&set.directory).await;
    let mail = vec![Mod::Replace("mail", HashSet::from(["eve@example.org"]))];
    ldap.modify(&dn("Eve Smith"), mail).await.unwrap().success().unwrap();
    let odd = refused(&set, "eve@example.org", &password("Eve Smith")).await;
    assert_eq!(reason(&odd), "name_unusable");

    // Renamed, she keeps it; who gets her old name gets nothing of hers.
    ldap.modifydn(&dn("ann"), "uid=anna", true, None).await.unwrap().success().unwrap();
    ldap.modifydn(&dn("bob"), "uid=ann", true, None).await.unwrap().success().unwrap();
    assert_eq!(person(&set.gateway, "anna", &password("ann")).await.user_id(), ann.user_id());
    let taken = refused(&set, "ann", &password("bob")).await;
    assert_eq!(reason(&taken), "name_taken");
    // And who is gone is out.
    ldap.delete(&dn("anna")).await.unwrap().success().unwrap();
    assert_eq!(reason(&refused(&set, "anna", &password("ann")).await), "login_refused");
    let outcomes: Vec<String> = sqlx::query_scalar(
        "select distinct record::jsonb ->> 'reason' as r from audit_record
             where action = 'session.start' and outcome = 'refused' order by r",
    )
    .fetch_all(&set.world.pool().await)
    .await
    .unwrap();
    assert_eq!(outcomes, ["login_refused", "name_taken", "name_unusable"]);
}

#[tokio::test]
async fn a_directory_that_is_down_keeps_out_nobody_else() {
    let mut set = set().await;
    user_person(&set.gateway, &set.admin, "jane").await;
    person(&set.gateway, "ann", &password("ann")).await;
    for frozen in [false, true] {
        if frozen {
            set.directory.start_again().await.unwrap();
            set.directory.process().unwrap().signal("STOP").unwrap();
        } else {
            set.directory.stop().await.unwrap();
        }
        person(&set.gateway, "jane", &crate::world::password_of("jane")).await;
        // The same for who is known there, here, or nowhere.
        let mut said = HashSet::new();
        for name in ["ann", "jane", "nobody"] {
            let silent = refused(&set, name, "ann's dogwood").await;
            assert_eq!(
                (silent.code(), reason(&silent)),
                (Code::Unavailable, "directory_unavailable".into())
            );
            said.insert(silent.message().to_owned());
        }
        assert_eq!(said.len(), 1, "{said:?}");
        if frozen {
            set.directory.process().unwrap().signal("CONT").unwrap();
        }
    }
    person(&set.gateway, "ann", &password("ann")).await;
}

#[tokio::test]
async fn guesses_of_a_directorys_passwords_are_slowed_whatever_the_spelling() {
    let mut world =
        World::with(&[("GWM_AUTH__LOGIN__USER_BURST", "3"), ("GWM_AUTH__LOGIN__USER_EVERY", "1h")])
            .await;
    let directory =
        TestDirectory::start(world.certificates(), "auth", READER, &entries()).await.unwrap();
    // TLS from the start, too.
    let url = directory.tls_url();
    configure(&mut world, &url);
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    admin(&gateway).await;
    for name in ["ann", "ANN", " aNn"] {
        let wrong = try_login(&gateway, name, "wrong").await.unwrap_err();
        assert_eq!(reason(&wrong), "login_refused");
    }
    let slowed = try_login(&gateway, "Ann", &password("ann")).await.unwrap_err();
    assert_eq!(reason(&slowed), "login_throttled");
}

#[tokio::test]
async fn a_directory_with_another_certificate_is_not_told_anything() {
    let mut world = World::new().await;
    let ca = gwm_testkit::Ca::new("another").unwrap();
    let other = ca.write(&world.scratch.path().join("other"), &["auth"]).unwrap();
    let directory = TestDirectory::start(&other, "auth", READER, &entries()).await.unwrap();
    let url = directory.url();
    configure(&mut world, &url);
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    admin(&gateway).await;
    let silent = try_login(&gateway, "ann", &password("ann")).await.unwrap_err();
    assert_eq!(reason(&silent), "directory_unavailable");
    assert!(replica.process.has_said("can't connect"), "{}", replica.process.log_tail(5));
}

#[tokio::test]
async fn the_password_of_a_directory_confirms_but_is_not_changed_here() {
    let set = set().await;
    let ann = person(&set.gateway, "ann", &password("ann")).await;
    let change = ChangePasswordRequest {
        old_password: password("ann"),
        new_password: "walnut tree by the well".to_owned(),
    };
    let mut account = AccountClient::new(set.gateway.clone());
    let elsewhere = account.change_password(ann.ask(change)).await.unwrap_err();
    assert_eq!(reason(&elsewhere), "password_elsewhere");
    let give = SetPasswordRequest {
        user: "ann".to_owned(),
        password: "walnut tree by the well".to_owned(),
        keep_tokens: false,
    };
    let mut people = PeopleClient::new(set.gateway.clone());
    let elsewhere = people.set_password(set.admin.ask(give)).await.unwrap_err();
    assert_eq!(
        (elsewhere.code(), reason(&elsewhere)),
        (Code::Aborted, "password_elsewhere".into())
    );

    let wrong = begin(&set.gateway, &ann, &password("bob")).await.unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    set_up_of(&set.gateway, &ann, &password("ann")).await;
    let half = try_login(&set.gateway, "ann", &password("ann")).await.unwrap();
    assert!(half.session_token.is_empty() && !half.challenge.is_empty(), "{half:?}");
    // Disabled here is out, whatever the directory says.
    let disable = ChangeUserRequest {
        user: "ann".to_owned(),
        revision: 0,
        is_admin: None,
        disabled: Some(true),
    };
    people.change_user(set.admin.ask(disable)).await.unwrap();
    assert_eq!(reason(&refused(&set, "ann", &password("ann")).await), "login_refused");
}
