//! Instances that were there before gwm get their owners by a list, and the rights on one that is made anew
//! are offered, not taken.

use std::collections::BTreeSet;

use gwm_integration_tests::{Api, EventStream, Options, Stack};
use gwm_rapi_sim::{ClusterConfig, Outside, Sim, SimConfig};
use gwm_testkit::wait_for;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, eventually};

async fn stage(name: &str, instances: usize) -> Stage {
    let cluster =
        ClusterConfig { name: "fra1.example.org".to_owned(), instances, ..Default::default() };
    let sim = Sim::start(SimConfig { clusters: vec![cluster], admin: None }).await.unwrap();
    let stack = Stack::start(Options::test(name)).await.unwrap_or_else(|error| panic!("{error:#}"));
    let events = stack.integrator().await.unwrap();
    let admin = stack.admin().await.unwrap();
    stack.add_sim(&admin, "fra1", sim.cluster("fra1.example.org")).await.unwrap();
    Stage { admin, events, stack, sim }
}

async fn names(api: &Api, path: &str) -> BTreeSet<String> {
    let list = api.get(path).await.ok();
    let items = list["items"].as_array().unwrap().iter();
    items.map(|i| i["name"].as_str().unwrap().to_owned()).collect()
}

fn total(wanted: u64) -> impl Fn(&Value) -> Result<(), String> {
    move |list| if list["total"] == wanted { Ok(()) } else { Err(list["total"].to_string()) }
}

