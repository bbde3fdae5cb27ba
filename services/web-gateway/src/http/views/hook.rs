//! `GET /clusters/{slug}/hook`: what tells gwm at once that something happened in a cluster.

use askama::Template;

use super::parts::{Code, When};
use super::shell::Shell;
use super::ui;

/// A cluster's hook.
#[derive(Debug, Template)]
#[template(path = "pages/hook.html")]
pub struct HookPage {
    /// Around the page.
    pub shell: Shell,
    /// The cluster.
    pub slug: String,
    /// Somebody reads it just now; without, nothing is known of its hook.
    pub known: bool,
    /// It is paused: knocks are heard and nothing is read.
    pub paused: bool,
    /// Since when hooks have a token.
    pub token_made: Option<When>,
    /// The last knock.
    pub last_knock: Option<When>,
    /// The last look at Ganeti's job list.
    pub jobs_read: Option<When>,
    /// Lines with the token just made, shown once.
    pub install: Option<Code>,
}
