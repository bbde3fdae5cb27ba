//! Forms that are sent after the login has ended: one signs in again and finds what was typed.

use serde_json::json;

use crate::set::Set;

const PASSWORD: &str = "correct horse battery";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_survives_the_end_of_the_login() {
    let set = Set::fleet("browser-login-ended").await;
    set.browser.sign_in("admin", PASSWORD).await;
    create(&set).await;
    grant(&set).await;
    add_cluster(&set).await;
    edit_cluster(&set).await;
    act(&set).await;
    filter(&set).await;
    set.browser.quit().await;
}

/// As if one had signed out in another window.
async fn end_the_login(set: &Set) {
    let script = "fetch('/logout', { method: 'POST' }).then(() => arguments[0](true))";
    let _true = set.browser.ask(script).await;
}

async fn sign_in_again(set: &Set) {
    let browser = &set.browser;
    browser.see("h1", "Sign in").await;
    browser.see(".notice", "what you typed is kept").await;
    browser.fill("#username", "admin").await;
    browser.fill("#password", PASSWORD).await;
    browser.click("button", "Sign in").await;
    browser.see(".notice", "what you sent before that was not done").await;
}

async fn create(set: &Set) {
    let browser = &set.browser;
    browser.goto("/instances/new?cluster=fra1").await;
    browser.fill("#name", "kept.example.org").await;
    browser.fill("#memory", "1.5G").await;
    browser.fill("#vcpus", "3").await;
    browser.click("form button", "Add a disk").await;
    browser.fill("#disk-1", "2G").await;
    browser.click("label", "Start it when it is made").await;
    end_the_login(set).await;
    browser.click("form button", "Create instance").await;
    sign_in_again(set).await;
    let path = browser.path().await;
    assert!(path.starts_with("/instances/new"), "{path}");
    let values = [("#name", "kept.example.org"), ("#memory", "1.5 GiB"), ("#vcpus", "3")];
    for (field, value) in values.into_iter().chain([("#disk-1", "2 GiB")]) {
        assert_eq!(browser.value(field).await, value, "{field}");
    }
    let ticked = browser.script("return document.querySelector('[name=start]').checked", vec![]);
    assert_eq!(ticked.await, Ok(json!(false)));
    let jobs = set.cluster().jobs();
    assert!(!jobs.iter().any(|j| j.summary.join("").contains("CREATE")), "it was sent");

    // Once: whoever comes here again begins afresh. (What the script keeps is another matter.)
    browser.click("form button", "Create instance").await;
    browser.see(".head [data-cell=status]", "succeeded").await;
    browser.goto("/instances/new").await;
    assert_eq!(browser.value("#name").await, "");
}

async fn grant(set: &Set) {
    let browser = &set.browser;
    browser.goto("/clusters/fra1").await;
    browser.fill("#principal", "nobody-yet").await;
    browser.choose("#role", "power").await;
    end_the_login(set).await;
    browser.click("button", "Give access").await;
    sign_in_again(set).await;
    assert_eq!(browser.path().await, "/clusters/fra1");
    let kept = async || {
        assert_eq!(browser.value("#principal").await, "nobody-yet");
        assert_eq!(browser.value("#role").await, "power");
    };
    kept().await;

    // A form that is refused keeps it the same way, and says why at the field.
    browser.click("button", "Give access").await;
    browser.see("#principal-error", "There is no user nobody-yet").await;
    assert_eq!(browser.path().await, "/clusters/fra1");
    kept().await;
}

async fn add_cluster(set: &Set) {
    let browser = &set.browser;
    browser.goto("/clusters/add").await;
    browser.fill("#host", &set.cluster().address().to_string()).await;
    browser.click("button", "Check").await;
    browser.see("h2", "What may gwm do there?").await;
    browser.fill("#read_username", "our-reader").await;
    browser.fill("#read_password", "typed-secret").await;
    browser.fill("#write_username", "our-writer").await;
    browser.fill("#write_password", "typed-secret").await;
    browser.fill("#slug", "our-name").await;
    end_the_login(set).await;
    browser.click("button", "Test the users").await;
    browser.see("h1", "Sign in").await;
    let cookies = browser.chromium("Network.getAllCookies", json!({})).await.to_string();
    assert!(cookies.contains("our-reader"), "the cookie that keeps it is another: {cookies}");
    assert!(!cookies.contains("typed-secret"), "a password is stored");
    sign_in_again(set).await;
    browser.see("h2", "What may gwm do there?").await;
    let values = [("#read_username", "our-reader"), ("#write_username", "our-writer")];
    for (field, value) in values.into_iter().chain([("#slug", "our-name")]) {
        assert_eq!(browser.value(field).await, value, "{field}");
    }
    let page = browser.script("return document.documentElement.outerHTML", vec![]).await.unwrap();
    assert!(!page.to_string().contains("typed-secret"), "a password came back");
}

async fn edit_cluster(set: &Set) {
    let browser = &set.browser;
    browser.goto("/clusters/fra1/edit").await;
    browser.fill("#read_username", "another-reader").await;
    browser.fill("#read_password", "typed-secret").await;
    end_the_login(set).await;
    browser.click("button", "Save").await;
    sign_in_again(set).await;
    assert_eq!(browser.path().await, "/clusters/fra1/edit");
    assert_eq!(browser.value("#read_username").await, "another-reader");
    assert_eq!(browser.value("#read_password").await, "");
}

/// What has no input is not done either, and the page says so.
async fn act(set: &Set) {
    let (browser, name) = (&set.browser, set.instance_that("running"));
    let path = format!("/clusters/fra1/instances/{name}");
    browser.goto(&path).await;
    browser.click(".head button", "Shut down").await;
    end_the_login(set).await;
    browser.see("#banners", "You are signed out").await;
    browser.click("dialog button", "Shut down").await;
    sign_in_again(set).await;
    assert_eq!(browser.path().await, path);
    assert_eq!(set.status(&name), "running", "it was done");
    // The notice is of this once.
    browser.goto(&path).await;
    browser.see("h1", &name).await;
    browser.unsee(".notice", "was not done").await;
}

/// A list that is filtered after the login has ended becomes the login, not an empty list.
async fn filter(set: &Set) {
    let browser = &set.browser;
    // A page that hears of it goes to the login by itself.
    browser.goto("/instances").await;
    browser.see("tbody th", ".example.org").await;
    end_the_login(set).await;
    browser.see("h1", "Sign in").await;
    browser.sign_in("admin", PASSWORD).await;

    // One that does not.
    let _on = browser.chromium("Network.enable", json!({})).await;
    let blocked = json!({"urls": ["*/api/v1/events*"]});
    let _blocked = browser.chromium("Network.setBlockedURLs", blocked).await;
    browser.goto("/instances").await;
    browser.see("tbody th", ".example.org").await;
    end_the_login(set).await;
    browser.fill("#q", "status:running").await;
    browser.see("h1", "Sign in").await;
    browser.fill("#username", "admin").await;
    browser.fill("#password", PASSWORD).await;
    browser.click("button", "Sign in").await;
    browser.see("h1", "Instances").await;
    assert_eq!(browser.value("#q").await, "status:running");
}
