//! `/invites`, and `/invite` for who was invited.

use askama::Template;

use super::form::{Choice, FormErrors};
use super::parts::{Code, Status, When};
use super::shell::Shell;
use super::ui;

/// An invite; the code is not kept.
#[derive(Debug, Clone)]
pub struct InviteRow {
    /// gwm's id.
    pub id: String,
    /// For whom; empty: they choose their name.
    pub username: String,
    /// Makes an administrator.
    pub is_admin: bool,
    /// `open`, `used`, …
    pub status: Status,
    /// The user that was made with it; may be empty.
    pub used_by: String,
    /// Login name of who made it.
    pub by: String,
    /// Made.
    pub created: When,
    /// Not valid from then on.
    pub expires: When,
    /// Can be used, so it can be withdrawn.
    pub open: bool,
}

impl InviteRow {
    /// Whom it is for, in a sentence.
    pub fn whom(&self) -> &str {
        if self.username.is_empty() { "whoever has the link" } else { &self.username }
    }
}

/// `GET, POST /invites`
#[derive(Debug, Template)]
#[template(path = "pages/invites.html")]
pub struct InvitesPage {
    /// Around the page.
    pub shell: Shell,
    /// Open and of the last 30 days.
    pub rows: Vec<InviteRow>,
    /// The link just made, shown once.
    pub fresh: Option<Code>,
    /// As typed.
    pub username: String,
    /// As ticked.
    pub is_admin: bool,
    /// How long it is valid.
    pub hours: Vec<Choice>,
    /// What was wrong with the form.
    pub errors: FormErrors,
}

/// `GET, POST /invite`
#[derive(Debug, Template)]
#[template(path = "pages/invite.html")]
pub struct InvitePage {
    /// As typed, or filled in by the script from behind the `#`.
    pub code: String,
    /// As typed, or as the link says.
    pub username: String,
    /// What was wrong with the form.
    pub errors: FormErrors,
}
