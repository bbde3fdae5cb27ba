use std::path::Path;

use gwm_pg::{FOUNDATION_SQL, migrate};
use gwm_testkit::paths::project_root;
use sqlx::migrate::Migrator;

use crate::empty_database;

const DATABASES: [&str; 3] = ["auth", "cache", "jobs"];

#[test]
fn every_database_begins_with_the_foundation() {
    for database in DATABASES {
        let file = project_root().join("migrations").join(database).join("0001_foundation.sql");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            text == FOUNDATION_SQL,
            "{} is not services/lib/pg/sql/foundation.sql",
            file.display()
        );
    }
}

async fn foundation() -> &'static Migrator {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("0001_foundation.sql"), FOUNDATION_SQL).unwrap();
    Box::leak(Box::new(Migrator::new(Path::new(directory.path())).await.unwrap()))
}

#[tokio::test]
async fn replicas_that_start_at_once_migrate_once() {
    let pool = empty_database("replicas").await;
    let migrator = foundation().await;
    let (one, two, three) =
        tokio::join!(migrate(&pool, migrator), migrate(&pool, migrator), migrate(&pool, migrator));
    one.and(two).and(three).unwrap();
    let applied: i64 =
        sqlx::query_scalar("select count(*) from _sqlx_migrations").fetch_one(&pool).await.unwrap();
    assert_eq!(applied, 1);
}

#[tokio::test]
async fn migrating_leaves_the_time_limits_of_the_pool_alone() {
    let pool = empty_database("limits").await;
    migrate(&pool, foundation().await).await.unwrap();
    let limit: String = sqlx::query_scalar("show lock_timeout").fetch_one(&pool).await.unwrap();
    assert_eq!(limit, "10s");
}
