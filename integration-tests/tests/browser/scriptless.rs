//! The main job in a browser that runs no scripts: slower, and all of it works, but for the console, which says so.

use gwm_testkit::wait_for;
use serde_json::json;

use crate::driver::PATIENCE;
use crate::set::{PASSWORD, Set};

const STATUS: &str = ".head [data-cell=status]";

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_without_scripts() {
    let set = Set::pages("browser-scriptless").await;
    let off = json!({ "value": true });
    let _done = set.browser.chromium("Emulation.setScriptExecutionDisabled", off).await;
    lists(&set).await;
    let name = set.instance_that("running");
    stop_and_start(&set, &name).await;
    console(&set, &name).await;
    let made = create(&set).await;
    delete(&set, &made).await;
    access(&set).await;
    clusters(&set).await;
    set.browser.quit().await;
}

async fn rows(set: &Set, wanted: usize) {
    let script = "return document.querySelectorAll('#rows tbody tr').length === arguments[0]";
    let _true = set.browser.until("so many rows", script, vec![json!(wanted)]).await;
}

async fn lists(set: &Set) {
    let browser = &set.browser;
    browser.goto("/instances").await;
    browser.see("h1", "Sign in").await;
    browser.fill("#username", "admin").await;
    browser.fill("#password", "correct horse battery").await;
    browser.click("button", "Sign in").await;
    browser.see("h1", "Instances").await;
    // Scripts are off indeed, and what needs them is not offered.
    browser.see("noscript button", "Filter").await;
    browser.unsee("kbd", "").await;

    browser.fill("#q", "status:running cluster:fra1").await;
    browser.click("button", "Filter").await;
    let running =
        set.cluster().look(|c| c.instances.values().filter(|i| c.status(i) == "running").count());
    rows(set, running).await;
    browser.click("th a", "Name").await;
    browser.see("th[aria-sort=descending]", "Name").await;
    rows(set, running).await;

    browser.goto("/instances").await;
    rows(set, 50).await;
    let first = browser.text("tbody th").await;
    browser.click("nav a", "Next").await;
    browser.see("nav a", "First").await;
    rows(set, 30).await;
    assert_ne!(browser.text("tbody th").await, first, "it is the same page");
}

/// The page of a job that runs loads itself again.
async fn job_done(set: &Set) {
    let browser = &set.browser;
    let _path = browser.arrive("the job's page", |path| path.starts_with("/jobs/")).await;
    browser.see(STATUS, "succeeded").await;
}

async fn stop_and_start(set: &Set, name: &str) {
    let browser = &set.browser;
    let path = format!("/clusters/fra1/instances/{name}");
    let question = format!("Shut down {name}?");
    browser.goto(&path).await;
    browser.click(".head button", "Shut down").await;
    browser.see("h1", &question).await;
    browser.click("a", "Leave it").await;
    browser.see("h1", name).await;
    assert_eq!(browser.path().await, path);
    assert_eq!(set.status(name), "running", "it was not asked first");
    browser.click(".head button", "Shut down").await;
    browser.see("h1", &question).await;
    browser.click("button", "Shut down").await;
    job_done(set).await;
    assert_eq!(set.status(name), "ADMIN_down");

    browser.click(".head a", name).await;
    browser.see(STATUS, "stopped").await;
    browser.click(".head button", "Start").await;
    job_done(set).await;
    assert_eq!(set.status(name), "running");
}

async fn console(set: &Set, name: &str) {
    let browser = &set.browser;
    browser.goto(&format!("/clusters/fra1/instances/{name}/console")).await;
    browser.see("h2", "The console needs JavaScript").await;
    browser.unsee("h2", "Connecting").await;
    browser.click("a", "Back to the instance").await;
    browser.see("h1", name).await;
}

