//! Somebody acts as a group: by REST with a header, on pages by the switch in their head.

use gwm_integration_tests::{Answer, Api, Options};
use gwm_testkit::wait_for;
use reqwest::Method;
use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, succeeded};

const SHOP: &str = "group/shop";

/// A request of somebody as a persona.
async fn ask(api: &Api, persona: &str, method: Method, path: &str, body: &Value) -> Answer {
    api.send(api.request(method, path).header("Gwm-Act-As", persona).json(body)).await
}

fn new(stage: &Stage, name: &str) -> Value {
    let os = stage.cluster("fra1").look(|c| c.instances.values().next().unwrap().os.clone());
    json!({"cluster": "fra1", "name": name, "os": os, "disk_template": "plain",
           "disks": [{"size_mib": 512}], "memory_mib": 128, "vcpus": 1})
}

/// The cookies that an answer sets, as a browser sends them with the session's.
fn cookies(api: &Api, answer: &Answer) -> String {
    let set = answer.headers.get_all(SET_COOKIE).iter();
    let pairs = set.filter_map(|value| value.to_str().ok()?.split(';').next());
    let own = api.cookie().unwrap();
    std::iter::once(own).chain(pairs).collect::<Vec<_>>().join("; ")
}

/// A page as a browser asks for it that was given these cookies.
async fn page(api: &Api, cookies: &str, path: &str) -> Answer {
    let mut request = api.raw(Method::GET, path).build().unwrap();
    request.headers_mut().insert(COOKIE, cookies.parse().unwrap());
    let client = reqwest::Client::new();
    api.send(reqwest::RequestBuilder::from_parts(client, request)).await
}

