//! Pages without the shell: login and errors.

use askama::Template;

use super::parts::Link;
use super::ui;

/// `GET /login`
#[derive(Debug, Template)]
#[template(path = "pages/login.html")]
pub struct LoginPage {
    /// As typed before, after a failed try.
    pub username: String,
    /// Why it failed; empty at first.
    pub error: String,
    /// Why one is here: `Your login has ended after 30 minutes without use.`; may be empty.
    pub reason: String,
    /// Where else one can sign in.
    pub providers: Vec<Link>,
    /// Where to go afterwards; a path of this site.
    pub next: String,
}

/// The answer to `POST /login` where a code is needed, and to `POST /login/code`.
#[derive(Debug, Template)]
#[template(path = "pages/login_code.html")]
pub struct LoginCodePage {
    /// Stands for the first half of the login.
    pub challenge: String,
    /// Where to go afterwards; a path of this site.
    pub next: String,
    /// Why it failed; empty at first.
    pub error: String,
}

/// A question before something that is hard to undo, where no script could ask it.
#[derive(Debug, Template)]
#[template(path = "pages/sure.html")]
pub struct SurePage {
    /// `Shut down web1.example.com?`
    pub question: String,
    /// What the button says: `Shut down`.
    pub verb: String,
    /// Where the form goes.
    pub action: String,
    /// Where "Leave it" leads.
    pub back: String,
    /// The form as it was sent, but for the question.
    pub fields: Vec<(String, String)>,
}

/// 403, 404, 421, 429, 500, 503 as a page.
#[derive(Debug, Template)]
#[template(path = "pages/error.html")]
pub struct ErrorPage {
    /// HTTP status.
    pub status: u16,
    /// What happened: `This page does not exist, or you may not see it`.
    pub title: String,
    /// Why, and what to do.
    pub detail: String,
    /// Stable word for what happened, for scripts; may be empty.
    pub code: &'static str,
    /// The page to go back to; may be empty.
    pub back: String,
    /// To find it in the logs; may be empty.
    pub request_id: String,
    /// Seconds after which a retry makes sense; 0 hides the button.
    pub retry_seconds: u32,
    /// Someone is signed in: offers the way to the overview, else to the login.
    pub signed_in: bool,
}
