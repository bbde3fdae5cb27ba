use std::time::Duration;

use gwm_testkit::{Migrations, Postgres, Scratch, TestPg};
use sqlx::{Connection, PgConnection};

#[tokio::test]
async fn each_database_is_fresh_and_migrated() {
    let scratch = Scratch::new("gwm-test-migrations-").unwrap();
    let file = scratch.path().join("0001_thing.sql");
    std::fs::write(file, "create table thing (name text primary key)").unwrap();
    for _ in 0..2 {
        let database = TestPg::fresh("things", scratch.path()).await;
        let pool = database.pool().await;
        let inserted =
            sqlx::query("insert into thing values ('one')").execute(&pool).await.unwrap();
        assert_eq!(inserted.rows_affected(), 1);
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let pg = TestPg::shared().await;
    let database = pg.database("closed", Migrations::None).await;
    let url = format!("postgres://gwm:wrong@127.0.0.1:{}/{}", pg.port(), database.name());
    let error = PgConnection::connect(&url).await.unwrap_err().to_string();
    assert!(error.contains("password"), "{error}");
}

#[tokio::test]
async fn a_lasting_server_keeps_its_data_and_syncs_it() {
    let scratch = Scratch::new("gwm-test-lasting-").unwrap();
    let directory = scratch.path().join("postgres");
    let first = Postgres::lasting(&directory).start().await.unwrap();
    first.ensure_database("kept").await.unwrap();
    first.ensure_database("kept").await.unwrap();
    let mut connection = PgConnection::connect(&first.url("kept")).await.unwrap();
    sqlx::query("create table kept (n int)").execute(&mut connection).await.unwrap();
    drop(connection);
    drop(first);

    let again = Postgres::lasting(&directory).start().await.unwrap();
    let mut connection = PgConnection::connect(&again.url("kept")).await.unwrap();
    sqlx::query("select n from kept").fetch_all(&mut connection).await.unwrap();
    for (setting, wanted) in [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("password_encryption", "scram-sha-256"),
    ] {
        let value: String = sqlx::query_scalar("select current_setting($1)")
            .bind(setting)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(value, wanted, "{setting}");
    }
}

#[tokio::test]
async fn a_killed_server_is_noticed() {
    let mut pg = TestPg::start().await;
    let database = pg.database("short", Migrations::None).await;
    pg.process().signal("QUIT").unwrap();
    pg.process().wait(Duration::from_secs(20)).await.unwrap();
    assert!(pg.process().check_alive().is_err());
    PgConnection::connect(database.url()).await.unwrap_err();
}
