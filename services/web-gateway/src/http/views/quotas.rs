//! What somebody may use and uses: `GET /quotas`, its form, and the sections on other pages.

use askama::Template;
use askama::filters::HtmlSafe;

use super::form::{Choice, FormErrors};
use super::parts::Link;
use super::shell::Shell;
use super::{text, ui};

/// One resource with a bar; without a limit, a number.
#[derive(Debug, Clone)]
pub struct LimitBar {
    /// `memory_mib`, `vcpus`, `disk_mib`, `instances` or `open_jobs`.
    pub resource: &'static str,
    /// Used now, with what open jobs will use.
    pub used: u64,
    /// None: unlimited.
    pub limit: Option<u64>,
    /// `override`, `default` or `none`.
    pub source: String,
}

impl LimitBar {
    fn label(&self) -> &'static str {
        label(self.resource)
    }

    fn amount(&self, amount: &u64) -> String {
        shown(self.resource, *amount)
    }

    fn over(&self) -> Option<u64> {
        self.used.checked_sub(self.limit?).filter(|over| *over > 0)
    }

    fn left(&self) -> Option<String> {
        Some(shown(self.resource, self.limit?.saturating_sub(self.used)))
    }

    fn percent(&self) -> u64 {
        match self.limit {
            Some(limit) if limit > 0 => (self.used * 100 / limit).min(100),
            Some(_) => 100,
            None => 0,
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

/// What a resource is called, and the field of a form that limits it.
pub fn label(resource: &str) -> &'static str {
    match resource {
        "memory" | "memory_mib" | "most_memory" => "Memory",
        "vcpus" | "most_vcpus" => "Virtual CPUs",
        "disk" | "disk_mib" | "most_disk" => "Disk",
        "instances" => "Instances",
        _ => "Open jobs",
    }
}

/// An amount of a resource as people read it.
pub fn shown(resource: &str, amount: u64) -> String {
    if resource.ends_with("_mib") { text::mib(amount) } else { text::count(amount) }
}

/// A persona's limits in one place, with what is used.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/quota.html")]
pub struct QuotaCard {
    /// `user/NAME` or `group/NAME`.
    pub persona: String,
    /// `on fra1`, `on all clusters`.
    pub place: String,
    /// In the order of the API.
    pub bars: Vec<LimitBar>,
    /// Where it is changed; empty: not by the viewer.
    pub edit: String,
}

impl HtmlSafe for QuotaCard {}

impl QuotaCard {
    /// Nothing is limited here, and nothing used.
    pub fn says_nothing(&self) -> bool {
        self.bars.iter().all(|bar| bar.limit.is_none() && bar.used == 0)
    }
}

/// Everybody's limits in one place, and whose differ.
#[derive(Debug, Clone)]
pub struct PlaceList {
    /// `fra1`, `all clusters`.
    pub name: String,
    /// What everybody may use who has no limits of their own: what, and how much.
    pub defaults: Vec<(&'static str, String)>,
    /// Where these are changed.
    pub edit: String,
    /// The slug; empty: the fleet.
    pub slug: String,
    /// All who use something or have limits of their own.
    pub rows: Vec<QuotaCard>,
    /// The next ones; empty: that was all.
    pub next: String,
}

/// `GET /quotas`
#[derive(Debug, Template)]
#[template(path = "pages/quotas.html")]
pub struct QuotasPage {
    /// Around the page.
    pub shell: Shell,
    /// One's own and one's groups'.
    pub mine: Vec<QuotaCard>,
    /// What can be looked at besides; empty for who administers nothing.
    pub places: Vec<Choice>,
    /// The one that is looked at.
    pub list: Option<PlaceList>,
}

/// One limit to be chosen.
#[derive(Debug, Clone)]
pub struct LimitField {
    /// Name of the field.
    pub name: &'static str,
    /// `inherit`, `unlimited` or `value`.
    pub choice: String,
    /// With `value`, as typed or as people read it.
    pub value: String,
    /// What everybody has; empty in the form of that.
    pub everybody: String,
}

impl LimitField {
    fn label(&self) -> &'static str {
        label(self.name)
    }

    fn is_size(&self) -> bool {
        self.name.ends_with("memory") || self.name.ends_with("disk")
    }
}

/// `GET /quotas/edit`
#[derive(Debug, Template)]
#[template(path = "pages/quota_edit.html")]
pub struct QuotaEditPage {
    /// Around the page.
    pub shell: Shell,
    /// `user/NAME`, `group/NAME`; empty: everybody.
    pub whose: String,
    /// Slug; empty: the fleet.
    pub cluster: String,
    /// What is limited.
    pub fields: Vec<LimitField>,
    /// Of everybody on a cluster: the most that one instance may have.
    pub most: Vec<LimitField>,
    /// Of everybody on a cluster: stopped instances count, too.
    pub counts_all: bool,
    /// What is used now; empty for everybody.
    pub now: Option<QuotaCard>,
    /// What forms send back, so that nobody's change is overwritten.
    pub revision: i64,
    /// What was wrong with the form.
    pub errors: FormErrors,
    /// Where one came from.
    pub back: Link,
}

impl QuotaEditPage {
    fn of_cluster(&self) -> bool {
        self.whose.is_empty() && !self.cluster.is_empty()
    }

    fn place(&self) -> &str {
        if self.cluster.is_empty() { "all clusters together" } else { &self.cluster }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_called_what_it_limits() {
        let words = ["memory", "vcpus", "disk", "instances", "open_jobs"].map(label);
        assert_eq!(words, ["Memory", "Virtual CPUs", "Disk", "Instances", "Open jobs"]);
        assert_eq!(["most_memory", "most_vcpus", "most_disk"].map(label), words[..3]);
    }
}
