//! Chromium under Debian's chromedriver: waits for what a person would wait for.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use gwm_integration_tests::binary_directory;
use gwm_testkit::paths::{program, project_root};
use gwm_testkit::{Plan, Scratch, Supervised, wait_for};
use serde_json::{Value, json};
use thirtyfour::common::log::LoggingPrefsLogLevel;
use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, Key, WebDriver, WebElement};

/// Generous: the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// `--headless=new` and the rest: nothing that talks to the world outside, nothing kept.
const FLAGS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1440,900",
];

/// The first visible element of a kind with a certain label or text; an empty text takes any.
const FIND: &str = r"
    const [selector, text] = arguments;
    const words = (e) => (e.getAttribute('aria-label') ?? e.textContent).replace(/\s+/g, ' ').trim();
    return [...document.querySelectorAll(selector)]
        .find((e) => e.checkVisibility({ visibilityProperty: true }) && (text === '' || words(e) === text)) ?? null;";

/// Whether such an element holds a text somewhere.
const SEE: &str = r"
    const [selector, text] = arguments;
    return [...document.querySelectorAll(selector)]
        .some((e) => e.checkVisibility({ visibilityProperty: true }) && e.textContent.replace(/\s+/g, ' ').includes(text));";

/// A browser with one page at a time.
pub(crate) struct Browser {
    // In the order in which they go.
    driver: WebDriver,
    _chromedriver: Supervised,
    _scratch: Scratch,
    http: reqwest::Client,
    commands: String,
    base: String,
}

impl Browser {
    /// Starts one for the pages at `base`.
    pub(crate) async fn start(base: &str) -> Self {
        assets_are_built();
        let scratch = Scratch::new("gwm-browser-").unwrap();
        let (chromedriver, port) = chromedriver(&scratch).await;
        let mut capabilities = DesiredCapabilities::chrome();
        for flag in FLAGS {
            capabilities.add_arg(flag).unwrap();
        }
        let profile = scratch.path().join("profile");
        capabilities.add_arg(&format!("--user-data-dir={}", profile.display())).unwrap();
        capabilities.set_browser_log_level(LoggingPrefsLogLevel::Severe).unwrap();
        let server = format!("http://127.0.0.1:{port}");
        let driver = WebDriver::new(&server, capabilities).await.unwrap();
        driver.set_script_timeout(PATIENCE).await.unwrap();
        let commands = format!("{server}/session/{}", driver.session_id());
        let http = reqwest::Client::new();
        let base = base.to_owned();
        Self { driver, _chromedriver: chromedriver, _scratch: scratch, http, commands, base }
    }

    /// Ends it. A broken content security policy or a script's error fails the test.
    pub(crate) async fn quit(self) {
        let log = self.driver.browser_log().await.unwrap();
        let messages = log.into_iter().map(|entry| entry.message);
        // Refused requests are what some tests are about.
        let wrong: Vec<_> = messages.filter(|m| !m.contains("Failed to load resource")).collect();
        assert!(wrong.is_empty(), "the browser complains: {wrong:#?}");
        self.driver.quit().await.unwrap();
    }

