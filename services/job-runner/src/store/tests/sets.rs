//! Many instances that are seen one by one, and a restricted token's own jobs.

use std::sync::Arc;

use gwm_authz::{InstanceSet, Scope};
use gwm_types::{ClusterId, InstanceUuid, TokenId, UserId};
use uuid::Uuid;

use super::placement::JOBS;
use super::store;
use crate::seen::{Asker, Seen};
use crate::store::list::{self, Listed, Wanted};
use crate::store::{Store, figures};

/// What a list and the figures say, printed.
async fn everything(store: &Store, scope: &Scope, asker: Asker) -> Vec<String> {
    let nowhere = Scope::limited(Vec::new(), Vec::new());
    let seen = &Seen::with(scope.clone(), asker, &nowhere);
    let mut said = Vec::new();
    for q in ["", "kind:remove cluster:c7", "i77"] {
        let wanted = Wanted {
            seen,
            object: None,
            filter: &gwm_query::parse(q).unwrap(),
            sort: &gwm_query::Sort::parse(&list::TABLE, "-created").unwrap(),
            limit: 50,
            cursor: None,
            counted: true,
        };
        let page = list::page(store, &wanted).await.unwrap();
        let ids = page.jobs.iter().map(|job| match job {
            Listed::Own(job) => job.job_id,
            Listed::Foreign(job) => job.job_id,
        });
        said.push(format!("{q}: {:?} of {}", ids.collect::<Vec<_>>(), page.total));
    }
    let figures = figures::figures(store, scope, asker, 50).await.unwrap();
    said.push(format!(
        "{} {} {} {}",
        figures.open,
        figures.failed_in_day,
        figures.own_running,
        figures.failed.len()
    ));
    let field = list::TABLE.field("name").unwrap();
    said.push(format!("{:?}", list::values(store, field, "i", seen).await.unwrap()));
    said
}

#[tokio::test]
async fn sets_show_the_jobs_that_the_same_instances_do_one_by_one() {
    let store = store().await;
    sqlx::raw_sql(JOBS).execute(&store.pool).await.unwrap();
    let some = |nth: i32| {
        let pool = store.pool.clone();
        async move {
            let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
                "select distinct md5('c' || n % 50)::uuid, md5('i' || n % 2000)::uuid
                 from generate_series(1, 30000, $1) n",
            )
            .bind(nth)
            .fetch_all(&pool)
            .await
            .unwrap();
            rows.into_iter()
                .map(|(c, i)| (ClusterId(c), InstanceUuid(i)))
                .collect::<Vec<(ClusterId, InstanceUuid)>>()
        }
    };
    let (many, few) = (some(3).await, some(1777).await);
    let sets = vec![Arc::new(InstanceSet::of(many.iter().copied()))];
    let asker = Asker::Person(UserId::generate());
    for clusters in [Vec::new(), vec![few[0].0]] {
        let single = Scope::limited(clusters.clone(), [many.as_slice(), &few].concat());
        let named = Scope::Limited { clusters, instances: few.clone(), sets: sets.clone() };
        let single = everything(&store, &single, asker).await;
        assert!(!single[0].contains("of 0"), "{single:?}");
        assert_eq!(everything(&store, &named, asker).await, single);
    }
}

#[tokio::test]
async fn of_its_owners_jobs_a_restricted_token_lists_those_that_it_asked_for() {
    let store = store().await;
    sqlx::raw_sql(JOBS).execute(&store.pool).await.unwrap();
    let (token, other) = (TokenId::generate(), TokenId::generate());
    for (token, nth) in [(token, 0), (other, 1)] {
        sqlx::query("update job set token_id = $1 where requested_by = 'u7' and number % 20 = $2")
            .bind(token.0)
            .bind(nth * 10 + 7)
            .execute(&store.pool)
            .await
            .unwrap();
    }
    let owner: Uuid =
        sqlx::query_scalar("select md5('u7')::uuid").fetch_one(&store.pool).await.unwrap();
    let nothing = Scope::limited(Vec::new(), Vec::new());
    let total = async |asker| {
        let said = everything(&store, &nothing, asker).await;
        said[0].rsplit_once("of ").map(|(_, n)| n.parse::<u32>().unwrap()).unwrap()
    };
    let asked: i64 = sqlx::query_scalar("select count(*) from job where token_id = $1")
        .bind(token.0)
        .fetch_one(&store.pool)
        .await
        .unwrap();
    assert!(asked > 0);
    assert_eq!(i64::from(total(Asker::Token(token)).await), asked);
    assert_eq!(total(Asker::Person(UserId(owner))).await, 300);
    assert_eq!(total(Asker::Token(TokenId::generate())).await, 0);
}
