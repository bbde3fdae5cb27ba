//! `/clusters/{c}/instances/{i}`: one instance, and what is done to it.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use chrono::Utc;
use gwm_proto::cache::{Instance, InstanceDetail};
use gwm_proto::common::{ObjectRef, PageRequest};
use gwm_proto::jobs::{Job, ListJobsRequest};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::common::{self, Page, PageError, Viewer, sentence};
use super::instances::{Place, delete as delete_action, power, row};
use super::jobs::{job_line, kind_word};
use super::login::see_other;
use super::{facts, grants};
use crate::http::AppState;
use crate::http::api::instances::{Submit, detail};
use crate::http::model::{HealthDocument, from_struct, health, time};
use crate::http::views::form::{FieldError, FormErrors};
use crate::http::views::instances::{
    DiskLine, InstanceDeletePage, InstancePage, JobStrip, NicLine,
};
use crate::http::views::nodes::Flag;
use crate::http::views::parts::{Link, Mark, Notice, Status, Tone, Usage, When};
use crate::http::views::shell::Section;
use crate::http::views::text;

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((c, i)): Path<(String, String)>,
) -> Page {
    let found = detail(&state, &viewer.person, c, i).await?;
    let instance = found.instance.clone().unwrap_or_default();
    let freshness = found.cluster.clone().unwrap_or_default();
    let health = health(freshness.health);
    let now = Utc::now();
    let crumbs = vec![
        Link::new("Instances", "/instances"),
        Link::new(&instance.cluster, format!("/clusters/{}", instance.cluster)),
        Link::new(&instance.name, ""),
    ];
    let object = ObjectRef {
        kind: "instance".to_owned(),
        cluster_id: instance.cluster_id.clone(),
        uuid: instance.uuid.clone(),
    };
    let back = format!("/clusters/{}/instances/{}", instance.cluster, instance.name);
    let (mut shell, jobs, access, mut history, former) = tokio::join!(
        common::shell(&state, &viewer, Section::Instances, &instance.name, crumbs),
        jobs_of(&state, &viewer, object.clone()),
        grants::section(&state, &viewer, object, &instance.cluster, &back),
        super::audit::history(&state, &viewer, &["uuid"], &instance.uuid),
        super::owner::predecessor(&state, &viewer, &instance),
    );
    // Who gives rights on it reads all that is on record about it.
    history.own_only &= access.is_none();
    shell.notices.extend(former);
    shell.as_of = common::as_of(std::iter::once((instance.cluster.as_str(), &health)), now);
    if !health.reachable {
        shell.notices.push(common::dead_cluster(&instance.cluster, &health, now));
    }
    let may = |what: &str| found.permissions.iter().any(|p| p == what);
    let persona = viewer.persona();
    let place = Place {
        health: Some(&health),
        read_only: freshness.read_only,
        removes: may("remove"),
        powers: may("power"),
        looks: may("console"),
        persona: &persona,
    };
    let console = found.console.clone().unwrap_or_default();
    let stale = row(instance.clone(), &place).stale;
    let mut power = power(&instance, &place, &stale);
    if let Some(open) = power.last_mut()
        && open.disabled.is_none()
        && !console.problem.is_empty()
    {
        open.disabled = Some(sentence(&console.problem));
    }
    let mut row = row(instance.clone(), &place);
    row.actions =
        if place.removes { vec![delete_action(&instance, &place, &stale)] } else { vec![] };
    let busy = jobs.iter().find(|j| matches!(j.state.as_str(), "queued" | "running"));
    if let Some(job) = busy {
        row.status = Status::new(Mark::Busy, busy_word(&job.kind), instance.status.as_str());
    }
    let said = found.said.clone().map(from_struct).unwrap_or_default();
    let mut findings = findings(&instance, &health);
    let broken = |text: &String| {
        Notice::new(Tone::Warn, "It breaks its node group’s policy", sentence(text))
    };
    findings.extend(found.violations.iter().map(broken));
    let mut parameters = facts::parameters(found.parameters);
    if !said.is_empty() {
        parameters.push(facts::rest(&said, &ELSEWHERE));
    }
    let page = InstancePage {
        now: said_now(&said),
        power,
        job: busy.map(strip),
        admin_state: instance.admin_state.clone(),
        // A full one says nothing: the guest has what it was given.
        memory_used: found.memory_used_mib.filter(|u| Some(*u) != instance.memory_mib).map(
            |used| Usage { what: "memory", used_mib: Some(used), total_mib: instance.memory_mib },
        ),
        // Else it would not be said where it runs.
        placed: !instance.primary_node.is_empty()
            || common::sees_placement(&state, &viewer, &instance.cluster_id),
        node_group: instance.node_group.clone(),
        created: time(instance.created_at).map(|at| When::new(at, now)),
        modified: time(instance.modified_at).map(|at| When::new(at, now)),
        seen: time(instance.seen_at).map(|at| When::new(at, now)),
        config_version: instance.config_version.clone(),
        console: console_words(&console.kinds, &console.problem),
        findings,
        disks: disks(&instance, &said),
        nics: nics(&instance, &said),
        parameters,
        jobs: jobs.iter().map(|j| job_line(j, now)).collect(),
        access,
        history,
        may_delete: place.removes,
        notes: super::notes::shown(found.notes),
        row,
        shell,
    };
    common::ok(&page)
}

