use gwm_pg::sets::{Sets, push_is_member, push_keys};
use sqlx::{PgPool, QueryBuilder};
use uuid::Uuid;

use crate::empty_database;

const TABLES: &str = include_str!("../../../../../migrations/cache/0016_sets.sql");

async fn keys(pool: &PgPool, sets: &[Uuid]) -> Vec<(Uuid, Uuid)> {
    let mut sql = QueryBuilder::new("select * from (");
    push_keys(&mut sql, sets.iter().copied());
    sql.push(") keys order by first, second");
    sql.build_query_as().fetch_all(pool).await.unwrap()
}

#[tokio::test]
async fn a_set_is_stored_once_whoever_stores_it_and_goes_when_nobody_asks_for_it() {
    let pool = empty_database("sets").await;
    sqlx::raw_sql(TABLES).execute(&pool).await.unwrap();
    let (first, second): (Vec<Uuid>, Vec<Uuid>) =
        (1..=300).map(|n| (Uuid::from_u128(n), Uuid::from_u128(n * 7))).unzip();
    let all: Vec<(Uuid, Uuid)> = first.iter().copied().zip(second.iter().copied()).collect();
    let (id, other) = (Uuid::now_v7(), Uuid::now_v7());
    // Several processes at once.
    let keepers: Vec<Sets> = (0..6).map(|_| Sets::new(pool.clone())).collect();
    let all_at_once = keepers.iter().map(|sets| sets.keep(id, (&first, &second)));
    for kept in futures::future::join_all(all_at_once).await {
        kept.unwrap();
    }
    assert_eq!(keys(&pool, &[id]).await, all);
    keepers[0].keep(other, (&first[..1], &second[..1])).await.unwrap();
    assert_eq!(keys(&pool, &[other]).await, all[..1]);
    // However large it is said to be, a row is found in it or not.
    for size in [300, 60_000] {
        let mut sql = QueryBuilder::new("select count(*) from key_set_member k where set_id = ");
        sql.push_bind(id).push(" and ");
        push_is_member(&mut sql, ("k.first", "k.second"), &[(other, 1), (Uuid::now_v7(), size)]);
        let found: i64 = sql.build_query_scalar().fetch_one(&pool).await.unwrap();
        assert_eq!(found, 1, "{size}");
    }
    // Both are there, and one was not asked for in a long time: it goes when a third comes.
    let sql = "update key_set set used_at = now() - interval '61 minutes'";
    sqlx::raw_sql(sql).execute(&pool).await.unwrap();
    Sets::new(pool.clone()).keep(id, (&first, &second)).await.unwrap();
    keepers[0].keep(Uuid::now_v7(), (&[], &[])).await.unwrap();
    assert_eq!((keys(&pool, &[other]).await, keys(&pool, &[id]).await), (Vec::new(), all.clone()));
    // Whoever needs it again has it again.
    Sets::new(pool.clone()).keep(other, (&first, &second)).await.unwrap();
    assert_eq!(keys(&pool, &[other]).await, all);
}
