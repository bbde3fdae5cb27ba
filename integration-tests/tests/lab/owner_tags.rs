//! Owners as tags on real Ganeti: what `gnt-instance list-tags` says, switched on and off on the page of the
//! cluster's settings.

use std::time::Instant;

use gwm_testkit::wait_for;
use serde_json::{Value, json};

use crate::driver::Browser;
use crate::ganeti;
use crate::stage::{PATIENCE, Stage, eventually, wanted};

const CLUSTER: &str = "alpha";

/// What Ganeti's own command says, once it says this.
async fn until(name: &str, expected: &[String]) {
    let name = name.to_owned();
    wait_for("the tags on real Ganeti", PATIENCE, async || {
        let said = ganeti::run_beside(CLUSTER, &["gnt-instance", "list-tags", &name]).await;
        let mut tags: Vec<&str> = said.split_whitespace().collect();
        tags.sort_unstable();
        if tags == expected { Ok(()) } else { Err(said) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_are_tags_on_real_ganeti() {
    if !wanted() {
        return;
    }
    let begun = Instant::now();
    let say = |what: &str| eprintln!("{:6.1} s  {what}", begun.elapsed().as_secs_f64());
    let stage = Stage::start("lab-owner-tags", 1).await;
    let [one, two] = ["one", "two"].map(|n| format!("lab-tag-{n}.{CLUSTER}.lab.test"));
    ganeti::make(CLUSTER, &[one.clone(), two.clone()]).await;
    let state = format!("/clusters/{CLUSTER}/owner-tags");
    let prefix = stage.admin.get(&state).await.ok()["prefix"].as_str().unwrap().to_owned();
    let foreign = "gwm:elsewhere:owner:user/mallory".to_owned();
    let forged = format!("{prefix}user/mallory");
    ganeti::run_beside(CLUSTER, &["gnt-instance", "add-tags", &two, &foreign, &forged]).await;
    for name in [&one, &two] {
        let path = format!("/clusters/{CLUSTER}/instances/{name}");
        eventually("one made", &stage.admin, &path, |i| i["status"] == "ADMIN_down").await;
    }
    let user = json!({ "username": "carla", "password": "a password for tests" });
    let _created = stage.admin.post("/users", &user).await.ok();
    let own = async |owner: Value| {
        let path = format!("/clusters/{CLUSTER}/instances/{one}/owner");
        let _set = stage.admin.post(&path, &json!({ "owner": owner })).await.ok();
    };
    own(json!("carla")).await;
    say("two instances are made; one is carla's, the other one's tag says mallory");

    let browser = Browser::start(&stage.stack.url()).await;
    browser.sign_in("admin", "correct horse battery").await;
    let choose = async |mode: &str| {
        browser.goto(&format!("/clusters/{CLUSTER}/edit")).await;
        let choose = "document.querySelector('#owner_tags').value = arguments[0]; return true";
        browser.script(choose, vec![json!(mode)]).await.unwrap();
        browser.click("main .form-end button", "Save").await;
        let set = |seen: &Value| seen["mode"] == mode;
        eventually("the setting", &stage.admin, &state, set).await;
    };
    choose("write").await;
    let carlas = [format!("{prefix}user/carla")];
    until(&one, &carlas).await;
    until(&two, std::slice::from_ref(&foreign)).await;
    say("switched on: Ganeti says carla, mallory's is gone, the foreign one is there");
    let path = format!("/clusters/{CLUSTER}/instances/{two}");
    let seen = stage.admin.get(&path).await.ok();
    assert_eq!(seen["owner"], Value::Null, "nothing is believed: {seen:#}");
    browser.goto(&format!("/jobs?q=cluster:{CLUSTER}+kind:owner_tag")).await;
    browser.see("tbody td", "gwm itself").await;

    own(Value::Null).await;
    until(&one, &[]).await;
    own(json!("carla")).await;
    until(&one, &carlas).await;
    say("nobody's, and carla's again");
    choose("remove").await;
    until(&one, &[]).await;
    until(&two, &[foreign]).await;
    // The page says what was read last, and that is a moment older than what Ganeti says.
    eventually("the taking away to be read", &stage.admin, &state, |s| s["tagged"] == 0).await;
    browser.goto(&format!("/clusters/{CLUSTER}/edit")).await;
    browser.see("main form", "Now 0 instances have one").await;
    say("taken away; the foreign one is still there");
    let jobs = stage.admin.get("/jobs?q=kind:owner_tag").await.ok();
    for job in jobs["items"].as_array().unwrap() {
        assert_eq!(job["state"], "succeeded", "{job:#}");
        ganeti::has_one_of(CLUSTER, job);
    }
    browser.quit().await;
}
