//! The main job: find a machine, stop and start it, make one, see its screen, delete it.

use gwm_rapi_sim::Outside;
use serde_json::json;

use crate::set::Set;

const STATUS: &str = ".head [data-cell=status]";
/// Survives every update of the page, but no reload.
const MARK: &str = "window.notReloaded = true; return true";
const MARKED: &str = "return window.notReloaded === true";

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_in_the_browser() {
    let set = Set::fleet("browser-main-job").await;
    sign_in_after_a_mistake(&set).await;
    let name = set.instance_that("running");
    find(&set, &name).await;
    stop_and_start(&set, &name).await;
    let made = create(&set, &name).await;
    console(&set, &made).await;
    delete(&set, &made).await;
    set.browser.quit().await;
}

async fn sign_in_after_a_mistake(set: &Set) {
    let browser = &set.browser;
    browser.goto("/jobs").await;
    browser.see("h1", "Sign in").await;
    browser.fill("#username", "admin").await;
    browser.fill("#password", "a wrong one").await;
    browser.click("button", "Sign in").await;
    browser.see("[role=alert]", "password").await;
    assert_eq!(browser.value("#username").await, "admin", "what was typed is lost");
    browser.fill("#password", "correct horse battery").await;
    browser.click("button", "Sign in").await;
    browser.see("h1", "Jobs").await;
}

async fn find(set: &Set, name: &str) {
    let browser = &set.browser;
    browser.click("nav a", "Instances").await;
    for instance in set.cluster().look(|c| c.instances.keys().cloned().collect::<Vec<_>>()) {
        browser.see("tbody th", &instance).await;
    }
    browser.fill("#q", name).await;
    let script = "return document.querySelectorAll('#rows tbody tr').length === 1";
    let _true = browser.until("the only row", script, vec![]).await;
    let path = browser.path().await;
    assert!(path.contains("q="), "the address does not hold the filter: {path}");
    browser.click("tbody th a", name).await;
    browser.see("h1", name).await;
    browser.see(STATUS, "running").await;
}

async fn stop_and_start(set: &Set, name: &str) {
    let browser = &set.browser;
    let _true = browser.until("the mark", MARK, vec![]).await;
    browser.click(".head button", "Shut down").await;
    browser.see("dialog", &format!("Shut down {name}?")).await;
    assert_eq!(set.status(name), "running", "it was not asked first");
    browser.click("dialog button", "Shut down").await;
    browser.see("aside.drawer h2", &format!("Shut down {name}")).await;
    browser.see("aside.drawer header", "succeeded").await;
    browser.see(STATUS, "stopped").await;
    assert_eq!(set.status(name), "ADMIN_down");
    // What can't be done stays and says why.
    browser.see(".head", "It is stopped already").await;

    browser.click(".head button", "Start").await;
    browser.see("aside.drawer h2", &format!("Start {name}")).await;
    browser.see(STATUS, "running").await;
    assert_eq!(set.status(name), "running");

    // What others do on the command line shows up by itself.
    let stop = Outside::Stop { instance: name.to_owned() };
    let _job = set.cluster().outside(stop).await.unwrap();
    browser.see(STATUS, "stopped").await;
    assert_eq!(browser.script(MARKED, vec![]).await, Ok(json!(true)), "the page was reloaded");
}

async fn create(set: &Set, taken: &str) -> String {
    let (browser, name) = (&set.browser, "made-here.example.org");
    browser.goto("/instances").await;
    browser.click("a", "Create instance").await;
    browser.see("h1", "Create instance").await;
    browser.goto("/instances/new?cluster=fra1").await;

    // One wrong field: said at the field and above, and nothing is sent.
    browser.fill("#name", name).await;
    browser.fill("#memory", "lots").await;
    browser.fill("#vcpus", "3").await;
    browser.click("form button", "Create instance").await;
    browser.see("#memory-error", "is not a size").await;
    browser.see("[role=alert]", "One thing is not right yet").await;
    assert_eq!(browser.value("#name").await, name);
    assert_eq!(browser.value("#memory").await, "lots");
    assert_eq!(browser.value("#vcpus").await, "3");
    browser.fill("#memory", "1.5G").await;

    // A name that exists: the server says so, and what was typed is still there.
    browser.fill("#name", taken).await;
    browser.click("form button", "Create instance").await;
    browser.see("#name-error", "exists on fra1 already").await;
    assert!(
        !set.cluster().jobs().iter().any(|j| j.summary.join("").contains("CREATE")),
        "it was sent"
    );
    assert_eq!(browser.value("#name").await, taken);
    assert_eq!(browser.value("#vcpus").await, "3");
    browser.fill("#name", name).await;
    browser.click("form button", "Create instance").await;

    let _path = browser.arrive("the job's page", |path| path.starts_with("/jobs/")).await;
    let lines = "return document.querySelectorAll('[data-log] li[data-serial]').length";
    let _lines = browser.until("lines of the log", lines, vec![]).await;
    browser.see(STATUS, "succeeded").await;
    let made = set.cluster().look(|c| c.instances.get(name).map(|i| c.status(i).to_owned()));
    assert_eq!(made.as_deref(), Some("running"));

    // A finished form is not brought back.
    browser.goto(&format!("/instances?q={name}")).await;
    browser.see("tbody th", name).await;
    browser.click("tbody th a", name).await;
    browser.see(STATUS, "running").await;
    browser.see("main", "1.5 GiB").await;
    name.to_owned()
}

async fn console(set: &Set, name: &str) {
    let browser = &set.browser;
    browser.click(".head a", "Console").await;
    browser.see("h1", name).await;
    browser.see("#console-status", "Connected").await;
    let more_than_one_colour = "
        const canvas = document.querySelector('#screen canvas');
        if (!canvas?.width) return false;
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        const colours = new Set(new Uint32Array(pixels.buffer));
        window.firstPicture = canvas.toDataURL();
        return colours.size > 1";
    let _true = browser.until("a picture", more_than_one_colour, vec![]).await;
    let moved =
        "return document.querySelector('#screen canvas').toDataURL() !== window.firstPicture";
    let _true = browser.until("the picture to move", moved, vec![]).await;
    browser.click("header a", "Back to").await;
    browser.see(STATUS, "running").await;
}

async fn delete(set: &Set, name: &str) {
    let browser = &set.browser;
    browser.click(".head button", "More actions").await;
    browser.click(".head .menu a", "Delete").await;
    browser.see("dialog", "This can’t be undone").await;
    let go = format!("Delete {name}");
    browser.fill("#delete-confirm", "something else").await;
    browser.click("dialog button", &go).await;
    browser.see("dialog .error", &format!("Type {name} exactly")).await;
    assert_eq!(set.status(name), "running", "it was deleted without its name");
    browser.fill("#delete-confirm", name).await;
    browser.click("dialog button", &go).await;
    browser.see("aside.drawer h2", &go).await;
    browser.see("#banners", "This no longer exists").await;
    assert_eq!(set.status(name), "");
    browser.goto("/instances").await;
    browser.unsee("tbody th", name).await;
}
