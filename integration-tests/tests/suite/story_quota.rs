//! What people and groups may use, and what is refused: by REST alone, with a job that fails, a job service that is
//! killed, and changes on Ganeti's command line.

use gwm_integration_tests::{Answer, Api, Options, Part};
use gwm_rapi_sim::{Admin, SimCluster};
use gwm_testkit::wait_for;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, ended, eventually, succeeded};

const SHOP: &str = "group/shop";

fn new(cluster: &SimCluster, name: &str, memory_mib: u64) -> Value {
    let os = cluster.look(|c| c.instances.values().next().unwrap().os.clone());
    json!({"cluster": "fra1", "name": name, "os": os, "disk_template": "plain",
           "disks": [{"size_mib": 512}], "memory_mib": memory_mib, "vcpus": 1})
}

async fn create_as(api: &Api, persona: &str, body: &Value) -> Answer {
    let request = api.request(Method::POST, "/instances").header("Gwm-Act-As", persona);
    api.send(request.json(body)).await
}

/// What a persona uses of something on the cluster, once it is as wanted.
async fn uses(api: &Api, persona: &str, resource: &str, wanted: u64) {
    let path = format!("/quotas?cluster=fra1&persona={persona}");
    let what = format!("{persona} to use {wanted} of {resource}");
    eventually(&what, api, &path, |list| {
        let used = &list["items"][0]["limits"][resource]["used"];
        let used = used.as_u64().unwrap_or_default();
        if used == wanted { Ok(()) } else { Err(list.to_string()) }
    })
    .await;
}

