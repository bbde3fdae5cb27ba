//! Components that pages are made of. Each renders itself: `{{ row.status }}` in a template.

use askama::Template;
use askama::filters::HtmlSafe;
use chrono::{DateTime, Utc};

use super::{text, ui};

/// The five shapes of a status; each has its own form, so that colour is never the only sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// ● it runs, it is well.
    Ok,
    /// ■ stopped, as asked.
    Idle,
    /// ▲ an error.
    Bad,
    /// ◆ needs a look.
    Warn,
    /// ◐ changing.
    Busy,
    /// ○ not known.
    Unknown,
}

impl Mark {
    /// The CSS class.
    pub fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Busy => "busy",
            Self::Idle => "idle",
            Self::Unknown => "unknown",
        }
    }
}

/// A status: shape, word and colour; Ganeti's own word in the tooltip.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/status.html")]
pub struct Status {
    /// Shape and colour.
    pub mark: Mark,
    /// The word people read: `running`, `stopped`, `starting…`.
    pub word: String,
    /// Ganeti's own word or a longer explanation, for the tooltip; may be empty.
    pub detail: String,
    /// Drawn on a tinted background, for headers.
    pub pill: bool,
}

impl Status {
    /// A status with its tooltip.
    pub fn new(mark: Mark, word: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { mark, word: word.into(), detail: detail.into(), pill: false }
    }

    /// From Ganeti's status word of an instance (`running`, `ADMIN_down`, `ERROR_nodedown`, …).
    pub fn instance(ganeti: &str) -> Self {
        let (mark, word) = match ganeti {
            "running" => (Mark::Ok, "running"),
            "ADMIN_down" => (Mark::Idle, "stopped"),
            "ADMIN_offline" => (Mark::Idle, "offline"),
            "USER_down" => (Mark::Idle, "stopped by user"),
            "ERROR_down" => (Mark::Bad, "down, should run"),
            "ERROR_up" => (Mark::Warn, "runs, should not"),
            "ERROR_nodedown" => (Mark::Bad, "node down"),
            "ERROR_nodeoffline" => (Mark::Bad, "node offline"),
            "ERROR_wrongnode" => (Mark::Bad, "on wrong node"),
            "" => (Mark::Unknown, "unknown"),
            other => (Mark::Unknown, other),
        };
        Self::new(mark, word, ganeti)
    }

    /// From a job's public state.
    pub fn job(state: &str) -> Self {
        let mark = match state {
            "queued" => Mark::Unknown,
            "running" => Mark::Busy,
            "succeeded" => Mark::Ok,
            "failed" => Mark::Bad,
            _ => Mark::Idle,
        };
        Self::new(mark, state, "")
    }

    /// The same, drawn on a tinted background.
    pub fn pill(mut self) -> Self {
        self.pill = true;
        self
    }
}

impl HtmlSafe for Status {}

/// How much of something is used, with a bar; sizes in MiB.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/usage.html")]
pub struct Usage {
    /// What it is, for screen readers: `memory`.
    pub what: &'static str,
    /// Used now, MiB.
    pub used_mib: Option<u64>,
    /// There is in all, MiB.
    pub total_mib: Option<u64>,
}

impl Usage {
    /// Not used now.
    pub fn free_mib(&self) -> Option<u64> {
        Some(self.total_mib?.saturating_sub(self.used_mib?))
    }

    fn percent(&self) -> u64 {
        match (self.used_mib, self.total_mib) {
            (Some(used), Some(total)) if total > 0 => (used * 100 / total).min(100),
            _ => 0,
        }
    }

    fn class(&self) -> &'static str {
        match self.percent() {
            95.. => "bad",
            85.. => "warn",
            _ => "",
        }
    }
}

impl HtmlSafe for Usage {}

/// A moment: relative in the text, exact in the title, kept running by the browser.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"<time datetime="{{ exact }}" title="{{ exact }}" data-{{ side }}>{{ words }}</time>"#,
    ext = "html"
)]
pub struct When {
    exact: String,
    words: String,
    side: &'static str,
}

impl When {
    /// A moment as seen from `now`.
    pub fn new(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { exact: text::exact(at), words: text::ago(at, now), side: "ago" }
    }

    /// One to come, counted down; once it is there, the browser reads again what it stands in.
    pub fn to_come(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { exact: text::exact(at), words: text::until(at, now), side: "until" }
    }
}

impl HtmlSafe for When {}

/// How old the data of a page is.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/as_of.html")]
pub struct AsOf {
    /// Last complete answer of Ganeti behind what is shown.
    pub at: When,
    /// Older than twice the poll interval.
    pub aged: bool,
    /// Why, when aged; may be empty.
    pub reason: String,
    /// Seconds after which the browser marks it as aged by itself; 0 for never.
    pub aged_after_seconds: u64,
}

impl HtmlSafe for AsOf {}

/// How urgent a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Neutral.
    Info,
    /// Went well.
    Ok,
    /// Needs a look.
    Warn,
    /// Failed or broken.
    Bad,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }

    fn icon(self) -> ui::Icon {
        ui::icon(match self {
            Self::Info => "info",
            Self::Ok => "circle-check",
            Self::Warn => "triangle-alert",
            Self::Bad => "circle-alert",
        })
    }
}

