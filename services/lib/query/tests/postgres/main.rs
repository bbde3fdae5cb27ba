//! Queries on a real Postgres say what a naive reading of them says, and what is printed parses to
//! the same.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod naive;
mod rows;

use gwm_query::{Expr, push_filter};
use gwm_testkit::TestPg;
use gwm_testkit::pg::Migrations;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use sqlx::{PgPool, QueryBuilder};

use rows::{Row, TABLE, exprs, rows};

const QUERIES: usize = 600;

async fn filled(rows: &[Row]) -> PgPool {
    let pool = PgPool::connect(TestPg::fresh("query", Migrations::None).await.url()).await.unwrap();
    sqlx::raw_sql(rows::CREATE).execute(&pool).await.unwrap();
    for row in rows {
        row.insert(&pool).await;
    }
    pool
}

async fn selected(pool: &PgPool, expr: &Expr) -> Vec<i64> {
    let mut sql = QueryBuilder::new("select id from thing o where ");
    push_filter(&mut sql, &TABLE, expr).unwrap();
    sql.push(" order by id");
    sql.build_query_scalar().fetch_all(pool).await.unwrap()
}

#[tokio::test]
async fn sql_selects_what_a_naive_reading_selects() {
    let mut runner = TestRunner::default();
    let rows = rows().new_tree(&mut runner).unwrap().current();
    let pool = filled(&rows).await;
    let mut partly = 0;
    for _ in 0..QUERIES {
        let made = exprs().new_tree(&mut runner).unwrap().current();
        let text = made.to_string();
        let parsed = gwm_query::parse(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(rows::unplaced(&parsed), rows::unplaced(&made), "{text}");
        let wanted: Vec<i64> =
            rows.iter().filter(|row| naive::holds(&parsed, row)).map(|row| row.id).collect();
        let found = selected(&pool, &parsed).await;
        assert_eq!(found, wanted, "{text}");
        partly += usize::from(!found.is_empty() && found.len() < rows.len());
    }
    // Else it compares nothing with nothing.
    assert!(partly > QUERIES / 5, "only {partly} queries told rows apart");
}

#[tokio::test]
async fn what_a_field_can_not_be_compared_with_is_refused_at_its_place() {
    let place = |q: &str| {
        let expr = gwm_query::parse(q).unwrap();
        let mut sql = QueryBuilder::new("");
        let error = push_filter(&mut sql, &TABLE, &expr).unwrap_err();
        (error.position().unwrap(), error.field())
    };
    for (query, position) in [
        ("x memory>4X", 10),
        ("colour:red", 1),
        ("os>a", 1),
        ("x flag:maybe", 8),
        ("created:7d", 9),
        ("created<yesterday", 9),
        ("memory>none", 8),
        ("cpus:1.5", 6),
    ] {
        assert_eq!(place(query), (position, "q"), "{query}");
    }
}
