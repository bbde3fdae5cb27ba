//! What stands around every page: top bar, side bar, title, banners.

use super::aged::Aged;
use super::parts::{AsOf, Link, Notice};

/// The side bar's entry that is lit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// `/`
    Overview,
    /// `/instances`
    Instances,
    /// `/jobs`
    Jobs,
    /// `/clusters`
    Clusters,
    /// `/nodes`
    Nodes,
    /// `/node-groups`
    NodeGroups,
    /// `/networks`
    Networks,
    /// `/oses`
    Oses,
    /// `/imports/orphans`, `/imports/missing`
    Imports,
    /// `/groups`
    Groups,
    /// `/users`, `/invites`
    Users,
    /// `/roles`
    Roles,
    /// `/quotas`
    Quotas,
    /// `/audit`
    Audit,
    /// None of them: own account, errors.
    Other,
}

impl Section {
    /// The attribute of a side bar link.
    pub fn current(self, entry: &str) -> &'static str {
        let mine = match self {
            Self::Overview => "overview",
            Self::Instances => "instances",
            Self::Jobs => "jobs",
            Self::Clusters => "clusters",
            Self::Nodes => "nodes",
            Self::NodeGroups => "node-groups",
            Self::Networks => "networks",
            Self::Oses => "oses",
            Self::Imports => "imports",
            Self::Groups => "groups",
            Self::Users => "users",
            Self::Roles => "roles",
            Self::Quotas => "quotas",
            Self::Audit => "audit",
            Self::Other => "",
        };
        if mine == entry { r#" aria-current="page""# } else { "" }
    }
}

/// A persona one can act as.
#[derive(Debug, Clone)]
pub struct Persona {
    /// `group/NAME`, or empty for oneself.
    pub id: String,
    /// As shown: `ops (group)`, `yourself`.
    pub label: String,
}

/// Around every page of a signed-in person.
#[derive(Debug, Clone)]
pub struct Shell {
    /// Document title without the product's name.
    pub title: String,
    /// Lit entry of the side bar.
    pub section: Section,
    /// User name shown in the top bar.
    pub user: String,
    /// May add clusters and see all; hides what others can't use.
    pub admin: bool,
    /// Sees some cluster as a whole: clusters, networks and OSes stand in the side bar.
    pub whole: bool,
    /// May see of some cluster where things run: nodes and node groups stand there, too.
    pub placement: bool,
    /// What one can act as; the switch shows with two or more.
    pub personas: Vec<Persona>,
    /// The current persona's id, rendered into each form.
    pub persona: String,
    /// Own jobs that are queued or running.
    pub running_jobs: u64,
    /// Way to this page; the last one is the page itself, without a link.
    pub crumbs: Vec<Link>,
    /// Banners: dead cluster, NATS away, cache aged.
    pub notices: Vec<Notice>,
    /// Says, once the page is drawn, whether answers of old stand in for cache-updater's.
    pub aged: Aged,
    /// Age of the data; `None` on pages that show none.
    pub as_of: Option<AsOf>,
    /// Where live updates start: opaque, given back as `/api/v1/events?after=…`; read with the data.
    /// Empty when not known: then updates start with the connection.
    pub stream_position: String,
    /// What the search box holds; empty but on the page of what it found.
    pub search: String,
    /// Version of gwm, for the foot of the side bar.
    pub version: String,
}

impl Shell {
    /// What the persona is called that one acts as.
    pub fn persona_label(&self) -> &str {
        self.personas.iter().find(|p| p.id == self.persona).map_or("", |p| &p.label)
    }
}
