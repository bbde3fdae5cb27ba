use std::time::Duration;

use gwm_pg::lease::{
    Held, Holder, LeaseSettings, assert_held, holder, keep, release, renew, try_acquire,
};
use gwm_pg::{Error, Kind};
use gwm_testkit::wait_for;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::database;

fn who(id: &str) -> Holder {
    Holder { id: id.to_owned(), endpoint: format!("https://{id}:7102") }
}

async fn acquire(pool: &PgPool, id: &str) -> Option<Held> {
    try_acquire(pool, "poll/alpha", &who(id), &LeaseSettings::default()).await.unwrap()
}

/// Lets the lease run out in the database, whatever its holder believes.
async fn expire(pool: &PgPool) {
    sqlx::query("update lease set expires_at = clock_timestamp()").execute(pool).await.unwrap();
}

async fn fenced(pool: &PgPool, held: &Held) -> Result<(), Error> {
    let mut tx = pool.begin().await.unwrap();
    assert_held(&mut tx, held).await
}

#[tokio::test]
async fn one_of_two_gets_it_and_the_other_learns_who() {
    let pool = database("lease").await;
    let held = acquire(&pool, "a").await.unwrap();
    assert!(acquire(&pool, "b").await.is_none());
    let current = holder(&pool, "poll/alpha").await.unwrap().unwrap();
    assert_eq!(
        (current.holder.as_str(), current.holder_endpoint.as_str()),
        ("a", "https://a:7102")
    );
    assert_eq!(current.generation, held.generation());
    assert_eq!(holder(&pool, "poll/beta").await.unwrap(), None);
}

#[tokio::test]
async fn of_many_that_try_at_once_exactly_one_gets_it() {
    let pool = database("lease_race").await;
    let ids: Vec<String> = (0..8).map(|n| format!("r{n}")).collect();
    let tries = ids.iter().map(|id| acquire(&pool, id));
    let got = futures::future::join_all(tries).await.into_iter().flatten().count();
    assert_eq!(got, 1);
}

#[tokio::test]
async fn the_local_deadline_is_shorter_than_the_database_s() {
    let pool = database("lease_deadline").await;
    let held = acquire(&pool, "a").await.unwrap();
    let rest: f64 = sqlx::query_scalar(
        "select extract(epoch from expires_at - clock_timestamp())::float8 from lease",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert!(held.remaining() < Duration::from_secs_f64(rest));
    assert!(held.remaining() <= Duration::from_secs(9));
    assert!(held.is_live());
}

#[tokio::test]
async fn after_a_takeover_the_old_holder_can_neither_renew_nor_write() {
    let pool = database("lease_fence").await;
    let old = acquire(&pool, "a").await.unwrap();
    fenced(&pool, &old).await.unwrap();
    expire(&pool).await;
    assert_eq!(fenced(&pool, &old).await.unwrap_err().kind(), Kind::Conflict);
    let new = acquire(&pool, "b").await.unwrap();
    assert_eq!(new.generation(), old.generation() + 1);
    fenced(&pool, &new).await.unwrap();
    assert!(matches!(fenced(&pool, &old).await, Err(Error::LeaseLost { .. })));
    assert!(matches!(renew(&pool, &old).await, Err(Error::LeaseLost { .. })));
    assert!(!old.is_live());
    assert!(old.lost().is_cancelled());
    // Its release must not take the lease from the new holder.
    release(&pool, &old).await.unwrap();
    fenced(&pool, &new).await.unwrap();
}

#[tokio::test]
async fn a_fenced_transaction_holds_up_the_takeover_until_it_ends() {
    let pool = database("lease_share").await;
    let old = acquire(&pool, "a").await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    assert_held(&mut tx, &old).await.unwrap();
    let (takeover_pool, expiry) = (pool.clone(), pool.clone());
    #[expect(clippy::disallowed_methods, reason = "a test has no task set")]
    let takeover = tokio::spawn(async move {
        expire(&expiry).await;
        acquire(&takeover_pool, "b").await
    });
    wait_for("the takeover to wait for a lock", Duration::from_secs(10), async || {
        let waiting: i64 = sqlx::query_scalar("select count(*) from pg_locks where not granted")
            .fetch_one(&pool)
            .await
            .unwrap();
        if waiting > 0 { Ok(()) } else { Err("nobody waits") }
    })
    .await;
    assert!(!takeover.is_finished());
    tx.commit().await.unwrap();
    assert!(takeover.await.unwrap().is_some());
}

#[tokio::test]
async fn a_released_lease_is_free_at_once() {
    let pool = database("lease_release").await;
    let held = acquire(&pool, "a").await.unwrap();
    release(&pool, &held).await.unwrap();
    assert!(!held.is_live());
    assert!(acquire(&pool, "b").await.is_some());
}

#[tokio::test]
async fn keeping_renews_until_shutdown_and_then_releases() {
    let pool = database("lease_keep").await;
    let settings = LeaseSettings { duration: Duration::from_millis(900) };
    let held = try_acquire(&pool, "x", &who("a"), &settings).await.unwrap().unwrap();
    let shutdown = CancellationToken::new();
    let keeper = keep(pool.clone(), held.clone(), shutdown.clone());
    let watch = async {
        let first = expiry(&pool).await;
        wait_for("three renewals", Duration::from_secs(20), async || {
            let now = expiry(&pool).await;
            if now > first + 0.9 { Ok(()) } else { Err(format!("{first} -> {now}")) }
        })
        .await;
        assert!(held.is_live());
        shutdown.cancel();
    };
    tokio::join!(keeper, watch);
    assert_eq!(holder(&pool, "x").await.unwrap(), None);
    assert!(held.lost().is_cancelled());
}

async fn expiry(pool: &PgPool) -> f64 {
    sqlx::query_scalar("select extract(epoch from expires_at)::float8 from lease")
        .fetch_one(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_keeper_that_lost_the_lease_tells_its_work() {
    let pool = database("lease_lost").await;
    let settings = LeaseSettings { duration: Duration::from_millis(600) };
    let held = try_acquire(&pool, "x", &who("a"), &settings).await.unwrap().unwrap();
    expire(&pool).await;
    keep(pool.clone(), held.clone(), CancellationToken::new()).await;
    assert!(held.lost().is_cancelled());
    assert!(!held.is_live());
}

#[tokio::test]
async fn without_a_database_the_lease_ends_by_its_local_deadline() {
    let pool = database("lease_cut").await;
    let settings = LeaseSettings { duration: Duration::from_millis(600) };
    let held = try_acquire(&pool, "x", &who("a"), &settings).await.unwrap().unwrap();
    pool.close().await;
    keep(pool.clone(), held.clone(), CancellationToken::new()).await;
    assert!(held.lost().is_cancelled());
}
