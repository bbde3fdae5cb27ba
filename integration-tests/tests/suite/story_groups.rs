//! A group shares an instance among people, by REST alone.

use gwm_integration_tests::{EventStream, Options};
use gwm_testkit::wait_for;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, moving_picture, open, pass, succeeded};

#[tokio::test(flavor = "multi_thread")]
async fn a_group_shares_an_instance_until_somebody_leaves_it() {
    let stage = Stage::start(Options::test("story-groups"), &["fra1"]).await;
    let (admin, name) = (&stage.admin, stage.running("fra1"));
    let (ann, bob) = (stage.user("ann").await, stage.user("bob").await);
    let made = json!({"name": "shop", "description": "Runs the web shop"});
    let _made = admin.post("/groups", &made).await.expect_status(201).ok();
    let refused = admin.post("/groups", &made).await.expect_status(409);
    assert_eq!(refused.json()["code"], "group_exists");
    let member = "/groups/shop/members/ann";
    let put = |api: &gwm_integration_tests::Api, path: &str, is_admin: bool| {
        api.request(Method::PUT, path).json(&json!({"is_admin": is_admin}))
    };
    let _added = admin.send(put(admin, member, true)).await.ok();

    // Owned by the group, which may do everything to it.
    let path = format!("/clusters/fra1/instances/{name}");
    let own = json!({"owner": "group/shop", "role": "admin"});
    let _owned = admin.post(&format!("{path}/owner"), &own).await.ok();
    let mut sse = wait_for("ann to see it", PATIENCE, async || {
        let seen = ann.get("/instances?q=owner:group/shop").await;
        if seen.json()["total"] != 1 {
            return Err(seen.text);
        }
        EventStream::open(&ann, None).await.map_err(|error| format!("{error:#}"))
    })
    .await;
    let job = ann.post(&format!("{path}/reboot"), &json!({})).await.expect_status(202).ok();
    let _done = succeeded(&ann, &job).await;
    assert_eq!(sse.next().await.unwrap().name, "hello");

    // Who administers it chooses its members; others don't even see it.
    let _hidden = bob.get("/groups/shop").await.expect_status(404);
    let _added = ann.send(put(&ann, "/groups/shop/members/bob", false)).await.ok();
    wait_for("bob to see it", PATIENCE, async || {
        let seen = bob.get(&path).await;
        if seen.status == 200 { Ok(()) } else { Err(seen.text) }
    })
    .await;
    let people = bob.get("/groups/shop").await.ok()["people"].clone();
    let names: Vec<&Value> = people.as_array().unwrap().iter().map(|p| &p["username"]).collect();
    assert_eq!(names, ["ann", "bob"]);
    let _refused = bob.send(put(&bob, "/groups/shop/members/bob", true)).await.expect_status(403);
    let held = bob.get("/grants?group=shop").await.ok();
    assert_eq!(held["items"][0]["persona"], "group/shop");
    assert_eq!(held["items"][0]["username"], Value::Null);

    // Taken out: the console closes and the instance is hidden, for bob and not for ann.
    let mut console = open(&pass(&bob, "fra1", &name).await, &stage.stack.url()).await.unwrap();
    moving_picture(&mut console).await;
    let _gone = ann.delete("/groups/shop/members/bob").await.expect_status(204);
    let closed = tokio::time::timeout(PATIENCE, console.closed).await;
    let (code, reason) = closed.expect("the console ends when its right does").unwrap();
    eprintln!("console closed with {code:?} {reason:?}");
    wait_for("the instance to be hidden again", PATIENCE, async || {
        let seen = bob.get(&path).await;
        if seen.status == 404 { Ok(()) } else { Err(seen.text) }
    })
    .await;
    let _still = ann.get(&path).await.ok();

    // It owns something, so it stays; then it goes, and the log tells all of it.
    let refused = admin.delete("/groups/shop").await;
    assert_eq!(refused.json()["code"], "group_owns_instances", "{}", refused.text);
    let nobody = json!({"owner": null, "former_grants": "remove"});
    let _freed = admin.post(&format!("{path}/owner"), &nobody).await.ok();
    let _gone = admin.delete("/groups/shop").await.expect_status(204);
    let log = admin.get("/audit?q=kind:group").await.ok();
    let actions: Vec<&str> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["action"].as_str().unwrap())
        .collect();
    let told = ["group.create", "group.set_member", "group.remove_member", "group.delete"];
    assert!(told.iter().all(|action| actions.contains(action)), "{actions:?}");
}
