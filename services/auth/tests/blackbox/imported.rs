//! Users of the predecessor, with the hashes that they had there.

use gwm_kernel::grpc::Peer;
use tonic::Code;

use crate::bootstrap::verb;
use crate::login::until_held_up;
use crate::world::{World, admin, person, reason, try_login};

/// Django's, of "correct horse".
const SHA256: &str = "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=";
const SHA1: &str = "pbkdf2_sha1$500$seasalt$tU147wAu4VObnhCfzehcEl7/HH8=";
const PASSWORD: &str = "correct horse";

/// Imports such a file; whether it worked, and what it said.
fn import(world: &World, lines: &[String]) -> (bool, String) {
    let file = world.scratch.path().join("users.csv");
    let header = "username,password,is_superuser,is_active".to_owned();
    let text = [&[header], lines].concat().join("\n");
    std::fs::write(&file, text).unwrap();
    let words = ["import-users", file.to_str().unwrap()];
    let (ok, said, errors) = verb(&world.environment(), &words, "");
    (ok, said + &errors)
}

async fn stored(world: &World, name: &str) -> String {
    sqlx::query_scalar("select password_hash from app_user where username = $1")
        .bind(name)
        .fetch_one(&world.pool().await)
        .await
        .unwrap()
}

async fn refused(peer: &Peer, name: &str) {
    let refused = try_login(peer, name, "not the password").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::Unauthenticated, "login_refused".into()));
}

#[tokio::test]
async fn an_imported_user_signs_in_with_the_old_password_which_is_hashed_anew() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    admin(&gateway).await;
    let before = stored(&world, "admin").await;
    let lines = [
        format!("jane,{SHA256},f,t"),
        format!("bob,{SHA1},t,t"),
        format!("gone,{SHA256},f,f"),
        format!("admin,{SHA256},t,t"),
        "sue,bcrypt$$2b$12$secret,f,t".to_owned(),
    ];
    let (ok, said) = import(&world, &lines);
    assert!(!ok, "a line was bad: {said}");
    assert!(said.contains("line 6: password of sue: only pbkdf2"), "{said}");
    assert!(said.contains("admin is there already") && said.contains("imported: 3"), "{said}");
    assert!(!said.contains("secret") && !said.contains("seasalt"), "{said}");
    assert_eq!(stored(&world, "admin").await, before, "an import takes nobody's account");

    for (name, old) in [("jane", SHA256), ("bob", SHA1)] {
        refused(&gateway, name).await;
        assert_eq!(stored(&world, name).await, old, "a wrong password changes nothing");
        let seen = person(&gateway, name, PASSWORD).await.resolved.user.unwrap();
        assert_eq!(seen.is_admin, name == "bob");
        let new = stored(&world, name).await;
        assert!(new.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"), "{new}");
        refused(&gateway, name).await;
        person(&gateway, name, PASSWORD).await;
        assert_eq!(stored(&world, name).await, new, "once is enough");
    }
    let disabled = try_login(&gateway, "gone", PASSWORD).await.unwrap_err();
    assert_eq!(reason(&disabled), "login_refused");
    assert_eq!(stored(&world, "gone").await, SHA256);

    let (ok, said) = import(&world, &lines[..3]);
    assert!(ok && said.contains("imported: 0"), "an import can be done again: {said}");
    let (imports, kept): (i64, String) = sqlx::query_as(
        "select (select count(*) from audit_record where action = 'user.import'),
             (select string_agg(record, ' ') from audit_record)
             || (select string_agg(payload, ' ') from outbox)",
    )
    .fetch_one(&world.pool().await)
    .await
    .unwrap();
    assert_eq!(imports, 3);
    assert!(!kept.contains("seasalt"), "a hash is where it must not be");
}

#[tokio::test]
async fn two_first_logins_at_once_both_come_in() {
    let world = World::new().await;
    let (one, two) = tokio::join!(world.replica("a"), world.replica("b"));
    let peers = [world.gateway(&one).await, world.gateway(&two).await];
    admin(&peers[0]).await;
    import(&world, &[format!("jane,{SHA256},f,t")]);
    let pool = world.pool().await;
    let mut held = pool.begin().await.unwrap();
    let lock = "select from app_user where username = 'jane' for update";
    sqlx::query(lock).execute(&mut *held).await.unwrap();
    let mut logins = tokio::task::JoinSet::new();
    for peer in peers {
        logins.spawn(async move { try_login(&peer, "jane", PASSWORD).await });
    }
    // Both have compared with the old hash, and want to put a new one into its place.
    until_held_up(&pool, 2).await;
    held.commit().await.unwrap();
    for login in logins.join_all().await {
        assert!(!login.unwrap().session_token.is_empty());
    }
}

#[tokio::test]
async fn a_stored_hash_that_would_take_for_ever_is_no_hash() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    admin(&gateway).await;
    import(&world, &[format!("jane,{SHA256},f,t")]);
    // However it came there.
    for iterations in ["9999999", "4000000000", "0"] {
        let hash = SHA256.replace("$1000$", &format!("${iterations}$"));
        sqlx::query("update app_user set password_hash = $1 where username = 'jane'")
            .bind(hash)
            .execute(&world.pool().await)
            .await
            .unwrap();
        let refused = try_login(&gateway, "jane", PASSWORD).await.unwrap_err();
        assert_eq!(reason(&refused), "login_refused");
    }
}
