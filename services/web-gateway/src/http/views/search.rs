//! `GET /search`.

use askama::Template;

use super::parts::{Link, Status};
use super::shell::Shell;
use super::ui;

/// Something found.
#[derive(Debug, Clone)]
pub struct FoundLine {
    /// Its status.
    pub status: Status,
    /// Name and page.
    pub link: Link,
    /// The cluster's slug; empty for clusters.
    pub place: String,
    /// What matched, when it was not the name.
    pub matched: String,
    /// Owner; empty: none.
    pub owner: String,
}

/// What was found of a kind.
#[derive(Debug, Clone)]
pub struct FoundGroup {
    /// `Instances`.
    pub title: &'static str,
    /// The best first.
    pub lines: Vec<FoundLine>,
    /// There are more than these.
    pub more: bool,
    /// The list with the same words.
    pub all_href: String,
}

/// `GET /search`
#[derive(Debug, Template)]
#[template(path = "pages/search.html")]
pub struct SearchPage {
    /// Around the page.
    pub shell: Shell,
    /// As typed.
    pub q: String,
    /// Why nothing could be looked for.
    pub error: String,
    /// By kind.
    pub groups: Vec<FoundGroup>,
}