/// A banner or message: what happened to what, why, what to do.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/notice.html")]
pub struct Notice {
    /// Urgency.
    pub tone: Tone,
    /// What happened, to what.
    pub text: String,
    /// Why, and what to do; may be empty.
    pub detail: String,
    /// Where to go on.
    pub link: Option<Link>,
    /// What it tells of as `cluster:SLUG`, where it comes and goes by itself; else empty.
    pub about: String,
    /// When gwm tries again.
    pub next: Option<When>,
}

impl Notice {
    /// A notice without a link.
    pub fn new(tone: Tone, text: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            tone,
            text: text.into(),
            detail: detail.into(),
            link: None,
            about: String::new(),
            next: None,
        }
    }
}

impl HtmlSafe for Notice {}

/// A word that leads somewhere.
#[derive(Debug, Clone)]
pub struct Link {
    /// The text.
    pub label: String,
    /// Where it leads; an empty one is drawn as plain text.
    pub href: String,
}

impl Link {
    /// A link.
    pub fn new(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self { label: label.into(), href: href.into() }
    }
}

/// How an action is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// An ordinary button.
    Plain,
    /// The main one of the page; at most one.
    Primary,
    /// Red text: what is hard to undo.
    Danger,
}

impl Weight {
    fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Primary => "primary",
            Self::Danger => "danger",
        }
    }
}

/// A button that does something: a form that posts to `path`; the island posts JSON to `/api/v1` + `path` instead.
/// With `link` it is a link to a page (console, delete, form) drawn as a button.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/action.html")]
pub struct Action {
    /// Unique on the page; used for the reason's id.
    pub id: String,
    /// A verb: `Start`.
    pub label: String,
    /// Lucide name.
    pub icon: &'static str,
    /// `/clusters/fra1/instances/web1/startup`, or the page for a link.
    pub path: String,
    /// A link instead of a form.
    pub link: bool,
    /// What the status says meanwhile: `starting…`.
    pub busy_word: String,
    /// Why it can't be used now.
    pub disabled: Option<String>,
    /// How it is drawn.
    pub weight: Weight,
    /// Asks this first, when not empty.
    pub confirm: String,
    /// `group/NAME` or empty: the persona the page was drawn for.
    pub persona: String,
}

impl Action {
    /// The same as a line of a menu.
    pub fn menu_item(&self) -> MenuItem<'_> {
        MenuItem { action: self }
    }
}

impl HtmlSafe for Action {}

/// An action as a line of a menu.
#[derive(Debug, Template)]
#[template(path = "parts/menu_item.html")]
pub struct MenuItem<'a> {
    action: &'a Action,
}

impl HtmlSafe for MenuItem<'_> {}

/// Text to copy, with its button.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/code.html")]
pub struct Code {
    /// What it is, for the button's label: `the openssl command`.
    pub what: &'static str,
    /// The text itself; may hold several lines.
    pub text: String,
}

impl HtmlSafe for Code {}

/// One parameter of an object and where its value comes from.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Ganeti's name: `vcpus`, `kernel_path`.
    pub name: String,
    /// As Ganeti says it; empty is drawn as a dash.
    pub value: String,
    /// `set here`, `node group`, `cluster`; empty when not known.
    pub origin: String,
    /// Where Ganeti says it, as `ndparams.ssh_port`: what is on which page is tested by it.
    pub field: String,
}

/// Parameters that belong together: `hvparams`, `beparams`.
#[derive(Debug, Clone)]
pub struct ParameterGroup {
    /// Heading: `Hypervisor (hvparams)`.
    pub title: String,
    /// In Ganeti's order.
    pub parameters: Vec<Parameter>,
    /// Closed at first: what few look for.
    pub folded: bool,
}

impl ParameterGroup {
    /// Whether it is known where the values come from.
    pub fn origins(&self) -> bool {
        self.parameters.iter().any(|p| !p.origin.is_empty())
    }
}

/// A line of "wrong now".
#[derive(Debug, Clone)]
pub struct Problem {
    /// What kind.
    pub status: Status,
    /// The thing.
    pub link: Link,
    /// What is wrong, and since when.
    pub detail: String,
    /// Right end of the line: the cluster.
    pub place: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_shape_and_word_and_is_escaped() {
        for word in ["running", "ADMIN_down", "ERROR_nodedown", "", "<new>"] {
            let html = Status::instance(word).to_string();
            assert!(html.contains("<svg"), "{html}");
            assert!(!html.contains("<new>"), "{html}");
        }
    }

    #[test]
    fn an_unusable_action_keeps_its_place_and_says_why() {
        let action = Action {
            id: "a1".to_owned(),
            label: "Start".to_owned(),
            icon: "play",
            path: "/x/startup".to_owned(),
            link: false,
            busy_word: "starting…".to_owned(),
            disabled: Some("It runs already".to_owned()),
            weight: Weight::Plain,
            confirm: String::new(),
            persona: String::new(),
        };
        let html = action.to_string();
        assert!(html.contains(r#"aria-disabled="true""#), "{html}");
        assert!(html.contains("It runs already"), "{html}");
        assert!(!html.contains("data-action"), "{html}");
    }
}
