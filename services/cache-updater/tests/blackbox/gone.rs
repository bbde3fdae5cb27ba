use gwm_proto::cache::{ConfirmMissingRequest, ObserveInstanceRequest};
use gwm_rapi_sim::{Fault, FaultRule, Outside};

use crate::auth::Person;
use crate::world::{Replica, World, reason};

#[tokio::test]
async fn an_empty_list_once_loses_nothing() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    for path in ["/2/instances", "/2/nodes"] {
        let struck = world.cluster().faults_struck();
        let once = FaultRule::once(Fault::EmptyList).method("GET").path(path);
        world.cluster().fault(once);
        gwm_testkit::wait_for("the fault", crate::world::PATIENCE, async || {
            if world.cluster().faults_struck() > struck { Ok(()) } else { Err("not yet") }
        })
        .await;
    }
    world.polled(&replica).await;
    let listed = world.list(&replica, "").await;
    assert_eq!(listed.instances.len(), 12);
    assert_eq!(listed.instances.iter().filter(|i| i.missing).count(), 0);
    let events = world.events().await;
    assert!(events.iter().all(|(k, _)| !k.ends_with(".removed")));
}

#[tokio::test]
async fn many_that_vanish_at_once_are_missing_and_come_back() {
    let world = World::sized(3, 20).await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    world.cluster().fault(FaultRule::always(Fault::EmptyList).method("GET").path("/2/instances"));
    gwm_testkit::wait_for("missing", crate::world::PATIENCE, async || {
        let missing = world.get(&replica, "one").await.health.unwrap().missing;
        if missing == 20 { Ok(()) } else { Err(format!("{missing}")) }
    })
    .await;
    let listed = world.list(&replica, "missing:yes").await;
    assert_eq!(listed.instances.len(), 20);
    world.cluster().clear_faults().await.unwrap();
    gwm_testkit::wait_for("all back", crate::world::PATIENCE, async || {
        let missing = world.get(&replica, "one").await.health.unwrap().missing;
        if missing == 0 { Ok(()) } else { Err(format!("{missing}")) }
    })
    .await;
    let events = world.events().await;
    let count = |kind: &str| events.iter().filter(|(k, _)| k == kind).count();
    assert_eq!((count("instance.missing"), count("instance.removed")), (20, 0));
    let back = events
        .iter()
        .filter(|(k, e)| k == "instance.changed" && e["data"]["changed"]["missing"] == true);
    assert_eq!(back.count(), 20);
}

#[tokio::test]
async fn an_administrator_says_what_is_really_gone_and_only_that_goes() {
    let world = World::sized(3, 40).await;
    let [one, two] = [world.replica("a").await, world.replica("b").await];
    world.add(&one).await;
    let names: Vec<String> =
        world.list(&one, "").await.instances.into_iter().map(|i| i.name).collect();
    // Unseen, so that they are found absent all at once.
    world.cluster().fault(FaultRule::always(Fault::MasterDown).path("/2/info"));
    gwm_testkit::wait_for("silence", crate::world::PATIENCE, async || {
        let health = world.get(&one, "one").await.health.unwrap();
        if health.reachable { Err("still read") } else { Ok(()) }
    })
    .await;
    for instance in &names[..15] {
        world.cluster().outside(Outside::Remove { instance: instance.clone() }).await.unwrap();
    }
    world.cluster().clear_faults().await.unwrap();
    world.refresh(&one).await.unwrap();
    gwm_testkit::wait_for("missing", crate::world::PATIENCE, async || {
        let missing = world.get(&one, "one").await.health.unwrap().missing;
        if missing == 15 { Ok(()) } else { Err(format!("{missing}")) }
    })
    .await;
    let confirm = async |replica: &Replica, person: &Person, objects| {
        let asked = ConfirmMissingRequest { cluster: "one".to_owned(), objects };
        let answer = replica.clusters().confirm_missing(person.ask(asked)).await;
        answer.map(|a| a.into_inner().removed)
    };
    let stranger = world.auth.person(Some(vec![]));
    assert_eq!(reason(&confirm(&one, &stranger, 15).await.unwrap_err()), "not_found");
    let other_number = confirm(&one, &world.admin, 14).await.unwrap_err();
    assert_eq!(reason(&other_number), "missing_changed");
    assert_eq!(world.list(&one, "").await.instances.len(), 40);

    // Whichever replica is asked, the one that reads the cluster does it.
    assert_eq!(confirm(&two, &world.admin, 15).await.unwrap(), 15);
    let mut left: Vec<String> =
        world.list(&one, "").await.instances.into_iter().map(|i| i.name).collect();
    left.sort();
    let mut expected = names[15..].to_vec();
    expected.sort();
    assert_eq!(left, expected);
    let events = world.events().await;
    assert_eq!(events.iter().filter(|(k, _)| k == "instance.removed").count(), 15);
    assert_eq!(world.get(&one, "one").await.health.unwrap().missing, 0);
    let nothing = confirm(&one, &world.admin, 0).await.unwrap_err();
    assert_eq!(reason(&nothing), "missing_changed");
}

