//! The queries of the search use their indexes where there is much to search.

use std::time::Instant;

use gwm_testkit::TestPg;
use gwm_types::{ClusterId, InstanceUuid};

use super::*;

const FLEET: &str = "
    insert into cluster (cluster_id, slug, ganeti_uuid, endpoints, read_username, data_key,
        read_password_sealed)
    select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'c' || n,
        gen_random_uuid(), '{}', '', '', ''
    from generate_series(1, 20) n;
    insert into instance (cluster_id, uuid, name, status, admin_state, tags, nics, raw_hash,
        revision, seen_at, hvparams)
    select ('00000000-0000-7000-8000-' || lpad(to_hex(1 + n % 20), 12, '0'))::uuid,
        md5('uuid' || n)::uuid, 'web' || n || '.example.com', 'running', 'up',
        array['owner:' || n % 500],
        jsonb_build_array(jsonb_build_object('mac', 'aa:00:00:' || lpad(to_hex(n / 65536), 2, '0')
            || ':' || lpad(to_hex(n / 256 % 256), 2, '0') || ':' || lpad(to_hex(n % 256), 2, '0'),
            'ip', '10.' || n / 65536 || '.' || n / 256 % 256 || '.' || n % 256)),
        0, 1, now(), to_json(repeat('x', 1500))
    from generate_series(1, ROWS) n;";

async fn fleet(name: &str, rows: u32) -> Store {
    let database = TestPg::fresh(name, "migrations/cache").await;
    let pool = sqlx::PgPool::connect(database.url()).await.expect("a database");
    let sql = FLEET.replace("ROWS", &rows.to_string());
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await.expect("rows");
    sqlx::raw_sql("vacuum analyze").execute(&pool).await.expect("statistics");
    Store::of(pool)
}

async fn plan(
    store: &Store,
    among: Among,
    scope: &Scope,
    push_where: impl FnOnce(&mut QueryBuilder<Postgres>),
) -> String {
    let mut sql = QueryBuilder::new("explain ");
    push_instances(&mut sql, among, scope, push_where);
    sql.push(" limit 9");
    let lines: Vec<String> = sql.build_query_scalar().fetch_all(&store.pool).await.expect("a plan");
    lines.join("\n")
}

fn one_instance() -> Scope {
    let one = (ClusterId(Uuid::from_u128(1)), InstanceUuid(Uuid::from_u128(2)));
    Scope::limited(Vec::new(), vec![one])
}

#[tokio::test]
async fn each_part_of_the_search_has_its_index() {
    let store = fleet("search_plans", 30_000).await;
    let begins = plan(&store, Among::All, &Scope::Fleet, |sql| {
        sql.push("i.name like ").push_bind("web123%").push(" order by i.name");
    })
    .await;
    assert!(begins.contains("instance_name_idx"), "{begins}");
    let uuids = plan(&store, Among::All, &Scope::Fleet, |sql| {
        sql.push("i.uuid between ").push_bind(Uuid::from_u128(1)).push(" and ");
        sql.push_bind(Uuid::from_u128(2));
    })
    .await;
    assert!(uuids.contains("instance_uuid_idx"), "{uuids}");
    let contains = async || {
        let contains = plan(&store, Among::Rare, &Scope::Fleet, |sql| {
            sql.push("i.found_by like ").push_bind("%10.0.17.23%");
        })
        .await;
        assert!(contains.contains("instance_found_by_idx"), "{contains}");
        contains
    };
    let mine = plan(&store, Among::Rare, &one_instance(), |sql| {
        sql.push("i.found_by like ").push_bind("%web%");
    })
    .await;
    assert!(mine.contains("instance_pkey") || mine.contains("instance_uuid_idx"), "{mine}");
    let owned = plan(&store, Among::All, &Scope::Fleet, |sql| {
        sql.push("i.owner between ").push_bind("user/ann").push(" and ");
        sql.push_bind("user/ann\u{10ffff}").push(" order by i.owner, i.cluster_id, i.uuid");
    })
    .await;
    assert!(owned.contains("instance_owned_idx"), "{owned}");
    for text in [begins, uuids, contains().await, mine, owned] {
        assert!(!text.contains("Seq Scan on instance"), "{text}");
    }
    // Right after a first import, before anything was counted.
    sqlx::raw_sql("delete from pg_statistic where starelid = 'instance'::regclass")
        .execute(&store.pool)
        .await
        .expect("a superuser");
    contains().await;
}

/// `cargo nextest run -p gwm-cache-updater --run-ignored all --no-capture -E 'test(/searched/)'`
#[tokio::test]
#[ignore = "a measurement: prints how long a search of 100,000 takes"]
async fn a_hundred_thousand_instances_are_searched() {
    let store = fleet("search_speed", 100_000).await;
    let queries = [
        "w",
        "web",
        "web5",
        "web54321",
        "4321.ex",
        "example",
        "10.0.17.23",
        "aa:00:00:01",
        "owner:77",
        "0d4f",
        "nothing-like-it",
    ];
    for text in queries {
        let mut took = Vec::new();
        let mut found = 0;
        for _ in 0..41 {
            let began = Instant::now();
            found = store.search_instances(text, &Scope::Fleet, 8).await.expect("hits").len();
            took.push(began.elapsed());
        }
        took.sort();
        println!("{text:>16}: p50 {:?}, worst {:?}, {found} found", took[20], took[40]);
    }
}
