//! A cluster whose RAPI is gone, and a node without power, as a person sees them in a browser.

use std::time::Instant;

use serde_json::{Value, json};

use crate::driver::Browser;
use crate::ganeti;
use crate::stage::{Stage, eventually, wanted};

const NODE_3: &str = "node3.alpha.lab.test";
const RAPI: &str = "/usr/lib/ganeti/daemon-util";

#[tokio::test(flavor = "multi_thread")]
async fn outages_on_real_ganeti_show_and_pass() {
    if !wanted() {
        return;
    }
    let begun = Instant::now();
    let say = |what: &str| eprintln!("{:6.1} s  {what}", begun.elapsed().as_secs_f64());
    let stage = Stage::start("lab-outages", 1).await;
    let browser = Browser::start(&stage.stack.url()).await;
    browser.sign_in("admin", "correct horse battery").await;
    let whole = listed(&stage, "beta").await;

    let back = Back;
    browser.goto("/instances?q=cluster%3Abeta").await;
    browser.see("tbody th", "web1.beta").await;
    say("beta's RAPI is stopped");
    let _said = ganeti::run_beside("beta", &[RAPI, "stop", "ganeti-rapi"]).await;
    let lost = |seen: &Value| seen["health"]["reachable"] == json!(false);
    let seen = eventually("beta unreachable", &stage.admin, "/clusters/beta", lost).await;
    say("gwm says that beta can't be reached");
    assert!(!seen["health"]["error"].as_str().unwrap_or_default().is_empty(), "{seen:#}");
    assert!(seen["health"]["data_age"].as_f64().is_some(), "{seen:#}");
    // Nothing is lost of it, and each row says how old it is; alpha is as before.
    assert_eq!(listed(&stage, "beta").await, whole);
    browser.goto("/instances?q=cluster%3Abeta").await;
    browser.see("[role=alert], .notice", "beta does not answer").await;
    browser.see("tr.stale th", "web1.beta").await;
    say("its rows say so in the browser");
    let alpha = stage.admin.get("/clusters/alpha").await.ok();
    assert_eq!(alpha["health"]["reachable"], json!(true), "{alpha:#}");
    browser.goto("/instances?q=cluster%3Aalpha").await;
    browser.see("tbody th", "web1.alpha").await;
    browser.unsee("tr.stale th", "").await;

    browser.goto("/clusters/beta").await;
    browser.see(".notice", "Next try in").await;
    drop(back);
    let found = |seen: &Value| seen["health"]["reachable"] == json!(true);
    let _seen = eventually("beta back", &stage.admin, "/clusters/beta", found).await;
    say("started again, and read");
    browser.unsee(".notice", "does not answer").await;
    say("its open page says so by itself");
    browser.goto("/instances?q=cluster%3Abeta").await;
    browser.see("tbody th", "web1.beta").await;
    browser.unsee("tr.stale th", "").await;

    // A node that has no instances, so that the lab is as before afterwards.
    let node = format!("/clusters/alpha/nodes/{NODE_3}");
    let power = Power;
    ganeti::kill("alpha", "3");
    say("node3 of alpha has no power");
    let silent = |seen: &Value| seen["memory_total_mib"].is_null();
    let _seen = eventually("a silent node", &stage.admin, &node, silent).await;
    browser.goto(&node).await;
    browser.see("[data-cell=status]", "does not answer").await;
    say("its page says that it does not answer");
    drop(power);
    let figures = |seen: &Value| seen["memory_total_mib"].as_u64().is_some();
    let _seen = eventually("its figures", &stage.admin, &node, figures).await;
    browser.goto(&node).await;
    browser.see("[data-cell=status]", "online").await;
    say("it has power again");
    let told: Vec<String> = stage.events.seen().into_iter().map(|(subject, _)| subject).collect();
    for word in ["unreachable", "reachable"] {
        let ours = told
            .iter()
            .filter(|s| s.contains(".beta.cluster.") && s.ends_with(&format!(".{word}")));
        assert_eq!(ours.count(), 1, "{word}: {told:#?}");
    }
    let gone = told.iter().filter(|s| s.ends_with(".removed") || s.ends_with(".missing"));
    assert_eq!(gone.count(), 0, "{told:#?}");
    browser.quit().await;
}

/// The names and UUIDs that the list has of a cluster.
async fn listed(stage: &Stage, cluster: &str) -> Vec<(Value, Value)> {
    let seen = stage.admin.get(&format!("/instances?limit=200&q=cluster:{cluster}")).await.ok();
    let items = seen["items"].as_array().cloned().unwrap_or_default();
    assert!(items.len() >= 8, "{seen:#}");
    items.iter().map(|item| (item["name"].clone(), item["uuid"].clone())).collect()
}

/// Starts beta's RAPI again, whatever the test came to.
struct Back;

impl Drop for Back {
    fn drop(&mut self) {
        if let Err(error) = ganeti::try_run("beta", &[RAPI, "start", "ganeti-rapi"]) {
            eprintln!("beta's RAPI stays stopped: {error}");
        }
    }
}

/// Gives alpha's third node its power back.
struct Power;

impl Drop for Power {
    fn drop(&mut self) {
        ganeti::start("alpha", "3");
    }
}
