//! Setting up codes of an authenticator.

use askama::Template;

use super::form::FormErrors;
use super::parts::Code;
use super::shell::Shell;
use super::ui;

/// The answer to `POST /me/second-factor` and `POST /me/second-factor/confirm`.
#[derive(Debug, Template)]
#[template(path = "pages/second_factor.html")]
pub struct SecondFactorPage {
    /// Around the page.
    pub shell: Shell,
    /// For typing it in; empty after a wrong code: it is shown once.
    pub secret: String,
    /// The picture of it, as `data:` URL; empty likewise.
    pub picture: String,
    /// Shown once, when it is on.
    pub recovery: Option<Code>,
    /// What was wrong with the code.
    pub errors: FormErrors,
}
