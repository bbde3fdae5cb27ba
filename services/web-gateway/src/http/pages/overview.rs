//! `/`: the fleet at a glance, or the first steps of an empty one.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use chrono::Utc;
use gwm_proto::cache::{
    GetOverviewRequest, ListClustersRequest, ListInstancesRequest, Overview, OwnUse, Wrong,
};
use gwm_proto::common::PageRequest;
use gwm_proto::jobs::{GetJobFiguresRequest, Job, JobFigures, ListJobsRequest};

use super::clusters::line;
use super::common::{self, Page, Viewer, escape};
use super::jobs::{job_line, kind_word};
use crate::http::AppState;
use crate::http::model::{ClusterDocument, cluster};
use crate::http::views::overview::{Adoption, FirstStep, OverviewCluster, OverviewPage, Own};
use crate::http::views::parts::{Link, Mark, Problem, Status, Usage, When};
use crate::http::views::shell::Section;

const MOST_CLUSTERS: usize = 12;
/// Failed jobs among what is wrong now; the list has the rest.
const MOST_FAILED: u32 = 10;
const LATEST_JOBS: u32 = 8;

pub(crate) async fn page(State(state): State<AppState>, viewer: Viewer) -> Page {
    if !viewer.admin
        && let Some(only) = only_instance(&state, &viewer).await
    {
        return Ok(Redirect::to(&only).into_response());
    }
    let (mut shell, overview, clusters, latest, figures) = tokio::join!(
        common::shell(&state, &viewer, Section::Overview, "Overview", Vec::new()),
        overview(&state, &viewer),
        clusters(&state, &viewer),
        latest_jobs(&state, &viewer),
        job_figures(&state, &viewer),
    );
    let (overview, mut clusters) = (overview?, clusters?);
    let now = Utc::now();
    shell.as_of = common::as_of(clusters.iter().map(|c| (c.slug.as_str(), &c.health)), now);
    let first_steps = if clusters.is_empty() && viewer.admin { first_steps() } else { Vec::new() };
    clusters.sort_by_key(|c| (c.health.reachable, c.slug.clone()));
    let usage = |what, total: u64, free: u64| Usage {
        what,
        used_mib: Some(total.saturating_sub(free)),
        total_mib: Some(total),
    };
    let page = OverviewPage {
        shell,
        nodes_silent: overview.nodes_silent.into(),
        missing: overview.missing.into(),
        certificates: overview.certificates_expiring.into(),
        jobs_open: figures.open,
        jobs_failed: figures.failed_in_day,
        memory_allocated_mib: overview.memory_allocated_mib,
        disk_allocated_mib: overview.disk_allocated_mib,
        own: overview.own.as_ref().map(own).filter(|own| own.instances > 0),
        adoption: Adoption {
            owned: overview.instances_owned.into(),
            unowned: overview.instances_total.saturating_sub(overview.instances_owned).into(),
            removed_kept: overview.removed_kept.map(u64::from),
        },
        instances_running: overview.instances_running.into(),
        instances_total: overview.instances_total.into(),
        instances_wrong: overview.instances_error.into(),
        nodes_online: overview.nodes_online.into(),
        nodes_total: overview.nodes_total.into(),
        clusters_reachable: overview.clusters_reachable.into(),
        clusters_total: overview.clusters_total.into(),
        memory: usage("memory", overview.memory_total_mib, overview.memory_free_mib),
        disk: usage("disk", overview.disk_total_mib, overview.disk_free_mib),
        problems: problems(overview.wrong, &figures.failed),
        clusters: clusters
            .iter()
            .take(MOST_CLUSTERS)
            .map(|c| OverviewCluster {
                line: line(&state, &viewer, c),
                version: c.ganeti_version.clone().unwrap_or_default(),
                last_read: c.health.last_success.map(|at| When::new(at, now)),
                memory_allocated_mib: c.memory_allocated_mib,
                disk_allocated_mib: c.disk_allocated_mib,
            })
            .collect(),
        jobs: latest.iter().map(|j| job_line(j, now)).collect(),
        first_steps,
    };
    common::ok(&page)
}

/// What the persona uses.
fn own(wire: &OwnUse) -> Own {
    Own {
        filter: escape(&format!("owner:{}", wire.owner)),
        instances: wire.instances.into(),
        running: wire.instances_running.into(),
        vcpus: wire.vcpus,
        memory_mib: wire.memory_mib,
        disk_mib: wire.disk_mib,
    }
}

