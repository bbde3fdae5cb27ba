use std::future::{Future as _, poll_fn};
use std::task::Poll;

use gwm_pg::PgSettings;
use gwm_testkit::TestPg;
use gwm_testkit::pg::Migrations;

use crate::pool;

/// Callers of RPCs go away in the middle of anything.
#[tokio::test]
async fn who_goes_away_while_a_transaction_begins_takes_no_write_of_others_along() {
    let database = TestPg::fresh("cancelled", Migrations::None).await;
    let url = database.url().to_owned();
    let settings = PgSettings { url: url.clone(), max_connections: 2, ..PgSettings::default() };
    let shared = gwm_pg::connect(&settings, "test").unwrap();
    let observer = pool(&url);
    // One is taken, so that all that follows meets on the other.
    let _taken = shared.acquire().await.unwrap();
    sqlx::raw_sql("create table written (n int)").execute(&shared).await.unwrap();

    for round in 0..600_i32 {
        // Gone before, during or after the answer, by how often it is looked at.
        let mut begin = Box::pin(shared.begin());
        for _ in 0..round % 200 {
            let done = poll_fn(|context| Poll::Ready(begin.as_mut().poll(context).is_ready()));
            if done.await {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(begin);
        let write = sqlx::query("insert into written values ($1)").bind(round);
        let _done = write.execute(&shared).await.unwrap();
        let seen: i64 =
            sqlx::query_scalar("select count(*) from written").fetch_one(&observer).await.unwrap();
        assert_eq!(seen, i64::from(round) + 1, "a write is not there for others");
    }
}
