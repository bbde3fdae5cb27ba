//! The operator opens a shop to somebody new: a group, a role, a quota and an invite; all by REST alone, and the log and
//! the event stream tell all of it.

use gwm_integration_tests::{Answer, Api, EventStream, Options};
use gwm_testkit::wait_for;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, eventually, moving_picture, open, pass, succeeded};

const SHOP: &str = "group/shop";
const PASSWORD: &str = "a mill by the brook";

async fn create(api: &Api, body: &Value) -> Answer {
    let request = api.request(Method::POST, "/instances").header("Gwm-Act-As", SHOP);
    api.send(request.json(body)).await
}

/// What has to be there before anybody comes; yields the invite's code.
async fn prepare(admin: &Api) -> String {
    let group = json!({"name": "shop", "description": "Runs the web shop"});
    let _made = admin.post("/groups", &group).await.expect_status(201);
    let role =
        json!({"name": "maker", "description": "Makes machines", "permissions": ["create_vm"]});
    let _made = admin.post("/roles", &role).await.expect_status(201);
    let right = json!({"persona": SHOP, "role": "maker", "cluster": "fra1"});
    let _given = admin.post("/grants", &right).await.expect_status(201);
    let quota = json!({"cluster": "fra1", "persona": SHOP, "memory": "1G", "instances": 2});
    let _set = admin.patch("/quotas", &quota).await.ok();
    let invite = json!({"username": "ann", "valid_hours": 24});
    let invite = admin.post("/invites", &invite).await.expect_status(201).ok();
    invite["code"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_invited_makes_a_machine_for_a_group_until_taken_out_of_it() {
    let stage = Stage::start(Options::test("story-operator"), &["fra1", "ams1"]).await;
    let admin = &stage.admin;
    let code = prepare(admin).await;
    let taken = json!({"code": code, "username": "ann", "password": PASSWORD});
    let _account =
        stage.stack.anonymous().post("/invites/redeem", &taken).await.accepted().unwrap();
    let ann = stage.stack.anonymous().login("ann", PASSWORD).await.unwrap();
    for path in ["/instances", "/clusters", "/jobs"] {
        assert_eq!(ann.get(path).await.ok()["total"], 0, "{path}");
    }

    // A member: the cluster is there to be chosen, and nobody's machines are.
    let member = admin.request(Method::PUT, "/groups/shop/members/ann");
    let _in = admin.send(member.json(&json!({"is_admin": false}))).await.ok();
    let _ready = wait_for("ann to act as the group", PATIENCE, async || {
        let request = ann.request(Method::GET, "/clusters/fra1/create-options");
        let seen = ann.send(request.header("Gwm-Act-As", SHOP)).await;
        if seen.status == 200 { Ok(seen) } else { Err(seen.text) }
    })
    .await;
    assert_eq!(ann.get("/instances").await.ok()["total"], 0);
    let _elsewhere = ann.get("/clusters/ams1").await.expect_status(404);

    // One fits, the next one lacks something, and says how much.
    let os = stage.cluster("fra1").look(|c| c.instances.values().next().unwrap().os.clone());
    let new = |name: &str, memory_mib: u64| {
        json!({"cluster": "fra1", "name": name, "os": os, "disk_template": "plain",
               "disks": [{"size_mib": 512}], "memory_mib": memory_mib, "vcpus": 1})
    };
    let name = "shop1.example.org";
    let job = create(&ann, &new(name, 768)).await.expect_status(202).ok();
    let job = succeeded(&ann, &job).await;
    assert_eq!((&job["requested_by"], &job["acting_as"]), (&json!("ann"), &json!(SHOP)));
    let seen = eventually("hers and no other", &ann, "/instances", |list| {
        if list["total"] == 1 { Ok(()) } else { Err(list.to_string()) }
    })
    .await;
    assert_eq!(seen["items"][0]["name"], name);
    assert_eq!(seen["items"][0]["owner"], SHOP);
    let uuid = seen["items"][0]["uuid"].as_str().unwrap().to_owned();
    let refused = create(&ann, &new("shop2.example.org", 512)).await.expect_status(409);
    assert_eq!(refused.code(), "quota_exceeded");
    assert_eq!(refused.json()["exceeded"][0]["missing"], 256, "{}", refused.text);

    // What she has open ends with her membership: the console, the page, the stream's news of it.
    let mut console = open(&pass(&ann, "fra1", name).await, &stage.stack.url()).await.unwrap();
    moving_picture(&mut console).await;
    let mut sse = EventStream::open(&ann, None).await.unwrap();
    assert_eq!(sse.next().await.unwrap().name, "hello");
    let _out = admin.delete("/groups/shop/members/ann").await.expect_status(204);
    let closed = tokio::time::timeout(PATIENCE, console.closed).await;
    let (code, reason) = closed.expect("the console ends with her membership").unwrap();
    eprintln!("console closed with {code:?} {reason:?}");
    let told = tokio::time::timeout(PATIENCE, sse.find(|event| event.name == "access")).await;
    assert!(told.is_ok_and(|event| event.is_ok()), "her pages are told to look again");
    let path = format!("/clusters/fra1/instances/{name}");
    wait_for("her page to be gone", PATIENCE, async || {
        let seen = ann.get(&path).await;
        if seen.status == 404 { Ok(()) } else { Err(seen.text) }
    })
    .await;
    // On record as soon as the gateway has heard of it too: before that the job service refuses it alone.
    wait_for("the group to be refused", PATIENCE, async || {
        let refused = create(&ann, &new("shop3.example.org", 1)).await;
        let log = admin.get("/audit?q=action:session.act_as%20outcome:refused").await.ok();
        if refused.code() == "not_a_member" && log["total"] != 0 {
            return Ok(());
        }
        Err(format!("{} {}", refused.text, log["total"]))
    })
    .await;

    the_log_tells_it(admin, &uuid).await;
    the_events_tell_it(&stage, &uuid).await;
}

/// On the machine, on her, and on what was made for her.
async fn the_log_tells_it(admin: &Api, uuid: &str) {
    let actions = async |q: &str, outcome: &str, wanted: &[&str]| {
        let path = format!("/audit?limit=200&q={q}%20outcome:{outcome}");
        eventually(q, admin, &path, |log| {
            let items = log["items"].as_array().unwrap();
            let has = |wanted: &&&str| items.iter().any(|record| record["action"] == **wanted);
            let missing: Vec<_> = wanted.iter().filter(|wanted| !has(wanted)).collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} not in {log:#}")) }
        })
        .await
    };
    let on_it = format!("uuid:{uuid}");
    let on_it = actions(&on_it, "succeeded", &["instance.create", "console.open"]).await;
    let by_ann = |record: &Value| {
        record["person"]["username"] == "ann" && record["person"]["acting_as"] == SHOP
    };
    assert!(on_it["items"].as_array().unwrap().iter().any(by_ann), "{on_it:#}");
    let _hers =
        actions("actor:ann", "succeeded", &["invite.redeem", "session.start", "console.open"])
            .await;
    let _refused = actions("actor:ann", "refused", &["quota.reserve", "session.act_as"]).await;
    let made = ["group.create", "role.create", "quota.set", "invite.create", "group.set_member"];
    let _made = actions("actor:admin", "succeeded", &made).await;
    let _out = actions("kind:group", "succeeded", &["group.remove_member"]).await;
}

async fn the_events_tell_it(stage: &Stage, uuid: &str) {
    let wanted = [
        ("access", "group", "created"),
        ("access", "role", "created"),
        ("access", "quota", "changed"),
        ("access", "group", "changed"),
        ("inventory", "instance", "created"),
        ("console", "console", "opened"),
        ("console", "console", "closed"),
        ("audit", "record", "appended"),
    ];
    wait_for("the events of all this", PATIENCE, async || {
        let seen = stage.events.seen();
        let subjects: Vec<Vec<&str>> =
            seen.iter().map(|(subject, _)| subject.split('.').collect()).collect();
        let has = |class: &str, kind: &str, event: &str| {
            subjects.iter().any(|s| s[2] == class && s[4] == kind && s[6] == event)
        };
        let missing: Vec<_> = wanted.iter().filter(|(c, k, e)| !has(c, k, e)).collect();
        let made = subjects.iter().any(|s| s[4] == "instance" && s[5] == uuid);
        if missing.is_empty() && made {
            return Ok(());
        }
        let all: std::collections::BTreeSet<_> =
            subjects.iter().map(|s| [s[2], s[4], s[6]].join(" ")).collect();
        Err(format!("{missing:?} not in {all:?}"))
    })
    .await;
}