async fn jobs_of(state: &AppState, viewer: &Viewer, object: ObjectRef) -> Vec<Job> {
    let page = PageRequest { limit: 8, ..Default::default() };
    let request = viewer.person.ask(ListJobsRequest {
        page: Some(page),
        object: Some(object),
        uncounted: true,
    });
    // The page is worth having without them.
    state.clients.jobs().list_jobs(request).await.map_or_else(|_| vec![], |a| a.into_inner().jobs)
}

/// What the status says while a job of this kind is on its way.
fn busy_word(kind: &str) -> &'static str {
    match kind {
        "startup" => "starting…",
        "shutdown" => "shutting down…",
        "reboot" => "rebooting…",
        "create" => "being made…",
        "remove" | "delete" => "being deleted…",
        _ => "changing…",
    }
}

fn strip(job: &Job) -> JobStrip {
    let done = job.steps.iter().filter(|s| s.state == "succeeded").count();
    JobStrip {
        id: job.job_id.clone(),
        kind: kind_word(&job.kind).to_owned(),
        status: Status::job(&job.state),
        last: if job.waiting_for.is_empty() {
            job.steps.iter().find(|s| s.state != "succeeded").map_or_else(
                || "finishing".to_owned(),
                |s| {
                    if s.ganeti_status.is_empty() {
                        s.state.clone()
                    } else {
                        format!("Ganeti says {}", s.ganeti_status)
                    }
                },
            )
        } else {
            format!("waiting for {}", job.waiting_for)
        },
        parts_done: done as u64,
        parts_total: job.steps.len() as u64,
    }
}

fn console_words(kinds: &[String], problem: &str) -> String {
    if !problem.is_empty() {
        return sentence(problem);
    }
    if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ").to_uppercase() }
}

/// What is wrong with an instance in this state, by Ganeti's word for it, and what to do.
pub(crate) fn finding(status: &str) -> Option<(&'static str, &'static str)> {
    match status {
        "ERROR_down" => Some((
            "It should run and does not",
            "Start it; its log on the node says why it stopped.",
        )),
        "ERROR_up" => Some((
            "It runs and should not",
            "Shut it down, or start it so that Ganeti expects it to run.",
        )),
        "ERROR_nodedown" => Some((
            "Its node does not answer",
            "Fail it over to its secondary node, or bring the node back.",
        )),
        "ERROR_nodeoffline" => {
            Some(("Its node is marked offline", "Fail it over to its secondary node."))
        }
        "ERROR_wrongnode" => Some((
            "It runs on another node than Ganeti expects",
            "gnt-cluster verify on the master says which.",
        )),
        "USER_down" => Some(("It was shut down from inside", "Start it to run it again.")),
        _ => None,
    }
}

fn findings(instance: &Instance, health: &HealthDocument) -> Vec<Notice> {
    let mut findings = Vec::new();
    if let Some((what, todo)) = finding(&instance.status) {
        findings.push(Notice::new(Tone::Bad, what, todo));
    }
    if instance.missing {
        findings.push(Notice::new(
            Tone::Warn,
            "Ganeti did not list it the last time",
            "It vanished together with many others, so gwm waits for more proof before it believes that.",
        ));
    }
    if !health.reachable {
        let why = sentence(health.error.as_deref().unwrap_or("no answer"));
        findings.push(Notice::new(Tone::Warn, "Its cluster does not answer", why));
    }
    findings
}

/// What stands elsewhere on the page than in the last table.
const ELSEWHERE: [&str; 8] = [
    "oper_state",
    "oper_vcpus",
    "network_port",
    "custom_nicparams",
    "nic.uuids",
    "nic.networks",
    "nic.bridges",
    "disk.spindles",
];

fn said_now(said: &Map<String, Value>) -> Vec<Flag> {
    if said.is_empty() {
        return Vec::new();
    }
    let flag = |(label, field): (&'static str, &'static str)| Flag {
        label,
        value: said.get(field).map(facts::words).unwrap_or_default(),
        field,
    };
    let fields = [
        ("Runs", "oper_state"),
        ("Virtual CPUs now", "oper_vcpus"),
        ("Port of its screen", "network_port"),
    ];
    fields.into_iter().map(flag).collect()
}

