//! `GET /access`: what somebody may do to something, and why.

use askama::Template;

use super::form::FormErrors;
use super::parts::Link;
use super::shell::Shell;
use super::ui;

/// A grant that counts.
#[derive(Debug, Clone)]
pub struct ReasonRow {
    /// Name of the role.
    pub role: String,
    /// What it allows there.
    pub allows: Vec<String>,
    /// Whose it is: the user, or `group/NAME` that the user belongs to.
    pub whose: Link,
    /// On what it is: the object that was asked for, its cluster, everything, or what it has in common with others.
    pub on: String,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Explained {
    /// Who.
    pub user: String,
    /// On what: `cluster fra1`, an instance's name, everything.
    pub object: Link,
    /// All that is allowed.
    pub allowed: Vec<String>,
    /// May do everything.
    pub is_admin: bool,
    /// May do nothing.
    pub disabled: bool,
    /// Every grant that counts.
    pub reasons: Vec<ReasonRow>,
}

/// `GET /access`
#[derive(Debug, Template)]
#[template(path = "pages/access.html")]
pub struct AccessPage {
    /// Around the page.
    pub shell: Shell,
    /// User as typed.
    pub user: String,
    /// Slug as typed.
    pub cluster: String,
    /// Name or UUID as typed.
    pub instance: String,
    /// What was wrong with the question.
    pub errors: FormErrors,
    /// The answer, if something was asked.
    pub answer: Option<Explained>,
}
