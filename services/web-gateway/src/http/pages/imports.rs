//! `/imports`: instances without an owner, and what vanished.

use std::collections::HashSet;

use axum::extract::State;
use axum::response::IntoResponse;
use axum_extra::extract::{Form, Query};
use chrono::Utc;
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache::ListInstancesRequest;
use http::StatusCode;
use serde::Deserialize;

use super::common::{self, Page, PageError, Viewer, sentence};
use super::listing::{About, Column, ListState};
use super::login::see_other;
use super::typed::Typed;
use crate::http::AppState;
use crate::http::api::adopt::{AdoptLine, AdoptRun, run, write_csv};
use crate::http::api::clusters;
use crate::http::api::imports::{self, Adopt, AdoptInstance, Purge, Restore, VanishedDocument};
use crate::http::problem::Problem;
use crate::http::views::form::{Choice, FieldError, FormErrors};
use crate::http::views::imports::{
    AdoptPage, LineRow, MissingPage, OrphanRow, OrphansPage, VanishedRow,
};
use crate::http::views::parts::{Link, Mark, Status, When};
use crate::http::views::shell::Section;

const ADOPT: &str = "/imports/orphans/adopt";
/// Lines drawn: more than anybody reads.
const SHOWN: usize = 500;

const fn column(label: &'static str, sort: &'static str, class: &'static str) -> Column {
    Column { key: "", label, sort, class, shown: true }
}

const ORPHANS: About = About {
    path: "/imports/orphans",
    kind: "orphan",
    noun: "orphans",
    q_hint: "name, or cluster:fra1 tag:shop*",
    own_sort: "name",
    columns: &[
        column("Name", "name", ""),
        column("Status", "status", ""),
        column("Cluster", "cluster", ""),
        column("Node", "node", "mid"),
        column("OS", "os", "low"),
        column("Tags", "", "low"),
    ],
};

const MISSING: About = About {
    path: "/imports/missing",
    kind: "vanished",
    noun: "vanished objects",
    q_hint: "name, or kind:instance cluster:fra1 owner:carla",
    own_sort: "-at",
    columns: &[
        column("Name", "name", ""),
        column("State", "state", ""),
        column("Cluster", "cluster", ""),
        column("When", "at", ""),
        column("Last owner", "owner", ""),
        column("Rights kept", "", ""),
    ],
};

/// These pages are for administrators; for others they are not there.
fn administrator(viewer: &Viewer) -> Result<(), PageError> {
    if viewer.admin { Ok(()) } else { Err(Fault::not_found("page").into()) }
}

pub(crate) fn roles(chosen: &str) -> Vec<Choice> {
    [
        ("admin", "everything (admin)"),
        ("power", "start, stop, reboot, console (power)"),
        ("console", "see it and open its console (console)"),
        ("view", "see it (view)"),
        ("none", "nothing more than before"),
    ]
    .map(|(value, label)| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        selected: value == chosen,
    })
    .to_vec()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AdoptForm {
    which: String,
    q: String,
    #[serde(rename = "instance")]
    instances: Vec<String>,
    owner: String,
    role: String,
    csv: String,
    source: String,
    confirm: String,
}

pub(crate) async fn orphans(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(list): Query<ListState>,
) -> Page {
    administrator(&viewer)?;
    let title = "Instances without an owner";
    let shell = common::shell(&state, &viewer, Section::Imports, title, Vec::new());
    let request = viewer.person.ask(ListInstancesRequest { page: Some(list.request()) });
    let mut imports = state.clients.imports();
    let (shell, answer) = tokio::join!(shell, imports.list_orphans(request));
    let typed = viewer.typed.as_ref();
    let form: AdoptForm = typed.and_then(|t| t.form(ADOPT)).unwrap_or_default();
    let role = if form.role.is_empty() { "admin" } else { form.role.as_str() };
    let (listing, rows) = match answer {
        Ok(answer) => {
            let answer = answer.into_inner();
            let rows: Vec<OrphanRow> = answer
                .instances
                .into_iter()
                .map(|i| OrphanRow {
                    status: Status::instance(&i.status),
                    uuid: i.uuid,
                    name: i.name,
                    cluster: i.cluster,
                    node: i.primary_node,
                    os: i.os,
                    tags: i.tags,
                })
                .collect();
            (list.listing(&ORPHANS, rows.len(), answer.page.as_ref()), rows)
        }
        Err(status) => (list.failed(&ORPHANS, &not_login(&status)?), Vec::new()),
    };
    common::ok(&OrphansPage {
        shell,
        list: listing,
        rows,
        roles: roles(role),
        owner: form.owner,
        errors: typed.map(|t| t.errors(ADOPT)).unwrap_or_default(),
    })
}

