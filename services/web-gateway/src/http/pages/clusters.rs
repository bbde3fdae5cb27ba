//! `/clusters` and one cluster.

use axum::Form;
use axum::extract::{Path, RawQuery, State};
use axum::response::IntoResponse;
use axum_extra::extract::Query;
use chrono::Utc;
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache::{
    ClusterDetail, GetClusterRequest, GetOverviewRequest, ListClustersRequest,
    RefreshClusterRequest, RemoveClusterRequest, UpdateClusterRequest,
};
use gwm_proto::common::{ObjectRef, PageRequest};
use gwm_proto::jobs::{Job, ListJobsRequest};
use serde_json::{Map, Value};

use super::common::{self, Page, Viewer};
use super::instance::Confirm;
use super::jobs::job_line;
use super::listing::{About, ListState, column, fixed};
use super::login::see_other;
use super::typed::Typed;
use super::{facts, grants, views};
use crate::http::AppState;
use crate::http::api::imports;
use crate::http::model::{ClusterDocument, cluster, from_struct};
use crate::http::views::clusters::{ClusterPage, ClusterRow, ClustersPage, Holds};
use crate::http::views::overview::ClusterLine;
use crate::http::views::parts::{
    Action, Link, Mark, ParameterGroup, Problem, Status, Usage, Weight, When,
};
use crate::http::views::shell::Section;

const ABOUT: About = About {
    path: "/clusters",
    kind: "cluster",
    noun: "clusters",
    q_hint: "name, or reachable:no",
    own_sort: "slug",
    columns: &[
        fixed("Name", "slug", ""),
        fixed("Status", "", ""),
        column("instances", "Instances", "instances", "n"),
        column("nodes", "Nodes", "nodes", "n mid"),
        column("memory", "Memory", "", "low"),
        column("disk", "Disk", "", "low"),
        column("version", "Ganeti", "", "low"),
        column("seen", "Last read", "", "n mid"),
    ],
};

pub(crate) fn line(state: &AppState, viewer: &Viewer, cluster: &ClusterDocument) -> ClusterLine {
    let status = if cluster.paused {
        Status::new(Mark::Warn, "paused", "an administrator wants it left alone")
    } else if cluster.health.reachable {
        Status::new(Mark::Ok, "answers", "")
    } else if cluster.health.last_success.is_none() && cluster.health.error.is_none() {
        Status::new(Mark::Busy, "being read…", "")
    } else {
        let why = cluster.health.error.clone().unwrap_or_default();
        Status::new(Mark::Bad, "does not answer", why)
    };
    let usage = |what, total: u64, free: u64| Usage {
        what,
        used_mib: Some(total.saturating_sub(free)),
        total_mib: Some(total),
    };
    ClusterLine {
        slug: cluster.slug.clone(),
        whole: common::sees_whole(state, viewer, &cluster.id),
        placed: common::sees_placement(state, viewer, &cluster.id),
        status,
        instances_running: cluster.instances_running.into(),
        instances_total: cluster.instances_total.into(),
        nodes_online: cluster.nodes_online.into(),
        nodes_total: cluster.nodes_total.into(),
        memory: usage("memory", cluster.memory_total_mib, cluster.memory_free_mib),
        disk: usage("disk", cluster.disk_total_mib, cluster.disk_free_mib),
    }
}

