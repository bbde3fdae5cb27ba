//! Each page, for each kind of person, at each width and in both themes.

use gwm_rapi_sim::{NewInstance, Outside};
use serde_json::json;

use crate::look::Looker;
use crate::set::{PASSWORD, Set};

#[tokio::test(flavor = "multi_thread")]
async fn an_administrators_pages_are_accessible_and_fit() {
    let set = Set::fleet("browser-looks-admin").await;
    let (browser, name) = (&set.browser, a_long_name(&set).await);
    let node = set.cluster().look(|c| c.nodes.keys().next().cloned().unwrap());
    let job = failed_job(&set).await;
    let mut looker = Looker::new(browser, "admin");

    looker.visit("login", "/login", "Sign in").await;
    browser.sign_in("admin", "correct horse battery").await;
    looker.visit("overview", "/", "Overview").await;
    looker.visit("instances", "/instances", "Instances").await;
    looker.visit("instances-none", "/instances?q=nothing-is-called-so", "Instances").await;
    looker.visit("instance", &format!("/clusters/fra1/instances/{name}"), &name).await;
    browser.click(".head button", "More actions").await;
    looker.look("instance-menu").await;
    browser.click(".head .menu a", "Delete").await;
    browser.see("dialog", "This can’t be undone").await;
    looker.look("instance-delete-dialog").await;
    busy(&set, &mut looker, &name).await;
    let delete = format!("/clusters/fra1/instances/{name}/delete");
    looker.visit("instance-delete", &delete, "Delete").await;
    looker.visit("create", "/instances/new", "Create instance").await;
    browser.click("form button", "Create instance").await;
    browser.see("[role=alert]", "not right yet").await;
    looker.look("create-wrong").await;
    looker.visit("clusters", "/clusters", "Clusters").await;
    looker.visit("cluster", "/clusters/fra1", "fra1").await;
    looker.visit("cluster-trouble", "/clusters/ams1", "ams1").await;
    looker.visit("edit", "/clusters/fra1/edit?look=1", "Settings of fra1").await;
    looker.visit("added", "/clusters/fra1/added", "fra1").await;
    looker.visit("add", "/clusters/add", "Add a cluster").await;
    browser.fill("#host", &set.cluster().address().to_string()).await;
    browser.click("button", "Check").await;
    browser.see("h2", "What may gwm do there?").await;
    looker.look("add-probed").await;
    looker.visit("nodes", "/nodes", "Nodes").await;
    looker.visit("node", &format!("/clusters/fra1/nodes/{node}"), &node).await;
    looker.visit("jobs", "/jobs", "Jobs").await;
    looker.visit("groups", "/groups", "Groups").await;
    browser.fill("#name", "ops").await;
    browser.click("main button", "Make the group").await;
    browser.see("h1", "ops").await;
    looker.look("group").await;
    looker.visit("audit", "/audit", "Audit log").await;
    looker.visit("users", "/users", "Users").await;
    looker.visit("user", "/users/admin", "admin").await;
    looker.visit("user-new", "/users/new", "Add a user").await;
    browser.fill("#username", "admin").await;
    browser.fill("#password", PASSWORD).await;
    browser.click("form button", "Add the user").await;
    browser.see("[role=alert]", "There is a user of this name already").await;
    looker.look("user-new-wrong").await;
    looker.visit("sign-in", "/sign-in", "Signing in").await;
    looker.visit("second-factor-needed", "/second-factor", "Set up a second factor").await;
    looker.visit("invites", "/invites", "Invites").await;
    browser.click("button", "Make the link").await;
    browser.see("main", "it is not shown again").await;
    looker.look("invites-link").await;
    looker.visit("invite", "/invite?username=ann#code", "Make your account").await;
    assert_eq!(browser.value("#code").await, "code", "the code is not taken from the link");
    assert_eq!(browser.path().await, "/invite?username=ann", "the code stays in the address");
    looker.visit("job-failed", &format!("/jobs/{job}"), "").await;
    looker.visit("me", "/me", "Your account").await;
    browser.fill("#begin_password", "correct horse battery").await;
    browser.click("button", "Set it up").await;
    browser.see("h1", "Second factor").await;
    looker.look("second-factor").await;
    looker.visit("me-again", "/me", "Your account").await;
    browser.fill("#name", "backup script").await;
    browser.click("button", "Make a token").await;
    browser.see("main", "it is not shown again").await;
    looker.look("me-token").await;
    let console = format!("/clusters/fra1/instances/{name}/console");
    browser.goto(&console).await;
    browser.see("#console-status", "Connected").await;
    looker.look("console").await;
    looker.visit("error", "/nothing/here", "does not exist").await;

    looker.nothing_found();
    set.browser.quit().await;
}

