//! `/users`.

use askama::Template;

use super::audit::History;
use super::form::FormErrors;
use super::held::Held;
use super::listing::Listing;
use super::me::{KeyRow, SessionRow, TokenRow};
use super::parts::{Link, Status, When};
use super::quotas::QuotaCard;
use super::shell::Shell;
use super::ui;

/// A user, as a row and on the own page.
#[derive(Debug, Clone)]
pub struct UserRow {
    /// gwm's id.
    pub id: String,
    /// Login name.
    pub username: String,
    /// Everything is allowed.
    pub is_admin: bool,
    /// May not sign in.
    pub disabled: bool,
    /// `active` or `disabled`.
    pub status: Status,
    /// Made.
    pub created: When,
    /// Signed in last; `None` for never.
    pub last_login: Option<When>,
    /// A code is asked for at the login.
    pub second_factor: bool,
    /// Where the password is kept, `ldap/NAME`; empty: here.
    pub origin: String,
    /// What forms send back, so that nobody's change is overwritten.
    pub revision: i64,
}

impl UserRow {
    /// The own page.
    pub fn href(&self) -> String {
        // That name leads to the form for a new one.
        let name = if self.username == "new" { &self.id } else { &self.username };
        format!("/users/{name}")
    }
}

/// `GET /users`
#[derive(Debug, Template)]
#[template(path = "pages/users.html")]
pub struct UsersPage {
    /// Around the page.
    pub shell: Shell,
    /// Filter, columns, paging.
    pub list: Listing,
    /// The rows.
    pub rows: Vec<UserRow>,
}

/// `GET /users/{user}` and the answer to what is refused there.
#[derive(Debug, Template)]
#[template(path = "pages/user.html")]
pub struct UserPage {
    /// Around the page.
    pub shell: Shell,
    /// Who.
    pub user: UserRow,
    /// It is the one who looks.
    pub own: bool,
    /// What was done; empty for nothing.
    pub done: String,
    /// Groups that the user belongs to.
    pub groups: Vec<Link>,
    /// What the user may do, also by groups; an administrator may do everything besides.
    pub held: Held,
    /// Public SSH keys.
    pub keys: Vec<KeyRow>,
    /// API tokens.
    pub tokens: Vec<TokenRow>,
    /// Open sign-ins, the last used first.
    pub sessions: Vec<SessionRow>,
    /// Where forms that take something away come back to.
    pub here: String,
    /// What was done to the account.
    pub history: History,
    /// What they did.
    pub acts_href: String,
    /// What they may use, and use.
    pub quotas: Vec<QuotaCard>,
    /// With a new password their API tokens end, too: as ticked.
    pub end_tokens: bool,
    /// What was wrong with the password form.
    pub errors: FormErrors,
}

/// `GET, POST /users/new`
#[derive(Debug, Template)]
#[template(path = "pages/user_new.html")]
pub struct UserNewPage {
    /// Around the page.
    pub shell: Shell,
    /// As typed.
    pub username: String,
    /// As ticked.
    pub is_admin: bool,
    /// What was wrong with the form.
    pub errors: FormErrors,
}
