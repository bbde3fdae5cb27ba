//! A database as an earlier version left it, brought up to date.

use std::collections::BTreeMap;

use gwm_testkit::wait_for;
use serde_json::Value;
use sqlx::PgPool;
use sqlx::migrate::Migrator;

use crate::world::{PATIENCE, World};

/// The last migration before `said` and `raw_hash = 0`: 0003 has everything read anew.
const EARLIER: i64 = 2;
const TABLES: [&str; 3] = ["cluster", "node", "instance"];

/// As text: what Ganeti wrote stays as it wrote it.
async fn rows(pool: &PgPool, table: &str) -> String {
    let sql = format!("select coalesce(json_agg(t), '[]')::text from {table} t");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(pool).await.unwrap()
}

/// Leaves of these rows what a database of the earlier version can hold, and nothing else.
async fn go_back(pool: &PgPool, rows: &BTreeMap<&str, String>) {
    sqlx::raw_sql("drop schema public cascade; create schema public").execute(pool).await.unwrap();
    let migrations = gwm_testkit::paths::project_root().join("migrations/cache");
    let mut connection = pool.acquire().await.unwrap();
    let migrator = Migrator::new(migrations).await.unwrap();
    migrator.run_to(EARLIER, &mut *connection).await.unwrap();
    for table in TABLES {
        let sql = format!(
            "insert into {table} select * from json_populate_recordset(null::{table}, $1::json)"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&rows[table])
            .execute(&mut *connection)
            .await
            .unwrap();
    }
    migrator.run(&mut *connection).await.unwrap();
}

#[tokio::test]
async fn what_an_earlier_version_left_is_read_anew_and_no_event_comes_of_it() {
    let world = World::new().await;
    let mut before = world.replica("a").await;
    world.add(&before).await;
    world.polled(&before).await;
    before.process.stop().await.unwrap();
    let pool = world.pool().await;
    let mut stored = BTreeMap::new();
    for table in TABLES {
        stored.insert(table, rows(&pool, table).await);
    }
    let parse = |text: &str| serde_json::from_str::<Vec<Value>>(text).unwrap();
    let instances = parse(&stored["instance"]);
    let known = instances.len();
    assert!(known > 5, "{known}");
    pool.close().await;
    let pool = world.pool().await;
    go_back(&pool, &stored).await;
    let unread = "select count(*) from (select raw_hash from instance union all
                  select raw_hash from node) o where raw_hash = 0";
    let to_read: i64 = sqlx::query_scalar(unread).fetch_one(&pool).await.unwrap();
    assert!(usize::try_from(to_read).unwrap() > known, "{to_read}");

    // One that did change while nothing ran: the story is not told by silence alone.
    let name = instances[0]["name"].as_str().unwrap().to_owned();
    world.cluster().edit(|c| {
        c.instances.get_mut(&name).unwrap().tags.insert("while:away".to_owned());
    });
    let after = world.replica("b").await;
    world.wait_told("instance.changed", &name).await;
    wait_for("everything to be read", PATIENCE, async || {
        let left: i64 = sqlx::query_scalar(unread).fetch_one(&pool).await.unwrap();
        if left == 0 { Ok(()) } else { Err(left) }
    })
    .await;
    world.polled(&after).await;
    let empty = "select count(*) from instance where said::text = '{}'";
    assert_eq!(sqlx::query_scalar::<_, i64>(empty).fetch_one(&pool).await.unwrap(), 0);
    let told: Vec<String> = world
        .events()
        .await
        .into_iter()
        .filter(|(kind, _)| kind.starts_with("instance.") || kind.starts_with("node."))
        .map(|(kind, event)| format!("{kind} {}", event["data"]["object"]["name"]))
        .collect();
    assert_eq!(told, [format!("instance.changed {:?}", name)]);
    let now = parse(&rows(&pool, "instance").await);
    for old in &instances {
        let new = now.iter().find(|new| new["uuid"] == old["uuid"]).unwrap();
        let raised = new["revision"].as_i64().unwrap() - old["revision"].as_i64().unwrap();
        assert_eq!(raised, i64::from(old["name"] == name.as_str()), "{old}");
    }
}