fn not_login(status: &tonic::Status) -> Result<Fault, PageError> {
    let fault = Fault::from_status(status);
    if fault.code == ErrorCode::Unauthenticated { Err(fault.into()) } else { Ok(fault) }
}

pub(crate) async fn adopt(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<AdoptForm>,
) -> Page {
    administrator(&viewer)?;
    let confirm = form.confirm == "yes" && form.which == "csv";
    let body = match form.which.as_str() {
        "csv" => Adopt { csv: Some(form.csv.clone()), ..Default::default() },
        "query" => Adopt { q: Some(form.q.clone()), ..Default::default() },
        _ => Adopt { instances: Some(selected(&form.instances)), ..Default::default() },
    };
    let (owner, role) = (Some(form.owner.clone()), Some(form.role.clone()));
    let body = if form.which == "csv" { body } else { Adopt { owner, role, ..body } };
    let lines = match imports::lines(&state, &viewer.person, body).await {
        Ok((lines, source)) => {
            let kept = ["query", "selection"].into_iter().find(|s| *s == form.source && confirm);
            Ok((lines, kept.unwrap_or(source)))
        }
        Err(Problem(fault)) => Err(fault),
    };
    match lines {
        Ok((lines, source)) => {
            let run = run(&state, &viewer.person, lines, source, confirm).await?;
            Ok(common::ok(&run_page(&state, &viewer, run, source).await)?)
        }
        Err(fault) if fault.code == ErrorCode::Unauthenticated => Err(fault.into()),
        Err(fault) if form.which == "csv" => {
            let crumbs = crumbs("Adopt");
            let title = "These lines can’t be read";
            let page = AdoptPage {
                shell: common::shell(&state, &viewer, Section::Imports, title, crumbs).await,
                summary: String::new(),
                lines: Vec::new(),
                hidden: 0,
                csv: form.csv,
                source: String::new(),
                done: false,
                may_confirm: false,
                verb: String::new(),
                errors: FormErrors(vec![FieldError {
                    field: "csv".to_owned(),
                    message: sentence(&fault.message),
                }]),
            };
            Ok(common::render(StatusCode::BAD_REQUEST, &page))
        }
        Err(mut fault) => {
            if fault.field.as_deref() != Some("owner") {
                fault.field = Some(String::new());
            }
            let query = if form.q.is_empty() {
                String::new()
            } else {
                format!("?q={}", common::escape(&form.q))
            };
            let typed = [("owner", form.owner.as_str()), ("role", form.role.as_str())];
            Ok(Typed::refused(&format!("/imports/orphans{query}"), ADOPT, &typed, &fault))
        }
    }
}

/// `cluster/uuid` of each box that is ticked.
fn selected(boxes: &[String]) -> Vec<AdoptInstance> {
    boxes
        .iter()
        .filter_map(|one| one.split_once('/'))
        .map(|(cluster, instance)| AdoptInstance {
            cluster: cluster.to_owned(),
            instance: instance.to_owned(),
        })
        .collect()
}

fn crumbs(last: &str) -> Vec<Link> {
    vec![Link::new("Instances without an owner", "/imports/orphans"), Link::new(last, "")]
}

fn instances(count: usize) -> String {
    if count == 1 { "1 instance".to_owned() } else { format!("{count} instances") }
}

async fn run_page(state: &AppState, viewer: &Viewer, run: AdoptRun, source: &str) -> AdoptPage {
    let title = if run.done { "Adopted" } else { "Adopt: what would happen" };
    let summary = if run.done {
        format!("{} adopted", instances(run.changed))
    } else if run.refused > 0 {
        format!("{} of {} can’t be done", run.refused, run.lines.len())
    } else if run.changed == 0 {
        "All of this is so already".to_owned()
    } else {
        format!("{} would be adopted", instances(run.changed))
    };
    let csv = write_csv(&run.lines);
    let mut lines = run.lines;
    // What needs a look first, else as written.
    lines.sort_by_key(|l| l.outcome != "refused");
    let hidden = lines.len().saturating_sub(SHOWN);
    AdoptPage {
        shell: common::shell(state, viewer, Section::Imports, title, crumbs("Adopt")).await,
        summary,
        lines: lines.into_iter().take(SHOWN).map(|l| line(l, run.done)).collect(),
        hidden,
        csv,
        source: source.to_owned(),
        done: run.done,
        may_confirm: !run.done && run.refused == 0 && run.changed > 0,
        verb: format!("Adopt {}", instances(run.changed)),
        errors: FormErrors::default(),
    }
}

