//! Instances: list, one instance, creating, deleting.

use askama::Template;

use super::access::AccessSection;
use super::form::{Choice, FormErrors};
use super::listing::Listing;
use super::nodes::Flag;
use super::parts::{Action, Notice, ParameterGroup, Status, Usage, When};
use super::quotas::QuotaCard;
use super::shell::Shell;
use super::{text, ui};

/// A row of the list.
#[derive(Debug, Clone)]
pub struct InstanceRow {
    /// Ganeti's UUID.
    pub uuid: String,
    /// Name.
    pub name: String,
    /// Slug of its cluster.
    pub cluster: String,
    /// Status, or what a running job makes of it (`starting…`).
    pub status: Status,
    /// Primary node's name.
    pub node: String,
    /// Secondary nodes' names.
    pub secondary_nodes: Vec<String>,
    /// OS definition.
    pub os: String,
    /// Hypervisor.
    pub hypervisor: String,
    /// Virtual CPUs.
    pub vcpus: Option<u32>,
    /// Memory, MiB.
    pub memory_mib: Option<u64>,
    /// All disks, MiB.
    pub disk_mib: Option<u64>,
    /// `drbd`, `plain`, …
    pub disk_template: String,
    /// Owner; empty for none.
    pub owner: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Its cluster can't be reached since …; empty when it can.
    pub stale: String,
    /// Power, console, delete, for the row's menu.
    pub actions: Vec<Action>,
}

impl InstanceRow {
    /// Its page.
    pub fn href(&self) -> String {
        format!("/clusters/{}/instances/{}", self.cluster, self.name)
    }
}

/// `GET /instances`
#[derive(Debug, Template)]
#[template(path = "pages/instances.html")]
pub struct InstancesPage {
    /// Around the page.
    pub shell: Shell,
    /// Filter, columns, paging.
    pub list: Listing,
    /// The rows.
    pub rows: Vec<InstanceRow>,
    /// May create one.
    pub may_create: bool,
    /// Where what belongs to the persona is listed.
    pub mine: String,
    /// There is no cluster yet.
    pub no_clusters: bool,
}

/// A disk.
#[derive(Debug, Clone)]
pub struct DiskLine {
    /// Its number.
    pub index: usize,
    /// Name or empty.
    pub name: String,
    /// Size, MiB.
    pub size_mib: Option<u64>,
    /// UUID.
    pub uuid: String,
    /// Spindles, where they are exclusive.
    pub spindles: String,
}

/// A network interface.
#[derive(Debug, Clone)]
pub struct NicLine {
    /// Its number.
    pub index: usize,
    /// MAC address.
    pub mac: String,
    /// IP address or empty.
    pub ip: String,
    /// `bridged`, `routed`, …
    pub mode: String,
    /// Bridge or routing table.
    pub link: String,
    /// Network's name or empty.
    pub network: String,
    /// Its UUID or empty.
    pub network_uuid: String,
    /// Bridge or empty.
    pub bridge: String,
    /// Name or empty.
    pub name: String,
    /// UUID; empty for those who see only the instance.
    pub uuid: String,
}

/// The running job of an object, on its page.
#[derive(Debug, Clone)]
pub struct JobStrip {
    /// Job id.
    pub id: String,
    /// `Start`.
    pub kind: String,
    /// State.
    pub status: Status,
    /// Last log line or what it waits for.
    pub last: String,
    /// Opcode n.
    pub parts_done: u64,
    /// Of m; 0 when not known.
    pub parts_total: u64,
}

/// `GET /clusters/{slug}/instances/{name}`
#[derive(Debug, Template)]
#[template(path = "pages/instance.html")]
pub struct InstancePage {
    /// Around the page.
    pub shell: Shell,
    /// What the list shows too; its `actions` are the header's menu.
    pub row: InstanceRow,
    /// Power buttons and console, for the header.
    pub power: Vec<Action>,
    /// The running job, if any.
    pub job: Option<JobStrip>,
    /// `up`, `down`, `offline`: what was asked for.
    pub admin_state: String,
    /// Memory used by the guest as the hypervisor sees it.
    pub memory_used: Option<Usage>,
    /// The person sees where it runs.
    pub placed: bool,
    /// Node group of the primary node.
    pub node_group: String,
    /// Made.
    pub created: Option<When>,
    /// Changed.
    pub modified: Option<When>,
    /// Read by gwm.
    pub seen: Option<When>,
    /// Covers the configuration, for edits.
    pub config_version: String,
    /// Console: what can be opened, or why nothing.
    pub console: String,
    /// What is not well, in words; empty when all is.
    pub findings: Vec<Notice>,
    /// Disks.
    pub disks: Vec<DiskLine>,
    /// Network interfaces.
    pub nics: Vec<NicLine>,
    /// Parameters with their origin.
    pub parameters: Vec<ParameterGroup>,
    /// CPUs and port as they are now: with Ganeti's names.
    pub now: Vec<Flag>,
    /// The latest jobs on it.
    pub jobs: Vec<super::overview::JobLine>,
    /// Who may use it; `None` hides the section.
    pub access: Option<AccessSection>,
    /// What is on record of it.
    pub history: super::audit::History,
    /// May change it: the delete dialog is on the page, and notes can be changed.
    pub may_delete: bool,
    /// What people wrote down about it.
    pub notes: Option<InstanceNotes>,
}

