use gwm_proto::cache::ObserveInstanceRequest;
use gwm_rapi_sim::{Fault, FaultRule};
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

/// A holder that stops for longer than its lease lasts, in the middle of a look, and then goes on.
#[tokio::test]
async fn a_holder_that_was_frozen_writes_nothing_of_what_it_had_read() {
    let world = World::new().await;
    let (mut one, mut two) = (world.replica("a").await, world.replica("b").await);
    world.add(&one).await;
    world.polled(&one).await;
    let pool = world.pool().await;
    let holder = async || {
        sqlx::query_as::<_, (String, i64)>(
            "select holder_endpoint, generation from lease
             where name like 'poll/%' and expires_at > clock_timestamp()",
        )
        .fetch_optional(&pool)
        .await
        .unwrap()
    };
    let (first, generation) =
        wait_for("a holder", PATIENCE, async || holder().await.ok_or("")).await;
    let (frozen, other) = if one.url == first { (&mut one, &two) } else { (&mut two, &one) };
    let name = world.list(other, "status:running").await.instances[0].name.clone();

    // Its answer is on the way when it stops: it holds the instance as it was before.
    world
        .cluster()
        .fault(FaultRule::once(Fault::Latency { ms: 1000 }).method("GET").path("/2/instances"));
    let struck = world.cluster().faults_struck();
    wait_for("the holder to be asking", PATIENCE, async || {
        let now = world.cluster().faults_struck();
        if now > struck { Ok(()) } else { Err(now) }
    })
    .await;
    frozen.process.signal("STOP").unwrap();
    world.cluster().edit(|c| {
        c.instances.get_mut(&name).unwrap().tags.insert("after:stop".to_owned());
    });
    wait_for("the other to take over", PATIENCE, async || match holder().await {
        Some((endpoint, taken)) if endpoint == other.url && taken > generation => Ok(()),
        found => Err(format!("{found:?}")),
    })
    .await;
    world.wait_told("instance.changed", &name).await;
    world.polled(other).await;
    let (events, began) = (world.events().await.len(), world.cluster().requests().len());

    frozen.process.signal("CONT").unwrap();
    wait_for("it to notice", PATIENCE, async || {
        let said =
            frozen.process.has_said("lease ran out") || frozen.process.has_said("lease lost");
        if said { Ok(()) } else { Err(frozen.process.log_tail(5)) }
    })
    .await;
    for _ in 0..3 {
        world.polled(other).await;
    }
    assert_eq!(holder().await.map(|(endpoint, _)| endpoint), Some(other.url.clone()));
    let after = world.events().await;
    assert_eq!(after.len(), events, "{:?}", after.get(events..));
    let asked = world.cluster().requests();
    let polls = |path: &str| asked.iter().skip(began).filter(|r| r.path == path).count();
    // A look in the middle of which it woke up may go on by one question, no more.
    let overlapping = polls("/2/instances").abs_diff(polls("/2/nodes"));
    assert!(overlapping <= 1, "{overlapping} of {asked:?}");
}
