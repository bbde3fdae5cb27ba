//! Many instances that are seen one by one: Postgres has them as sets, and shows the same.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gwm_authz::InstanceSet;
use gwm_types::{ClusterId, InstanceUuid};

use super::plans::fleet_of;
use super::*;
use crate::domain::{InstanceSummary, NodeRecord};
use crate::seen::Placement;
use crate::store::complete::table_of;

/// What is where: each instance whose hash leaves nothing.
async fn each(store: &Store, nth: i64) -> Vec<(ClusterId, InstanceUuid)> {
    let rows: Vec<(Uuid, Uuid)> =
        sqlx::query_as("select cluster_id, uuid from instance where raw_hash % $1 = 0")
            .bind(nth)
            .fetch_all(&store.pool)
            .await
            .unwrap();
    rows.into_iter().map(|(c, u)| (ClusterId(c), InstanceUuid(u))).collect()
}

fn set(of: &[(ClusterId, InstanceUuid)]) -> Arc<InstanceSet> {
    Arc::new(InstanceSet::of(of.iter().copied()))
}

fn request<'a>(seen: &'a Seen, key: &'a CursorKey, q: &'a str, sort: &'a str) -> Request<'a> {
    Request { q, sort, limit: 50, cursor: "", seen, person: "jane", key }
}

/// All that the store says within a scope, printed.
async fn everything(store: &Store, scope: &Scope) -> Vec<String> {
    let key = CursorKey::derive(b"secret");
    let seen = &Seen::by(scope.clone(), Placement::none());
    let mut said = Vec::new();
    for q in ["", "i77", "os:os3 memory>1024", "cluster:c7"] {
        for sort in ["name", "-memory"] {
            let mut cursor = String::new();
            for _ in 0..3 {
                let asked = Request { cursor: &cursor, ..request(seen, &key, q, sort) };
                let (page, clusters) =
                    store.list::<InstanceSummary>(&INSTANCES, &asked).await.unwrap();
                let names: Vec<&str> = page.rows.iter().map(|r| r.item.name.as_str()).collect();
                let slugs: Vec<&str> = clusters.iter().map(|c| c.slug.as_str()).collect();
                said.push(format!("{q} {sort}: {names:?} {slugs:?} of {}", page.total));
                cursor = page.next_cursor;
                if cursor.is_empty() {
                    break;
                }
            }
        }
    }
    for text in ["i7", "i77", "77.exam", "owner:jane"] {
        let mut hits = store.search_instances(text, scope, 50).await.unwrap();
        hits.sort_by(|a, b| a.name.cmp(&b.name));
        said.push(format!("{text}: {hits:?}"));
        said.push(format!("{:?}", store.search_clusters(text, seen, 50).await.unwrap()));
    }
    said.push(format!("{:?}", store.overview(seen).await.unwrap()));
    said.push(format!("{:?}", store.own_use("user/jane", scope).await.unwrap()));
    for (list, field) in [("instances", "name"), ("instances", "os"), ("clusters", "slug")] {
        let table = table_of(list).unwrap();
        let field = table.field(field).unwrap();
        said.push(format!("{:?}", store.values(table, field, "", seen).await.unwrap()));
    }
    said
}

#[tokio::test]
async fn sets_show_what_the_same_instances_do_one_by_one() {
    let store = Store::of(fleet_of("sets", 6_000).await);
    sqlx::raw_sql(
        "update instance set owner = 'user/jane' where raw_hash % 5 = 0;
         update instance set status = 'ERROR_down', missing = raw_hash % 2 = 0 where raw_hash % 90 = 0",
    )
    .execute(&store.pool)
    .await
    .unwrap();
    let (fifth, seventh) = (each(&store, 5).await, each(&store, 7).await);
    let few = each(&store, 400).await;
    let gone = (few[0].0, InstanceUuid::generate());
    let whole = vec![few[0].0];
    let all: Vec<_> = {
        let all: BTreeSet<_> = [&fifth, &seventh, &few].into_iter().flatten().copied().collect();
        all.into_iter().collect()
    };
    let sets = vec![set(&fifth), set(&[seventh.as_slice(), &[gone]].concat())];
    for clusters in [Vec::new(), whole] {
        let single = Scope::limited(clusters.clone(), all.clone());
        let named = Scope::Limited {
            clusters: clusters.clone(),
            instances: few.clone(),
            sets: sets.clone(),
        };
        let (single, named) = (everything(&store, &single).await, everything(&store, &named).await);
        for (single, named) in single.iter().zip(&named) {
            assert_eq!(single, named, "{clusters:?}");
        }
    }
    // Nodes and networks come with whole clusters only.
    let key = CursorKey::derive(b"secret");
    let named = Scope::Limited { clusters: Vec::new(), instances: Vec::new(), sets };
    let seen = Seen::by(named, Placement::none());
    let (nodes, _) =
        store.list::<NodeRecord>(&NODES, &request(&seen, &key, "", "name")).await.unwrap();
    assert_eq!((nodes.rows.len(), nodes.total), (0, 0));
}

/// `cargo nextest run --workspace --run-ignored all --no-capture -E 'test(pages_of_large_selectors)'`
#[tokio::test]
#[ignore = "a measurement: prints how long a page takes by how many instances somebody sees"]
async fn pages_of_large_selectors() {
    let store = Store::of(fleet_of("sets_speed", 100_000).await);
    sqlx::raw_sql("vacuum analyze").execute(&store.pool).await.unwrap();
    let key = CursorKey::derive(b"secret");
    for nth in [1000, 200, 100, 20, 10, 2] {
        let instances = each(&store, nth).await;
        let count = instances.len();
        let began = Instant::now();
        let sets = vec![set(&instances)];
        let made = began.elapsed();
        let one_by_one = Scope::limited(Vec::new(), instances);
        let named = Scope::Limited { clusters: Vec::new(), instances: Vec::new(), sets };
        let began = Instant::now();
        store.keep_sets(&named).await.unwrap();
        println!("{count} instances: named in {made:?}, stored in {:?}", began.elapsed());
        for (how, scope) in [("one by one", one_by_one), ("as a set", named)] {
            let seen = Seen::by(scope, Placement::none());
            let took = async |q: &str, cursor: &str| {
                let mut took = Vec::new();
                let mut next = String::new();
                for _ in 0..15 {
                    let asked = Request { cursor, ..request(&seen, &key, q, "name") };
                    let began = Instant::now();
                    let (page, _) =
                        store.list::<InstanceSummary>(&INSTANCES, &asked).await.unwrap();
                    took.push(began.elapsed());
                    next = page.next_cursor;
                }
                took.sort();
                (took[7], next)
            };
            let (first, next) = took("", "").await;
            let (second, _) = took("", &next).await;
            let (filtered, _) = took("os:os3 i77", "").await;
            let mut searched: Vec<Duration> = Vec::new();
            for _ in 0..15 {
                let began = Instant::now();
                store.search_instances("i77", &seen.scope, 8).await.unwrap();
                searched.push(began.elapsed());
            }
            searched.sort();
            println!(
                "  {how:>10}: first page {first:?}, next {second:?}, filtered {filtered:?}, search {:?}",
                searched[7]
            );
        }
    }
}
