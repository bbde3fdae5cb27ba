//! Jobs: list and one job with its log.

use askama::Template;

use super::listing::Listing;
use super::parts::{Action, Link, Notice, Status, When};
use super::shell::Shell;
use super::ui;

/// A row of the list.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// Job id.
    pub id: String,
    /// `Start`, `Create`, or Ganeti's opcode for a foreign one.
    pub kind: String,
    /// What it acts on; empty href when that is gone.
    pub object: Link,
    /// Slug.
    pub cluster: String,
    /// State.
    pub status: Status,
    /// Who asked, with the persona: `ann as group/ops`; `Ganeti's command line` for foreign ones.
    pub by: String,
    /// Numbers that Ganeti gave.
    pub ganeti_jobs: Vec<u64>,
    /// When it was asked for.
    pub created: When,
    /// `4 s`; empty before it began.
    pub took: String,
    /// `lock held by job 123`, or empty.
    pub waiting_for: String,
}

/// `GET /jobs`
#[derive(Debug, Template)]
#[template(path = "pages/jobs.html")]
pub struct JobsPage {
    /// Around the page.
    pub shell: Shell,
    /// Filter, columns, paging.
    pub list: Listing,
    /// The rows.
    pub rows: Vec<JobRow>,
}

/// One step of a job.
#[derive(Debug, Clone)]
pub struct JobStep {
    /// `Create the instance`.
    pub title: String,
    /// CSS class: `done`, `now`, `failed` or empty.
    pub class: &'static str,
    /// Ganeti's job number and status word; may be empty.
    pub detail: String,
}

/// A line of the log.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// Its number, growing; the browser asks for what is above the last.
    pub serial: u64,
    /// `14:03:11`
    pub time: String,
    /// RFC 3339, for the title.
    pub exact: String,
    /// Text, escaped by the template.
    pub text: String,
}

/// `GET /jobs/{id}`
#[derive(Debug, Template)]
#[template(path = "pages/job.html")]
pub struct JobPage {
    /// Around the page.
    pub shell: Shell,
    /// What the list shows too.
    pub row: JobRow,
    /// Has ended.
    pub ended: bool,
    /// Steps in order.
    pub steps: Vec<JobStep>,
    /// Opcode n, from 0; with `parts_total` the true progress.
    pub parts_done: u64,
    /// Opcodes in all; 0 when not known (then the bar only shows that it goes on).
    pub parts_total: u64,
    /// When it began.
    pub started: Option<When>,
    /// When it ended.
    pub ended_at: Option<When>,
    /// Ganeti's message and what to do.
    pub error: Option<Notice>,
    /// Said `succeeded` before the inventory had read the object.
    pub stale: bool,
    /// Somebody else gave it to Ganeti; its log is not read.
    pub foreign: bool,
    /// What Ganeti says of it is for operators of the cluster.
    pub details_hidden: bool,
    /// So is its log.
    pub log_hidden: bool,
    /// The log so far.
    pub log: Vec<LogLine>,
    /// Cancel, retry.
    pub actions: Vec<Action>,
}
