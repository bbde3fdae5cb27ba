//! `GET /me`: own account and API tokens.

use askama::Template;

use super::form::FormErrors;
use super::parts::{Code, When};
use super::shell::Shell;
use super::ui;

/// An API token; the secret is not kept.
#[derive(Debug, Clone)]
pub struct TokenRow {
    /// Token id.
    pub id: String,
    /// Name given by its owner.
    pub name: String,
    /// Made.
    pub created: When,
    /// Last used; `None` for never.
    pub last_used: Option<When>,
}

/// A sign-in that is open.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Session id.
    pub id: String,
    /// `Firefox on Linux`, or what the browser calls itself.
    pub agent: String,
    /// All that the browser said, for the tooltip.
    pub agent_exact: String,
    /// Where from; may be empty.
    pub address: String,
    /// Signed in.
    pub created: When,
    /// Last used, to the minute.
    pub last_seen: When,
    /// The one that looks.
    pub current: bool,
}

/// Codes of an authenticator beside the password.
#[derive(Debug, Clone)]
pub struct SecondFactor {
    /// Asked for since then; `None`: not asked for.
    pub since: Option<When>,
    /// How many are left.
    pub recovery_codes_left: u32,
}

/// `GET /me` and the answer to `POST /me/tokens`.
#[derive(Debug, Template)]
#[template(path = "pages/me.html")]
pub struct MePage {
    /// Around the page.
    pub shell: Shell,
    /// User name.
    pub username: String,
    /// What was done; empty for nothing.
    pub done: String,
    /// `None`: it could not be read.
    pub second_factor: Option<SecondFactor>,
    /// Where the password is kept, `ldap/NAME`; empty: here.
    pub origin: String,
    /// Open sign-ins, the last used first.
    pub sessions: Vec<SessionRow>,
    /// Why they could not be read; empty when they were.
    pub sessions_failed: String,
    /// Tokens.
    pub tokens: Vec<TokenRow>,
    /// The secret just made, shown once.
    pub fresh: Option<Code>,
    /// What was wrong with the form.
    pub errors: FormErrors,
    /// Name as typed.
    pub token_name: String,
}
