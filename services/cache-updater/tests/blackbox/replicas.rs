use gwm_proto::cache::ObserveInstanceRequest;
use gwm_testkit::wait_for;

use crate::world::{PATIENCE, World};

/// How many info requests began within half a poll interval after another one.
fn doubled(world: &World) -> usize {
    let polls: Vec<f64> = world
        .cluster()
        .requests()
        .iter()
        .filter(|r| r.path == "/2/nodes" && r.query.contains("bulk"))
        .map(|r| r.at)
        .collect();
    polls.windows(2).filter(|w| w[1] - w[0] < 0.15).count()
}

#[tokio::test]
async fn one_replica_polls_the_other_passes_on_and_takes_over() {
    let world = World::new().await;
    let (mut one, mut two) = (world.replica("a").await, world.replica("b").await);
    let cluster = world.add(&one).await;
    let holder: String = wait_for("a holder", PATIENCE, async || {
        sqlx::query_scalar("select holder_endpoint from lease where name like 'poll/%'")
            .fetch_one(&world.pool().await)
            .await
    })
    .await;
    world.cluster().clear_requests();
    world.polled(&one).await;
    assert_eq!(doubled(&world), 0, "both poll");

    // Whichever is asked, the holder answers.
    let name = world.list(&one, "").await.instances[0].name.clone();
    let ask = ObserveInstanceRequest {
        cluster_id: cluster.cluster_id.clone(),
        name,
        ..ObserveInstanceRequest::default()
    };
    for replica in [&one, &two] {
        let seen = replica.internal().observe_instance(ask.clone()).await.unwrap().into_inner();
        assert_eq!(seen.state, "present");
        world.refresh(replica).await.unwrap();
    }
    let (_, _, most) = world.cluster().connections();
    assert!(most <= 2, "{most}");

    let (dead, alive) = if one.url == holder { (&mut one, two) } else { (&mut two, one) };
    dead.process.signal("KILL").unwrap();
    let taken: i64 = wait_for("the other to take over", PATIENCE, async || {
        let row: Option<(String, i64)> = sqlx::query_as(
            "select holder_endpoint, generation from lease
             where name like 'poll/%' and expires_at > clock_timestamp()",
        )
        .fetch_optional(&world.pool().await)
        .await
        .unwrap();
        match row {
            Some((endpoint, generation)) if endpoint == alive.url => Ok(generation),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert!(taken >= 2);
    world.polled(&alive).await;
    let events = world.events().await;
    let after_import = events.iter().filter(|(k, _)| !k.ends_with(".discovered"));
    assert_eq!(after_import.count(), 1, "a take-over is no event: only cluster.added");
}