fn line(line: AdoptLine, done: bool) -> LineRow {
    let status = match line.outcome.as_str() {
        "set" if done => Status::new(Mark::Ok, "adopted", ""),
        "set" => Status::new(Mark::Ok, "would be adopted", ""),
        "same" => Status::new(Mark::Idle, "is so already", ""),
        _ => Status::new(Mark::Bad, line.text.clone().unwrap_or_default(), ""),
    };
    LineRow {
        number: line.line,
        instance: line.instance,
        cluster: line.cluster,
        owner: line.owner,
        role: line.role,
        status,
    }
}

pub(crate) async fn missing(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(list): Query<ListState>,
) -> Page {
    administrator(&viewer)?;
    let shell = common::shell(&state, &viewer, Section::Imports, "What vanished", Vec::new());
    let asked = imports::vanished(&state, &viewer.person, list.request());
    let (shell, answer, here) = tokio::join!(shell, asked, here(&state, &viewer));
    let (listing, rows) = match answer {
        Ok((items, page)) => {
            let listing = list.listing(&MISSING, items.len(), page.as_ref());
            (listing, items.into_iter().map(|item| vanished(item, &here)).collect())
        }
        Err(Problem(fault)) if fault.code == ErrorCode::Unauthenticated => return Err(fault.into()),
        Err(Problem(fault)) => (list.failed(&MISSING, &fault), Vec::new()),
    };
    common::ok(&MissingPage { shell, list: listing, rows })
}

/// Ids of the clusters that are in gwm: only those have a page.
async fn here(state: &AppState, viewer: &Viewer) -> HashSet<String> {
    let all = clusters::all(state, &viewer.person).await.unwrap_or_default();
    all.into_iter().map(|cluster| cluster.cluster_id).collect()
}

fn vanished(item: VanishedDocument, here: &HashSet<String>) -> VanishedRow {
    let status = match item.state.as_str() {
        "missing" => {
            Status::new(Mark::Warn, "missing", "Not believed yet: too much vanished at once")
        }
        "forgotten" => {
            Status::new(Mark::Idle, "removed from gwm", "Nothing happened to the cluster")
        }
        _ => Status::new(Mark::Idle, "removed", ""),
    };
    let now = Utc::now();
    let grant =
        |g: &imports::KeptGrant| format!("{}: {}", g.persona.trim_start_matches("user/"), g.role);
    VanishedRow {
        status,
        there: here.contains(&item.cluster_id),
        at: item.at.map(|at| When::new(at, now)),
        owner: text(item.owner.unwrap_or_default()),
        grants: item.grants.iter().map(grant).collect(),
        successor: item.successor_uuid.unwrap_or_default(),
        notes: item.notes,
        purgeable: item.state != "missing",
        kind: item.kind,
        uuid: item.uuid,
        name: item.name,
        cluster: item.cluster,
        cluster_id: item.cluster_id,
    }
}

/// A user by the name alone, as everywhere on pages.
pub(crate) fn text(owner: String) -> String {
    owner.strip_prefix("user/").map(str::to_owned).unwrap_or(owner)
}

#[derive(Debug, Deserialize)]
pub(crate) struct RestoreForm {
    from: String,
    to: String,
}

pub(crate) async fn restore(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(RestoreForm { from, to }): Form<RestoreForm>,
) -> Page {
    administrator(&viewer)?;
    imports::restore_rights(&state, &viewer.person, &Restore { from, to }).await?;
    Ok(see_other("/imports/missing").into_response())
}

#[derive(Debug, Deserialize)]
pub(crate) struct PurgeForm {
    kind: String,
    cluster_id: String,
    uuid: String,
}

pub(crate) async fn purge(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(PurgeForm { kind, cluster_id, uuid }): Form<PurgeForm>,
) -> Page {
    administrator(&viewer)?;
    imports::forget(&state, &viewer.person, Purge { kind, cluster_id, uuid }).await?;
    Ok(see_other("/imports/missing").into_response())
}