pub(crate) async fn list(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(list): Query<ListState>,
    query: RawQuery,
) -> Page {
    let shell = common::shell(&state, &viewer, Section::Clusters, "Clusters", Vec::new());
    let request = viewer.person.ask(ListClustersRequest { page: Some(list.request()) });
    let mut clusters = state.clients.clusters();
    let (mut shell, answer, views) =
        tokio::join!(shell, clusters.list_clusters(request), views::of(&state, &viewer, &ABOUT));
    if let Some(elsewhere) = views::opens_at(&views, &ABOUT, &query) {
        return Ok(elsewhere);
    }
    let answer = match answer {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let fault = Fault::from_status(&status);
            if fault.code == ErrorCode::Unauthenticated {
                return Err(fault.into());
            }
            let mut failed = list.failed(&ABOUT, &fault);
            views::tabs(views, &list, &ABOUT, &mut failed);
            let list = failed;
            return common::ok(&ClustersPage { shell, list, rows: Vec::new() });
        }
    };
    let now = Utc::now();
    let clusters: Vec<ClusterDocument> = answer.clusters.into_iter().map(cluster).collect();
    shell.as_of = common::as_of(clusters.iter().map(|c| (c.slug.as_str(), &c.health)), now);
    let rows: Vec<ClusterRow> = clusters
        .iter()
        .map(|c| ClusterRow {
            line: line(&state, &viewer, c),
            name: c.name.clone().unwrap_or_default(),
            version: c.ganeti_version.clone().unwrap_or_default(),
            read_only: c.read_only,
            last_success: c.health.last_success.map(|at| When::new(at, now)),
        })
        .collect();
    let mut listing = list.listing(&ABOUT, rows.len(), answer.page.as_ref());
    views::tabs(views, &list, &ABOUT, &mut listing);
    common::ok(&ClustersPage { shell, list: listing, rows })
}

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(c): Path<String>,
) -> Page {
    let request = viewer.person.ask(GetClusterRequest { cluster: c });
    let found = state.clients.clusters().get_cluster(request).await?.into_inner();
    let found = cluster(found);
    let object =
        ObjectRef { kind: "cluster".to_owned(), cluster_id: found.id.clone(), uuid: String::new() };
    let crumbs = vec![Link::new("Clusters", "/clusters"), Link::new(&found.slug, "")];
    let back = format!("/clusters/{}", found.slug);
    let (mut shell, problems, jobs, mut detail, access, mut history, quotas) = tokio::join!(
        common::shell(&state, &viewer, Section::Clusters, &found.slug, crumbs),
        problems(&state, &viewer, &found.slug),
        jobs(&state, &viewer, &found.slug),
        detail(&state, &viewer, &found),
        grants::section(&state, &viewer, object, &found.slug, &back),
        super::audit::history(&state, &viewer, &["cluster"], &found.slug),
        super::quotas::on_cluster(&state, &viewer, &found.id, &found.slug),
    );
    history.own_only &= access.is_none();
    let now = Utc::now();
    shell.as_of = common::as_of(std::iter::once((found.slug.as_str(), &found.health)), now);
    if !found.health.reachable && found.health.error.is_some() {
        let mut notice = common::dead_cluster(&found.slug, &found.health, now);
        notice.link = None;
        shell.notices.push(notice);
    }
    let remove = format!("/clusters/{}/remove", found.slug);
    let typed = viewer.typed.as_ref();
    let mut actions = Vec::new();
    // The forms of rights are there for who administers it.
    if access.is_some() {
        actions.push(refresh_action(&found.slug, found.paused));
    }
    if viewer.admin {
        actions.push(pause_action(&found.slug, found.paused));
        actions.push(hook_action(&found.slug));
        actions.push(edit_action(&found.slug));
    }
    actions.iter_mut().for_each(|action| action.persona = viewer.persona());
    let line = line(&state, &viewer, &found);
    let said = detail.as_mut().and_then(|d| d.said.take()).map(from_struct).unwrap_or_default();
    let (pace, read_only) = (pace(&found), why_read_only(&found));
    let page = ClusterPage {
        holds: detail.map(|detail| holds(&detail, &line, &said)),
        parameters: parameters(said),
        shell,
        line,
        name: found.name.unwrap_or_default(),
        version: found.ganeti_version.unwrap_or_default(),
        ganeti_uuid: found.uuid.unwrap_or_default(),
        master_node: found.master_node.unwrap_or_default(),
        endpoints: found.endpoints,
        fingerprint: found.fingerprint.unwrap_or_default(),
        read_username: found.read_username.unwrap_or_default(),
        write_username: found.write_username.unwrap_or_default(),
        hypervisors: found.hypervisors,
        tags: found.tags,
        console_enabled: found.console.enabled,
        read_only,
        pace,
        problems,
        jobs: jobs.iter().map(|j| job_line(j, now)).collect(),
        actions,
        access,
        quotas,
        history,
        may_remove: viewer.admin,
        confirm: typed.and_then(|t| t.form::<Confirm>(&remove)).unwrap_or_default().confirm,
        errors: typed.map(|t| t.errors(&remove)).unwrap_or_default(),
        missing: found.health.missing,
    };
    common::ok(&page)
}

/// What it says of itself; none for those who do not see all of it.
async fn detail(
    state: &AppState,
    viewer: &Viewer,
    cluster: &ClusterDocument,
) -> Option<ClusterDetail> {
    if !common::sees_whole(state, viewer, &cluster.id) {
        return None;
    }
    let request = viewer.person.ask(GetClusterRequest { cluster: cluster.slug.clone() });
    // The page is worth having without it.
    Some(state.clients.objects().get_cluster_detail(request).await.ok()?.into_inner())
}