async fn set(admin: &Api, body: Value) -> Value {
    admin.patch("/quotas", &body).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_hold_for_people_and_groups_whatever_fails_or_dies() {
    let mut stage = Stage::start(Options::test("story-quota"), &["fra1"]).await;
    let ann = stage.user("ann").await;
    let admin = &stage.admin;
    let cluster = stage.cluster("fra1");
    let _made = admin.post("/groups", &json!({"name": "shop"})).await.expect_status(201);
    let member = admin.request(Method::PUT, "/groups/shop/members/ann");
    let _in = admin.send(member.json(&json!({"is_admin": false}))).await.ok();
    for persona in ["user/ann", SHOP] {
        let right = json!({"persona": persona, "role": "create_vm", "cluster": "fra1"});
        let _given = admin.post("/grants", &right).await.expect_status(201);
    }

    // Everybody's limits, as people write them.
    let default = set(admin, json!({"cluster": "fra1", "memory": "1G", "instances": 3})).await;
    assert_eq!(default["limits"]["memory_mib"]["limit"], 1024);
    assert_eq!(default["limits"]["vcpus"]["choice"], "unlimited");
    let blank = admin.patch("/quotas", &json!({"cluster": "fra1", "memory": ""})).await;
    assert_eq!((blank.status.as_u16(), &blank.json()["field"]), (400, &json!("memory")));
    let _not_hers = ann.patch("/quotas", &json!({"memory": "unlimited"})).await.expect_status(403);

    // Hers are used up; the next one is refused with what is missing.
    let job = eventually_creates(&ann, "user/ann", &new(cluster, "ann1.example.org", 768)).await;
    let _made = succeeded(&ann, &job).await;
    uses(&ann, "user/ann", "memory_mib", 768).await;
    uses(&ann, "user/ann", "open_jobs", 0).await;
    let more = new(cluster, "ann2.example.org", 512);
    let refused = ann.post("/instances", &more).await.expect_status(409);
    assert_eq!(refused.code(), "quota_exceeded");
    let exceeded = json!([{"resource": "memory_mib", "place": "cluster", "limit": 1024,
        "used": 768, "asked": 512, "missing": 256}]);
    assert_eq!(refused.json()["exceeded"], exceeded);
    let on_record = admin.get("/audit?q=action:quota.reserve").await.ok();
    assert_eq!(on_record["items"][0]["outcome"], "refused");

    // Limits of her own, where the default would be too little; the group's are the group's.
    let own =
        set(admin, json!({"cluster": "fra1", "persona": "user/ann", "memory": "1.25G"})).await;
    assert_eq!(own["limits"]["memory_mib"]["source"], "override");
    assert_eq!(own["limits"]["instances"]["source"], "default");
    let job = ann.post("/instances", &more).await.expect_status(202).ok();
    let _made = succeeded(&ann, &job).await;
    uses(&ann, "user/ann", "memory_mib", 1280).await;
    let job = eventually_creates(&ann, SHOP, &new(cluster, "shop1.example.org", 1024)).await;
    let _made = succeeded(&ann, &job).await;
    uses(&ann, SHOP, "memory_mib", 1024).await;
    let refused = create_as(&ann, SHOP, &new(cluster, "shop2.example.org", 1)).await;
    assert_eq!(refused.expect_status(409).json()["exceeded"][0]["missing"], 1);
    let mine = ann.get("/me/quotas").await.ok();
    let whose: Vec<&Value> =
        mine["items"].as_array().unwrap().iter().map(|q| &q["persona"]).collect();
    assert!(whose.contains(&&json!(SHOP)) && whose.contains(&&json!("user/ann")), "{mine:#}");

    // A job that fails gives it back.
    set(admin, json!({"cluster": "fra1", "persona": SHOP, "memory": "unlimited"})).await;
    let job = create_as(&ann, SHOP, &new(cluster, "huge.example.org", 1_000_000)).await;
    assert_eq!(ended(&ann, &job.expect_status(202).ok()).await["state"], "failed");
    uses(&ann, SHOP, "memory_mib", 1024).await;
    uses(&ann, SHOP, "instances", 1).await;

    // What is stopped on the command line counts no more; who starts it needs room again, operators don't.
    let down = |admin: Admin| {
        cluster.edit(|c| {
            let found = c.instances.values_mut().find(|i| i.name == "shop1.example.org").unwrap();
            found.admin = admin;
            if admin == Admin::Down {
                found.running_on = None;
            }
        });
    };
    down(Admin::Down);
    let _read = admin.post("/clusters/fra1/refresh", &json!({})).await.accepted().unwrap();
    uses(&ann, SHOP, "memory_mib", 0).await;
    set(admin, json!({"cluster": "fra1", "persona": SHOP, "memory": "512M"})).await;
    let start = "/clusters/fra1/instances/shop1.example.org/startup";
    let refused = ann.post(start, &json!({})).await.expect_status(409);
    assert_eq!(refused.json()["exceeded"][0]["missing"], 512);
    let job = admin.post(start, &json!({})).await.expect_status(202).ok();
    let _started = succeeded(admin, &job).await;
    uses(&ann, SHOP, "memory_mib", 1024).await;

    // Killed while a job waits at Ganeti: what it reserved stays reserved, and is settled once.
    set(admin, json!({"cluster": "fra1", "persona": "user/ann", "memory": "2G"})).await;
    cluster.pause_queue(true);
    let third = new(cluster, "ann3.example.org", 512);
    let job = ann.post("/instances", &third).await.expect_status(202).ok();
    uses(&ann, "user/ann", "memory_mib", 1792).await;
    // Killed before Ganeti's answer it would not be known for long whether Ganeti has it.
    let path = format!("/jobs/{}", job["id"].as_str().unwrap());
    eventually("Ganeti to have it", &ann, &path, |job| {
        let there = job["ganeti_jobs"].as_array().is_some_and(|jobs| !jobs.is_empty());
        if there { Ok(()) } else { Err(job.to_string()) }
    })
    .await;
    stage.stack.kill(Part::JobRunner, 0).await.unwrap();
    uses(&ann, "user/ann", "memory_mib", 1792).await;
    stage.stack.restart(Part::JobRunner, 0).await.unwrap();
    stage.cluster("fra1").pause_queue(false);
    let _made = succeeded(&ann, &job).await;
    uses(&ann, "user/ann", "memory_mib", 1792).await;
    uses(&ann, "user/ann", "instances", 3).await;
    let fourth = ann.post("/instances", &new(stage.cluster("fra1"), "ann4.example.org", 1)).await;
    assert_eq!(fourth.expect_status(409).json()["exceeded"][0]["resource"], "instances");
    told_by_its_slug(&stage).await;
}

/// Who hears of one cluster only hears of its quotas, and of owners of and rights on what was made there.
async fn told_by_its_slug(stage: &Stage) {
    for kind in ["quota", "owner", "grant"] {
        wait_for(kind, PATIENCE, async || {
            let all = stage.events.seen();
            let of_kind = |(subject, _): &&(String, Value)| subject.split('.').nth(4) == Some(kind);
            let mine: Vec<_> = all.iter().filter(of_kind).collect();
            for (subject, event) in &mine {
                let object = &event["data"]["object"];
                let object = if kind == "grant" { &object["object"] } else { object };
                let place = object["cluster"].as_str().unwrap_or("_");
                assert_eq!(subject.split('.').nth(3), Some(place), "{event}");
                assert_eq!(place == "_", object["cluster_id"].is_null(), "{event}");
            }
            if mine.len() > 1 { Ok(()) } else { Err(format!("{} events", mine.len())) }
        })
        .await;
    }
}

/// Creates, as soon as the right to do so has arrived.
async fn eventually_creates(api: &Api, persona: &str, body: &Value) -> Value {
    wait_for("the right to create", PATIENCE, async || {
        let answer = create_as(api, persona, body).await;
        if answer.status == 202 { Ok(answer.json()) } else { Err(answer.text) }
    })
    .await
}
