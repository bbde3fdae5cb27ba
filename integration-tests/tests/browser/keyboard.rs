//! The main job by keyboard alone.

use thirtyfour::Key;

use crate::set::Set;

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_alone_starts_an_instance() {
    let set = Set::fleet("browser-keyboard").await;
    let (browser, name) = (&set.browser, set.instance_that("ADMIN_down"));

    // The only thing that is not a key: the address.
    browser.goto("/").await;
    browser.see("h1", "Sign in").await;
    browser.tab_to("#username", "").await;
    browser.keys("admin").await;
    browser.tab_to("#password", "").await;
    browser.keys("correct horse battery").await;
    browser.keys(Key::Enter).await;

    // The first stop of a page skips what all pages share.
    browser.see("h1", "Overview").await;
    browser.keys(Key::Tab).await;
    browser.tab_to("a.skip", "Skip to content").await;
    browser.keys(Key::Enter).await;
    let _true = browser
        .until("the focus in the page", "return document.activeElement.id === 'main'", vec![])
        .await;

    // Two keys lead to the instances, one to their filter.
    browser.keys("g").await;
    browser.keys("i").await;
    browser.see("h1", "Instances").await;
    browser.keys("/").await;
    browser.tab_to("#q", "").await;
    browser.keys(name.as_str()).await;
    let script = "return document.querySelectorAll('#rows tbody tr').length === 1";
    let _true = browser.until("the only row", script, vec![]).await;
    browser.tab_to("tbody th a", &name).await;
    browser.keys(Key::Enter).await;

    browser.see("h1", &name).await;
    browser.see(".head [data-cell=status]", "stopped").await;
    browser.tab_to(".head button", "Start").await;
    browser.keys(Key::Enter).await;
    browser.see("aside.drawer h2", &format!("Start {name}")).await;
    browser.see(".head [data-cell=status]", "running").await;
    assert_eq!(set.status(&name), "running");

    // The drawer can be left by keyboard too.
    browser.tab_to("a", "Open the job").await;
    browser.keys(Key::Enter).await;
    browser.see(".head [data-cell=status]", "succeeded").await;
    set.browser.quit().await;
}