fn holds(detail: &ClusterDetail, line: &ClusterLine, said: &Map<String, Value>) -> Holds {
    let text = |field: &str| said.get(field).map(facts::words).unwrap_or_default();
    let given =
        |what, used, of: &Usage| Usage { what, used_mib: Some(used), total_mib: of.total_mib };
    Holds {
        node_groups: detail.node_groups,
        networks: detail.networks,
        oses: detail.oses,
        master_candidates: detail.master_candidates,
        candidate_pool_size: text("candidate_pool_size"),
        memory_allocated: given("memory given", detail.memory_allocated_mib, &line.memory),
        disk_allocated: given("disk given", detail.disk_allocated_mib, &line.disk),
        disk_templates: text("enabled_disk_templates"),
        volume_group: text("volume_group_name"),
    }
}

/// All that `/2/info` says: defaults by kind, those of hypervisors that are not enabled and of disk
/// templates folded.
fn parameters(mut said: Map<String, Value>) -> Vec<ParameterGroup> {
    let mut groups = Vec::new();
    let enabled = said.get("enabled_hypervisors").cloned().unwrap_or_default();
    let enabled =
        |name: &str| enabled.as_array().is_some_and(|all| all.iter().any(|one| one == name));
    for (title, field) in [
        ("Backend defaults (beparams)", "beparams.default"),
        ("Network interface defaults (nicparams)", "nicparams.default"),
        ("Node defaults (ndparams)", "ndparams"),
        ("Instance policy (ipolicy)", "ipolicy"),
        ("OS parameters (osparams): names", "osparams"),
        ("Hypervisor defaults by OS (os_hvp)", "os_hvp"),
    ] {
        let (top, within) = field.split_once('.').map_or((field, None), |(t, w)| (t, Some(w)));
        let Some(value) = said.get_mut(top) else { continue };
        let value = match (within, value) {
            (Some(within), Value::Object(fields)) => fields.remove(within).unwrap_or_default(),
            (_, value) => value.take(),
        };
        groups.push(facts::group(title, field, &value));
    }
    for (title, field) in [("Hypervisor defaults", "hvparams"), ("Disk template", "diskparams")] {
        let Some(Value::Object(parts)) = said.remove(field) else { continue };
        let (mut open, folded): (Vec<_>, Vec<_>) =
            parts.into_iter().partition(|(name, _)| field == "hvparams" && enabled(name));
        open.extend(folded);
        for (name, value) in open {
            let title = format!("{title}: {name} ({field})");
            let mut group = facts::group(&title, &format!("{field}.{name}"), &value);
            group.folded = field != "hvparams" || !enabled(&name);
            groups.push(group);
        }
    }
    let taken = ["ndparams", "ipolicy", "osparams", "os_hvp"];
    for emptied in ["beparams", "nicparams"] {
        if said.get(emptied).and_then(Value::as_object).is_some_and(Map::is_empty) {
            said.remove(emptied);
        }
    }
    groups.push(facts::rest(&said, &taken));
    groups
}

fn why_read_only(cluster: &ClusterDocument) -> &'static str {
    match (cluster.read_only, cluster.held_read_only) {
        (false, _) => "",
        (true, true) => "An administrator wants nothing changed on it",
        (true, false) => "gwm only reads this cluster",
    }
}

/// How often it is read and what that costs it, in words.
fn pace(cluster: &ClusterDocument) -> String {
    let mut said = match cluster.poll_interval_seconds {
        0 => "as gwm is configured".to_owned(),
        seconds => format!("every {seconds} s"),
    };
    if let Some(requests) = cluster.requests_per_minute {
        said.push_str(&format!(", {requests} requests in the last minute"));
    }
    if let Some(bulk) = cluster.bulk_seconds.filter(|bulk| *bulk > 0.0) {
        said.push_str(&format!(", {bulk:.2} s for all nodes and instances"));
    }
    said
}

fn pause_action(slug: &str, paused: bool) -> Action {
    let (verb, label, icon, busy) = if paused {
        ("resume", "Resume", "play", "resuming…")
    } else {
        ("pause", "Pause", "pause", "pausing…")
    };
    let question = format!(
        "Pause {slug}? gwm reads nothing from it and sends it no new jobs until it is resumed; what it \
         runs is followed to its end."
    );
    Action {
        id: verb.to_owned(),
        label: label.to_owned(),
        icon,
        path: format!("/clusters/{slug}/{verb}"),
        link: false,
        busy_word: busy.to_owned(),
        disabled: None,
        weight: Weight::Plain,
        confirm: if paused { String::new() } else { question },
        persona: String::new(),
    }
}