    /// Opens a page by its path.
    pub(crate) async fn goto(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.base)).await.unwrap();
    }

    /// Path and query of the page that is open.
    pub(crate) async fn path(&self) -> String {
        let url = self.driver.current_url().await.unwrap();
        url.as_str().trim_start_matches(&self.base).to_owned()
    }

    /// Waits until the page that is open has such a path.
    pub(crate) async fn arrive(&self, what: &str, check: impl Fn(&str) -> bool) -> String {
        let there = gwm_testkit::try_wait_for(what, PATIENCE, async || {
            let path = self.path().await;
            if check(&path) { Ok(path) } else { Err(path) }
        })
        .await;
        match there {
            Ok(path) => path,
            Err(message) => panic!("{message}\n{}", self.describe().await),
        }
    }

    /// Runs a script in the page.
    pub(crate) async fn script(
        &self,
        script: &str,
        arguments: Vec<Value>,
    ) -> Result<Value, String> {
        let answer = self.driver.execute(script, arguments).await;
        answer.map(|value| value.json().clone()).map_err(|error| first_line(&error))
    }

    /// Runs a script that hands its result to its last argument.
    pub(crate) async fn ask(&self, script: &str) -> Value {
        let answer = self.driver.execute_async(script, Vec::new()).await;
        answer.unwrap_or_else(|error| panic!("{}", first_line(&error))).json().clone()
    }

    /// Waits until a script says true (or anything but false, null, 0 and ""), and yields that.
    pub(crate) async fn until(&self, what: &str, script: &str, arguments: Vec<Value>) -> Value {
        let mut last = String::new();
        let found = gwm_testkit::try_wait_for(what, PATIENCE, async || {
            let value = self.script(script, arguments.clone()).await?;
            let no = [json!(null), json!(false), json!(0), json!("")].contains(&value);
            if no { Err(value.to_string()) } else { Ok(value) }
        })
        .await;
        match found {
            Ok(value) => value,
            Err(message) => {
                last.push_str(&self.describe().await);
                panic!("{message}\n{last}");
            }
        }
    }

    /// Where the browser is and what can be read there.
    async fn describe(&self) -> String {
        let text = self.script("return document.body.innerText.slice(0, 3000)", vec![]).await;
        let picture = directory("failed-stacks").join("browser.png");
        let kept = self.driver.screenshot(&picture).await.is_ok();
        let picture = if kept { picture.display().to_string() } else { String::new() };
        format!("at {} {picture}\n{}", self.path().await, text.unwrap_or_default())
    }

    /// Waits until an element is seen that holds this text.
    pub(crate) async fn see(&self, selector: &str, text: &str) {
        let what = format!("{selector} with {text:?}");
        let _true = self.until(&what, SEE, vec![json!(selector), json!(text)]).await;
    }

    /// Waits until none is.
    pub(crate) async fn unsee(&self, selector: &str, text: &str) {
        let what = format!("no {selector} with {text:?}");
        let script = format!("return !(function () {{{SEE}}}).apply(null, arguments)");
        let _true = self.until(&what, &script, vec![json!(selector), json!(text)]).await;
    }

    /// The text of the first such element.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.innerText.trim() ?? ''";
        let what = format!("a text in {selector}");
        let value = self.until(&what, script, vec![json!(selector)]).await;
        value.as_str().unwrap_or_default().to_owned()
    }

    /// What is typed in a field.
    pub(crate) async fn value(&self, selector: &str) -> String {
        let script = "return document.querySelector(arguments[0]).value";
        let value = self.script(script, vec![json!(selector)]).await.unwrap();
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Waits for a visible element with this text or label, does something to it, again if it just changed.
    async fn with<E: Display>(
        &self,
        selector: &str,
        text: &str,
        act: impl AsyncFn(WebElement) -> Result<(), E>,
    ) {
        let what = format!("{selector} {text:?}");
        let done = gwm_testkit::try_wait_for(&what, PATIENCE, async || {
            let arguments = vec![json!(selector), json!(text)];
            let found = self.driver.execute(FIND, arguments).await.map_err(|e| first_line(&e))?;
            if found.json().is_null() {
                return Err("not there".to_owned());
            }
            act(found.element().map_err(|e| first_line(&e))?).await.map_err(|e| first_line(&e))
        })
        .await;
        if let Err(message) = done {
            panic!("{message}\n{}", self.describe().await);
        }
    }

    /// Clicks what has this text or label.
    pub(crate) async fn click(&self, selector: &str, text: &str) {
        self.with(selector, text, async |element| element.click().await).await;
    }

    /// Types into a field what it is to hold.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        self.with(selector, "", async |element| {
            element.clear().await?;
            element.send_keys(text).await
        })
        .await;
    }

    /// Chooses in a list the entry that begins so.
    pub(crate) async fn choose(&self, selector: &str, text: &str) {
        self.with(selector, "", async |element| element.send_keys(text).await).await;
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn keys(&self, text: impl Into<thirtyfour::TypingData>) {
        self.driver.action_chain().send_keys(text).perform().await.unwrap();
    }

    /// Presses Tab until the focus is on what has this text or label.
    pub(crate) async fn tab_to(&self, selector: &str, text: &str) {
        let script = format!(
            "const at = document.activeElement;
             return at !== document.body && at.matches(arguments[0])
                && (function () {{{FIND}}}).call(null, ':focus', arguments[1]) === at;"
        );
        for _ in 0..80 {
            let arguments = vec![json!(selector), json!(text)];
            if self.script(&script, arguments).await == Ok(json!(true)) {
                return;
            }
            self.keys(Key::Tab).await;
        }
        panic!("no Tab leads to {selector} {text:?}\n{}", self.describe().await);
    }

    /// Opens another tab and goes there.
    pub(crate) async fn new_tab(&self) {
        let tab = self.driver.new_tab().await.unwrap();
        self.driver.switch_to_window(tab).await.unwrap();
    }

    /// Goes to a tab by the order in which they were opened.
    pub(crate) async fn tab(&self, number: usize) {
        let tabs = self.driver.windows().await.unwrap();
        self.driver.switch_to_window(tabs[number].clone()).await.unwrap();
    }

    /// Signs in and waits until that is done.
    pub(crate) async fn sign_in(&self, username: &str, password: &str) {
        self.goto("/login").await;
        self.fill("#username", username).await;
        self.fill("#password", password).await;
        self.click("button", "Sign in").await;
        let _path =
            self.arrive("a page behind the login", |path| !path.starts_with("/login")).await;
    }

    /// A command of Chromium's own protocol.
    pub(crate) async fn chromium(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        let url = format!("{}/goog/cdp/execute", self.commands);
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{command}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    /// What is on the screen, as a PNG file.
    pub(crate) async fn screenshot(&self, path: &std::path::Path) {
        self.driver.screenshot(path).await.unwrap();
    }
}

/// It takes a free port and says which. Another program may be faster at that port's other address
/// family; then it ends, and is started anew.
async fn chromedriver(scratch: &Scratch) -> (Supervised, u16) {
    let start = || {
        let plan = Plan::new("chromedriver", program("chromedriver").unwrap(), scratch.path());
        plan.arg("--port=0").env("TMPDIR", scratch.path()).start().unwrap()
    };
    let mut running = start();
    let port = wait_for("chromedriver", PATIENCE, async || {
        if running.ended().is_some() {
            running = start();
        }
        let said = running.log_tail(20);
        let port = said.split("started successfully on port ").nth(1);
        port.and_then(|rest| rest.split('.').next()?.trim().parse::<u16>().ok()).ok_or(said)
    })
    .await;
    (running, port)
}

/// The services show what was built last: a test of older scripts would say nothing.
fn assets_are_built() {
    let mut make = std::process::Command::new("make");
    let make = make.args(["--question", ".local/assets.stamp"]).current_dir(project_root());
    let built = make.output().is_ok_and(|output| output.status.success());
    assert!(built, "the pages' scripts and styles are older than their sources: run `make assets`");
}

/// A directory in cargo's target directory.
pub(crate) fn directory(name: &str) -> PathBuf {
    let programs = binary_directory().unwrap();
    let directory = programs.parent().unwrap_or(&programs).join(name);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

fn first_line(error: &impl Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
