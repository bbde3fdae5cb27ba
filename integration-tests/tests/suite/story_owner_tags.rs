//! Who owns what is said by tags in Ganeti where an administrator wants that, and nothing is believed from
//! them.

use gwm_integration_tests::{Options, Part};
use gwm_rapi_sim::SimCluster;
use gwm_testkit::wait_for;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, ended, eventually};

/// Tags that begin so, of all instances that have such.
fn tagged(sim: &SimCluster, prefix: &str) -> Vec<(String, Vec<String>)> {
    let of = |tags: &std::collections::BTreeSet<String>| -> Vec<String> {
        tags.iter().filter_map(|tag| tag.strip_prefix(prefix)).map(str::to_owned).collect()
    };
    let all: Vec<_> =
        sim.look(|c| c.instances.values().map(|i| (i.name.clone(), of(&i.tags))).collect());
    all.into_iter().filter(|(_, tags)| !tags.is_empty()).collect()
}

async fn until(sim: &SimCluster, prefix: &str, wanted: &[(&str, &str)]) {
    let wanted: Vec<(String, Vec<String>)> =
        wanted.iter().map(|(name, says)| ((*name).to_owned(), vec![(*says).to_owned()])).collect();
    wait_for("the tags in Ganeti", PATIENCE, async || {
        let there = tagged(sim, prefix);
        if there == wanted { Ok(()) } else { Err(format!("{there:?}")) }
    })
    .await;
}

fn state(mode: &str, tagged: u64, to_do: u64) -> impl Fn(&Value) -> Result<(), String> {
    let wanted = json!([mode, tagged, to_do]);
    move |seen| {
        let now = json!([seen["mode"], seen["tagged"], seen["to_do"]]);
        if now == wanted { Ok(()) } else { Err(seen.to_string()) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_are_written_as_tags_where_that_is_wanted_and_never_read_from_them() {
    let quick = json!({ "owner_tags": { "pace": "100ms", "look": "300ms" } });
    let options = Options::test("story-owner-tags").with(Part::JobRunner, quick);
    let stage = Stage::start(options, &["fra1"]).await;
    let (admin, sim) = (&stage.admin, stage.cluster("fra1"));
    let carla = stage.user("carla").await;
    let _dora = stage.user("dora").await;
    sim.edit(|c| c.instances.values_mut().for_each(|i| i.tags.clear()));
    let names: Vec<String> = sim.look(|c| c.instances.keys().cloned().collect());
    let own = async |name: &str, owner: Value| {
        let path = format!("/clusters/fra1/instances/{name}/owner");
        admin.post(&path, &json!({ "owner": owner, "role": "power" })).await.ok()
    };
    for name in &names[..3] {
        own(name, json!("carla")).await;
    }
    let path = "/clusters/fra1/owner-tags";
    let off = eventually("all to be as it is", admin, path, state("off", 0, 0)).await;
    let prefix = off["prefix"].as_str().unwrap();
    let forged = format!("{prefix}user/carla");
    let foreign = "gwm:elsewhere:owner:user/mallory";
    sim.edit(|c| {
        let tags = &mut c.instances.get_mut(&names[5]).unwrap().tags;
        tags.extend([forged.clone(), foreign.to_owned()]);
    });
    let _seen = eventually("the forged one", admin, path, state("off", 1, 0)).await;

    // Switched on, by administrators only: the ones missing come, the forged one goes.
    let on = json!({ "owner_tags": "write" });
    let _hidden = carla.patch("/clusters/fra1", &on).await.expect_status(403);
    let _hidden = carla.get(path).await.expect_status(403);
    let bad = admin.patch("/clusters/fra1", &json!({ "owner_tags": "on" })).await;
    assert_eq!((bad.status.as_u16(), &bad.json()["field"]), (400, &json!("owner_tags")));
    assert_eq!(admin.patch("/clusters/fra1", &on).await.ok()["owner_tags"], "write");
    let carlas = [&names[0], &names[1], &names[2]].map(|name| (name.as_str(), "user/carla"));
    until(sim, prefix, &carlas).await;
    let _seen = eventually("the end", admin, path, state("write", 3, 0)).await;
    assert!(sim.instance(&names[5]).unwrap().tags.contains(foreign), "another's is left alone");
    assert_eq!(carla.get("/instances?limit=200").await.ok()["total"], 3, "a tag gives nothing");

    // They are tags as others: whoever sees the instance, who sees its owner too, sees them.
    let seen = carla.get(&format!("/clusters/fra1/instances/{}", names[0])).await.ok();
    assert_eq!((&seen["tags"], &seen["owner"]), (&json!([forged]), &json!("user/carla")));
    let q = format!("/instances?q=tag:%22{forged}%22");
    assert_eq!(carla.get(&q).await.ok()["total"], 3);
    let jobs = carla.get("/jobs?q=kind:owner_tag").await.ok();
    assert_eq!(jobs["total"], 3, "those of what she sees: {jobs:#}");
    assert_eq!(jobs["items"][0]["requested_by"], "gwm itself");
    assert_eq!(admin.get("/jobs?q=kind:owner_tag").await.ok()["total"], 4);

    // What a request says is an owner's tag is refused.
    let body = json!({ "cluster": "fra1", "name": "new1.example.org", "os": "noop+default",
        "disk_template": "diskless", "tags": [forged] });
    let refused = admin.post("/instances", &body).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text.contains("gwm alone writes such tags"), "{}", refused.text);

    // Another owner; nobody's; a job of hers on one of them is not in the way.
    own(&names[0], json!("dora")).await;
    own(&names[1], Value::Null).await;
    let reboot = format!("/clusters/fra1/instances/{}/shutdown", names[2]);
    let job = carla.post(&reboot, &json!({})).await.ok();
    assert_eq!(ended(admin, &job).await["state"], "succeeded");
    until(sim, prefix, &[(&names[0], "user/dora"), (&names[2], "user/carla")]).await;

    // Integrators hear of the switch, of jobs that nobody asked for, and of tags as of any others.
    let heard = |kind: &str, path: &str, wanted: Value| {
        let events = stage.events.seen();
        let of = |e: &Value| e["type"] == format!("org.ganeti.gwm.{kind}.v1").as_str();
        events.iter().filter(|(_, e)| of(e) && e.pointer(path) == Some(&wanted)).count()
    };
    wait_for("the events", PATIENCE, async || {
        let told = (
            heard("cluster.changed", "/data/changed/owner_tags", json!("off")),
            heard("job.succeeded", "/data/object/kind", json!("owner_tag")) >= 7,
            heard("instance.changed", "/data/object/tags", json!([format!("{prefix}user/dora")])),
        );
        if told == (1, true, 1) { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;

    // Left as they are, then taken away.
    let _off = admin.patch("/clusters/fra1", &json!({ "owner_tags": "off" })).await.ok();
    own(&names[2], json!("dora")).await;
    let _seen = eventually("nothing to do", admin, path, state("off", 2, 0)).await;
    until(sim, prefix, &[(&names[0], "user/dora"), (&names[2], "user/carla")]).await;
    let _away = admin.patch("/clusters/fra1", &json!({ "owner_tags": "remove" })).await.ok();
    until(sim, prefix, &[]).await;
    assert!(sim.instance(&names[5]).unwrap().tags.contains(foreign));
    let _seen = eventually("the end", admin, path, state("remove", 0, 0)).await;
}
