//! The audit log.

use askama::Template;
use askama::filters::HtmlSafe;

use super::listing::Listing;
use super::parts::{Link, Status, When};
use super::shell::Shell;
use super::ui;

/// A row of the list.
#[derive(Debug, Clone)]
pub struct RecordRow {
    /// Its id, by which events name it.
    pub id: String,
    /// Its place in the log.
    pub number: u64,
    /// `Started an instance`.
    pub title: String,
    /// The action's name, as it is filtered by.
    pub action: String,
    /// How it ended, with the code of a failure in the tooltip.
    pub status: Status,
    /// Code of a failure or refusal; may be empty.
    pub reason: String,
    /// Who, leading to all that they did; an empty label for gwm itself.
    pub by: Link,
    /// The object's page, or its records where it has none; an empty label for none.
    pub object: Link,
    /// `instance`, `user`, ..
    pub kind: String,
    /// Slug; may be empty.
    pub cluster: String,
    /// Where the person was; may be empty.
    pub address: String,
    /// gwm's job; may be empty.
    pub job: String,
    /// When it happened.
    pub at: When,
}

/// The latest records of an object, on its page.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/history.html")]
pub struct History {
    /// The newest first.
    pub rows: Vec<RecordRow>,
    /// All of them.
    pub href: String,
    /// Others' records are not shown.
    pub own_only: bool,
    /// Why they could not be read; empty when they were.
    pub failed: String,
}

impl HtmlSafe for History {}

/// `GET /audit`
#[derive(Debug, Template)]
#[template(path = "pages/audit.html")]
pub struct AuditPage {
    /// Around the page.
    pub shell: Shell,
    /// Filter, columns, paging.
    pub list: Listing,
    /// The rows.
    pub rows: Vec<RecordRow>,
}
