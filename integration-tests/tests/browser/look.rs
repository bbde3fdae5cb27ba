//! One page at two widths, light and dark: no sideways scroll, nothing that axe finds, a picture kept.

use gwm_testkit::paths::project_root;
use serde_json::{Value, json};

use crate::driver::{Browser, directory};

const RUN: &str = "
    const done = arguments[0];
    axe.run(document, { resultTypes: ['violations'] }).then(
        (result) => done(result.violations.map((v) =>
            `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.any[0]?.message ?? n.html}`).join(' | ')}`)),
        (error) => done([String(error)]))";
/// What was emulated is drawn.
const DRAWN: &str = "
    const done = arguments[0];
    requestAnimationFrame(() => requestAnimationFrame(() => done(true)))";
const TOO_WIDE: &str =
    "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
const CUT_OFF: &str = "
    return [...document.querySelectorAll('.table-box')]
        .filter((b) => getComputedStyle(b).overflowX === 'clip' && b.scrollWidth > b.clientWidth).length";

/// A head that is hidden, or aligned, otherwise than the cells below it is another column's.
const WRONG_HEADS: &str = "
    const looks = (cell) => {
        const style = getComputedStyle(cell);
        return style.display === 'none' ? 'hidden' : ['right', 'end'].includes(style.textAlign);
    };
    return [...document.querySelectorAll('table')].filter((table) => {
        const heads = [...table.querySelectorAll('thead th')];
        const cells = [...table.querySelector('tbody tr')?.cells ?? []];
        const drawn = cells.length && getComputedStyle(cells[0]).display === 'table-cell';
        return drawn && (heads.length !== cells.length
            || heads.some((head, n) => looks(head) !== looks(cells[n])));
    }).length";
/// What may be wrong with any page: a number above 0 is.
const CHECKS: [(&str, &str); 3] = [
    (TOO_WIDE, "px too wide"),
    (CUT_OFF, "tables cut off"),
    (WRONG_HEADS, "tables whose heads are not those of their columns"),
];

/// Looks at pages and remembers what is wrong with them.
pub(crate) struct Looker<'a> {
    browser: &'a Browser,
    axe: String,
    who: &'static str,
    found: Vec<String>,
    looked: usize,
}

impl<'a> Looker<'a> {
    /// One for somebody's pages.
    pub(crate) fn new(browser: &'a Browser, who: &'static str) -> Self {
        let file =
            project_root().join("services/web-gateway/assets/node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}: run `npm ci` there", file.display()));
        Self { browser, axe, who, found: Vec::new(), looked: 0 }
    }

    /// Looks at the page that is open.
    pub(crate) async fn look(&mut self, name: &str) {
        let browser = self.browser;
        let _loaded =
            browser.until("a page", "return document.readyState === 'complete'", vec![]).await;
        for (width, height) in [(1440, 900), (360, 740)] {
            let size = json!({
                "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
            });
            let _done = browser.chromium("Emulation.setDeviceMetricsOverride", size).await;
            for theme in ["light", "dark"] {
                emulate(browser, theme).await;
                let at = format!("{}-{name}-{width}-{theme}", self.who);
                // A page that was left is gone with everything in it.
                let there = browser.script("return typeof axe === 'object'", vec![]).await;
                if there != Ok(json!(true)) {
                    let _done = browser.script(&self.axe, vec![]).await.unwrap();
                }
                let _drawn = browser.ask(DRAWN).await;
                let picture = directory("screenshots").join(format!("{at}.png"));
                browser.screenshot(&picture).await;
                for (script, what) in CHECKS {
                    let many = browser.script(script, vec![]).await.unwrap();
                    if many.as_f64().is_none_or(|many| many > 0.0) {
                        self.found.push(format!("{at}: {many} {what}"));
                    }
                }
                let violations = browser.ask(RUN).await;
                let violations = violations.as_array().into_iter().flatten();
                self.found.extend(violations.map(|v| format!("{at}: {}", text(v))));
                self.looked += 1;
            }
        }
    }

    /// Opens a page, waits for its heading, and looks at it.
    pub(crate) async fn visit(&mut self, name: &str, path: &str, heading: &str) {
        self.browser.goto(path).await;
        self.browser.see("h1", heading).await;
        self.look(name).await;
    }

    /// What was found so far, to be forgotten.
    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.found)
    }

    /// Fails if anything was found.
    pub(crate) fn nothing_found(&self) {
        assert!(self.looked > 0, "nothing was looked at");
        assert!(self.found.is_empty(), "{}", self.found.join("\n"));
    }
}

/// Light or dark, and no motion: a colour on its way to another is nobody's.
async fn emulate(browser: &Browser, theme: &str) {
    let features = json!({ "features": [
        { "name": "prefers-color-scheme", "value": theme },
        { "name": "prefers-reduced-motion", "value": "reduce" },
    ] });
    let _done = browser.chromium("Emulation.setEmulatedMedia", features).await;
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
