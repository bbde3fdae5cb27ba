//! Clusters: list, one cluster, adding one.

use askama::Template;

use super::access::AccessSection;
use super::form::FormErrors;
use super::listing::Listing;
use super::overview::{ClusterLine, JobLine};
use super::parts::{Action, Code, Notice, ParameterGroup, Problem, Status, Usage, When};
use super::quotas::PlaceList;
use super::shell::Shell;
use super::ui;

/// A row of the list.
#[derive(Debug, Clone)]
pub struct ClusterRow {
    /// What the overview shows too.
    pub line: ClusterLine,
    /// Ganeti's name of it.
    pub name: String,
    /// `3.0.2`; empty while not known.
    pub version: String,
    /// No write credential.
    pub read_only: bool,
    /// Last complete answer.
    pub last_success: Option<When>,
}

/// `GET /clusters`
#[derive(Debug, Template)]
#[template(path = "pages/clusters.html")]
pub struct ClustersPage {
    /// Around the page.
    pub shell: Shell,
    /// Filter, columns, paging.
    pub list: Listing,
    /// The rows.
    pub rows: Vec<ClusterRow>,
}

/// `GET /clusters/{slug}`
#[derive(Debug, Template)]
#[template(path = "pages/cluster.html")]
pub struct ClusterPage {
    /// Around the page.
    pub shell: Shell,
    /// Figures and status.
    pub line: ClusterLine,
    /// Ganeti's name of it.
    pub name: String,
    /// Ganeti's version.
    pub version: String,
    /// Ganeti's UUID.
    pub ganeti_uuid: String,
    /// The master node's name.
    pub master_node: String,
    /// `https://host:5080`, in the order they are tried.
    pub endpoints: Vec<String>,
    /// SHA-256 fingerprint that is pinned; empty when a CA is used.
    pub fingerprint: String,
    /// RAPI user that reads.
    pub read_username: String,
    /// RAPI user that writes; empty means read-only.
    pub write_username: String,
    /// `kvm, fake`.
    pub hypervisors: Vec<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Console access is on.
    pub console_enabled: bool,
    /// What is wrong in it now.
    pub problems: Vec<Problem>,
    /// Its latest jobs.
    pub jobs: Vec<JobLine>,
    /// Refresh, edit.
    pub actions: Vec<Action>,
    /// Who may use it; `None` hides the section.
    pub access: Option<AccessSection>,
    /// What is limited there and who uses what, for who administers it.
    pub quotas: Option<PlaceList>,
    /// What is on record of it and of all in it.
    pub history: super::audit::History,
    /// An administrator looks: the forms that remove something are offered.
    pub may_remove: bool,
    /// What was typed in it; empty unless it was refused or not sent.
    pub confirm: String,
    /// What was wrong with it.
    pub errors: FormErrors,
    /// Objects that vanished in too large a number at once.
    pub missing: u32,
    /// What it is made of; `None` for those who do not see all of it, and before the first read.
    pub holds: Option<Holds>,
    /// Defaults of all parameters, policy, and what else it says of itself.
    pub parameters: Vec<ParameterGroup>,
    /// Why nothing can be changed on it; empty: it can.
    pub read_only: &'static str,
    /// How often it is read and what that costs it.
    pub pace: String,
}

/// What a cluster is made of.
#[derive(Debug, Clone)]
pub struct Holds {
    /// Node groups.
    pub node_groups: u32,
    /// Networks.
    pub networks: u32,
    /// OSes that were read.
    pub oses: u32,
    /// Nodes that may become master.
    pub master_candidates: u32,
    /// How many of them Ganeti wants.
    pub candidate_pool_size: String,
    /// What instances that should run were given, of what the nodes have.
    pub memory_allocated: Usage,
    /// What all instances were given.
    pub disk_allocated: Usage,
    /// Disk templates that instances may use.
    pub disk_templates: String,
    /// LVM's volume group or empty.
    pub volume_group: String,
}

/// What the probe found out about one credential.
#[derive(Debug, Clone)]
pub struct CredentialReport {
    /// `read` or `write`.
    pub role: &'static str,
    /// Mark and word: `works`, `refused`.
    pub status: Status,
    /// What was tried and answered: `write: 403, this user lacks write`.
    pub text: String,
}

/// What the probe found out.
#[derive(Debug, Clone)]
pub struct ProbeResult {
    /// `https://host:5080`
    pub endpoint: String,
    /// Ganeti's version; empty when not reached that far.
    pub ganeti_version: String,
    /// Ganeti's name of the cluster.
    pub cluster_name: String,
    /// SHA-256 fingerprint, colon-separated capital hex.
    pub fingerprint: String,
    /// Subject and end of validity of the certificate.
    pub certificate: String,
    /// Each credential given.
    pub credentials: Vec<CredentialReport>,
    /// How many nodes it counted.
    pub nodes: u64,
    /// How many instances it counted.
    pub instances: u64,
}

