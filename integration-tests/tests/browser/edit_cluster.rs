//! A cluster's settings: a renewed certificate, refused and then pinned; a user that lacks a right.

use gwm_rapi_sim::CertStyle;

use crate::set::Set;

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_compared_and_pinned_in_the_browser() {
    let set = Set::fleet("browser-edit-cluster").await;
    let browser = &set.browser;
    browser.sign_in("admin", "correct horse battery").await;
    browser.goto("/clusters/fra1").await;
    browser.click("a", "Settings").await;
    browser.see("h1", "Settings of fra1").await;

    // What does not work is not stored, and what was typed stays.
    browser.fill("#write_username", "gwm-read").await;
    browser.fill("#write_password", "read-secret").await;
    browser.click("button", "Save").await;
    browser.see("#write_password-error", "lacks write").await;
    assert_eq!(browser.value("#write_username").await, "gwm-read");
    assert_eq!(browser.value("#write_password").await, "", "a password is never sent back");
    let stored = set.admin.get("/clusters/fra1").await.ok();
    assert_eq!(stored["write_username"], "gwm-write");

    let renewed = set.cluster().change_certificate(CertStyle::GanetiV1).unwrap();
    let refused = set.admin.post("/clusters/fra1/refresh", &serde_json::json!({})).await.ok();
    assert_eq!(refused["health"]["error_code"], "rapi_certificate_changed");
    browser.goto("/clusters/fra1").await;
    browser.see(".notice", "does not answer").await;
    browser.click("a", "Settings").await;
    browser.see("h2", "The certificate has changed").await;
    let plain = |text: String| text.replace(':', "").to_lowercase();
    let both = plain(browser.text("section dl").await);
    let pinned = plain(stored["fingerprint"].as_str().unwrap().to_owned());
    assert!(both.contains(&pinned) && both.contains(&plain(renewed)), "{both}");
    browser.see("pre", "openssl x509").await;
    browser.click("button", "It is the same: pin it").await;
    let path = browser.arrive("the cluster", |path| path == "/clusters/fra1").await;
    assert_eq!(path, "/clusters/fra1");
    let healed = set.admin.get("/clusters/fra1").await.ok();
    assert!(healed["health"]["reachable"] == true, "{healed}");

    // Without a user that writes, gwm only looks, and says so.
    browser.click("a", "Settings").await;
    browser.fill("#write_username", "").await;
    browser.click("button", "Save").await;
    browser.see(".chip", "read-only").await;
    set.browser.quit().await;
}
