//! How people sign in: what administrators set, and what it asks of people.

use askama::Template;

use super::form::{Choice, FormErrors};
use super::parts::Code;
use super::shell::Shell;
use super::ui;

/// `GET, POST /sign-in`
#[derive(Debug, Template)]
#[template(path = "pages/sign_in.html")]
pub struct SignInPage {
    /// Around the page.
    pub shell: Shell,
    /// What was done just now; may be empty.
    pub done: String,
    /// Who needs a second factor.
    pub choices: Vec<Choice>,
    /// What the form sends back, so that nobody's change is overwritten.
    pub revision: i64,
    /// How many enabled users have none.
    pub without: u32,
    /// Those of them who are administrators.
    pub administrators_without: u32,
    /// What was wrong with the form.
    pub errors: FormErrors,
}

/// `GET, POST /second-factor` and `POST /second-factor/confirm`: for who can do nothing else.
#[derive(Debug, Template)]
#[template(path = "pages/second_factor_needed.html")]
pub struct SecondFactorNeededPage {
    /// Login name.
    pub username: String,
    /// A secret was made, and a code of it is awaited.
    pub begun: bool,
    /// For typing it in; empty after a wrong code: it is shown once.
    pub secret: String,
    /// The picture of it, as `data:` URL; empty likewise.
    pub picture: String,
    /// Shown once, when it is on.
    pub recovery: Option<Code>,
    /// What was wrong with the form.
    pub errors: FormErrors,
}
