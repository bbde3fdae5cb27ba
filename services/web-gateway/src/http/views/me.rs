//! `GET /me`: own account and API tokens.

use askama::Template;

use super::form::{Choice, FormErrors};
use super::parts::{Code, When};
use super::shell::Shell;
use super::ui;

/// An API token; the secret is not kept.
#[derive(Debug, Clone)]
pub struct TokenRow {
    /// Where the form that revokes it goes.
    pub revoke: String,
    /// Name given by its owner.
    pub name: String,
    /// Made.
    pub created: When,
    /// Last used; `None` for never.
    pub last_used: Option<When>,
    /// Where it was used from last; may be empty.
    pub last_address: String,
    /// Ends by itself; `None`: never.
    pub expires: Option<When>,
    /// What it is limited to, in words; empty: nothing.
    pub limits: Vec<String>,
}

/// The form for a new token, with what was typed.
#[derive(Debug, Clone, Default)]
pub struct TokenFields {
    /// Name.
    pub name: String,
    /// How long it is good for.
    pub days: Vec<Choice>,
    /// Networks, as typed.
    pub networks: String,
    /// Whose rights count; empty: there is nothing to choose.
    pub personas: Vec<Choice>,
    /// What it may do.
    pub roles: Vec<Choice>,
    /// Clusters and instances, as typed.
    pub on: String,
    /// The limits are shown.
    pub open: bool,
}

/// A public SSH key.
#[derive(Debug, Clone)]
pub struct KeyRow {
    /// Where the form that removes it goes.
    pub remove: String,
    /// What its owner calls it.
    pub name: String,
    /// As OpenSSH names it.
    pub algorithm: String,
    /// `SHA256:…`.
    pub fingerprint: String,
    /// Added.
    pub created: When,
}

/// The form for a new key, with what was typed.
#[derive(Debug, Clone, Default)]
pub struct KeyFields {
    /// What to call it.
    pub name: String,
    /// The line that was pasted.
    pub public_key: String,
}

/// A sign-in that is open.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Where the form that ends it goes.
    pub end: String,
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
    /// Where the password is kept, `ldap/NAME` or `oidc/NAME`; empty: here.
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
    /// The form for a new one.
    pub token: TokenFields,
    /// Public SSH keys.
    pub keys: Vec<KeyRow>,
    /// Where forms that take something away come back to.
    pub here: String,
    /// The form for a new one.
    pub key: KeyFields,
}

impl MePage {
    /// Whether one signs in at a provider, which shows us no password.
    fn elsewhere(&self) -> bool {
        self.origin.starts_with("oidc/")
    }
}
