//! What hides where instances run costs a list nothing: Postgres plans it as if nothing were hidden.

use gwm_authz::Scope;
use gwm_types::{ClusterId, InstanceUuid, UserId};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::store;
use crate::seen::{Asker, Seen};
use crate::store::Store;
use crate::store::list::{self, Wanted};

pub(super) const JOBS: &str = "insert into job (job_id, cluster_id, cluster_slug, kind, instance_uuid, object_name, parameters, phase,
         outcome, requested_by, requested_by_id, created_at, ended_at)
     select md5('j' || n)::uuid, md5('c' || n % 50)::uuid, 'c' || n % 50, 'remove', md5('i' || n % 2000)::uuid,
         'i' || n % 2000, '{\"kind\": \"remove\"}', 'succeeded', 'success', 'u' || n % 100, md5('u' || n % 100)::uuid,
         now() - make_interval(secs => n), now()
     from generate_series(1, 30000) n;
     insert into foreign_job (job_id, cluster_id, cluster_slug, kind, object_kind, instance_uuid, object_name, phase,
         ganeti_job, ganeti_status, revision, created_at, ended_at)
     select md5('f' || n)::uuid, md5('c' || n % 50)::uuid, 'c' || n % 50, 'node_evacuate', 'node', null, 'node' || n % 500,
         'succeeded', n, 'success', 1, now() - make_interval(secs => n), now()
     from generate_series(1, 10000) n;
     analyze";

fn limited(clusters: Vec<Uuid>, instances: Vec<(Uuid, Uuid)>) -> Scope {
    Scope::limited(
        clusters.into_iter().map(ClusterId).collect(),
        instances.into_iter().map(|(c, i)| (ClusterId(c), InstanceUuid(i))).collect(),
    )
}

/// How a page of these jobs is read.
async fn plan(store: &Store, seen: &Seen) -> String {
    let filter = gwm_query::parse("").unwrap();
    let sort = gwm_query::Sort::parse(&list::TABLE, "-created").unwrap();
    let wanted = Wanted {
        seen,
        object: None,
        filter: &filter,
        sort: &sort,
        limit: 50,
        cursor: None,
        counted: true,
    };
    let mut sql = QueryBuilder::new("explain (costs off) ");
    list::push_page(&mut sql, &wanted).unwrap();
    let lines: Vec<String> = sql.build_query_scalar().fetch_all(&store.pool).await.unwrap();
    lines.join("\n")
}

#[tokio::test]
async fn a_list_is_read_the_same_way_whether_something_is_hidden_in_it_or_not() {
    let store = store().await;
    sqlx::raw_sql(JOBS).execute(&store.pool).await.unwrap();
    let cluster =
        sqlx::query_scalar("select md5('c7')::uuid").fetch_one(&store.pool).await.unwrap();
    let single = sqlx::query_as("select cluster_id, instance_uuid from job limit 20");
    let single = single.fetch_all(&store.pool).await.unwrap();
    let person = Asker::Person(UserId::generate());
    let nowhere = limited(Vec::new(), Vec::new());
    for scope in [limited(vec![cluster], Vec::new()), limited(Vec::new(), single), Scope::Fleet] {
        let of = |placement: &Scope| Seen::with(scope.clone(), person, placement);
        let open = plan(&store, &of(&Scope::Fleet)).await;
        assert!(open.contains("job_created_idx") && !open.contains("Seq Scan"), "{open}");
        assert_eq!(plan(&store, &of(&nowhere)).await, open);
    }
}