/// The nth of a list that Ganeti keeps beside the others.
fn nth(said: &Map<String, Value>, list: &str, index: usize) -> String {
    said.get(list).and_then(|list| list.get(index)).map(facts::words).unwrap_or_default()
}

fn disks(instance: &Instance, said: &Map<String, Value>) -> Vec<DiskLine> {
    let line = |(index, disk): (usize, &gwm_proto::cache::Disk)| DiskLine {
        index,
        name: disk.name.clone(),
        size_mib: Some(disk.size_mib),
        uuid: disk.uuid.clone(),
        spindles: nth(said, "disk.spindles", index),
    };
    instance.disks.iter().enumerate().map(line).collect()
}

fn nics(instance: &Instance, said: &Map<String, Value>) -> Vec<NicLine> {
    let line = |(index, nic): (usize, &gwm_proto::cache::Nic)| NicLine {
        index,
        mac: nic.mac.clone(),
        ip: nic.ip.clone(),
        mode: nic.mode.clone(),
        link: nic.link.clone(),
        network: nic.network.clone(),
        network_uuid: nth(said, "nic.networks", index),
        bridge: nth(said, "nic.bridges", index),
        name: nic.name.clone(),
        uuid: nth(said, "nic.uuids", index),
    };
    instance.nics.iter().enumerate().map(line).collect()
}

pub(crate) async fn startup(
    state: State<AppState>,
    viewer: Viewer,
    path: Path<(String, String)>,
) -> Page {
    act(state, viewer, path, "startup").await
}

pub(crate) async fn shutdown(
    state: State<AppState>,
    viewer: Viewer,
    path: Path<(String, String)>,
) -> Page {
    act(state, viewer, path, "shutdown").await
}

pub(crate) async fn reboot(
    state: State<AppState>,
    viewer: Viewer,
    path: Path<(String, String)>,
) -> Page {
    act(state, viewer, path, "reboot").await
}

/// Without script the form leads to the job's page.
async fn act(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((cluster, instance)): Path<(String, String)>,
    kind: &'static str,
) -> Page {
    let submit = Submit { kind, cluster, instance };
    let job = submit.send(&state, &viewer.person, &HeaderMap::new(), Map::new()).await?;
    Ok(see_other(&format!("/jobs/{}", job.id)).into_response())
}

#[derive(Default, Deserialize)]
pub(crate) struct Confirm {
    #[serde(default)]
    pub(crate) confirm: String,
}

pub(crate) async fn delete_page(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((c, i)): Path<(String, String)>,
) -> Page {
    let found = detail(&state, &viewer.person, c.clone(), i.clone()).await?;
    let action = format!("/clusters/{c}/instances/{i}/delete");
    let typed = viewer.typed.as_ref().and_then(|typed| typed.form::<Confirm>(&action));
    let typed = typed.unwrap_or_default().confirm;
    let page = delete_form(&state, &viewer, found, typed, FormErrors::default()).await?;
    common::ok(&page)
}

async fn delete_form(
    state: &AppState,
    viewer: &Viewer,
    found: InstanceDetail,
    confirm: String,
    errors: FormErrors,
) -> Result<InstanceDeletePage, PageError> {
    let instance = found.instance.unwrap_or_default();
    let href = format!("/clusters/{}/instances/{}", instance.cluster, instance.name);
    let crumbs = vec![
        Link::new("Instances", "/instances"),
        Link::new(&instance.name, href),
        Link::new("Delete", ""),
    ];
    let title = format!("Delete {}", instance.name);
    let shell = common::shell(state, viewer, Section::Instances, &title, crumbs).await;
    let disks = instance.disks.len();
    let plural = if disks == 1 { "" } else { "s" };
    let goes = vec![
        format!("the instance on {}", instance.cluster),
        format!(
            "{disks} disk{plural}, {}, with all data on them",
            text::mib_or_dash(instance.disk_mib)
        ),
        "access given on it".to_owned(),
    ];
    let (cluster, name) = (instance.cluster, instance.name);
    Ok(InstanceDeletePage { shell, cluster, name, goes, confirm, errors })
}

pub(crate) async fn delete(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((c, i)): Path<(String, String)>,
    Form(form): Form<Confirm>,
) -> Page {
    let found = detail(&state, &viewer.person, c.clone(), i).await?;
    let name = found.instance.clone().unwrap_or_default().name;
    if form.confirm.trim() != name {
        let error = FieldError {
            field: "confirm".to_owned(),
            message: format!("Type {name} to delete it"),
        };
        let errors = FormErrors(vec![error]);
        let page = delete_form(&state, &viewer, found, form.confirm, errors).await?;
        return Ok(common::render(StatusCode::BAD_REQUEST, &page));
    }
    act(State(state), viewer, Path((c, name)), "remove").await
}
