//! A cluster that an administrator wants left alone, or read at another pace.

use gwm_proto::cache::{
    Cluster, GetWriteAccessRequest, ObserveInstanceRequest, UpdateClusterRequest,
};
use gwm_testkit::wait_for;
use tonic::Status;

use crate::world::{PATIENCE, Replica, World, reason};

async fn edit(
    world: &World,
    replica: &Replica,
    change: impl FnOnce(&mut UpdateClusterRequest),
) -> Result<Cluster, Status> {
    let mut request =
        UpdateClusterRequest { cluster: "one".to_owned(), ..UpdateClusterRequest::default() };
    change(&mut request);
    Ok(replica.clusters().update_cluster(world.admin.ask(request)).await?.into_inner())
}

#[tokio::test]
async fn a_paused_cluster_is_left_alone_until_it_is_resumed() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    world.polled(&replica).await;
    let paused = edit(&world, &replica, |r| r.paused = Some(true)).await.unwrap();
    let health = paused.health.clone().unwrap();
    assert!(paused.paused && !health.reachable, "{paused:?}");
    assert_eq!(health.error_code, "cluster_paused");
    assert!(health.last_success.is_some(), "what was read stays known");
    let event = world.wait_told("cluster.unreachable", &cluster.name).await;
    assert_eq!(event["data"]["object"]["paused"], true, "{event:#}");

    // A look that had begun may still end; after that nothing is asked, whoever wants it.
    let quiet = async || {
        let before = world.cluster().requests().len();
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        world.cluster().requests().len() - before
    };
    wait_for("silence", PATIENCE, async || match quiet().await {
        0 => Ok(()),
        more => Err(more.to_string()),
    })
    .await;
    let before = world.cluster().requests().len();
    assert_eq!(reason(&world.refresh(&replica).await.unwrap_err()), "cluster_paused");
    let instance = world.list(&replica, "").await.instances[0].clone();
    let observe = ObserveInstanceRequest {
        cluster_id: cluster.cluster_id.clone(),
        name: instance.name,
        ..ObserveInstanceRequest::default()
    };
    let refused = replica.internal().observe_instance(observe).await.unwrap_err();
    assert_eq!(reason(&refused), "cluster_paused");
    assert_eq!(world.cluster().requests().len(), before, "it was asked");
    let access = GetWriteAccessRequest { cluster_id: cluster.cluster_id.clone() };
    let access = replica.internal().get_write_access(access).await.unwrap().into_inner();
    assert!(access.paused && !access.read_only, "job-runner is told");

    let resumed = edit(&world, &replica, |r| r.paused = Some(false)).await.unwrap();
    assert!(!resumed.paused);
    let event = world.wait_told("cluster.reachable", &cluster.name).await;
    assert_eq!(event["data"]["object"]["paused"], false, "{event:#}");
    world.polled(&replica).await;
    assert_eq!(world.told("instance.removed", "").await, 0);
}

#[tokio::test]
async fn the_pace_and_read_only_are_an_administrators_choice() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    for wrong in [1, 4, 3601, u32::MAX] {
        let refused = edit(&world, &replica, |r| r.poll_interval_seconds = Some(wrong)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{wrong}");
        assert!(refused.message().contains("between 5 and 3600"), "{refused}");
    }
    let slow = edit(&world, &replica, |r| {
        r.poll_interval_seconds = Some(3600);
        r.read_only = Some(true);
    });
    let slow = slow.await.unwrap();
    assert_eq!((slow.poll_interval_seconds, slow.held_read_only), (3600, true));
    assert!(slow.read_only && !slow.write_username.is_empty(), "the credential stays: {slow:?}");
    let access = GetWriteAccessRequest { cluster_id: cluster.cluster_id };
    let access = replica.internal().get_write_access(access).await.unwrap().into_inner();
    assert!(access.read_only && access.credential.is_some());
    // The edit itself has it read once more, and then it is an hour: twice that is when it counts as old.
    wait_for("the pace", PATIENCE, async || {
        let seen = world.get(&replica, "one").await;
        let stale = seen.health.as_ref().unwrap().stale_after_seconds;
        if stale >= 7200.0 && seen.requests_per_minute.unwrap_or(0) > 0 {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    })
    .await;
    let normal = edit(&world, &replica, |r| r.read_only = Some(false)).await.unwrap();
    assert!(!normal.read_only && normal.poll_interval_seconds == 3600);
}
