//! The story in a real Chromium: sign in, look, act, watch, create, delete, add a cluster.

use std::time::Duration;

use gwm_integration_tests::Options;
use gwm_testkit::wait_for;
use serde_json::json;

use crate::browser::Browser;
use crate::stage::{PATIENCE, Stage, eventually, simulate};

const PASSWORD: &str = "correct horse battery";

async fn sign_in(browser: &Browser) {
    browser.goto("/instances").await;
    assert_eq!(browser.path().await, "/login");
    browser.fill("username", "admin").await;
    browser.fill("password", "wrong").await;
    browser.press("Sign in").await;
    browser.find("//*[@role='alert']").await;
    browser.fill("password", PASSWORD).await;
    browser.press("Sign in").await;
    // Back to where one wanted to go.
    wait_for("the list after signing in", PATIENCE, async || {
        let path = browser.path().await;
        if path == "/instances" { Ok(()) } else { Err(path) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_does_the_whole_job_in_the_browser() {
    let stage = Stage::start(Options::test("story-browser"), &["fra1", "ams1"]).await;
    let fra1 = stage.cluster("fra1");
    fra1.set_job_time(Duration::from_millis(1200));
    let stopped = stage.stopped("fra1");
    let browser = Browser::open(&stage.stack.url()).await;
    sign_in(&browser).await;

    // The list, filtered by typing; the instance by its link.
    browser.sees(&stopped).await;
    browser.click(&format!("//tbody//a[normalize-space()='{stopped}']")).await;
    browser.sees("What is it").await;

    // Start: the drawer follows the job, line by line; the status changes by itself.
    browser.press("Start").await;
    let drawer = "//aside[contains(@class,'drawer')]";
    browser.find(&format!("{drawer}//*[@role='log']//li")).await;
    let head = "//div[@class='head']//*[@data-cell='status']";
    browser.find(&format!("{head}[contains(., 'running')]")).await;
    assert_eq!(fra1.status(&stopped), Some("running"));

    // Its screen, which moves.
    browser.goto(&format!("/clusters/fra1/instances/{stopped}/console")).await;
    wait_for("a moving picture on the canvas", PATIENCE, async || {
        let sum = "const c = document.querySelector('#screen canvas'); if (!c || !c.width) return ''; \
                   const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; \
                   let h = 0; for (let i = 0; i < d.length; i += 41) h = (h * 31 + d[i]) >>> 0; \
                   return c.width + ':' + h + ':' + new Set(d).size";
        let first = browser.script(sum).await;
        let second = browser.script(sum).await;
        let text = second.as_str().unwrap_or_default();
        let coloured = text.rsplit(':').next().and_then(|n| n.parse::<u32>().ok()).unwrap_or(0) > 2;
        if coloured && first != second { Ok(()) } else { Err(format!("{first} then {second}")) }
    })
    .await;

    // Stop: asked first.
    browser.goto(&format!("/clusters/fra1/instances/{stopped}")).await;
    browser.press("Shut down").await;
    browser.click("//dialog[@open]//button[contains(., 'Shut down')]").await;
    browser.find(&format!("{head}[contains(., 'stopped')]")).await;

    // Create by the form.
    let name = "made1.example.org";
    browser.goto("/instances/new").await;
    browser.fill("name", name).await;
    browser.choose("cluster", "fra1").await;
    browser.fill("memory", "512M").await;
    browser.fill("disk-0", "1G").await;
    browser.press("Create instance").await;
    let path = format!("/clusters/fra1/instances/{name}");
    eventually("the created instance", &stage.admin, &path, |made| {
        if made["memory_mib"] == 512 { Ok(()) } else { Err(made.to_string()) }
    })
    .await;

    // Delete by typing the name.
    browser.goto(&format!("{path}/delete")).await;
    browser.fill("confirm", "another name").await;
    browser.press(&format!("Delete {name}")).await;
    browser.sees("exactly").await;
    assert!(fra1.instance(name).is_some());
    browser.fill("confirm", name).await;
    browser.press(&format!("Delete {name}")).await;
    wait_for("the instance to be gone from Ganeti", PATIENCE, async || {
        if fra1.instance(name).is_none() { Ok(()) } else { Err("it is there") }
    })
    .await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_cluster_is_added_in_the_browser_and_the_keyboard_is_enough() {
    let stage = Stage::start(Options::test("browser-add"), &[]).await;
    let sim = simulate(&["new1"]).await;
    let cluster = &sim.clusters()[0];
    let browser = Browser::open(&stage.stack.url()).await;
    sign_in(&browser).await;

    // A host that is none, then the right one.
    browser.goto("/clusters/add").await;
    browser.fill("host", "no-such-host.invalid").await;
    let look = "//form[@data-form='probe']//button";
    browser.click(look).await;
    browser.find("//*[contains(@class,'notice')]").await;
    browser.fill("host", &cluster.address().to_string()).await;
    browser.click(look).await;
    browser.sees("SHA-256 fingerprint").await;
    browser.sees("openssl").await;
    let findings = browser.inspect("add-cluster").await;
    assert_eq!(findings, Vec::<String>::new());

    // A user that may not write is told so, then the right ones.
    for (id, text) in [
        ("read_username", "gwm-read"),
        ("read_password", "read-secret"),
        ("write_username", "gwm-read"),
        ("write_password", "read-secret"),
    ] {
        browser.fill(id, text).await;
    }
    browser.press("Test the users").await;
    browser.sees("lacks").await;
    browser.fill("read_password", "read-secret").await;
    browser.fill("write_username", "gwm-write").await;
    browser.fill("write_password", "write-secret").await;
    browser.fill("slug", "new1").await;
    browser.press("Add cluster").await;
    browser.sees("3 nodes, 8 instances imported").await;

    // By keyboard alone: from the list to the instance, and start it.
    let stopped = cluster
        .look(|c| {
            c.instances.values().find(|i| c.status(i) == "ADMIN_down").map(|i| i.name.clone())
        })
        .unwrap();
    browser.goto("/instances").await;
    browser.sees(&stopped).await;
    browser.by_keyboard(&stopped).await;
    browser.sees("What is it").await;
    browser.by_keyboard("Start").await;
    wait_for("the instance to run", PATIENCE, async || match cluster.status(&stopped) {
        Some("running") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible_and_fits_a_phone() {
    let stage = Stage::start(Options::test("browser-pages"), &["fra1", "ams1"]).await;
    let (running, stopped) = (stage.running("fra1"), stage.stopped("fra1"));
    let path = format!("/clusters/fra1/instances/{stopped}/startup");
    let job = stage.admin.post(&path, &json!({})).await.ok();
    let job = crate::stage::succeeded(&stage.admin, &job).await;
    let _carla = stage.user("carla").await;
    let grant =
        json!({"username": "carla", "permission": "power", "cluster": "fra1", "instance": running});
    let _grant = stage.admin.post("/grants", &grant).await.ok();
    let _token = stage.admin.post("/me/tokens", &json!({"name": "ci"})).await.ok();

    let browser = Browser::open(&stage.stack.url()).await;
    browser.goto("/login").await;
    let mut findings = browser.inspect("login").await;
    sign_in(&browser).await;
    let instance = format!("/clusters/fra1/instances/{running}");
    let node = stage.admin.get("/nodes?limit=1").await.ok()["items"][0].clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let node = format!("/clusters/{}/nodes/{}", text(&node["cluster"]), text(&node["name"]));
    let job = format!("/jobs/{}", text(&job["id"]));
    for (name, page) in [
        ("overview", "/"),
        ("instances", "/instances"),
        ("instances-none", "/instances?q=name%3Dnobody"),
        ("instance", instance.as_str()),
        ("instance-create", "/instances/new"),
        ("instance-delete", &format!("{instance}/delete")),
        ("console", &format!("{instance}/console")),
        ("clusters", "/clusters"),
        ("cluster", "/clusters/fra1"),
        ("cluster-add", "/clusters/add"),
        ("nodes", "/nodes"),
        ("node", &node),
        ("jobs", "/jobs"),
        ("job", &job),
        ("me", "/me"),
        ("not-found", "/nothing/here"),
    ] {
        browser.goto(page).await;
        browser.find("//h1").await;
        findings.extend(browser.inspect(name).await);
    }
    assert!(findings.is_empty(), "{findings:#?}");
    browser.quit().await;
}
