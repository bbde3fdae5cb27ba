use gwm_kernel::grpc::Peer;
use gwm_proto::auth::SettleRequest;
use gwm_proto::auth::ownership_client::OwnershipClient;
use gwm_proto::common::ObjectRef;
use tonic::{Code, Status};

use crate::watch::Watching;
use crate::world::{World, admin, grant, instance, user};

async fn settle(
    jobs: &Peer,
    job: &str,
    outcome: &str,
    object: &ObjectRef,
    user: &str,
) -> Result<(), Status> {
    settle_as(jobs, job, outcome, object, (user, "")).await
}

pub(crate) async fn settle_as(
    jobs: &Peer,
    job: &str,
    outcome: &str,
    object: &ObjectRef,
    (user, group): (&str, &str),
) -> Result<(), Status> {
    let request = SettleRequest {
        job_id: job.to_owned(),
        outcome: outcome.to_owned(),
        instance: Some(object.clone()),
        user_id: user.to_owned(),
        instance_name: "new1".to_owned(),
        acting_as_id: group.to_owned(),
        sizes: None,
    };
    OwnershipClient::new(jobs.clone()).settle(request).await.map(|_| ())
}

fn job() -> String {
    uuid::Uuid::now_v7().to_string()
}

#[tokio::test]
async fn who_makes_an_instance_owns_it_and_is_its_administrator_until_it_is_gone() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let jobs = world.peer(&replica, "job-runner").await;
    let admin = admin(&gateway).await;
    let jane = user(&gateway, &admin, "jane").await;
    let bob = user(&gateway, &admin, "bob").await;
    let mut watching = Watching::start(&jobs).await;
    let pool = world.pool().await;
    let count = async |table: &str| {
        let query = format!("select count(*) from {table}");
        sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(query)).fetch_one(&pool).await.unwrap()
    };

    let object = instance();
    let create = job();
    settle(&jobs, &create, "created", &object, &jane.user_id).await.unwrap();
    settle(&jobs, &create, "created", &object, &jane.user_id).await.unwrap();
    watching
        .until_user(&jane.user_id, |u| {
            u.rights.len() == 1
                && u.rights[0].permissions == ["admin"]
                && u.rights[0].object.as_ref() == Some(&object)
        })
        .await;
    // The administrator has everything already; a user nobody knows gets nothing.
    settle(&jobs, &job(), "created", &instance(), &admin.user_id()).await.unwrap();
    settle(&jobs, &job(), "created", &instance(), &job()).await.unwrap();
    assert_eq!(count("permission_grant").await, 1);
    let owners: Vec<(String, String)> = sqlx::query_as(
        "select username, instance_name from instance_owner join app_user on user_id = owner_id
         order by username",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let owner = |name: &str| (name.to_owned(), "new1".to_owned());
    assert_eq!(owners, [owner("admin"), owner("jane")]);

    grant(&gateway, &admin, "bob", "console", &object).await.unwrap();
    let neighbour = ObjectRef { uuid: job(), ..object.clone() };
    grant(&gateway, &admin, "bob", "console", &neighbour).await.unwrap();
    let remove = job();
    settle(&jobs, &remove, "removed", &object, &jane.user_id).await.unwrap();
    watching.until_user(&jane.user_id, |u| u.rights.is_empty()).await;
    watching.until_user(&bob.user_id, |u| u.rights.len() == 1).await;
    assert_eq!((count("permission_grant").await, count("grant_tombstone").await), (1, 2));
    settle(&jobs, &remove, "removed", &object, &jane.user_id).await.unwrap();
    // A late repeat of the first job must not bring back what the second one took.
    settle(&jobs, &create, "created", &object, &jane.user_id).await.unwrap();
    assert_eq!((count("permission_grant").await, count("grant_tombstone").await), (1, 2));

    // It was not gone after all: its UUID is there again, and so are the rights on it.
    settle(&jobs, &job(), "created", &object, &jane.user_id).await.unwrap();
    watching.until_user(&bob.user_id, |u| u.rights.len() == 2).await;
    watching.until_user(&jane.user_id, |u| u.rights.len() == 1).await;
    assert_eq!((count("permission_grant").await, count("grant_tombstone").await), (3, 0));
}

#[tokio::test]
async fn a_settlement_that_makes_no_sense_is_refused() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let jobs = world.peer(&replica, "job-runner").await;
    let object = instance();
    let cluster = crate::world::cluster_of(&object);
    for (job, outcome, object) in [
        ("no uuid", "created", &object),
        (&*job(), "exploded", &object),
        (&*job(), "created", &cluster),
    ] {
        let refused = settle(&jobs, job, outcome, object, "").await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{job} {outcome}");
    }
}
