//! What tests do to the tables, and read of them, past all rules.

use sqlx::PgPool;

/// Every lease has run out.
pub(crate) async fn end_leases(pool: &PgPool) {
    let all = sqlx::query("update lease set expires_at = clock_timestamp()").execute(pool).await;
    assert!(all.unwrap().rows_affected() > 0, "there is no lease");
}

/// All instances, all clusters, and how many events there were.
pub(crate) async fn everything(pool: &PgPool) -> (String, String, i64) {
    sqlx::query_as(
        "select (select json_agg(i order by uuid)::text from instance i),
             (select json_agg(c)::text from cluster c), (select count(*) from outbox)",
    )
    .fetch_one(pool)
    .await
    .unwrap()
}
