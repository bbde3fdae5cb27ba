//! How Postgres goes about a page of a long log: by an index, wherever the page lies.

use gwm_testkit::TestPg;
use sqlx::PgPool;
use uuid::Uuid;

use super::*;

/// 40,000 records of 200 people on 5,000 instances.
async fn log() -> PgPool {
    let pool = TestPg::fresh("audit_plans", "migrations/auth").await.pool().await;
    sqlx::raw_sql(
        r#"insert into audit_record (number, record_id, at, record, hash)
         select n, md5('r' || n)::uuid, now() - make_interval(secs => 40000 - n),
             json_build_object('action', 'instance.startup', 'service', 'job-runner',
                 'phase', 'end', 'outcome', case when n % 9 = 0 then 'failed' else 'succeeded' end,
                 'cluster', 'c' || n % 50, 'cluster_id', md5('c' || n % 5000 % 50)::uuid, 'job_id', md5('j' || n)::uuid,
                 'request_id', md5('q' || n)::uuid,
                 'person', json_build_object('user_id', md5('u' || n % 200)::uuid,
                     'username', 'user' || n % 200, 'client_address', '192.0.2.7'),
                 'object', json_build_object('kind', 'instance', 'id', md5('i' || n % 5000)::uuid,
                     'name', 'web' || n % 5000 || '.example.org'))::text, ''
         from generate_series(1, 40000) n;
         analyze"#,
    )
    .execute(&pool)
    .await
    .unwrap();
    pool
}

fn wanted<'a>(
    readable: &'a Readable,
    filter: &'a Expr,
    sort: &'a Sort,
    cursor: Option<&'a Cursor>,
) -> Wanted<'a> {
    Wanted { readable, filter, sort, limit: 50, cursor }
}

fn own(person: UserId) -> Readable {
    readable(person, Vec::new(), Vec::new())
}

fn readable(
    own: UserId,
    instances: Vec<(ClusterId, InstanceUuid)>,
    sets: Vec<Arc<InstanceSet>>,
) -> Readable {
    let placed = Some(Vec::new());
    Readable::Some(Part { own, clusters: Vec::new(), instances, groups: Vec::new(), sets, placed })
}

#[tokio::test]
async fn sets_show_the_records_that_the_same_instances_do_one_by_one() {
    let pool = log().await;
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "select md5('c' || n % 50)::uuid, md5('i' || n)::uuid from generate_series(0, 4999, 3) n",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let many: Vec<_> = rows.into_iter().map(|(c, i)| (ClusterId(c), InstanceUuid(i))).collect();
    let sets = vec![Arc::new(InstanceSet::of(many[5..].iter().copied()))];
    let person = UserId::generate();
    let store = Store::new(pool);
    let (sort, filter) = (Sort::parse(&TABLE, "-at").unwrap(), gwm_query::parse("web7").unwrap());
    let mut said = Vec::new();
    for readable in
        [readable(person, many.clone(), Vec::new()), readable(person, many[..5].to_vec(), sets)]
    {
        let page = page(&store, &wanted(&readable, &filter, &sort, None)).await.unwrap();
        let name = TABLE.field("name").unwrap();
        let values = values(&store, name, "web", &readable).await.unwrap();
        assert!(page.total > 100 && !values.is_empty());
        said.push((page.records, page.total, values));
    }
    assert_eq!(said[0], said[1]);
}

async fn plan(pool: &PgPool, wanted: &Wanted<'_>) -> String {
    let mut sql = QueryBuilder::new("explain ");
    push_page(&mut sql, wanted).unwrap();
    let lines: Vec<String> = sql.build_query_scalar().fetch_all(pool).await.unwrap();
    lines.join("\n")
}

#[tokio::test]
async fn pages_of_a_long_log_are_read_by_an_index() {
    let pool = log().await;
    let one: Uuid = sqlx::query_scalar("select md5('u7')::uuid").fetch_one(&pool).await.unwrap();
    let own = own(UserId(one));
    let end: String = sqlx::query_scalar("select at::text from audit_record where number = 300")
        .fetch_one(&pool)
        .await
        .unwrap();
    let deep = Cursor::after(end, vec!["300".to_owned()], 0, true);
    let everything = gwm_query::parse("").unwrap();
    for sort in ["-at", "at"] {
        let sort = Sort::parse(&TABLE, sort).unwrap();
        for readable in [&Readable::All, &own] {
            for cursor in [None, Some(&deep)] {
                let plan = plan(&pool, &wanted(readable, &everything, &sort, cursor)).await;
                // Read in the list's order: nothing is sorted, and nothing walked over.
                let index = match readable {
                    Readable::All => "audit_record_at_idx",
                    // Else one who did little would have the whole log walked through.
                    Readable::Some(_) => "audit_record_actor_id_idx",
                };
                assert!(plan.contains(index), "{readable:?} {cursor:?}:\n{plan}");
                assert!(!plan.contains("Sort"), "{readable:?} {cursor:?}:\n{plan}");
                assert!(!plan.contains("Seq Scan"), "{readable:?} {cursor:?}:\n{plan}");
            }
        }
    }
    let newest = Sort::parse(&TABLE, "-at").unwrap();
    let id = |of: &'static str| {
        let pool = pool.clone();
        async move {
            let id: Uuid =
                sqlx::query_scalar("select md5($1)::uuid").bind(of).fetch_one(&pool).await.unwrap();
            id
        }
    };
    for q in [
        format!("uuid:{}", id("i7").await),
        format!("job:{}", id("j7").await),
        format!("request:{}", id("q7").await),
        "object:web77.example.org".to_owned(),
        "actor:user7".to_owned(),
        "action:no.such".to_owned(),
        "cluster:no-such".to_owned(),
    ] {
        let filter = gwm_query::parse(&q).unwrap();
        let plan = plan(&pool, &wanted(&Readable::All, &filter, &newest, None)).await;
        // By the field's own index, not down the whole log until enough was met.
        assert!(plan.contains("Index") && !plan.contains("Seq Scan"), "{q}:\n{plan}");
        assert!(!plan.contains("audit_record_at_idx"), "{q}:\n{plan}");
    }
}
