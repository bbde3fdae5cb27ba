//! `GET /clusters/{slug}/instances/{name}/console`

use askama::Template;

use super::parts::{Notice, Status};
use super::{assets, ui};

/// The console page; the island opens the connection.
#[derive(Debug, Template)]
#[template(path = "pages/console.html")]
pub struct ConsolePage {
    /// Slug.
    pub cluster: String,
    /// Instance name.
    pub instance: String,
    /// Ganeti's UUID, for live updates.
    pub uuid: String,
    /// Status.
    pub status: Status,
    /// Page of the instance.
    pub back: String,
    /// Why there is none and what to change; the island is then not started.
    pub problem: Option<Notice>,
}