/// Someone with one machine lands on that machine.
async fn only_instance(state: &AppState, viewer: &Viewer) -> Option<String> {
    let page = PageRequest { limit: 2, ..Default::default() };
    let request = viewer.person.ask(ListInstancesRequest { page: Some(page) });
    let found = state.clients.inventory().list_instances(request).await.ok()?.into_inner();
    let [only] = found.instances.as_slice() else { return None };
    Some(format!("/clusters/{}/instances/{}", only.cluster, only.name))
}

async fn overview(state: &AppState, viewer: &Viewer) -> Result<Overview, tonic::Status> {
    let request = viewer.person.ask(GetOverviewRequest { persona: viewer.person.0.persona() });
    Ok(state.clients.inventory().get_overview(request).await?.into_inner())
}

async fn clusters(
    state: &AppState,
    viewer: &Viewer,
) -> Result<Vec<ClusterDocument>, tonic::Status> {
    let page = PageRequest { limit: 200, ..Default::default() };
    let request = viewer.person.ask(ListClustersRequest { page: Some(page) });
    let answer = state.clients.clusters().list_clusters(request).await?.into_inner();
    Ok(answer.clusters.into_iter().map(cluster).collect())
}

/// The newest of them. The overview is worth having without them.
async fn latest_jobs(state: &AppState, viewer: &Viewer) -> Vec<Job> {
    let page = PageRequest { limit: LATEST_JOBS, ..Default::default() };
    let request =
        viewer.person.ask(ListJobsRequest { page: Some(page), object: None, uncounted: true });
    state.clients.jobs().list_jobs(request).await.map_or_else(|_| vec![], |a| a.into_inner().jobs)
}

/// How many there are, as the lists behind the links count them; and likewise.
async fn job_figures(state: &AppState, viewer: &Viewer) -> JobFigures {
    let asked = GetJobFiguresRequest { own_only: false, failed: MOST_FAILED };
    let request = viewer.person.ask(asked);
    state
        .clients
        .jobs()
        .get_job_figures(request)
        .await
        .map_or_else(|_| JobFigures::default(), tonic::Response::into_inner)
}

/// Worst first: clusters, nodes, instances, failed jobs, certificates.
fn problems(wrong: Vec<Wrong>, failed: &[Job]) -> Vec<Problem> {
    let (certificates, now): (Vec<Wrong>, Vec<Wrong>) =
        wrong.into_iter().partition(|w| w.kind == "certificate");
    let failed = failed.iter().map(|job| Problem {
        status: Status::job("failed"),
        link: Link::new(
            format!("{} {}", kind_word(&job.kind), job.object_name),
            format!("/jobs/{}", job.job_id),
        ),
        detail: common::sentence(job.error.as_ref().map_or("", |e| e.message.as_str())),
        place: job.cluster.clone(),
    });
    now.into_iter()
        .map(problem)
        .chain(failed)
        .chain(certificates.into_iter().map(problem))
        .collect()
}

pub(crate) fn problem(wrong: Wrong) -> Problem {
    let (status, href) = match wrong.kind.as_str() {
        "cluster" => {
            (Status::new(Mark::Bad, "does not answer", ""), format!("/clusters/{}", wrong.cluster))
        }
        "certificate" => {
            (Status::new(Mark::Warn, "certificate", ""), format!("/clusters/{}", wrong.cluster))
        }
        "node" => (
            Status::new(Mark::Bad, "node", ""),
            format!("/clusters/{}/nodes/{}", wrong.cluster, wrong.name),
        ),
        _ => (
            Status::instance(&wrong.text),
            format!("/clusters/{}/instances/{}", wrong.cluster, wrong.name),
        ),
    };
    let detail = super::instance::finding(&wrong.text)
        .map_or_else(|| common::sentence(&wrong.text), |(what, todo)| format!("{what}. {todo}"));
    let name = if wrong.name.is_empty() { &wrong.cluster } else { &wrong.name };
    Problem { status, link: Link::new(name, href), detail, place: wrong.cluster }
}

fn first_steps() -> Vec<FirstStep> {
    let step = |title: &str, detail: &str, href: &str, verb: &str, done| FirstStep {
        title: title.to_owned(),
        detail: detail.to_owned(),
        href: href.to_owned(),
        verb: verb.to_owned(),
        done,
    };
    vec![
        step("Sign in", "You are here as an administrator.", "", "", true),
        step(
            "Add the first cluster",
            "One host name: version, certificate and rights are checked before anything is stored.",
            "/clusters/add",
            "Add cluster",
            false,
        ),
        step(
            "Create an instance",
            "Or make one on Ganeti’s command line: it shows up by itself.",
            "",
            "",
            false,
        ),
        step(
            "Give someone access",
            "View, power and console rights on a cluster or on one instance, from their pages.",
            "",
            "",
            false,
        ),
    ]
}