#[tokio::test]
async fn answers_that_are_not_whole_or_not_ours_change_only_the_health() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let other = "11111111-2222-4333-8444-555555555555".to_owned();
    let faults = [
        (Fault::HalfAnswer, "/2/instances", "rapi_cut"),
        (Fault::CutAfter, "/2/nodes", "rapi_cut"),
        (Fault::NotJson, "/2/instances", "rapi_protocol"),
        (Fault::OtherUuid { uuid: other.clone() }, "/2/info", "other_cluster"),
        (Fault::MasterDown, "/2/info", "rapi_master_down"),
    ];
    for (fault, path, code) in faults {
        world.cluster().fault(FaultRule::always(fault).path(path));
        gwm_testkit::wait_for(code, crate::world::PATIENCE, async || {
            let health = world.get(&replica, "one").await.health.unwrap();
            let told = health.error_code == code && !health.reachable;
            if told { Ok(()) } else { Err(format!("{health:?}")) }
        })
        .await;
        if code == "other_cluster" {
            let error = world.get(&replica, "one").await.health.unwrap().error;
            assert!(error.contains(&other) && error.contains(&world.cluster().uuid()), "{error}");
        }
        assert_eq!(world.list(&replica, "").await.instances.len(), 12, "{code}");
        world.cluster().clear_faults().await.unwrap();
        let health = world.refresh(&replica).await.unwrap().health.unwrap();
        assert!(health.reachable && health.error.is_empty(), "{health:?}");
    }
    let events = world.events().await;
    let kinds: Vec<&str> = events
        .iter()
        .map(|(k, _)| k.as_str())
        .filter(|k| k.starts_with("cluster.") || k.ends_with(".removed"))
        .collect();
    let mut expected = vec!["cluster.added"];
    for _ in 0..5 {
        expected.extend(["cluster.unreachable", "cluster.reachable"]);
    }
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn what_our_own_job_removed_is_gone_at_once_with_its_cause() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    let one = world.list(&replica, "").await.instances[0].clone();
    let ask = ObserveInstanceRequest {
        cluster_id: cluster.cluster_id.clone(),
        name: one.name.clone(),
        uuid: one.uuid.clone(),
        not_before: None,
        ganeti_job: 7,
        gwm_job: "0191f0d3-1111-7aaa-8bbb-0123456789ab".to_owned(),
        removed: true,
    };
    let still = replica.internal().observe_instance(ask.clone()).await.unwrap().into_inner();
    assert_eq!(still.state, "present", "a job's word alone removes nothing");
    world.cluster().outside(Outside::Remove { instance: one.name.clone() }).await.unwrap();
    let gone = replica.internal().observe_instance(ask).await.unwrap().into_inner();
    assert_eq!(gone.state, "absent");
    let hidden = world.instance(&replica, &one.uuid).await.unwrap_err();
    assert_eq!(reason(&hidden), "not_found");
    let event = world.wait_told("instance.removed", &one.name).await;
    let cause = event["data"]["cause"]["kind"].as_str().unwrap();
    assert!(cause == "gwm_job" || cause == "poll", "{cause}");
    world.polled(&replica).await;
    assert_eq!(world.told("instance.removed", &one.name).await, 1);
}

#[tokio::test]
async fn what_is_made_anew_under_the_same_name_is_another_object() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let one = world.list(&replica, "").await.instances[0].clone();
    world.cluster().outside(Outside::Recreate { instance: one.name.clone() }).await.unwrap();
    let removed = world.wait_told("instance.removed", &one.name).await;
    assert_eq!(removed["data"]["object"]["uuid"], one.uuid.as_str());
    let now = world.instance(&replica, &one.name).await.unwrap().instance.unwrap();
    assert_ne!(now.uuid, one.uuid);
}