/// A form as a browser sends it that was given these cookies.
async fn form(api: &Api, cookies: &str, path: &str, body: &str) -> Answer {
    let mut request = api
        .raw(Method::POST, path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.to_owned())
        .build()
        .unwrap();
    request.headers_mut().insert(COOKIE, cookies.parse().unwrap());
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let client = client.build().unwrap();
    api.send(reqwest::RequestBuilder::from_parts(client, request)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_creates_as_the_group_and_no_more_once_they_left() {
    let stage = Stage::start(Options::test("story-personas"), &["fra1", "ams1"]).await;
    let (admin, ann) = (&stage.admin, stage.user("ann").await);
    for group in ["shop", "ops"] {
        let _made = admin.post("/groups", &json!({"name": group})).await.expect_status(201);
    }
    let member = admin.request(Method::PUT, "/groups/shop/members/ann");
    let _in = admin.send(member.json(&json!({"is_admin": false}))).await.ok();
    let right = json!({"persona": SHOP, "role": "create_vm", "cluster": "fra1"});
    let _given = admin.post("/grants", &right).await.expect_status(201);

    // By REST: what the group holds counts only where she acts as the group.
    let me = wait_for("ann to belong to the group", PATIENCE, async || {
        let me = ask(&ann, SHOP, Method::GET, "/me", &Value::Null).await;
        if me.status == 200 { Ok(me.json()) } else { Err(me.text) }
    })
    .await;
    assert_eq!((&me["acting_as"], &me["personas"]), (&json!(SHOP), &json!(["user/ann", SHOP])));
    let refused = ann.post("/instances", &new(&stage, "own.example.org")).await;
    assert_eq!((refused.status.as_u16(), &*refused.code()), (403, "permission_denied"));
    let stranger = ask(&ann, "group/ops", Method::GET, "/me", &Value::Null).await;
    assert_eq!((stranger.status.as_u16(), &*stranger.code()), (403, "not_a_member"));
    let bad = ask(&ann, "nobody at all", Method::GET, "/me", &Value::Null).await;
    assert_eq!((bad.status.as_u16(), &bad.json()["field"]), (400, &json!("Gwm-Act-As")));
    let options = "/clusters/fra1/create-options";
    let _hidden = ann.get(options).await.expect_status(403);
    let offered = ask(&ann, SHOP, Method::GET, options, &Value::Null).await.ok();
    assert!(!offered["oses"].as_array().unwrap().is_empty(), "{offered}");
    // It shows what there is to choose from, never others' instances.
    assert_eq!(ask(&ann, SHOP, Method::GET, "/instances", &Value::Null).await.ok()["total"], 0);

    let name = "shop1.example.org";
    let elsewhere = json!({"hvparams": {"kernel_path": "/etc/shadow"}});
    let mut beyond = new(&stage, name);
    beyond.as_object_mut().unwrap().extend(elsewhere.as_object().unwrap().clone());
    let refused = ask(&ann, SHOP, Method::POST, "/instances", &beyond).await;
    assert_eq!((refused.status.as_u16(), &*refused.code()), (403, "permission_denied"));
    let job = ask(&ann, SHOP, Method::POST, "/instances", &new(&stage, name)).await;
    let job = succeeded(&ann, &job.expect_status(202).ok()).await;
    assert_eq!((&job["requested_by"], &job["acting_as"]), (&json!("ann"), &json!(SHOP)));
    let path = format!("/clusters/fra1/instances/{name}");
    let made = wait_for("the owner", PATIENCE, async || {
        let seen = ann.get(&path).await;
        if seen.json()["owner"] == SHOP { Ok(seen.json()) } else { Err(seen.text) }
    })
    .await;
    let log = admin.get(&format!("/audit?q=uuid:{}", made["uuid"].as_str().unwrap())).await.ok();
    let by: Vec<&Value> = log["items"].as_array().unwrap().iter().map(|r| &r["person"]).collect();
    assert!(by.iter().any(|p| p["username"] == "ann" && p["acting_as"] == SHOP), "{log:#}");
    let refusals = admin.get("/audit?q=action:session.act_as").await.ok();
    assert_eq!(refusals["items"][0]["outcome"], "refused", "{refusals:#}");

    on_pages(&stage, &ann).await;

    // She leaves: from then on she can't act as it, and her pages are her own.
    let _gone = admin.delete("/groups/shop/members/ann").await.expect_status(204);
    wait_for("the group to be refused", PATIENCE, async || {
        let me = ask(&ann, SHOP, Method::GET, "/me", &Value::Null).await;
        if me.code() == "not_a_member" { Ok(()) } else { Err(me.text) }
    })
    .await;
    let refused = ask(&ann, SHOP, Method::POST, "/instances", &new(&stage, "b.example.org")).await;
    assert_eq!(refused.code(), "not_a_member", "{}", refused.text);
    assert_eq!(ann.get("/me").await.ok()["acting_as"], "user/ann");
}

async fn on_pages(stage: &Stage, ann: &Api) {
    let own = ann.cookie().unwrap().to_owned();
    let overview = page(ann, &own, "/").await;
    assert!(overview.text.contains("shop (group)"), "she is offered what she may act as");
    let _alone = page(ann, &own, "/instances/new").await.expect_status(403);
    let switched = form(ann, &own, "/session/persona", "persona=group%2Fshop").await;
    let shop = cookies(ann, &switched.expect_status(303));
    let create = page(ann, &shop, "/instances/new").await.expect_status(200).text;
    assert!(create.contains("owned by group/shop"), "{create}");
    assert!(create.contains(r#"value="fra1""#) && !create.contains(r#"value="ams1""#), "{create}");
    // The session acts as it wherever it is used without saying more.
    let typed =
        "persona=&cluster=fra1&name=typed.example.org&memory=1G&vcpus=1&disk_template=plain";
    let changed = form(ann, &shop, "/instances/new", typed).await.expect_status(409);
    assert!(changed.text.contains(r#"data-code="persona_changed""#), "{}", changed.text);
    let back = format!("{}; {}", shop, cookies(ann, &changed).replace(&own, ""));
    let back = page(ann, &back.replace("; ; ", "; "), "/instances/new").await.expect_status(200);
    assert!(back.text.contains("typed.example.org"), "what was typed is lost: {}", back.text);
    let jobs = stage.admin.get("/jobs?q=name:typed.example.org").await.ok();
    assert_eq!(jobs["total"], 0, "nothing was done: {jobs}");
}
