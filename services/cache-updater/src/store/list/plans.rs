//! How Postgres goes about a page of a large fleet: by an index, wherever the page lies.

use gwm_testkit::TestPg;
use gwm_types::{ClusterId, InstanceUuid};
use sqlx::PgPool;

use super::*;
use crate::domain::{InstanceSummary, NetworkRecord, NodeRecord};
use crate::seen::Placement;
use crate::store::list_objects::NETWORKS;

const CLUSTERS: i32 = 100;

/// 100 clusters with 30,000 instances and 5,000 nodes: large enough that a plan for few shows.
async fn fleet() -> PgPool {
    fleet_of("plans", 30_000).await
}

/// The same with so many instances.
pub(super) async fn fleet_of(name: &str, instances: u32) -> PgPool {
    let pool = TestPg::fresh(name, "migrations/cache").await.pool().await;
    let sql = FLEET.replace("INSTANCES", &instances.to_string());
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
    pool
}

const FLEET: &str = "
         insert into cluster (cluster_id, slug, ganeti_uuid, endpoints, read_username, data_key,
             read_password_sealed)
         select md5('c' || n)::uuid, 'c' || n, md5('g' || n)::uuid, '{}', '', '', ''
         from generate_series(1, 100) n;
         insert into instance (cluster_id, uuid, name, status, admin_state, primary_node, os, vcpus,
             memory_mib, disk_mib, hvparams, raw_hash, revision, seen_at)
         select md5('c' || (n % 100 + 1))::uuid, md5('i' || n)::uuid, 'i' || n || '.example.org',
             case when n % 7 = 0 then 'ADMIN_down' else 'running' end, 'up', 'node' || n % 500,
             'os' || n % 9, n % 8, case when n % 50 = 0 then null else n % 64 * 1024 end, n % 900,
             json_build_object('filling', repeat('x', 400)), n, 1, now()
         from generate_series(1, INSTANCES) n;
         insert into node (cluster_id, uuid, name, role, node_group, memory_total_mib, disk_total_mib,
             cpus_total, instances_primary, raw_hash, revision, seen_at)
         select md5('c' || (n % 100 + 1))::uuid, md5('n' || n)::uuid, 'node' || n, 'regular',
             'group' || n % 4, n % 9 * 65536, n % 11, n % 5, n % 30, n, 1, now()
         from generate_series(1, 5000) n;
         update cluster set instances_total = 300, nodes_total = 50;
         analyze";

/// The plan of a page.
async fn plan<T: Listable>(
    pool: &PgPool,
    table: &'static Table,
    seen: &Seen,
    sort: &str,
    cursor: Option<&Cursor>,
) -> String {
    let sort = Sort::parse(table, sort).unwrap();
    let filter = gwm_query::parse("").unwrap();
    let mut sql = QueryBuilder::new("explain ");
    push_page::<T>(&mut sql, table, seen, &filter, &sort, cursor, 50).unwrap();
    let lines: Vec<String> = sql.build_query_scalar().fetch_all(pool).await.unwrap();
    lines.join("\n")
}

/// A cursor that stands before the last 20 rows of the order.
async fn near_the_end<T: Listable>(
    pool: &PgPool,
    table: &'static Table,
    seen: &Seen,
    sort: &str,
) -> Cursor {
    let order = Sort::parse(table, sort).unwrap();
    let backwards = match sort.strip_prefix('-') {
        Some(name) => name.to_owned(),
        None => format!("-{sort}"),
    };
    let backwards = Sort::parse(table, &backwards).unwrap();
    let filter = gwm_query::parse("").unwrap();
    let mut sql = QueryBuilder::new("");
    push_page::<T>(&mut sql, table, seen, &filter, &backwards, None, 19).unwrap();
    let rows: Vec<Listed<T>> = sql.build_query_as().fetch_all(pool).await.unwrap();
    let last = rows.last().unwrap();
    let keys = vec![last.cluster_id.to_string(), last.item.uuid().to_string()];
    let cursor = Cursor::after(last.place.clone(), keys, 0, true);
    // It really is where it is said to be.
    let mut sql = QueryBuilder::new("");
    push_page::<T>(&mut sql, table, seen, &filter, &order, Some(&cursor), 50).unwrap();
    let rows: Vec<Listed<T>> = sql.build_query_as().fetch_all(pool).await.unwrap();
    assert_eq!(rows.len(), 19, "by {sort}");
    cursor
}

fn sorts(table: &Table) -> impl Iterator<Item = String> {
    let names = table.fields.iter().filter(|f| f.order.is_some()).map(|f| f.names[0]);
    names.flat_map(|name| [name.to_owned(), format!("-{name}")])
}

/// Neither walks over the whole table nor sorts it.
fn assert_short(plan: &str, table: &str, what: &str) {
    assert!(plan.contains("Index"), "{what}:\n{plan}");
    assert!(!plan.contains(&format!("Seq Scan on {table}")), "{what}:\n{plan}");
    for line in plan.lines().filter(|line| line.contains("Sort  (")) {
        let rows = line.split_once("rows=").and_then(|(_, rest)| rest.split(' ').next());
        let rows: u32 = rows.unwrap().parse().unwrap();
        // The rest of the last page, or one cluster's rows among those of its name.
        assert!(line.contains("Incremental") || rows <= 500, "{what}:\n{plan}");
    }
}

