//! What somebody holds: the section on the pages of users and groups.

use askama::Template;
use askama::filters::HtmlSafe;

use super::form::{Choice, FormErrors};
use super::parts::{Link, When};
use super::ui;

/// A right that is held.
#[derive(Debug, Clone)]
pub struct HeldRow {
    /// Name of the role.
    pub role: String,
    /// `cluster`, `instance`, or nothing for everything.
    pub kind: &'static str,
    /// On what; no link where the viewer does not see it.
    pub object: Link,
    /// The group that it comes by, of a user's.
    pub by: Option<Link>,
    /// Given.
    pub created: When,
}

/// What somebody holds.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// The first of them.
    pub rows: Vec<HeldRow>,
    /// How many more than are shown.
    pub more: usize,
    /// Where all of them are.
    pub all: String,
    /// Whoever administers a cluster gives more here.
    pub give: Option<GiveForm>,
}

/// A form that gives a right to whom the page is about; it posts to `/grants`.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/give.html")]
pub struct GiveForm {
    /// Who gets it: a user's name, or `group/NAME`.
    pub principal: String,
    /// Persona the page was drawn for.
    pub persona: String,
    /// Page to come back to.
    pub back: String,
    /// May leave the cluster out.
    pub anywhere: bool,
    /// Slug of a cluster as typed.
    pub cluster: String,
    /// The rest of a selector as typed.
    pub only: String,
    /// All roles.
    pub roles: Vec<Choice>,
    /// What was wrong with it.
    pub errors: FormErrors,
}

impl HtmlSafe for GiveForm {}
