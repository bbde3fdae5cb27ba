//! Bulk answers that no Ganeti should give: each is said in the cluster's health, and the inventory
//! stays as it was.

use gwm_proto::cache::Health;
use gwm_rapi::{Client, Credentials, Endpoint, Fingerprint, Limits, Trust};
use gwm_rapi_sim::{Fault, FaultRule};
use gwm_testkit::wait_for;
use serde_json::{Value, json};

use crate::world::{PATIENCE, Replica, World};

/// What the simulated cluster says of all its instances.
async fn bulk(world: &World) -> Vec<Value> {
    let endpoint = Endpoint::parse(&world.cluster().url()).unwrap();
    let trust = Trust::Pinned(world.cluster().fingerprint().parse::<Fingerprint>().unwrap());
    let user = Credentials::new("gwm-read", "read-secret".into()).unwrap();
    let client = Client::new(endpoint, &trust, Some(user), Limits::default()).unwrap();
    let answer = client.instances_bulk_raw().await.unwrap();
    serde_json::from_slice(answer.body()).unwrap()
}

async fn trouble(world: &World, replica: &Replica, what: &str) -> Health {
    wait_for(what, PATIENCE, async || {
        let health = world.get(replica, "one").await.health.unwrap();
        if health.error.is_empty() { Err(format!("{health:?}")) } else { Ok(health) }
    })
    .await
}

#[tokio::test]
async fn answers_that_make_no_sense_are_said_and_lose_nothing() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let before: Vec<_> = world.list(&replica, "").await.instances;
    let good = bulk(&world).await;
    let changed = |number: usize, field: &str, value: Value| {
        let mut list = good.clone();
        list[number][field] = value;
        Fault::Says { body: list.into() }
    };
    let with = |one: &Value, field: &str, value: Value| {
        let mut list = good.clone();
        let mut more = one.clone();
        more[field] = value;
        list.push(more);
        Fault::Says { body: list.into() }
    };
    let other = "11111111-2222-4333-8444-555555555555";
    let cases = [
        ("100 MB", Fault::Huge { bytes: 100_000_000 }, "larger than"),
        ("null", Fault::Says { body: Value::Null }, "answer"),
        ("an object", Fault::Says { body: json!({"items": good.clone()}) }, "answer"),
        ("a list in a list", Fault::Says { body: json!([good.clone()]) }, "answer"),
        ("a name that is a number", changed(3, "name", json!(7)), "answer"),
        ("no UUID", changed(3, "uuid", Value::Null), "answer"),
        ("a UUID that is none", changed(3, "uuid", json!("../../etc")), "UUID is none"),
        ("a UUID twice", with(&good[3], "name", json!("other.example.org")), "twice"),
        ("a name twice", with(&good[3], "uuid", json!(other)), "two objects called"),
        ("a status of no type", changed(3, "status", json!({"is": "running"})), "answer"),
        ("parameters that are a list", changed(3, "beparams", json!([1, 2])), "answer"),
        ("a size of no type", changed(3, "disk.sizes", json!("much")), "answer"),
    ];
    for (what, fault, said) in cases {
        world.cluster().fault(FaultRule::always(fault).path("/2/instances"));
        let health = trouble(&world, &replica, what).await;
        let code = if what == "100 MB" { "rapi_too_large" } else { "rapi_protocol" };
        assert_eq!(health.error_code, code, "{what}: {health:?}");
        assert!(health.error.contains(said), "{what}: {}", health.error);
        world.cluster().clear_faults().await.unwrap();
        let health = world.refresh(&replica).await.unwrap().health.unwrap();
        assert!(health.reachable && health.error.is_empty(), "{what}: {health:?}");
    }
    let after = world.list(&replica, "").await.instances;
    let known = |list: &[gwm_proto::cache::Instance]| -> Vec<_> {
        list.iter().map(|i| (i.name.clone(), i.uuid.clone(), i.revision)).collect()
    };
    assert_eq!(known(&after), known(&before));
    let events = world.events().await;
    assert!(events.iter().all(|(kind, _)| kind != "instance.removed"), "{events:?}");
}

#[tokio::test]
async fn a_cluster_whose_clock_is_wrong_is_read_as_any_other() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let names = world.cluster().look(|c| c.instances.keys().cloned().collect::<Vec<_>>());
    let day = 86_400.0;
    for (name, days) in names.iter().zip([-20_000.0, -1.0, 1.0, 20_000.0, 1e300]) {
        world.cluster().edit(|c| {
            let instance = c.instances.get_mut(name).unwrap();
            instance.ctime = (instance.ctime + days * day).max(0.0);
            instance.mtime = (instance.mtime + days * day).max(0.0);
        });
    }
    world.add(&replica).await;
    let listed = world.list(&replica, "").await.instances;
    assert_eq!(listed.len(), names.len());
    // Changes come in all the same, and what is removed goes.
    for name in &names[..5] {
        let tag = gwm_rapi_sim::Outside::Tag {
            instance: name.clone(),
            add: vec!["later".to_owned()],
            remove: Vec::new(),
        };
        world.cluster().outside(tag).await.unwrap();
    }
    let remove = gwm_rapi_sim::Outside::Remove { instance: names[4].clone() };
    wait_for("the tags", PATIENCE, async || {
        let tagged = world.list(&replica, "tag:later").await.instances.len();
        if tagged == 5 { Ok(()) } else { Err(tagged) }
    })
    .await;
    world.cluster().outside(remove).await.unwrap();
    wait_for("it to be gone", PATIENCE, async || {
        let tagged = world.list(&replica, "tag:later").await.instances.len();
        if tagged == 4 { Ok(()) } else { Err(tagged) }
    })
    .await;
}