fn codes(run: &Value) -> Vec<&str> {
    let lines = run["lines"].as_array().unwrap().iter();
    lines.map(|l| l["code"].as_str().or(l["outcome"].as_str()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_adopted_by_a_list_are_what_the_customer_sees() {
    let stage = stage("story-owner", 40).await;
    let admin = &stage.admin;
    let customer = stage.user("carla").await;
    let all: Vec<String> = names(admin, "/instances?limit=200").await.into_iter().collect();
    assert_eq!(all.len(), 40);
    let line = |name: &str| format!("fra1,{name},carla,power\n");
    let good: String = all[..30].iter().map(|name| line(name)).collect();

    // What is wrong is said line by line, and nothing is done.
    let bad = format!(
        "cluster,instance,owner,role\n{}nowhere,{},carla\nfra1,nothing,carla\nfra1,{},nobody\nfra1,{},carla,root\n{}fra1,x\n",
        line(&all[0]),
        all[1],
        all[2],
        all[3],
        line(&all[0]),
    );
    let adopt = "/imports/orphans/adopt";
    let run = admin.post(adopt, &json!({"csv": bad, "confirm": true})).await.ok();
    let wanted = [
        "set",
        "unknown_cluster",
        "unknown_instance",
        "unknown_user",
        "bad_role",
        "twice",
        "bad_line",
    ];
    assert_eq!(codes(&run), wanted, "{run:#}");
    assert_eq!((&run["done"], &run["run_id"]), (&json!(false), &Value::Null));
    let dry = admin.post(adopt, &json!({"csv": good})).await.ok();
    assert_eq!((&dry["done"], &dry["changed"]), (&json!(false), &json!(30)));
    assert_eq!(admin.get("/imports/orphans").await.ok()["total"], 40);
    assert_eq!(customer.get("/instances").await.ok()["total"], 0);
    let _no = customer.post(adopt, &json!({"csv": good, "confirm": true})).await.expect_status(403);
    let long = admin.post(adopt, &json!({"csv": "fra1,x,carla\n".repeat(10_001)})).await;
    assert_eq!((long.status.as_u16(), &*long.json()["field"].to_string()), (400, "\"csv\""));

    let run = admin.post(adopt, &json!({"csv": good, "confirm": true})).await.ok();
    assert_eq!((&run["done"], &run["changed"]), (&json!(true), &json!(30)), "{run:#}");
    let again = admin.post(adopt, &json!({"csv": good, "confirm": true})).await.ok();
    assert_eq!(codes(&again), ["same"; 30]);

    // Exactly those: list, total, stream, search by owner, and what is left over.
    let mine: BTreeSet<String> = all[..30].iter().cloned().collect();
    eventually("the rights to arrive", &customer, "/instances?limit=200", total(30)).await;
    assert_eq!(names(&customer, "/instances?limit=200").await, mine);
    eventually("the owners to arrive", admin, "/instances?q=owner:carla", total(30)).await;
    assert_eq!(names(&customer, "/instances?limit=200&q=owner:carla").await, mine);
    assert_eq!(admin.get("/imports/orphans").await.ok()["total"], 10);
    assert_eq!(admin.get("/instances?q=-owner:*").await.ok()["total"], 10);
    assert_eq!(customer.get("/instances?q=owner:none").await.ok()["total"], 0);
    let ndjson =
        customer.request(Method::GET, "/instances").header("accept", "application/x-ndjson");
    let text = customer.send(ndjson).await.text;
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.last().unwrap(), &json!({"end": true, "count": 30}));
    let streamed = lines[..30].iter().map(|l| l["name"].as_str().unwrap().to_owned());
    assert_eq!(streamed.collect::<BTreeSet<_>>(), mine);
    assert!(lines[..30].iter().all(|l| l["owner"] == "user/carla"));

    // Events: integrators hear of all owners, the customer of what is hers only.
    wait_for("the events", PATIENCE, async || {
        let events = stage.events.seen();
        let count = |kind: &str, path: &str| {
            let of = |e: &Value| e["type"] == format!("org.ganeti.gwm.{kind}.v1").as_str();
            let owned = |e: &Value| e.pointer(path) == Some(&json!("user/carla"));
            events.iter().filter(|(_, e)| of(e) && owned(e)).count()
        };
        let told = (
            count("owner.changed", "/data/object/owner"),
            count("instance.changed", "/data/object/owner"),
        );
        if told == (30, 30) { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
    let mut sse = EventStream::open(&customer, None).await.unwrap();
    assert_eq!(sse.next().await.unwrap().name, "hello");
    for name in [&all[35], &all[5]] {
        let (instance, add) = (name.clone(), vec!["seen".to_owned()]);
        let tag = Outside::Tag { instance, add, remove: Vec::new() };
        stage.cluster("fra1").outside(tag).await.unwrap();
    }
    let seen = sse.find(|event| event.name == "message").await.unwrap();
    assert_eq!(seen.data["data"]["object"]["name"], all[5].as_str(), "{:#}", seen.data);
    assert_eq!(seen.data["data"]["object"]["owner"], "user/carla");

    // A change of owner: the former one's rights end if that is asked for.
    let _dora = stage.user("dora").await;
    let path = format!("/clusters/fra1/instances/{}/owner", all[0]);
    let refused = admin.post(&path, &json!({"owner": "nobody"})).await.expect_status(400);
    assert_eq!(refused.code(), "unknown_user");
    let change = json!({"owner": "dora", "role": "view", "former_grants": "remove"});
    let changed = admin.post(&path, &change).await.ok();
    assert_eq!(changed, json!({"changed": true, "former_owner": "user/carla"}));
    eventually("carla to lose it", &customer, "/instances", total(29)).await;
    let _hidden = customer.post(&path, &change).await.expect_status(404);

    // The same by pages, without scripts: look first, then confirm.
    let page = async |path: &str, fields: &[(&str, &str)]| {
        let request = admin.raw(Method::POST, path).form(&fields);
        admin.send(request).await
    };
    let uuid = admin.get(&format!("/clusters/fra1/instances/{}", all[31])).await.ok();
    let boxed = format!("fra1/{}", uuid["uuid"].as_str().unwrap());
    let fields =
        [("which", "selection"), ("instance", &boxed), ("owner", "carla"), ("role", "admin")];
    let look = page("/imports/orphans/adopt", &fields).await;
    assert!(look.text.contains("1 instance would be adopted"), "{}", look.text);
    assert_eq!(admin.get("/imports/orphans").await.ok()["total"], 10);
    let csv = format!("cluster,instance,owner,role\nfra1,{},carla,admin\n", all[31]);
    let fields = [("which", "csv"), ("confirm", "yes"), ("source", "selection"), ("csv", &csv)];
    let done = page("/imports/orphans/adopt", &fields).await;
    assert!(done.text.contains("1 instance adopted"), "{}", done.text);
    eventually("one more", &customer, "/instances", total(30)).await;
    eventually("one less", admin, "/imports/orphans", total(9)).await;
    for path in ["/imports/orphans", "/imports/missing"] {
        let hidden = customer.send(customer.raw(Method::GET, path)).await;
        assert_eq!(hidden.status, 404, "{path}");
        let shown = admin.send(admin.raw(Method::GET, path)).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_wait_for_one_made_anew_and_for_a_cluster_that_comes_back() {
    let stage = stage("story-anew", 8).await;
    let admin = &stage.admin;
    let customer = stage.user("carla").await;
    let name = stage.running("fra1");
    let csv = format!("fra1,{name},carla,power\n");
    let _run =
        admin.post("/imports/orphans/adopt", &json!({"csv": csv, "confirm": true})).await.ok();
    eventually("it to be hers", &customer, "/instances?q=owner:carla", total(1)).await;

    let written = json!({"text": "Ask carla before a reboot."});
    let notes = format!("/clusters/fra1/instances/{name}/notes");
    let _written = admin.post(&notes, &written).await.ok();

    // Removed, and another one made under its name: nothing of that goes over by itself.
    stage.cluster("fra1").outside(Outside::Recreate { instance: name.clone() }).await.unwrap();
    let gone = eventually("it to be gone", admin, "/imports/missing", |list| {
        let one = &list["items"][0];
        let told = one["successor_uuid"].is_string() && one["owner"] == "user/carla";
        if told { Ok(()) } else { Err(list.to_string()) }
    })
    .await["items"][0]
        .clone();
    assert_eq!((&gone["state"], &gone["name"]), (&json!("removed"), &json!(name)));
    assert_eq!(gone["notes"], json!(true));
    assert_eq!(gone["grants"], json!([{"persona": "user/carla", "role": "power"}]));
    eventually("her list to be empty", &customer, "/instances", total(0)).await;
    let path = format!("/clusters/fra1/instances/{name}");
    let page = admin.send(admin.raw(Method::GET, &path)).await;
    assert!(page.text.contains("Another instance had this name before"), "{}", page.text);
    let restore = json!({"from": gone["uuid"], "to": gone["successor_uuid"]});
    let _no = customer.post("/imports/missing/restore", &restore).await.expect_status(403);
    let back = json!({"from": gone["uuid"], "to": gone["uuid"]});
    let _nor = admin.post("/imports/missing/restore", &back).await.expect_status(404);
    let done = admin.post("/imports/missing/restore", &restore).await.ok();
    assert_eq!(done, json!({"grants": 1, "owner": "user/carla", "notes": "restored"}));
    let anew = admin.get(&format!("/clusters/fra1/instances/{name}")).await.ok();
    assert_eq!(anew["notes"]["text"], written["text"], "{anew}");
    eventually("the new one to be hers", &customer, "/instances?q=owner:carla", total(1)).await;
    let again = admin.post("/imports/missing/restore", &restore).await;
    assert_eq!(again.status, 404, "{}", again.text);

    // The cluster is removed from gwm and added again: she has what she had.
    let before = admin.get("/clusters/fra1").await.ok();
    let _removed = admin.delete("/clusters/fra1").await.expect_status(204);
    eventually("nothing to be there", &customer, "/clusters", total(0)).await;
    eventually("it to be kept", admin, "/imports/missing?q=kind:cluster", total(1)).await;
    stage.stack.add_sim(admin, "fra1", stage.cluster("fra1")).await.unwrap();
    let after = admin.get("/clusters/fra1").await.ok();
    assert_eq!(before["id"], after["id"]);
    eventually("it to be hers again", &customer, "/instances?q=owner:carla", total(1)).await;

    // What is forgotten now does not come back.
    stage.cluster("fra1").outside(Outside::Remove { instance: name.clone() }).await.unwrap();
    let uuid = &gone["successor_uuid"];
    let q = format!("/imports/missing?q=uuid:{}", uuid.as_str().unwrap());
    let row = eventually("it to be gone too", admin, &q, total(1)).await["items"][0].clone();
    let purge = json!({"kind": "instance", "cluster_id": row["cluster_id"], "uuid": uuid});
    // By its page, without scripts: a question first, and then it is done.
    let mut fields = vec![("persona", ""), ("question", "Forget it?"), ("kind", "instance")];
    fields.push(("cluster_id", row["cluster_id"].as_str().unwrap()));
    fields.push(("uuid", uuid.as_str().unwrap()));
    let request =
        |fields: &[(&str, &str)]| admin.raw(Method::POST, "/imports/missing/purge").form(fields);
    let asked = admin.send(request(&fields)).await.expect_status(200);
    assert!(asked.text.contains("Forget it?"), "{}", asked.text);
    fields.push(("sure", "yes"));
    let done = admin.send(request(&fields)).await;
    assert!([200, 303].contains(&done.status.as_u16()), "{} {}", done.status, done.text);
    let _again = admin.post("/imports/missing/purge", &purge).await.expect_status(404);
    eventually("nothing to be kept", admin, &q, total(0)).await;
}
