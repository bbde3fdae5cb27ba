//! A real Chromium, driven as a person drives it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gwm_integration_tests::binary_directory;
use gwm_testkit::paths::{program, project_root};
use gwm_testkit::{Plan, ReservedPort, Scratch, Supervised, wait_for};
use serde_json::{Value, json};
use thirtyfour::{By, ChromiumLikeCapabilities, DesiredCapabilities, Key, WebDriver, WebElement};

/// Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(40);

/// A browser with a profile of its own, gone with the test.
pub(crate) struct Browser {
    driver: WebDriver,
    base: String,
    axe: String,
    shots: PathBuf,
    // After the driver: ends Chromium with it.
    _chromedriver: Supervised,
    _directory: Scratch,
}

impl Browser {
    /// Opens one on pages at `base`.
    pub(crate) async fn open(base: &str) -> Self {
        let directory = Scratch::new("gwm-browser-").unwrap();
        let port = ReservedPort::any().unwrap().release();
        let mut chromedriver =
            Plan::new("chromedriver", program("chromedriver").unwrap(), directory.path())
                .arg(format!("--port={port}"))
                .env("HOME", directory.path())
                .start()
                .unwrap();
        let profile = directory.path().join("profile");
        let mut capabilities = DesiredCapabilities::chrome();
        for flag in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            &format!("--user-data-dir={}", profile.display()),
        ] {
            capabilities.add_arg(flag).unwrap();
        }
        capabilities.set_binary(&program("chromium").unwrap().display().to_string()).unwrap();
        let server = format!("http://127.0.0.1:{port}");
        let driver = wait_for("Chromium to open", PATIENCE, async || {
            chromedriver.check_alive().unwrap();
            WebDriver::new(&server, capabilities.clone()).await.map_err(|error| error.to_string())
        })
        .await;
        let axe =
            project_root().join("services/web-gateway/assets/node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&axe)
            .unwrap_or_else(|error| panic!("{}: {error}; run `make assets`", axe.display()));
        let shots = binary_directory().unwrap().parent().unwrap().join("screenshots");
        std::fs::create_dir_all(&shots).unwrap();
        let browser = Self {
            driver,
            base: base.to_owned(),
            axe,
            shots,
            _chromedriver: chromedriver,
            _directory: directory,
        };
        browser.size(1440).await;
        browser
    }

    /// Ends it.
    pub(crate) async fn quit(self) {
        self.driver.quit().await.unwrap();
    }

    /// Goes to a page.
    pub(crate) async fn goto(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.base)).await.unwrap();
    }

    /// The path where it is.
    pub(crate) async fn path(&self) -> String {
        self.driver.current_url().await.unwrap().path().to_owned()
    }

    /// Runs a script and yields what it returns.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.driver.execute(script, vec![]).await.unwrap().json().clone()
    }

    async fn protocol(&self, method: &str, parameters: Value) {
        self.driver.cdp().send_raw(method, parameters).await.unwrap();
    }

    /// Makes the window so wide; below 500 px windows can't, so the device does.
    pub(crate) async fn size(&self, width: u32) {
        let height = if width < 500 { 740 } else { 900 };
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.protocol("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    async fn colours(&self, scheme: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.protocol("Emulation.setEmulatedMedia", features).await;
    }

    /// The first visible element, once there is one.
    pub(crate) async fn find(&self, xpath: &str) -> WebElement {
        wait_for(xpath, PATIENCE, async || {
            for element in self.driver.find_all(By::XPath(xpath)).await.unwrap_or_default() {
                if element.is_displayed().await.unwrap_or_default() {
                    return Ok(element);
                }
            }
            let text = self.script("return document.body.innerText").await;
            let text: String = text.as_str().unwrap_or_default().chars().take(1500).collect();
            Err(format!("at {}: {text}", self.path().await))
        })
        .await
    }

    /// Waits for a text anywhere on the page.
    pub(crate) async fn sees(&self, text: &str) {
        wait_for(&format!("{text:?} on the page"), PATIENCE, async || {
            let all = self.script("return document.body.innerText").await;
            let all = all.as_str().unwrap_or_default();
            if all.contains(text) {
                Ok(())
            } else {
                Err(all.chars().take(1500).collect::<String>())
            }
        })
        .await;
    }

    /// Clicks, once it can be clicked: live cells may be exchanged just then.
    pub(crate) async fn click(&self, xpath: &str) {
        wait_for(&format!("a click on {xpath}"), PATIENCE, async || {
            let element = self.find(xpath).await;
            element.click().await.map_err(|error| error.to_string())
        })
        .await;
    }

    /// Clicks the button or link with this text.
    pub(crate) async fn press(&self, text: &str) {
        self.click(&format!("//*[self::button or self::a][normalize-space()='{text}']")).await;
    }

    /// Types into the field with this id, over what it holds.
    pub(crate) async fn fill(&self, id: &str, text: &str) {
        let field = self.find(&format!("//*[@id='{id}']")).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Chooses an option by its value.
    pub(crate) async fn choose(&self, id: &str, value: &str) {
        self.click(&format!("//select[@id='{id}']/option[@value='{value}']")).await;
    }

    /// Presses Tab until the focus is on an element whose text or label is this, then Enter.
    pub(crate) async fn by_keyboard(&self, wanted: &str) {
        let mut seen = Vec::new();
        for _ in 0..120 {
            let focus = self
                .script(
                    "const e = document.activeElement; \
                     return (e.getAttribute('aria-label') || e.innerText || e.id || '').trim()",
                )
                .await;
            let focus = focus.as_str().unwrap_or_default().to_owned();
            if focus == wanted {
                let element = self.driver.active_element().await.unwrap();
                element.send_keys(Key::Enter + "").await.unwrap();
                return;
            }
            seen.push(focus);
            self.driver.action_chain().send_keys(Key::Tab + "").perform().await.unwrap();
        }
        panic!("Tab never came to {wanted:?}, but to {seen:?}");
    }

    /// Looks at a page as different people do: small and large, light and dark; axe finds nothing, and
    /// nothing scrolls sideways. The screenshots are for looking at.
    pub(crate) async fn inspect(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        for width in [360, 1440] {
            self.size(width).await;
            for scheme in ["light", "dark"] {
                self.colours(scheme).await;
                let at = format!("{name} {width} {scheme}");
                let wide =
                    "const e = document.documentElement; return e.scrollWidth - e.clientWidth";
                if self.script(wide).await.as_i64().unwrap() > 0 {
                    found.push(format!("{at}: scrolls sideways"));
                }
                self.shot(&format!("{name}-{width}-{scheme}.png")).await;
                found.extend(self.axe().await.into_iter().map(|text| format!("{at}: {text}")));
            }
        }
        self.colours("light").await;
        self.size(1440).await;
        found
    }

    async fn shot(&self, name: &str) {
        self.driver.screenshot(Path::new(&self.shots.join(name))).await.unwrap();
    }

    async fn axe(&self) -> Vec<String> {
        self.driver.execute(self.axe.as_str(), vec![]).await.unwrap();
        let run = "const done = arguments[arguments.length - 1]; \
                   axe.run(document, {resultTypes: ['violations']}).then((r) => done( \
                     r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join(' | '))), \
                     (e) => done(['axe failed: ' + e]))";
        let violations = self.driver.execute_async(run, vec![]).await.unwrap();
        let violations = violations.json().as_array().cloned().unwrap_or_default();
        violations.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}
