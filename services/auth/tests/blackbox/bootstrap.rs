use std::io::Write;
use std::process::{Command, Stdio};

use gwm_testkit::{TestPg, wait_for};

use crate::watch::Watching;
use crate::world::{
    ADMIN_PASSWORD, PATIENCE, World, admin, person, reason, try_login, try_resolve,
};

/// Runs a verb of the binary; its exit, stdout and stderr.
pub(crate) fn verb(
    environment: &[(String, String)],
    words: &[&str],
    input: &str,
) -> (bool, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gwm-auth"))
        .args(words)
        .env_clear()
        .envs(environment.iter().cloned())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn two_replicas_that_start_at_once_make_one_administrator_and_one_key() {
    let world = World::new().await;
    let (one, two) = tokio::join!(world.replica("a"), world.replica("b"));
    let (one, two) = (world.gateway(&one).await, world.gateway(&two).await);
    let on_one = admin(&one).await;
    admin(&two).await;
    // What one signs, the other takes; a session of one is one of the other.
    let credential =
        gwm_proto::auth::resolve_request::Credential::SessionToken(on_one.session_token.clone());
    try_resolve(&two, credential).await.unwrap();
    let pool = world.pool().await;
    for table in ["app_user", "signing_key"] {
        let query = format!("select count(*) from {table}");
        let rows: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&pool).await.unwrap();
        assert_eq!(rows, 1, "{table}");
    }
}

#[tokio::test]
async fn migrate_makes_tables_and_prints_the_first_administrator_once() {
    let world = World::new().await;
    let empty = TestPg::fresh("gwm_auth_empty", gwm_testkit::Migrations::None).await;
    let mut environment = world.environment();
    environment.push(("GWM_AUTH__DATABASE__URL".to_owned(), empty.url().to_owned()));
    let (ok, said, errors) = verb(&environment, &["migrate"], "");
    assert!(ok, "{errors}");
    let password = said.strip_prefix("gwm-auth: first administrator: admin / ").unwrap().trim();
    assert!(password.len() >= 20, "{said}");
    let (ok, again, errors) = verb(&environment, &["migrate"], "");
    assert!(ok && again.is_empty(), "{again}{errors}");
    let stored: String = sqlx::query_scalar("select password_hash from app_user")
        .fetch_one(&empty.pool().await)
        .await
        .unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"));
}

#[tokio::test]
async fn the_way_back_in_ends_everything_that_was_open() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let before = admin(&gateway).await;
    let mut watching = Watching::start(&gateway).await;
    let (ok, said, errors) = verb(&world.environment(), &["reset-admin"], "");
    assert!(ok, "{errors}");
    let password = said.strip_prefix("gwm-auth: administrator: admin / ").unwrap().trim();
    watching.until_ended(&before.resolved.session_id).await;
    let old = try_login(&gateway, "admin", ADMIN_PASSWORD).await.unwrap_err();
    assert_eq!(reason(&old), "login_refused");
    assert!(person(&gateway, "admin", password).await.resolved.user.unwrap().is_admin);
    let audited: bool = sqlx::query_scalar(
        "select exists (select from audit_record where record like '%user.reset_admin%')",
    )
    .fetch_one(&world.pool().await)
    .await
    .unwrap();
    assert!(audited);
}

#[tokio::test]
async fn users_can_be_added_from_the_command_line() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let environment = world.environment();
    let (ok, said, errors) = verb(&environment, &["add-user", "jane"], "jane's password\n");
    assert!(ok, "{errors}");
    assert!(!said.contains("password"));
    assert!(!person(&gateway, "jane", "jane's password").await.resolved.user.unwrap().is_admin);
    let (ok, _, errors) = verb(&environment, &["add-user", "jane"], "another password\n");
    assert!(!ok && errors.contains("already"), "{errors}");
    let (ok, _, errors) = verb(&environment, &["add-user", "Not A Name"], "another password\n");
    assert!(!ok && errors.contains("user name"), "{errors}");
    let (ok, _, errors) = verb(&environment, &["add-user", "bob"], "short\n");
    assert!(!ok && errors.contains("10 characters"), "{errors}");
    let (ok, _, errors) = verb(&environment, &["fly"], "");
    assert!(!ok && errors.contains("no such verb"), "{errors}");
}

#[tokio::test]
async fn another_master_key_ends_the_process_with_a_clear_text() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    admin(&world.gateway(&replica).await).await;
    drop(replica);
    let mut world = world;
    world.set("GWM_AUTH__MASTER_KEY", "//////////////////////////////////////////8=");
    let mut other = world.replica_unready("b");
    let status = other.process.wait(PATIENCE).await.unwrap();
    assert_eq!(status.code(), Some(70));
    assert!(other.process.has_said("can't be opened with this master_key"));
}

#[tokio::test]
async fn a_replica_waits_for_a_database_that_is_not_migrated_yet() {
    let mut world = World::new().await;
    let empty = TestPg::fresh("gwm_auth_late", gwm_testkit::Migrations::None).await;
    world.set("GWM_AUTH__DATABASE__URL", empty.url());
    let replica = world.replica_unready("a");
    wait_for("the reason", PATIENCE, async || {
        let text = replica.admin("/readyz").await?;
        if text.contains("run gwm-auth migrate") { Ok(()) } else { Err(text) }
    })
    .await;
    let (ok, _, errors) = verb(&world.environment(), &["migrate"], "");
    assert!(ok, "{errors}");
    replica.ready().await;
}
