//! Who may use a cluster or an instance: the section on their pages.

use askama::Template;
use askama::filters::HtmlSafe;

use super::form::{Choice, FormErrors};
use super::parts::{Link, When};
use super::ui;

/// One grant.
#[derive(Debug, Clone)]
pub struct GrantRow {
    /// Grant id.
    pub id: String,
    /// Who has it; a group leads to its page.
    pub principal: Link,
    /// Name of the role.
    pub role: String,
    /// `this instance`, or where it comes from: `cluster fra1`, `everything`, a selector.
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
    /// Roles that can be given here.
    pub roles: Vec<Choice>,
    /// The rest of a selector as typed, on a cluster's page.
    pub only: String,
}

impl HtmlSafe for AccessSection {}

impl AccessSection {
    /// The page that says why somebody may do something here.
    fn why(&self) -> String {
        let instance = if self.instance.is_empty() {
            String::new()
        } else {
            format!("&instance={}", self.instance)
        };
        format!("/access?cluster={}{instance}", self.cluster)
    }
}
