//! What appeared in Ganeti without gwm or vanished from it, and owners of instances.

use askama::Template;

use super::form::{Choice, FormErrors};
use super::listing::Listing;
use super::parts::{Status, When};
use super::shell::Shell;
use super::{text, ui};

/// An instance without an owner.
#[derive(Debug, Clone)]
pub struct OrphanRow {
    /// Ganeti's UUID.
    pub uuid: String,
    /// Name.
    pub name: String,
    /// Slug of its cluster.
    pub cluster: String,
    /// Status.
    pub status: Status,
    /// Primary node.
    pub node: String,
    /// OS.
    pub os: String,
    /// Tags: they often say whose it is.
    pub tags: Vec<String>,
}

/// `GET /imports/orphans`
#[derive(Debug, Template)]
#[template(path = "pages/orphans.html")]
pub struct OrphansPage {
    /// Around the page.
    pub shell: Shell,
    /// Filter and paging.
    pub list: Listing,
    /// The rows.
    pub rows: Vec<OrphanRow>,
    /// Owner as typed.
    pub owner: String,
    /// Roles to choose from.
    pub roles: Vec<Choice>,
    /// What was wrong with the form.
    pub errors: FormErrors,
}

/// A line of a run.
#[derive(Debug, Clone)]
pub struct LineRow {
    /// In the file.
    pub number: u64,
    /// Name, or what was written.
    pub instance: String,
    /// Slug.
    pub cluster: String,
    /// As written.
    pub owner: String,
    /// As written.
    pub role: String,
    /// What it does, or why it does nothing.
    pub status: Status,
}

/// `POST /imports/orphans/adopt`: what would happen, or what did.
#[derive(Debug, Template)]
#[template(path = "pages/adopt.html")]
pub struct AdoptPage {
    /// Around the page.
    pub shell: Shell,
    /// `30 instances would be adopted`.
    pub summary: String,
    /// The refused ones first.
    pub lines: Vec<LineRow>,
    /// Lines that are not shown.
    pub hidden: usize,
    /// The lines again, for the next form.
    pub csv: String,
    /// Where they came from.
    pub source: String,
    /// It was done.
    pub done: bool,
    /// Nothing is wrong, and something would change.
    pub may_confirm: bool,
    /// What the button says.
    pub verb: String,
    /// The lines could not be read.
    pub errors: FormErrors,
}

/// Something that vanished.
#[derive(Debug, Clone)]
pub struct VanishedRow {
    /// `instance`, `node`, `cluster`.
    pub kind: String,
    /// UUID.
    pub uuid: String,
    /// Name.
    pub name: String,
    /// Slug.
    pub cluster: String,
    /// gwm's id of the cluster.
    pub cluster_id: String,
    /// The cluster is in gwm.
    pub there: bool,
    /// Missing, removed.
    pub status: Status,
    /// When.
    pub at: Option<When>,
    /// Last owner.
    pub owner: String,
    /// `carla: admin`.
    pub grants: Vec<String>,
    /// UUID of one of the same name that is there now; empty: none.
    pub successor: String,
    /// Notes are kept of it.
    pub notes: bool,
    /// It is removed, and can be forgotten.
    pub purgeable: bool,
}

impl VanishedRow {
    fn restorable(&self) -> bool {
        let kept = self.notes || !self.owner.is_empty() || !self.grants.is_empty();
        kept && !self.successor.is_empty()
    }

    fn restore_question(&self) -> String {
        let mut parts: Vec<String> = self.grants.iter().map(|grant| format!("“{grant}”")).collect();
        if !self.owner.is_empty() {
            parts.insert(0, format!("its owner {}", self.owner));
        }
        if self.notes {
            parts.push("its notes".to_owned());
        }
        format!(
            "Another instance is called {} now ({}). Give it what the former one had: {}?",
            self.name,
            self.successor,
            parts.join(", ")
        )
    }

    fn purge_question(&self) -> String {
        let notes = if self.notes { ", its notes" } else { "" };
        format!("Forget {} {}, with its owner{notes} and the rights on it?", self.kind, self.name)
    }
}

/// `GET /imports/missing`
#[derive(Debug, Template)]
#[template(path = "pages/missing.html")]
pub struct MissingPage {
    /// Around the page.
    pub shell: Shell,
    /// Filter and paging.
    pub list: Listing,
    /// The rows.
    pub rows: Vec<VanishedRow>,
}

/// `GET /clusters/{slug}/instances/{name}/owner`
#[derive(Debug, Template)]
#[template(path = "pages/instance_owner.html")]
pub struct InstanceOwnerPage {
    /// Around the page.
    pub shell: Shell,
    /// Slug.
    pub cluster: String,
    /// Name of the instance.
    pub name: String,
    /// The owner now; empty: nobody.
    pub former: String,
    /// As typed.
    pub owner: String,
    /// Roles to choose from.
    pub roles: Vec<Choice>,
    /// The former owner's rights end.
    pub remove_former: bool,
    /// What was wrong.
    pub errors: FormErrors,
}