/// Lines for the master, ready to paste.
#[derive(Debug, Clone)]
pub struct PasteLines {
    /// `openssl x509 -in /var/lib/ganeti/rapi.pem -noout -fingerprint -sha256`
    pub openssl: Code,
    /// Lines for `/var/lib/ganeti/rapi/users` with `{HA1}` computed.
    pub users: Code,
}

/// `GET /clusters/add` and its POSTs. One page, three states: host, probed, imported.
#[derive(Debug, Template)]
#[template(path = "pages/cluster_add.html")]
pub struct ClusterAddPage {
    /// Around the page.
    pub shell: Shell,
    /// What was wrong.
    pub errors: FormErrors,
    /// The one field at first: host, host:port or URL.
    pub host: String,
    /// Proposed or typed slug.
    pub slug: String,
    /// RAPI user names; proposed `gwm-read` and `gwm-write`.
    pub read_username: String,
    /// See `read_username`.
    pub write_username: String,
    /// Generated passwords, kept in the form until it is sent.
    pub read_password: String,
    /// See `read_password`.
    pub write_password: String,
    /// As typed.
    pub vnc_password: String,
    /// Consoles are offered.
    pub console_enabled: bool,
    /// The probe's answer; `None` before the first one.
    pub probe: Option<ProbeResult>,
    /// Why the probe failed: a message of its own for each cause.
    pub failure: Option<Notice>,
    /// The lines to paste, once the certificate is known.
    pub paste: Option<PasteLines>,
    /// Each credential works well enough to add the cluster.
    pub ready: bool,
}

/// `GET /clusters/{slug}/added`: the import, followed live until it is done.
#[derive(Debug, Template)]
#[template(path = "pages/cluster_added.html")]
pub struct ClusterAddedPage {
    /// Around the page.
    pub shell: Shell,
    /// The cluster.
    pub slug: String,
    /// The first complete read has been stored.
    pub imported: bool,
    /// Nodes imported.
    pub nodes: u64,
    /// Instances imported.
    pub instances: u64,
    /// Why it is not done yet, when something failed.
    pub error: String,
}

/// The certificate that a cluster shows now.
#[derive(Debug, Clone)]
pub struct SeenCertificate {
    /// Where it was seen.
    pub endpoint: String,
    /// Its subject; may be empty.
    pub subject: String,
    /// SHA-256 fingerprint, colon-separated capital hex.
    pub fingerprint: String,
    /// It is the pinned one.
    pub same: bool,
    /// Why none was seen; empty when one was.
    pub why: String,
}

/// A cluster's owner tags as they are now.
#[derive(Debug)]
pub struct OwnerTagsNow {
    /// What this gwm's begin with.
    pub prefix: String,
    /// Instances with an owner.
    pub owned: u32,
    /// Instances with a tag of this gwm.
    pub tagged: u32,
    /// Instances where something is to be changed.
    pub to_do: u32,
    /// Why that waits; empty: it is being done.
    pub held_up: String,
}

/// `GET /clusters/{slug}/edit` and its POST.
#[derive(Debug, Template)]
#[template(path = "pages/cluster_edit.html")]
pub struct ClusterEditPage {
    /// Around the page.
    pub shell: Shell,
    /// What was wrong.
    pub errors: FormErrors,
    /// The cluster.
    pub slug: String,
    /// What the form was made from.
    pub config_version: String,
    /// One a line.
    pub endpoints: String,
    /// The fingerprint that is stored; empty when a CA is trusted.
    pub pinned: String,
    /// As typed.
    pub fingerprint: String,
    /// As typed: PEM.
    pub ca: String,
    /// As typed.
    pub read_username: String,
    /// As typed; empty makes it read-only.
    pub write_username: String,
    /// Consoles are offered.
    pub console_enabled: bool,
    /// A VNC password is stored.
    pub has_vnc_password: bool,
    /// It is to be forgotten.
    pub remove_vnc_password: bool,
    /// Seconds between looks as typed; empty: as gwm is configured.
    pub poll_interval_seconds: String,
    /// Read-only by choice.
    pub read_only: bool,
    /// `off`, `write` or `remove`, as typed.
    pub owner_tags: String,
    /// How far they are, if that is known just now.
    pub tags: Option<OwnerTagsNow>,
    /// A look at the certificate, when it changed or was asked for.
    pub seen: Option<SeenCertificate>,
    /// Prints the fingerprint on the master.
    pub openssl: Code,
}
