//! Finding things: suggestions, half-typed filters, columns, saved views, notes, search by owner.

use gwm_testkit::wait_for;
use serde_json::json;
use thirtyfour::Key;

use crate::driver::{Browser, PATIENCE};
use crate::look::Looker;
use crate::set::Set;

const ROWS: &str = "return document.querySelectorAll('#rows tbody tr').length";

async fn rows(browser: &Browser) -> u64 {
    browser.script(ROWS, vec![]).await.unwrap().as_u64().unwrap()
}

/// Picks a suggestion by keyboard, once it is the first that is offered.
async fn pick(browser: &Browser, list: &str, label: &str) {
    let first = "return document.querySelector(`${arguments[0]}:not([hidden]) [role=option] .text`)
        ?.textContent === arguments[1]";
    let arguments = vec![json!(list), json!(label)];
    let _true = browser.until(&format!("{label} offered first"), first, arguments).await;
    browser.keys(Key::Down).await;
    let active = "const box = document.activeElement;
        const at = document.getElementById(box.getAttribute('aria-activedescendant'));
        return box.getAttribute('aria-expanded') === 'true' && at?.getAttribute('aria-selected') === 'true'";
    let _true = browser.until("the suggestion marked", active, vec![]).await;
    browser.keys(Key::Enter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_is_completed_keeps_its_rows_and_becomes_a_view() {
    let set = Set::fleet("browser-finding").await;
    let browser = &set.browser;
    browser.sign_in("admin", "correct horse battery").await;
    browser.goto("/instances").await;
    let all = rows(browser).await;
    browser.keys("f").await;
    browser.keys("stat").await;
    // Half a word finds nothing, and that is no mistake; half a comparison is one.
    pick(browser, "#q-options", "status:").await;
    assert_eq!(browser.value("#q").await, "status:");
    browser.keys("ADMIN_d").await;
    pick(browser, "#q-options", "ADMIN_down").await;
    assert_eq!(browser.value("#q").await, "status:ADMIN_down ");
    let path = browser.arrive("the filtered list", |p| p.contains("ADMIN_down")).await;
    let stopped = ROWS.to_owned() + " < arguments[0]";
    let _true = browser.until("fewer rows", &stopped, vec![json!(all)]).await;
    let few = rows(browser).await;
    assert!(few > 0, "{path}");

    // While it is wrong the rows stay, and what is wrong stands below the box, at its place.
    browser.keys("ram>4X").await;
    browser.see("#q-error mark", "4X").await;
    browser.see("#rows.kept .table-box", "").await;
    assert_eq!(rows(browser).await, few);
    let wrong = "return document.getElementById('q').getAttribute('aria-invalid') === 'true'";
    let _true = browser.until("the box marked", wrong, vec![]).await;
    browser.keys(Key::Backspace).await;
    browser.keys(Key::Backspace).await;
    browser.keys("1").await;
    browser.unsee("#rows.kept", "").await;
    browser.unsee("#q-error mark", "").await;
    let right = "return !document.getElementById('q').hasAttribute('aria-invalid')";
    let _true = browser.until("the box unmarked", right, vec![]).await;
    let _path = browser.arrive("the whole filter in the URL", |p| p.contains("ram%3E1")).await;

    // Without the owner, with the hypervisor; and that is what the view opens.
    browser.goto("/instances?q=status:ADMIN_down").await;
    browser.click("button", "Columns of the table").await;
    browser.click("#columns label", "Owner").await;
    browser.click("#columns label", "Hypervisor").await;
    browser.see("thead th", "Hypervisor").await;
    browser.unsee("thead th", "Owner").await;
    browser.keys(Key::Escape).await;
    browser.click("button", "Views").await;
    browser.fill("#view-name", "Asleep").await;
    browser.click("#views-menu button", "Save the view").await;
    browser.see("nav.views a[aria-current]", "Asleep").await;
    browser.goto("/instances?q=").await;
    browser.see("thead th", "Owner").await;
    browser.click("nav.views a", "Asleep").await;
    browser.see("thead th", "Hypervisor").await;
    browser.unsee("thead th", "Owner").await;
    assert_eq!(browser.value("#q").await, "status:ADMIN_down");
    browser.click("button", "Views").await;
    browser.click("#views-menu button", "Delete the view Asleep").await;
    browser.unsee("nav.views", "Asleep").await;
    set.browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_is_searched_as_one_types_and_notes_are_read_where_they_are_written() {
    let set = Set::fleet("browser-owner-notes").await;
    let (browser, name) = (&set.browser, set.instance_that("running"));
    set.customer("carla", &name).await;
    let path = format!("/clusters/fra1/instances/{name}");
    let _set = set.admin.post(&format!("{path}/owner"), &json!({"owner": "carla"})).await.ok();
    wait_for("the owner to be known", PATIENCE, async || {
        let seen = set.admin.get("/instances?q=owner:carla").await;
        if seen.json()["total"] == 1 { Ok(()) } else { Err(seen.text) }
    })
    .await;
    browser.sign_in("admin", "correct horse battery").await;
    browser.goto("/").await;
    browser.keys("/").await;
    browser.keys("owner:car").await;
    browser.see("#top-search-options .detail", "carla").await;
    pick(browser, "#top-search-options", &name).await;
    browser.see("h1", &name).await;

    browser.click("a", "Write notes").await;
    let text = "Ask <b>dora</b>\nbefore a reboot.";
    browser.fill("#text", text).await;
    browser.click("button", "Save the notes").await;
    browser.see("[data-cell=notes]", "Ask <b>dora</b> before a reboot.").await;
    // Somebody else was faster: nothing that was typed is lost, and theirs is shown.
    browser.click("a", "Change notes").await;
    browser.fill("#text", "Mine.").await;
    let _notes = set.admin.post(&format!("{path}/notes"), &json!({"text": "Theirs."})).await.ok();
    browser.click("button", "Save the notes").await;
    browser.see("#text-error", "changed them meanwhile").await;
    browser.see(".notes", "Theirs.").await;
    assert_eq!(browser.value("#text").await, "Mine.");
    browser.click("button", "Save the notes").await;
    browser.see("[data-cell=notes]", "Mine.").await;
    // And it shows on an open page what somebody writes.
    let _notes = set.admin.post(&format!("{path}/notes"), &json!({"text": "Later."})).await.ok();
    browser.see("[data-cell=notes]", "Later.").await;

    // The customer owns it, and the overview counts that.
    browser.goto("/").await;
    browser.see(".tile", "With an owner").await;
    browser.click(".tile a.v", "1").await;
    browser.see("#rows tbody th", &name).await;
    set.browser.quit().await;
}

/// The pages of finding and importing, and a heading of each.
const PAGES: [(&str, &str, &str); 9] = [
    ("search", "/search?q=fra1", "Search"),
    ("node-groups", "/node-groups", "Node groups"),
    ("node-group", "/clusters/fra1/node-groups/default", "default"),
    ("networks", "/networks", "Networks"),
    ("oses", "/oses", "OSes"),
    ("orphans", "/imports/orphans", ""),
    ("missing", "/imports/missing", ""),
    ("owner", "/clusters/fra1/instances/{i}/owner", "Owner of"),
    ("notes", "/clusters/fra1/instances/{i}/notes", "Notes on"),
];

/// What Tab leads to on this page, in the order of the document.
const STOPS: &str = "return [...document.querySelectorAll('main a[href], main button, main input, main select, main textarea')]
    .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled && e.type !== 'hidden' && e.tabIndex >= 0)
    .map((e, n) => (e.dataset.stop = String(n), e)).length";

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_finding_are_accessible_and_all_of_them_is_reached_by_tab() {
    let set = Set::fleet("browser-finding-looks").await;
    let (browser, name) = (&set.browser, set.instance_that("running"));
    browser.sign_in("admin", "correct horse battery").await;
    let mut looker = Looker::new(browser, "finding");
    for (page, path, heading) in PAGES {
        looker.visit(page, &path.replace("{i}", &name), heading).await;
        let stops = browser.until("something to stop at", STOPS, vec![]).await.as_u64().unwrap();
        let main = "document.getElementById('main').focus(); return true";
        let _true = browser.until("the focus in the page", main, vec![]).await;
        let mut missed: Vec<u64> = (0..stops).collect();
        for _ in 0..stops {
            browser.keys(Key::Tab).await;
            let stop = "return document.activeElement?.dataset.stop ?? ''";
            let at = browser.script(stop, vec![]).await.unwrap();
            let at: Option<u64> = at.as_str().and_then(|n| n.parse().ok());
            missed.retain(|n| Some(*n) != at);
        }
        assert!(missed.is_empty(), "{page}: of {stops} stops Tab does not lead to {missed:?}");
    }
    looker.nothing_found();
    set.browser.quit().await;
}
