//! Who may use a cluster or an instance: the section on their pages.

use askama::Template;
use askama::filters::HtmlSafe;

use super::form::FormErrors;
use super::parts::{Link, When};
use super::ui;

/// One grant.
#[derive(Debug, Clone)]
pub struct GrantRow {
    /// Grant id.
    pub id: String,
    /// Who has it; a group leads to its page.
    pub principal: Link,
    /// `view`, `console`, `power`, ..
    pub permissions: Vec<String>,
    /// `this instance`, or where it comes from: `cluster fra1`.
    pub scope: String,
    /// Made.
    pub created: When,
    /// It is given here, and can be taken away here.
    pub here: bool,
}

/// The section; its forms post to `/grants` and `/grants/{id}/revoke`.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/access.html")]
pub struct AccessSection {
    /// `cluster` or `instance`, in words on the page.
    pub kind: &'static str,
    /// Slug of the cluster.
    pub cluster: String,
    /// Instance UUID; empty on a cluster's page.
    pub instance: String,
    /// Page to come back to.
    pub back: String,
    /// Persona the page was drawn for.
    pub persona: String,
    /// Grants.
    pub grants: Vec<GrantRow>,
    /// May give and take.
    pub may_edit: bool,
    /// What was wrong with the form.
    pub errors: FormErrors,
    /// User or `group/NAME` as typed.
    pub principal: String,
    /// Rights as ticked; `view` at first.
    pub ticked: Vec<String>,
}

impl HtmlSafe for AccessSection {}

impl AccessSection {
    fn checked(&self, permission: &str) -> &'static str {
        if self.ticked.iter().any(|p| p == permission) { " checked" } else { "" }
    }
}