fn refresh_action(slug: &str, paused: bool) -> Action {
    Action {
        id: "refresh".to_owned(),
        label: "Read it now".to_owned(),
        icon: "refresh-cw",
        path: format!("/clusters/{slug}/refresh"),
        link: false,
        busy_word: "reading…".to_owned(),
        disabled: paused.then(|| "It is paused: resume it first".to_owned()),
        weight: Weight::Plain,
        confirm: String::new(),
        persona: String::new(),
    }
}

/// Its hook, which tells gwm at once what happens.
fn hook_action(slug: &str) -> Action {
    Action {
        id: "hook".to_owned(),
        label: "Hook".to_owned(),
        icon: "activity",
        path: format!("/clusters/{slug}/hook"),
        ..edit_action(slug)
    }
}

fn edit_action(slug: &str) -> Action {
    Action {
        id: "edit".to_owned(),
        label: "Settings".to_owned(),
        icon: "pencil",
        path: format!("/clusters/{slug}/edit"),
        link: true,
        busy_word: String::new(),
        disabled: None,
        weight: Weight::Plain,
        confirm: String::new(),
        persona: String::new(),
    }
}

async fn problems(state: &AppState, viewer: &Viewer, slug: &str) -> Vec<Problem> {
    let request = viewer.person.ask(GetOverviewRequest::default());
    let Ok(answer) = state.clients.inventory().get_overview(request).await else {
        return Vec::new();
    };
    let wrong = answer.into_inner().wrong;
    let here = wrong.into_iter().filter(|w| w.cluster == slug && w.kind != "cluster");
    here.map(super::overview::problem).collect()
}

async fn jobs(state: &AppState, viewer: &Viewer, slug: &str) -> Vec<Job> {
    let page = PageRequest { q: format!("cluster:{slug}"), limit: 8, ..Default::default() };
    let request =
        viewer.person.ask(ListJobsRequest { page: Some(page), object: None, uncounted: true });
    state.clients.jobs().list_jobs(request).await.map_or_else(|_| vec![], |a| a.into_inner().jobs)
}

pub(crate) async fn refresh(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(c): Path<String>,
) -> Page {
    let mut request = viewer.person.ask(RefreshClusterRequest { cluster: c.clone() });
    request.set_timeout(std::time::Duration::from_secs(60));
    state.clients.clusters().refresh_cluster(request).await?;
    Ok(see_other(&format!("/clusters/{c}")).into_response())
}

pub(crate) async fn pause(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(c): Path<String>,
) -> Page {
    set_paused(&state, &viewer, c, true).await
}

pub(crate) async fn resume(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(c): Path<String>,
) -> Page {
    set_paused(&state, &viewer, c, false).await
}

async fn set_paused(state: &AppState, viewer: &Viewer, c: String, paused: bool) -> Page {
    let mut request = viewer.person.ask(UpdateClusterRequest {
        cluster: c.clone(),
        paused: Some(paused),
        ..UpdateClusterRequest::default()
    });
    request.set_timeout(std::time::Duration::from_secs(45));
    state.clients.clusters().update_cluster(request).await?;
    Ok(see_other(&format!("/clusters/{c}")).into_response())
}

#[derive(Debug, serde::Deserialize)]
pub(crate) struct Missing {
    objects: u32,
}

pub(crate) async fn confirm_missing(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(c): Path<String>,
    Form(form): Form<Missing>,
) -> Page {
    let body = imports::ConfirmMissing { cluster: c.clone(), objects: form.objects };
    imports::confirm(&state, &viewer.person, body).await?;
    Ok(see_other(&format!("/clusters/{c}")).into_response())
}

pub(crate) async fn remove(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(c): Path<String>,
    Form(form): Form<Confirm>,
) -> Page {
    if form.confirm.trim() != c {
        let fault = Fault::invalid("confirm", format!("type {c} to remove it from gwm"));
        let (page, action) = (format!("/clusters/{c}"), format!("/clusters/{c}/remove"));
        return Ok(Typed::refused(&page, &action, &[("confirm", &form.confirm)], &fault));
    }
    let request = viewer.person.ask(RemoveClusterRequest { cluster: c });
    state.clients.clusters().remove_cluster(request).await?;
    Ok(see_other("/clusters").into_response())
}