async fn assert_all_short<T: Listable>(pool: &PgPool, table: &'static Table) {
    for sort in sorts(table) {
        // The live figures have no index on purpose: see migrations/cache/0007_pace.sql.
        if sort.contains("_free") {
            continue;
        }
        let first = plan::<T>(pool, table, &Seen::everything(), &sort, None).await;
        assert_short(&first, T::TABLE, &format!("first page by {sort}"));
        let cursor = near_the_end::<T>(pool, table, &Seen::everything(), &sort).await;
        let last = plan::<T>(pool, table, &Seen::everything(), &sort, Some(&cursor)).await;
        assert_short(&last, T::TABLE, &format!("last page by {sort}"));
        assert!(last.contains("Index Cond"), "last page by {sort}:\n{last}");
    }
}

#[tokio::test]
async fn pages_of_large_lists_are_read_by_an_index() {
    let pool = fleet().await;
    assert_all_short::<InstanceSummary>(&pool, &INSTANCES).await;
    assert_all_short::<NodeRecord>(&pool, &NODES).await;

    let cluster = |n: i32| {
        let pool = pool.clone();
        async move {
            let id: Uuid = sqlx::query_scalar("select md5('c' || $1)::uuid")
                .bind(n)
                .fetch_one(&pool)
                .await
                .unwrap();
            ClusterId(id)
        }
    };
    let one = Scope::limited(vec![cluster(7).await], Vec::new());
    let mut half = Vec::new();
    for n in 1..=CLUSTERS / 2 {
        half.push(cluster(n).await);
    }
    let half = Scope::limited(half, Vec::new());
    let single: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "select cluster_id, uuid from instance order by raw_hash % 37, uuid limit 500",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let instances = single.into_iter().map(|(c, u)| (ClusterId(c), InstanceUuid(u))).collect();
    let customer = Scope::limited(Vec::new(), instances);
    let seven = Placement::In { clusters: vec![cluster(7).await], node_groups: Vec::new() };
    let nowhere = Placement::none();
    for (what, scope, placement) in [
        ("one cluster", &one, &seven),
        ("half", &half, &Placement::Everywhere),
        ("500 single", &customer, &nowhere),
        ("one cluster, not where it runs", &one, &nowhere),
        ("half, and where it runs in one", &half, &seven),
        ("500 single, and where one cluster's run", &customer, &seven),
    ] {
        let seen = &Seen::by(scope.clone(), placement.clone());
        for sort in sorts(&INSTANCES) {
            let cursor = near_the_end::<InstanceSummary>(&pool, &INSTANCES, seen, &sort).await;
            for (page, cursor) in [("first", None), ("last", Some(&cursor))] {
                let plan = plan::<InstanceSummary>(&pool, &INSTANCES, seen, &sort, cursor).await;
                // What is sorted here is only what may be seen.
                assert!(
                    plan.contains("Index") && !plan.contains("Seq Scan on instance"),
                    "{page} page of {what} by {sort}:\n{plan}"
                );
            }
        }
    }
    // Totals of whole clusters are read off, not counted.
    sqlx::query("update cluster set instances_total = 7").execute(&pool).await.unwrap();
    let filter = gwm_query::parse("").unwrap();
    let total = async |scope: &Scope| {
        let seen = Seen::by(scope.clone(), Placement::none());
        let mut sql = QueryBuilder::new("");
        push_count::<InstanceSummary>(&mut sql, &INSTANCES, &filter, &seen).unwrap();
        sql.build_query_scalar::<i64>().fetch_one(&pool).await.unwrap()
    };
    assert_eq!((total(&Scope::Fleet).await, total(&one).await), (700, 7));
    assert_eq!((total(&half).await, total(&customer).await), (350, 500));
}

/// A new column of these tables is not shown before it is said whether it tells where an instance runs.
#[test]
fn each_column_is_known_to_tell_where_an_instance_runs_or_not() {
    const OPEN: &[&str] = &[
        "uuid",
        "name",
        "status",
        "admin_state",
        "hypervisor",
        "os",
        "vcpus",
        "memory_mib",
        "disk_mib",
        "disk_template",
        "disks",
        "tags",
        "owner",
        "revision",
        "config_version",
        "created_at",
        "modified_at",
        "seen_at",
        "absent",
        "missing",
        "raw_hash",
        "network",
        "gateway",
        "network6",
        "gateway6",
        "mac_prefix",
        "addresses_free",
        "addresses_reserved",
        // Not read by lists.
        "said",
    ];
    fn check<T: Listable>() {
        for column in T::COLUMNS {
            let hidden = PLACEMENT.iter().any(|(table, c, _)| *table == T::TABLE && c == column);
            assert!(hidden != OPEN.contains(column), "{}.{column}", T::TABLE);
        }
    }
    check::<InstanceSummary>();
    check::<NetworkRecord>();
}

#[test]
fn fields_that_tell_where_an_instance_runs_are_offered_to_those_who_see_it() {
    let told = |table: &'static Table| {
        let names = table.fields.iter().flat_map(|f| f.names);
        names.filter(|n| tells_placement(table, &format!("{n}:"))).copied().collect::<Vec<_>>()
    };
    assert_eq!(
        told(&INSTANCES),
        ["node", "primary_node", "pnode", "secondary_node", "snode", "node_group", "group"]
    );
    assert_eq!(told(&NETWORKS), ["node_group", "group"]);
    assert!(tells_placement(&NODES, "memory>") && !tells_placement(&INSTANCES, "memory>"));
}