/// Each kind of mistake, put into a page that has none. Styles are set by script, as the policy demands.
const MISTAKES: &str = r#"
    const main = document.querySelector('main');
    const add = (html) => (main.insertAdjacentHTML('beforeend', html), main.lastElementChild);
    add('<img src="data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==">');
    add('<input type="text">');
    add(`<table><thead><tr><th>A</th><th class="n">B</th></tr></thead>
        <tbody><tr><td class="n">1</td><td>2</td></tr></tbody></table>`);
    Object.assign(add('<p>hard to read</p>').style, { color: '#777', backgroundColor: '#888' });
    const box = add('<div class="table-box"><p>cut</p></div>');
    Object.assign(box.style, { width: '200px', overflowX: 'clip' });
    box.firstElementChild.style.width = '900px';
    add('<p>wide</p>').style.cssText = 'width: 3000px; max-width: none';
    return true"#;

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_a_page_are_found() {
    let set = Set::empty("browser-looks-mistakes").await;
    let mut looker = Looker::new(&set.browser, "mistakes");
    looker.visit("none", "/login", "Sign in").await;
    looker.nothing_found();
    let _true = set.browser.until("the mistakes", MISTAKES, vec![]).await;
    looker.look("planted").await;
    let found = looker.take();
    let (axe, sizes) = (["image-alt: ", "label: ", "color-contrast: "], ["px too wide", "cut off"]);
    for at in ["1440-light", "1440-dark", "360-light", "360-dark"] {
        for mistake in axe.iter().chain(&sizes).chain(&["whose heads"]) {
            let mut here = found.iter().filter(|f| f.contains(&format!("-{at}: ")));
            assert!(here.any(|f| f.contains(mistake)), "no {mistake:?} at {at}: {found:#?}");
        }
    }
    set.browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_pages_are_accessible_and_fit() {
    let set = Set::fleet("browser-looks-customer").await;
    let (browser, name) = (&set.browser, set.instance_that("running"));
    set.customer("carla", &name).await;
    let mut looker = Looker::new(browser, "customer");

    // Somebody with one machine lands on it.
    browser.sign_in("carla", PASSWORD).await;
    browser.see("h1", &name).await;
    looker.look("instance").await;
    looker.visit("instances", "/instances", "Instances").await;
    looker.visit("jobs", "/jobs", "Jobs").await;
    looker.visit("groups", "/groups", "Groups").await;
    looker.visit("audit", "/audit", "Audit log").await;
    looker.visit("clusters", "/clusters", "Clusters").await;
    // What is hidden is not shown as nothing.
    browser.unsee("main", "0 of 0").await;
    looker.visit("cluster", "/clusters/fra1", "fra1").await;
    browser.see("main", "rights on single instances").await;
    browser.unsee("main", "read-only").await;
    looker.visit("nodes", "/nodes", "Nodes").await;
    browser.see(".empty", "Where instances run").await;
    looker.visit("me", "/me", "Your account").await;
    looker.visit("refused", "/clusters/add", "You may not do this").await;

    looker.nothing_found();
    set.browser.quit().await;
}

/// An instance's page while a job waits: its status is of the job, Ganeti's word stays Ganeti's.
async fn busy(set: &Set, looker: &mut Looker<'_>, name: &str) {
    set.cluster().pause_queue(true);
    let path = format!("/clusters/fra1/instances/{name}");
    let reboot = set.admin.post(&format!("{path}/reboot"), &json!({})).await;
    let job = reboot.expect_status(202).ok();
    set.browser.goto(&path).await;
    set.browser.see(".head [data-cell=status]", "rebooting…").await;
    set.browser.see("[data-cell=findings]", "rebooting…").await;
    // A term and its value touch in the text of the page.
    set.browser.see("[data-cell=findings]", "Ganeti saysrunning").await;
    set.browser.see(".strip", "Reboot").await;
    looker.look("instance-busy").await;
    set.cluster().pause_queue(false);
    set.browser.see(".head [data-cell=status]", "running").await;
    set.browser.unsee(".strip", "Reboot").await;
    set.browser.goto(&format!("/jobs/{}", job["id"].as_str().unwrap())).await;
    set.browser.see(".head [data-cell=status]", "succeeded").await;
    looker.look("job-succeeded").await;
}

/// An instance whose name is as long as names get, more or less.
async fn a_long_name(set: &Set) -> String {
    let name = "the-quarterly-report-generator-1.accounting.subsidiary.example.org".to_owned();
    let (disks, disk_template) = (vec![20_480, 1024], "plain".to_owned());
    let new =
        NewInstance { instance: name.clone(), disk_template, disks, memory: 512, start: true };
    let _job = set.cluster().outside(Outside::Create(new)).await.unwrap();
    let path = format!("/clusters/fra1/instances/{name}");
    gwm_testkit::wait_for("the instance to be seen", crate::driver::PATIENCE, async || {
        let seen = set.admin.get(&path).await;
        if seen.json()["status"] == "running" { Ok(()) } else { Err(seen.text) }
    })
    .await;
    name
}

/// A job that Ganeti could not do.
async fn failed_job(set: &Set) -> String {
    let name = set.instance_that("ADMIN_down");
    set.cluster().fail_jobs("OP_INSTANCE_STARTUP", 1, "Could not start the instance: no memory");
    let path = format!("/clusters/fra1/instances/{name}/startup");
    let job = set.admin.post(&path, &json!({})).await.expect_status(202).ok();
    let id = job["id"].as_str().unwrap().to_owned();
    gwm_testkit::wait_for("the job to fail", crate::driver::PATIENCE, async || {
        let job = set.admin.get(&format!("/jobs/{id}")).await;
        if job.json()["state"] == "failed" { Ok(()) } else { Err(job.text) }
    })
    .await;
    id
}