async fn create(set: &Set) -> String {
    let (browser, name) = (&set.browser, "made-without.example.org");
    browser.goto("/instances").await;
    browser.click("a", "Create instance").await;
    browser.fill("#name", name).await;
    browser.fill("#memory", "lots").await;
    // The choices of another cluster, without losing what was typed.
    let choose = "document.querySelector('#cluster').value = 'fra1'; return true";
    let _true = browser.until("the choice", choose, vec![]).await;
    browser.click("button", "Show what this cluster offers").await;
    let fra1 = "return location.search.includes('cluster=fra1')
        && document.querySelector('#cluster')?.value === 'fra1'";
    let _true = browser.until("what fra1 offers", fra1, vec![]).await;
    assert_eq!(browser.value("#name").await, name);
    assert_eq!(browser.value("#memory").await, "lots");
    browser.click("button", "Create instance").await;
    browser.see("#memory-error", "A size such as").await;
    browser.fill("#memory", "1.5G").await;
    browser.fill("#disk-more", "2G").await;
    browser.click("button", "Create instance").await;
    job_done(set).await;
    let disks = set.cluster().look(|c| c.instances.get(name).map(|i| i.disks.len()));
    assert_eq!(disks, Some(2));
    name.to_owned()
}

async fn delete(set: &Set, name: &str) {
    let browser = &set.browser;
    wait_for("the instance to be known", PATIENCE, async || {
        let seen = set.admin.get(&format!("/clusters/fra1/instances/{name}")).await;
        if seen.json()["status"] == "running" { Ok(()) } else { Err(seen.text) }
    })
    .await;
    browser.goto(&format!("/clusters/fra1/instances/{name}")).await;
    browser.click(".head button", "More actions").await;
    browser.click(".head .menu a", "Delete").await;
    browser.fill("#confirm", "something else").await;
    browser.click("button", &format!("Delete {name}")).await;
    browser.see("#confirm-error", &format!("Type {name}")).await;
    assert_eq!(browser.value("#confirm").await, "something else", "what was typed is lost");
    browser.fill("#confirm", name).await;
    browser.click("button", &format!("Delete {name}")).await;
    job_done(set).await;
    assert_eq!(set.status(name), "");
}

async fn access(set: &Set) {
    let browser = &set.browser;
    browser.goto("/me").await;
    browser.fill("#name", "backup script").await;
    browser.click("button", "Make a token").await;
    browser.see("main", "it is not shown again").await;
    browser.click("#tokens td button", "").await;
    browser.see("h1", "Revoke the token backup script").await;
    browser.click("button", "Revoke").await;
    browser.see("#tokens", "None. A token lets").await;

    let user = json!({ "username": "carla", "password": PASSWORD });
    let _user = set.admin.post("/users", &user).await.ok();
    browser.goto("/clusters/fra1").await;
    browser.fill("#principal", "carla").await;
    browser.click("button", "Give access").await;
    browser.see("#access li", "carla").await;
    browser.click("#access li button", "Revoke view of carla").await;
    browser.see("h1", "Take view on this cluster away from carla?").await;
    browser.click("button", "Revoke").await;
    browser.see("#access", "Nobody but administrators").await;
}

async fn clusters(set: &Set) {
    let browser = &set.browser;
    browser.goto("/clusters/fra1").await;
    browser.click("summary", "Remove this cluster from gwm").await;
    browser.fill("#confirm-remove", "fra2").await;
    browser.click("button", "Remove fra1").await;
    browser.see("#confirm-remove-error", "Type fra1").await;
    assert_eq!(browser.value("#confirm-remove").await, "fra2", "what was typed is lost");
    browser.fill("#confirm-remove", "fra1").await;
    browser.click("button", "Remove fra1").await;
    browser.see("h1", "Clusters").await;
    browser.unsee("tbody th", "fra1").await;

    browser.click("a", "Add cluster").await;
    browser.click("button", "Check").await;
    browser.see("#host-error", "Give the host").await;
    browser.fill("#host", &set.cluster().address().to_string()).await;
    browser.click("button", "Check").await;
    browser.see("h2", "What may gwm do there?").await;
    browser.fill("#read_username", "gwm-read").await;
    browser.fill("#read_password", "read-secret").await;
    browser.fill("#write_username", "").await;
    browser.fill("#slug", "again").await;
    browser.click("button", "Test the users").await;
    browser.see("[aria-label='Test result']", "works").await;
    browser.click("button", "Add cluster").await;
    // The page of an import that runs loads itself again.
    browser.see("h2", "instances imported").await;
}