/// What people wrote down about an instance.
#[derive(Debug, Clone)]
pub struct InstanceNotes {
    /// Plain text of several lines.
    pub text: String,
    /// Who changed them last.
    pub by: String,
    /// And when.
    pub changed: Option<When>,
}

/// `GET` and `POST /clusters/{slug}/instances/{name}/notes`
#[derive(Debug, Template)]
#[template(path = "pages/instance_notes.html")]
pub struct InstanceNotesPage {
    /// Around the page.
    pub shell: Shell,
    /// Slug.
    pub cluster: String,
    /// The instance.
    pub name: String,
    /// As typed.
    pub text: String,
    /// Of what the text began with.
    pub revision: String,
    /// What somebody else has written meanwhile.
    pub theirs: Option<InstanceNotes>,
    /// What was wrong.
    pub errors: FormErrors,
}

/// `GET` and `POST /instances/new`
#[derive(Debug, Template)]
#[template(path = "pages/instance_create.html")]
pub struct InstanceCreatePage {
    /// Around the page.
    pub shell: Shell,
    /// What was wrong.
    pub errors: FormErrors,
    /// Clusters one may create on.
    pub clusters: Vec<Choice>,
    /// OS definitions of the chosen cluster.
    pub oses: Vec<Choice>,
    /// Disk templates of the chosen cluster.
    pub disk_templates: Vec<Choice>,
    /// Hypervisors of the chosen cluster.
    pub hypervisors: Vec<Choice>,
    /// Nodes of the chosen cluster, the first one `let Ganeti choose`.
    pub nodes: Vec<Choice>,
    /// Second nodes for DRBD, the first one `let Ganeti choose`.
    pub secondary_nodes: Vec<Choice>,
    /// The viewer sees where instances run there, and may choose it.
    pub placed: bool,
    /// What the persona has left there.
    pub quotas: Vec<QuotaCard>,
    /// Node is chosen by Ganeti's allocator: the cluster has one.
    pub allocator: bool,
    /// As typed.
    pub name: String,
    /// As typed, with unit: `1 GiB`.
    pub memory: String,
    /// As typed.
    pub vcpus: String,
    /// As typed, with unit, one a disk.
    pub disks: Vec<String>,
    /// As typed: bridge or network; empty is the cluster's default.
    pub nic_link: String,
    /// Starts after creation.
    pub start: bool,
    /// Ganeti checks that the name resolves.
    pub name_check: bool,
    /// Sent as the Idempotency-Key; made new for each form.
    pub form_key: String,
}

/// `GET /clusters/{slug}/instances/{name}/delete`: the dialog as a page, for browsers without script.
#[derive(Debug, Template)]
#[template(path = "pages/instance_delete.html")]
pub struct InstanceDeletePage {
    /// Around the page.
    pub shell: Shell,
    /// Slug.
    pub cluster: String,
    /// Name, to be typed.
    pub name: String,
    /// What goes: `2 disks, 40 GiB`, `its access grants`.
    pub goes: Vec<String>,
    /// The name as typed.
    pub confirm: String,
    /// What was wrong.
    pub errors: FormErrors,
}

impl InstancePage {
    /// Spindles mean something only where storage is exclusive.
    fn has_spindles(&self) -> bool {
        self.disks.iter().any(|disk| !disk.spindles.is_empty())
    }

    /// Links and networks are hidden from those who see only the instance.
    fn shows_links(&self) -> bool {
        self.nics.iter().any(|nic| !nic.link.is_empty() || !nic.network.is_empty())
    }
}

impl InstanceCreatePage {
    /// Field id of the n-th disk, as errors name it: `disk-0`.
    fn disk_field(&self, index: &usize) -> String {
        format!("disk-{index}")
    }
}
