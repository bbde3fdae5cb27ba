//! The whole path by the API: add, look, create, watch, reboot, stop, change outside, delete; and each
//! thing that happened is told to the integrator, in order.

use std::collections::BTreeMap;

use gwm_integration_tests::{EventStream, Options};
use gwm_rapi_sim::Outside;
use gwm_testkit::wait_for;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, eventually, moving_picture, story_of, succeeded};

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_lives_from_create_to_delete_and_each_step_is_told_once_in_order() {
    let stage = Stage::start(Options::test("story-api"), &["fra1", "ams1"]).await;
    let (api, fra1) = (&stage.admin, stage.cluster("fra1"));

    // What was imported is what is there.
    let clusters = api.get("/clusters").await.ok();
    assert_eq!(clusters["total"], 2, "{clusters}");
    fields_are_those_of_ganeti(&stage).await;

    // Create: the job's lines arrive, the instance is there with what was asked for.
    let mut sse = EventStream::open(api, None).await.unwrap();
    let os = fra1.look(|c| c.instances.values().next().unwrap().os.clone());
    let name = "new1.example.org";
    let body = json!({
        "cluster": "fra1", "name": name, "os": os, "disk_template": "drbd",
        "disks": [{"size_mib": 1024}], "memory_mib": 256, "vcpus": 2,
        "nics": [{"mode": "bridged", "link": "br0"}], "iallocator": "hail", "tags": ["made:here"],
    });
    let answer = api.post("/instances", &body).await.expect_status(202);
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let queued = answer.ok();
    assert_eq!(location, format!("/api/v1/jobs/{}", queued["id"].as_str().unwrap()));
    let job = succeeded(api, &queued).await;
    assert_eq!(job["requested_by"], "admin");
    let id = job["id"].as_str().unwrap();
    let log = api.get(&format!("/jobs/{id}/log")).await.ok();
    assert!(!log["items"].as_array().unwrap().is_empty(), "no log line came: {log}");
    let path = format!("/clusters/fra1/instances/{name}");
    // "succeeded" is said only when the inventory has read it.
    let made = api.get(&path).await.ok();
    assert_eq!((&made["vcpus"], &made["memory_mib"]), (&json!(2), &json!(256)), "{made:#}");
    assert_eq!(made["disk_template"], "drbd");
    assert_eq!(made["secondary_nodes"].as_array().unwrap().len(), 1);
    let uuid = made["uuid"].as_str().unwrap().to_owned();
    let told = sse.find(|event| event.data["subject"] == format!("fra1/instance/{name}")).await;
    assert_eq!(told.unwrap().data["data"]["object"]["uuid"], uuid);

    // Its console, before, during and after a reboot.
    let mut console = stage.console(api, "fra1", name).await;
    moving_picture(&mut console).await;
    drop(console);
    let job = api.post(&format!("{path}/reboot"), &json!({"type": "hard"})).await.ok();
    let _reboot = succeeded(api, &job).await;
    let mut console = stage.console(api, "fra1", &uuid).await;
    moving_picture(&mut console).await;
    drop(console);
    // The other cluster's console call is as shipped: it answers 500.
    let other = stage.running("ams1");
    let mut console = stage.console(api, "ams1", &other).await;
    moving_picture(&mut console).await;
    drop(console);

    // Stop, and a change that somebody else makes.
    let job = api.post(&format!("{path}/shutdown"), &json!({"timeout": 5})).await.ok();
    let _shutdown = succeeded(api, &job).await;
    assert_eq!(api.get(&path).await.ok()["status"], "ADMIN_down");
    let tag = Outside::Tag { instance: name.into(), add: vec!["by:cli".into()], remove: vec![] };
    fra1.outside(tag).await.unwrap();
    fra1.outside(Outside::Start { instance: name.into() }).await.unwrap();
    eventually("the outside change to show up", api, &path, |seen| {
        let tagged = seen["tags"].as_array().is_some_and(|tags| tags.contains(&json!("by:cli")));
        if tagged && seen["status"] == "running" { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;

    // Delete, and it is gone.
    let job = api.delete(&path).await.expect_status(202).ok();
    let removed = succeeded(api, &job).await;
    assert!(fra1.instance(name).is_none());
    wait_for("404 for what is gone", PATIENCE, async || match api.get(&path).await {
        gone if gone.status == 404 => Ok(()),
        there => Err(there.text),
    })
    .await;

    // All of that came over NATS, each object's events in order and none missing.
    let seen = wait_for("the events of all this", PATIENCE, async || {
        let seen = stage.events.seen();
        let instance = story_of(&seen, "inventory", &uuid);
        let job = story_of(&seen, "jobs", removed["id"].as_str().unwrap());
        let consoles = seen.iter().filter(|(s, _)| s.starts_with("gwm.v1.console.")).count();
        let over = instance.last().is_some_and(|(event, _)| event == "removed")
            && job.last().is_some_and(|(event, _)| event == "succeeded")
            && consoles >= 6;
        if over { Ok(seen) } else { Err(format!("{instance:?} {job:?} {consoles} of consoles")) }
    })
    .await;
    let instance = story_of(&seen, "inventory", &uuid);
    assert_eq!(instance.first().unwrap().0, "created", "{instance:?}");
    let told = |wanted: &str| instance.iter().any(|(event, _)| event == wanted);
    assert!(told("status_changed") && told("changed"), "{instance:?}");
    each_object_in_order_and_complete(&seen);
    for (_, event) in &seen {
        assert_eq!(event["specversion"], "1.0", "{event}");
        let text = event.to_string();
        for secret in ["read-secret", "write-secret", "vncpass1", "correct horse"] {
            assert!(!text.contains(secret), "a secret is in an event: {}", event["type"]);
        }
    }
}

/// Every field of DESIGN.md section 4 against what the cluster itself holds.
async fn fields_are_those_of_ganeti(stage: &Stage) {
    let listed = stage.admin.get("/instances?limit=200").await.ok();
    let items = listed["items"].as_array().unwrap();
    let mut compared = 0;
    for slug in ["fra1", "ams1"] {
        let cluster = stage.cluster(slug);
        let expected = cluster.look(|c| {
            let each = c.instances.values().map(|i| {
                let status = c.status(i);
                (i.name.clone(), (i.uuid.clone(), status, i.os.clone(), i.tags.clone()))
            });
            each.collect::<BTreeMap<_, _>>()
        });
        for (name, (uuid, status, os, tags)) in expected {
            let of_it = |item: &&Value| item["name"] == name.as_str() && item["cluster"] == slug;
            let item = items.iter().find(of_it).unwrap_or_else(|| panic!("{name} is not listed"));
            assert_eq!(item["uuid"], uuid.as_str());
            assert_eq!(item["status"], status, "{item:#}");
            assert_eq!(item["os"], os.as_str());
            let listed: std::collections::BTreeSet<_> =
                item["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            assert_eq!(listed, tags.iter().map(String::as_str).collect());
            compared += 1;
        }
    }
    assert_eq!(items.len(), compared);
    let nodes = stage.admin.get("/nodes").await.ok();
    assert_eq!(nodes["total"], 6, "{nodes}");
    for node in nodes["items"].as_array().unwrap() {
        for field in ["memory_total_mib", "disk_free_mib", "cpus_total", "instances_primary"] {
            assert!(node[field].is_u64(), "{field} of {node}");
        }
    }
}

/// Each object's events, within one class: sequences rise, in the inventory by one each. A job's
/// progress is told at most once a second, so revisions in between are passed over.
fn each_object_in_order_and_complete(events: &[(String, Value)]) {
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for (subject, event) in events {
        let parts: Vec<_> = subject.split('.').collect();
        if !["inventory", "jobs"].contains(&parts[2]) {
            continue;
        }
        let key = parts[2..6].join(".");
        let sequence: u64 = event["sequence"].as_str().unwrap().parse().unwrap();
        if let Some(before) = last.insert(key, sequence) {
            let next = if parts[2] == "jobs" { sequence > before } else { sequence == before + 1 };
            assert!(next, "out of order or incomplete after {before}: {subject} {event}");
        }
    }
    assert!(!last.is_empty());
}
