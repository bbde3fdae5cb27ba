//! The operator opens a shop to somebody new, who makes a machine and loses it again: both by keyboard alone.

use thirtyfour::Key;

use crate::driver::Browser;
use crate::set::Set;

const PASSWORD: &str = "a mill by the brook";
const NAME: &str = "shop1.example.org";
const ADMIN_PASSWORD: &str = "correct horse battery";

#[tokio::test(flavor = "multi_thread")]
async fn somebody_new_makes_a_machine_for_a_group_by_keyboard_alone() {
    let set = Set::fleet("browser-newcomer").await;
    let operator = &set.browser;
    operator.goto("/").await;
    sign_in(operator, "admin", ADMIN_PASSWORD).await;
    let link = prepare(operator).await;

    let ann = Browser::start(&set.stack.url()).await;
    accept(&ann, &link).await;
    add_to_the_group(operator).await;
    create(&ann).await;
    is_refused_the_next(&ann).await;
    lose_it(&set, &ann).await;
    ann.quit().await;

    the_log_tells_it(operator).await;
    set.browser.quit().await;
}

/// Follows a link, or presses a button, that has this label.
async fn press(browser: &Browser, selector: &str, label: &str) {
    browser.tab_to(selector, label).await;
    browser.keys(Key::Enter).await;
}

/// Goes to a field and replaces what is in it: Tab selects it.
async fn write(browser: &Browser, field: &str, text: &str) {
    browser.tab_to(field, "").await;
    browser.keys(text).await;
}

/// Goes to a list and chooses what begins so.
async fn choose(browser: &Browser, list: &str, text: &str) {
    browser.tab_to(list, "").await;
    browser.keys(text).await;
}

async fn sign_in(browser: &Browser, name: &str, password: &str) {
    browser.see("h1", "Sign in").await;
    write(browser, "#username", name).await;
    write(browser, "#password", password).await;
    browser.keys(Key::Enter).await;
    browser.see("h1", "Overview").await;
}

/// A group, a role, its right, its quota, an invite; yields the invite's link.
async fn prepare(browser: &Browser) -> String {
    press(browser, "nav a", "Groups").await;
    browser.see("h1", "Groups").await;
    write(browser, "#name", "shop").await;
    write(browser, "#description", "Runs the web shop").await;
    browser.keys(Key::Enter).await;
    browser.see("h1", "shop").await;

    press(browser, "nav a", "Roles").await;
    press(browser, ".actions a", "New role").await;
    browser.see("h1", "New role").await;
    write(browser, "#name", "maker").await;
    browser.tab_to("input[name=permissions][value=create_vm]", "").await;
    browser.keys(" ").await;
    browser.keys(Key::Enter).await;
    browser.see("tbody th", "maker").await;

    press(browser, "nav a", "Clusters").await;
    press(browser, "tbody th a", "fra1").await;
    browser.see("h1", "fra1").await;
    write(browser, "#principal", "group/shop").await;
    choose(browser, "#role", "maker").await;
    press(browser, "#access button", "Give access").await;
    browser.see("#access .lines li", "group/shop maker").await;

    press(browser, "nav a", "Quotas").await;
    choose(browser, "#cluster", "fra1").await;
    press(browser, "main button", "Show").await;
    write(browser, "#whose", "group/shop").await;
    browser.keys(Key::Enter).await;
    browser.see("#limits-h", "group/shop on fra1").await;
    choose(browser, "select[name=memory_choice]", "At most").await;
    write(browser, "#memory", "1G").await;
    press(browser, "main button", "Save").await;
    browser.see("main", "group/shop").await;

    press(browser, "nav a", "Users").await;
    press(browser, ".actions a", "Invites").await;
    write(browser, "#username", "ann").await;
    browser.keys(Key::Enter).await;
    browser.see("main .notice", "Copy its link now").await;
    let script =
        r"return document.querySelector('main .notice').innerText.match(/http\S+#\S+/)?.[0]";
    let link = browser.until("the link", script, vec![]).await;
    link.as_str().unwrap().to_owned()
}

