//! The first cluster of an empty installation, with each mistake that a person makes on the way.

use std::process::Stdio;

use gwm_integration_tests::Part;
use gwm_testkit::ReservedPort;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::driver::Browser;
use crate::set::Set;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_cluster_is_added_in_the_browser() {
    let set = Set::empty("browser-add-cluster").await;
    let browser = &set.browser;
    browser.sign_in("admin", "correct horse battery").await;
    browser.see("h2", "First steps").await;
    browser.click("a", "Add cluster").await;
    browser.see("h1", "Add a cluster").await;

    wrong_hosts(&set).await;
    right_host(&set).await;
    users(&set).await;

    browser.click("button", "Add cluster").await;
    let path = browser.arrive("the import", |path| path.ends_with("/added")).await;
    assert_eq!(path, "/clusters/fra1/added");
    let (nodes, instances) = set.cluster().look(|c| (c.nodes.len(), c.instances.len()));
    browser.see("h2", &format!("{nodes} nodes, {instances} instances imported")).await;
    browser.click("a", "See its instances").await;
    let rows = "return document.querySelectorAll('#rows tbody tr').length === arguments[0]";
    let _true = browser.until("its instances", rows, vec![json!(instances)]).await;

    // Again: it is there already.
    browser.goto("/clusters/add").await;
    check(browser, &set.cluster().address().to_string()).await;
    browser.see("h2", "What may gwm do there?").await;
    fill_users(browser, ["gwm-read", "read-secret"], ["gwm-write", "write-secret"]).await;
    browser.fill("#slug", "fra1").await;
    browser.click("button", "Add cluster").await;
    browser.see("[role=alert]", "already").await;
    set.browser.quit().await;
}

async fn check(browser: &Browser, host: &str) {
    browser.fill("#host", host).await;
    browser.see("#host-help", "5080").await;
    let probed = browser.script("return document.querySelector('#read_username') !== null", vec![]);
    let again = probed.await == Ok(json!(true));
    browser.click("button", if again { "Check again" } else { "Check" }).await;
}

async fn wrong_hosts(set: &Set) {
    let browser = &set.browser;
    browser.click("button", "Check").await;
    browser.see("#host-error", "Give the host").await;
    check(browser, "no-such-host.invalid").await;
    browser.see("[role=alert]", "This name does not resolve").await;
    assert_eq!(browser.value("#host").await, "no-such-host.invalid", "what was typed is lost");
    let nobody = ReservedPort::any().unwrap().release();
    check(browser, &format!("127.0.0.1:{nobody}")).await;
    browser.see("[role=alert]", "Nothing listens there").await;
    let plain = set.stack.public_port(Part::WebGateway);
    check(browser, &format!("127.0.0.1:{plain}")).await;
    browser.see("[role=alert]", "not with TLS").await;
}

async fn right_host(set: &Set) {
    let browser = &set.browser;
    check(browser, &set.cluster().address().to_string()).await;
    browser.see("h2", "Is it the right one?").await;
    let shown = browser.text("dl .mono").await.replace(':', "").to_lowercase();
    assert_eq!(shown, set.cluster().fingerprint());
    browser
        .see("pre", "openssl x509 -in /var/lib/ganeti/rapi.pem -noout -fingerprint -sha256")
        .await;
    // The lines to paste are those of the passwords in the form, and hold none of them.
    let lines = browser.text("pre[aria-label='the lines for the users file']").await;
    let mut expected = Vec::new();
    for (role, options) in [("read", "read"), ("write", "read,write")] {
        let user = browser.value(&format!("#{role}_username")).await;
        let password = browser.value(&format!("#{role}_password")).await;
        assert!(password.len() > 20 && !lines.contains(&password), "{lines}");
        let hash = md5(&format!("{user}:Ganeti Remote API:{password}")).await;
        expected.push(format!("{user} {{HA1}}{hash} {options}"));
    }
    assert_eq!(lines, expected.join("\n"));
}

/// With coreutils: not with what is tested.
async fn md5(text: &str) -> String {
    let mut command = Command::new("md5sum");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).await.unwrap();
    drop(input);
    let output = child.wait_with_output().await.unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
}

async fn fill_users(browser: &Browser, read: [&str; 2], write: [&str; 2]) {
    browser.fill("#read_username", read[0]).await;
    browser.fill("#read_password", read[1]).await;
    browser.fill("#write_username", write[0]).await;
    browser.fill("#write_password", write[1]).await;
}

async fn users(set: &Set) {
    let (browser, result) = (&set.browser, "[aria-label='Test result'] li");
    let right = ["gwm-read", "read-secret"];
    // The lines were not pasted yet: both are unknown there.
    browser.click("button", "Test the users").await;
    browser.see(result, "401").await;
    // One that may only read can't be the one that writes.
    fill_users(browser, right, right).await;
    browser.click("button", "Test the users").await;
    browser.see(result, "403, this user lacks write").await;
    browser.see(result, "works").await;
    assert_eq!(browser.value("#read_password").await, right[1], "what was typed is lost");
    // Adding it like this is refused, and nothing is stored.
    browser.click("button", "Add cluster").await;
    browser.see("#write_password-error", "lacks write").await;
    assert_eq!(set.admin.get("/clusters").await.ok()["total"], 0);
    fill_users(browser, right, ["gwm-write", "write-secret"]).await;
    browser.click("button", "Test the users").await;
    browser.see(result, "9 instances to import").await;
    browser.unsee(result, "refused").await;
    browser.fill("#slug", "fra1").await;
}
