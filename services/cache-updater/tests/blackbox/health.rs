use std::time::Duration;

use gwm_rapi_sim::{ClusterConfig, SimConfig};
use gwm_testkit::wait_for;

use crate::world::{PATIENCE, World, add_request, reason};

#[tokio::test]
async fn a_dead_cluster_holds_up_nobody_and_comes_back_by_itself() {
    let named = |name: &str, seed| ClusterConfig {
        name: name.to_owned(),
        seed,
        ..ClusterConfig::default()
    };
    let sim = SimConfig {
        clusters: vec![named("one.example.org", 1), named("two.example.org", 2)],
        admin: None,
    };
    let world = World::with(sim, &[]).await;
    let replica = world.replica("a").await;
    let dead = world.add(&replica).await;
    let request = add_request(&world.sim.clusters()[1], "two");
    replica.clusters().add_cluster(world.admin.ask(request)).await.unwrap();
    world.cluster().refuse_connections();
    world.wait_told("cluster.unreachable", &dead.name).await;
    let health = world.get(&replica, "one").await.health.unwrap();
    assert!(!health.reachable && health.error.contains("refused"), "{health:?}");
    assert!(health.data_age_seconds.is_some() && health.next_attempt.is_some());

    // The breaker: console look-ups and observations don't wait for time-outs.
    let instance = world.list(&replica, "cluster:one").await.instances[0].clone();
    let cluster_id = instance.cluster_id.clone();
    let ask = gwm_proto::cache::ObserveInstanceRequest {
        cluster_id,
        name: instance.name.clone(),
        ..Default::default()
    };
    wait_for("the breaker to open", PATIENCE, async || {
        let refused = replica.internal().observe_instance(ask.clone()).await.unwrap_err();
        let reason = reason(&refused);
        if reason == "cluster_unreachable" { Ok(()) } else { Err(reason) }
    })
    .await;
    let detail = world.instance(&replica, &instance.name).await.unwrap();
    assert!(!detail.cluster.unwrap().health.unwrap().reachable);

    let age = world.get(&replica, "two").await.health.unwrap().data_age_seconds.unwrap();
    assert!(age < 30.0, "the other cluster is read on: {age}");
    world.cluster().listen_again().await.unwrap();
    world.wait_told("cluster.reachable", &dead.name).await;
    let text = replica.admin("/metrics").await.unwrap();
    assert!(text.contains("gwm_cluster_up") && text.contains("gwm_rapi_request_duration_seconds"));
    assert!(text.contains("gwm_cluster_data_age_seconds"));
}

#[tokio::test]
async fn a_cluster_has_at_most_two_connections_from_us() {
    let world = World::sized(3, 30).await;
    world.cluster().set_latency(Duration::from_millis(30));
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    let names: Vec<String> =
        world.list(&replica, "").await.instances.into_iter().map(|i| i.name).collect();
    world.polled(&replica).await;
    let observe = async |name: &String| {
        let ask = gwm_proto::cache::ObserveInstanceRequest {
            cluster_id: cluster.cluster_id.clone(),
            name: name.clone(),
            ..Default::default()
        };
        replica.internal().observe_instance(ask).await.unwrap().into_inner().state
    };
    let (a, b, c, d, e) = tokio::join!(
        observe(&names[0]),
        observe(&names[1]),
        observe(&names[2]),
        observe(&names[3]),
        world.refresh(&replica),
    );
    assert_eq!([a, b, c, d], ["present"; 4].map(str::to_owned));
    e.unwrap();
    let (_, _, most) = world.cluster().connections();
    assert!(most <= 2, "{most}");
}