async fn accept(ann: &Browser, link: &str) {
    let path = link.find("/invite?").map(|at| &link[at..]).unwrap();
    ann.goto(path).await;
    ann.see("h1", "Make your account").await;
    write(ann, "#password", PASSWORD).await;
    write(ann, "#password_again", PASSWORD).await;
    ann.keys(Key::Enter).await;
    ann.see("main", "Nothing is yours to use yet").await;
}

async fn add_to_the_group(operator: &Browser) {
    press(operator, "nav a", "Groups").await;
    press(operator, "tbody th a", "shop").await;
    write(operator, "#username", "ann").await;
    operator.keys(Key::Enter).await;
    operator.see("#members tbody", "ann").await;
}

/// She acts as the group, sees nobody's machines, and makes one.
async fn create(ann: &Browser) {
    ann.goto("/").await;
    press(ann, "header button[popovertarget=persona-menu]", "").await;
    press(ann, "#persona-menu button", "shop (group)").await;
    press(ann, "nav a", "Instances").await;
    ann.see("h1", "Instances").await;
    ann.unsee("tbody th", "example.org").await;
    fill_in(ann, NAME, "768M").await;
    let _path = ann.arrive("the job's page", |path| path.starts_with("/jobs/")).await;
    ann.see(".head [data-cell=status]", "succeeded").await;
}

async fn fill_in(ann: &Browser, name: &str, memory: &str) {
    press(ann, "nav a", "Instances").await;
    press(ann, "main a", "Create instance").await;
    ann.see("h1", "Create instance").await;
    ann.see("main", "owned by group/shop").await;
    write(ann, "#name", name).await;
    write(ann, "#memory", memory).await;
    write(ann, "#vcpus", "1").await;
    choose(ann, "#disk_template", "plain").await;
    press(ann, "main form button", "Create instance").await;
}

async fn is_refused_the_next(ann: &Browser) {
    fill_in(ann, "shop2.example.org", "512M").await;
    ann.see("[role=alert]", "256 MiB").await;
    assert_eq!(ann.value("#name").await, "shop2.example.org", "what was typed is lost");
}

/// What she has open is hers no more once she is taken out: the machine's page, its console, the list.
async fn lose_it(set: &Set, ann: &Browser) {
    press(ann, "nav a", "Instances").await;
    press(ann, "tbody th a", NAME).await;
    ann.see(".head [data-cell=status]", "running").await;
    ann.new_tab().await;
    ann.goto("/instances").await;
    ann.see("tbody th", NAME).await;
    ann.new_tab().await;
    ann.goto(&format!("/clusters/fra1/instances/{NAME}/console")).await;
    ann.see("#console-status", "Connected").await;

    let operator = &set.browser;
    press(operator, "#members button", "Remove ann").await;
    operator.see("dialog", "Remove ann").await;
    press(operator, "dialog button", "Remove ann").await;
    operator.unsee("#members tbody", "ann").await;

    ann.unsee("#console-status", "Connected").await;
    ann.tab(1).await;
    ann.unsee("tbody th", NAME).await;
    ann.tab(0).await;
    ann.unsee("h1", NAME).await;
    ann.see("h1", "or you may not see it").await;
    let left = ann.script("return document.body.innerText", vec![]).await.unwrap();
    assert!(!left.as_str().unwrap().contains(NAME), "{left}");
    assert_eq!(set.status(NAME), "running", "nothing happened to the machine itself");
}

/// On the machine, and on her.
async fn the_log_tells_it(operator: &Browser) {
    press(operator, "nav a", "Audit log").await;
    write(operator, "#q", &format!("object:{NAME}")).await;
    for told in ["Create an instance", "Open a console"] {
        operator.see("#rows tbody", told).await;
    }
    operator.see("#rows tbody", "ann").await;
    write(operator, "#q", "actor:ann outcome:refused").await;
    operator.see("#rows tbody", "quota").await;
}
