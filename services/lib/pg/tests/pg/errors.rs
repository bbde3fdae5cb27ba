use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gwm_pg::{EnsureAffected, Error, Kind, PgSettings, ResultExt};
use gwm_testkit::TestPg;
use gwm_testkit::pg::Migrations;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{empty_database, pool};

#[derive(Debug)]
enum Domain {
    NameTaken,
    Database(Error),
}

impl From<Error> for Domain {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

async fn table(name: &str) -> PgPool {
    let pool = empty_database(name).await;
    sqlx::raw_sql(
        "create table person (
             name text not null constraint person_name_key unique,
             age int not null default 1 constraint person_age_check check (age > 0),
             generation bigint not null default 1);
         insert into person (name) values ('jane')",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool
}

#[tokio::test]
async fn a_named_constraint_becomes_the_domain_error() {
    let pool = table("constraints").await;
    let taken: Result<_, Domain> = sqlx::query("insert into person (name) values ('jane')")
        .execute(&pool)
        .await
        .on_constraint("person_name_key", || Domain::NameTaken);
    assert!(matches!(taken, Err(Domain::NameTaken)), "{taken:?}");

    let other: Result<_, Domain> = sqlx::query("insert into person (name, age) values ('joe', 0)")
        .execute(&pool)
        .await
        .on_constraint("person_name_key", || Domain::NameTaken);
    let Err(Domain::Database(error)) = other else { panic!("{other:?}") };
    assert_eq!(error.kind(), Kind::Conflict);
    assert_eq!(error.constraint(), Some("person_age_check"));
}

#[tokio::test]
async fn a_write_that_somebody_was_faster_with_is_a_conflict() {
    let pool = table("cas").await;
    let update =
        "update person set generation = generation + 1 where name = 'jane' and generation = $1";
    let first = sqlx::query(update).bind(1i64).execute(&pool).await.unwrap();
    first.ensure_affected(1).unwrap();
    let second = sqlx::query(update).bind(1i64).execute(&pool).await.unwrap();
    let error = second.ensure_affected(1).unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
}

#[tokio::test]
async fn transactions_that_met_are_run_again() {
    let pool = table("serializable").await;
    let attempts = AtomicU32::new(0);
    let increment = || async {
        attempts.fetch_add(1, Ordering::Relaxed);
        let mut tx = pool.begin_with("begin isolation level serializable").await?;
        let age: i32 = sqlx::query_scalar("select age from person").fetch_one(&mut *tx).await?;
        if attempts.load(Ordering::Relaxed) == 1 {
            // Another transaction gets in between, the first time.
            sqlx::query("update person set age = age + 1").execute(&pool).await?;
        }
        sqlx::query("update person set age = $1").bind(age + 1).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok::<_, Error>(())
    };
    gwm_pg::retry(|error: &Error| Some(error.kind()), increment).await.unwrap();
    let age: i32 = sqlx::query_scalar("select age from person").fetch_one(&pool).await.unwrap();
    assert_eq!(age, 3);
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn an_absent_database_is_unavailable_and_nothing_worse() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = PgSettings {
        url: format!("postgres://nobody@127.0.0.1:{port}/none"),
        acquire_timeout: Duration::from_millis(200),
        ..PgSettings::default()
    };
    let pool = gwm_pg::connect(&settings, "test").unwrap();
    assert_eq!(gwm_pg::ping(&pool).await.unwrap_err().kind(), Kind::Unavailable);
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    assert!(!gwm_pg::wait_until_reachable(&pool, &shutdown).await.unwrap());
}

#[tokio::test]
async fn a_connection_that_is_cut_off_is_unavailable_and_the_pool_recovers() {
    let server = TestPg::start().await;
    let database = server.database("cut", Migrations::None).await;
    let (pool, other) = (pool(database.url()), pool(database.url()));
    let mut connection = pool.acquire().await.unwrap();
    let pid: i32 =
        sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut *connection).await.unwrap();
    sqlx::query("select pg_terminate_backend($1)").bind(pid).execute(&other).await.unwrap();
    let cut = sqlx::query("select 1").execute(&mut *connection).await.unwrap_err();
    assert_eq!(Error::from(cut).kind(), Kind::Unavailable);
    drop(connection);
    gwm_pg::ping(&pool).await.unwrap();
}
