//! `GET /`: the fleet at a glance.

use askama::Template;

use super::parts::{Problem, Status, Usage, When};
use super::shell::Shell;
use super::{text, ui};

/// A step of the check list of an empty installation.
#[derive(Debug, Clone)]
pub struct FirstStep {
    /// What to do: `Add the first cluster`.
    pub title: String,
    /// Why or how, one sentence.
    pub detail: String,
    /// Where; empty when there is nothing to click.
    pub href: String,
    /// The link's text: a verb.
    pub verb: String,
    /// Done already.
    pub done: bool,
}

/// A cluster's line on the overview.
#[derive(Debug, Clone)]
pub struct ClusterLine {
    /// Slug, also its URL.
    pub slug: String,
    /// reachable or not.
    pub status: Status,
    /// The person sees all of it; else the figures below are of nobody.
    pub whole: bool,
    /// The person sees its nodes.
    pub placed: bool,
    /// `12 of 14 running`.
    pub instances_running: u64,
    /// Instances in all.
    pub instances_total: u64,
    /// Nodes online.
    pub nodes_online: u64,
    /// Nodes in all.
    pub nodes_total: u64,
    /// Memory of its nodes.
    pub memory: Usage,
    /// Disk of its nodes.
    pub disk: Usage,
}

/// A cluster's row on the overview.
#[derive(Debug, Clone)]
pub struct OverviewCluster {
    /// What all pages show of it.
    pub line: ClusterLine,
    /// Ganeti's version; empty: not known.
    pub version: String,
    /// When it was read last; none: never.
    pub last_read: Option<When>,
    /// What its instances are given, MiB.
    pub memory_allocated_mib: u64,
    /// Likewise.
    pub disk_allocated_mib: u64,
}

/// What belongs to the persona.
#[derive(Debug, Clone)]
pub struct Own {
    /// `owner:user/ann`, as URLs have it.
    pub filter: String,
    /// Instances.
    pub instances: u64,
    /// Those that run.
    pub running: u64,
    /// What they were given.
    pub vcpus: u64,
    /// Likewise, MiB.
    pub memory_mib: u64,
    /// Likewise, copies not counted.
    pub disk_mib: u64,
}

/// How far the instances have owners.
#[derive(Debug, Clone)]
pub struct Adoption {
    /// With one.
    pub owned: u64,
    /// Without.
    pub unowned: u64,
    /// Removed and kept for 30 days; none: not for this person.
    pub removed_kept: Option<u64>,
}

/// A job's line.
#[derive(Debug, Clone)]
pub struct JobLine {
    /// Job id.
    pub id: String,
    /// `Start web1.example.com`.
    pub title: String,
    /// State.
    pub status: Status,
    /// Who asked.
    pub by: String,
    /// Begun or ended.
    pub when: When,
    /// The cluster's slug.
    pub cluster: String,
}

/// `GET /`
#[derive(Debug, Template)]
#[template(path = "pages/overview.html")]
pub struct OverviewPage {
    /// Around the page.
    pub shell: Shell,
    /// Instances that run.
    pub instances_running: u64,
    /// Instances in all.
    pub instances_total: u64,
    /// Instances in an error state.
    pub instances_wrong: u64,
    /// Nodes online.
    pub nodes_online: u64,
    /// Nodes in all.
    pub nodes_total: u64,
    /// Clusters that answer.
    pub clusters_reachable: u64,
    /// Clusters in all.
    pub clusters_total: u64,
    /// Not marked offline, and yet without figures.
    pub nodes_silent: u64,
    /// Nodes and instances that wait for more proof of their end.
    pub missing: u64,
    /// Clusters whose certificate ends within 30 days, or has.
    pub certificates: u64,
    /// Jobs queued or running now, of what one may see.
    pub jobs_open: u64,
    /// Jobs that failed within a day.
    pub jobs_failed: u64,
    /// What all instances are given, MiB.
    pub memory_allocated_mib: u64,
    /// Likewise, on every node that holds a copy.
    pub disk_allocated_mib: u64,
    /// What belongs to the persona; none: nothing does.
    pub own: Option<Own>,
    /// Instances with and without owners.
    pub adoption: Adoption,
    /// Memory of all nodes.
    pub memory: Usage,
    /// Disk of all nodes.
    pub disk: Usage,
    /// What is wrong now; empty is good news.
    pub problems: Vec<Problem>,
    /// The clusters, worst first, at most 12.
    pub clusters: Vec<OverviewCluster>,
    /// The latest jobs, at most 8.
    pub jobs: Vec<JobLine>,
    /// Shown instead of all this while there is no cluster.
    pub first_steps: Vec<FirstStep>,
}
