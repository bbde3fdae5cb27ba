//! Instances that were there before gwm get their owner by a list, in a browser, and what becomes of the
//! rights when one of them is removed and made anew.

use std::collections::BTreeSet;
use std::time::Instant;

use gwm_integration_tests::Api;
use serde_json::{Value, json};

use crate::driver::Browser;
use crate::ganeti;
use crate::stage::{CLUSTERS, Stage, eventually, wanted};

const PASSWORD: &str = "a password for tests";

#[tokio::test(flavor = "multi_thread")]
async fn thirty_on_real_ganeti_are_adopted_by_a_list() {
    if !wanted() {
        return;
    }
    let begun = Instant::now();
    let say = |what: &str| eprintln!("{:6.1} s  {what}", begun.elapsed().as_secs_f64());
    let stage = Stage::start("lab-adoption", 1).await;
    let mut ours = BTreeSet::new();
    for cluster in CLUSTERS {
        let names: Vec<String> =
            (1..=15).map(|n| format!("lab-adopt-{n:02}.{cluster}.lab.test")).collect();
        ganeti::make(cluster, &names).await;
        ours.extend(names);
    }
    say("30 instances are made on Ganeti's command line");
    let orphans = "/imports/orphans?limit=200&q=name:lab-adopt*";
    let _seen = eventually("30 orphans", &stage.admin, orphans, |seen| seen["total"] == 30).await;
    say("gwm has found them by itself");
    let user = json!({ "username": "carla", "password": PASSWORD });
    let _created = stage.admin.post("/users", &user).await.ok();
    let carla = stage.stack.anonymous().login("carla", PASSWORD).await.unwrap();

    let lines = |names: &BTreeSet<String>| -> String {
        let line = |name: &String| {
            let cluster = name.split('.').nth(1).unwrap();
            format!("{cluster},{name},carla,power\n")
        };
        names.iter().map(line).collect()
    };
    let browser = Browser::start(&stage.stack.url()).await;
    browser.sign_in("admin", "correct horse battery").await;
    // One wrong line, and nothing is done; the list is there to be corrected.
    browser.goto("/imports/orphans").await;
    browser
        .fill("#csv", &format!("{}beta,lab-adopt-01.alpha.lab.test,carla\n", lines(&ours)))
        .await;
    browser.click("section ~ * button, form button", "Look at these lines").await;
    browser.see("main", "Nothing was done. Correct the lines").await;
    browser.fill("#csv", &lines(&ours)).await;
    browser.click("button", "Look at these lines").await;
    browser.see("main", "30 instances would be adopted").await;
    assert_eq!(names(&carla).await, BTreeSet::new());
    browser.click("main .form-end button", "Adopt 30 instances").await;
    browser.see("main", "30 instances adopted").await;
    say("they are adopted");
    eventually("carla's list", &carla, "/instances", |seen| seen["total"] == 30).await;
    assert_eq!(names(&carla).await, ours);
    say("the customer sees exactly those");

    // One is removed, and another one gets its name: the rights are offered, not given.
    let anew = "lab-adopt-01.beta.lab.test";
    let remove = ["gnt-instance", "remove", "--force", "--shutdown-timeout=0", anew];
    ganeti::run_beside("beta", &remove).await;
    say("one is removed on Ganeti's command line");
    let missing = "/imports/missing?q=name:lab-adopt*";
    let removed = |seen: &Value| seen["items"][0]["state"] == "removed";
    let kept = eventually("what is kept of it", &stage.admin, missing, removed).await;
    assert_eq!(kept["items"][0]["owner"], "user/carla", "{kept:#}");
    say("gwm says that it vanished");
    ganeti::make("beta", &[anew.to_owned()]).await;
    let successor = |seen: &Value| seen["items"][0]["successor_uuid"].is_string();
    let _seen = eventually("its successor", &stage.admin, missing, successor).await;
    say("another one of its name is there");
    ours.remove(anew);
    assert_eq!(names(&carla).await, ours);
    browser.goto("/imports/missing").await;
    let restore = format!("Restore the rights of {anew}");
    browser.click("button", &restore).await;
    browser.click("dialog button", &restore).await;
    ours.insert(anew.to_owned());
    eventually("carla's list", &carla, "/instances", |seen| seen["total"] == 30).await;
    assert_eq!(names(&carla).await, ours);
    say("the rights on it are restored");
    let path = format!("/clusters/beta/instances/{anew}");
    assert_eq!(stage.admin.get(&path).await.ok()["owner"], "user/carla");
    browser.quit().await;

    // The customer, in a browser of her own.
    let browser = Browser::start(&stage.stack.url()).await;
    browser.sign_in("carla", PASSWORD).await;
    browser.goto("/instances?q=name:lab-adopt*").await;
    browser.see("main", "30 instances").await;
    browser.goto(&format!("/instances?q=name:{anew}")).await;
    browser.see("tbody th", "lab-adopt-01.beta").await;
    browser.goto("/instances?q=web1").await;
    browser.unsee("tbody th", "web1").await;
    browser.quit().await;
}

/// What somebody's list has.
async fn names(api: &Api) -> BTreeSet<String> {
    let seen = api.get("/instances?limit=200").await.ok();
    let items = seen["items"].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}
