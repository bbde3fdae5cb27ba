//! `/jobs` and one job with its log.

use axum::extract::{Path, RawQuery, State};
use axum_extra::extract::Query;
use chrono::{DateTime, Utc};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::jobs::{Job, ListJobsRequest, Step};

use super::common::{self, Page, Viewer, sentence};
use super::listing::{About, ListState, column, fixed};
use super::views;
use crate::http::AppState;
use crate::http::api::jobs::{find, lines};
use crate::http::model::{time, time_or_epoch};
use crate::http::views::jobs::{JobPage, JobRow, JobStep, JobsPage, LogLine};
use crate::http::views::overview::JobLine;
use crate::http::views::parts::{Link, Notice, Status, Tone, When};
use crate::http::views::shell::Section;
use crate::http::views::text;

const ABOUT: About = About {
    path: "/jobs",
    kind: "job",
    noun: "jobs",
    q_hint: "name, or state:failed kind:create cluster:fra1",
    own_sort: "-created",
    columns: &[
        fixed("Job", "", ""),
        fixed("State", "", ""),
        column("object", "Object", "", ""),
        column("cluster", "Cluster", "", "mid"),
        column("by", "By", "", "low"),
        column("ganeti", "Ganeti job", "", "n low"),
        column("created", "Asked for", "created", "n"),
        column("took", "Took", "", "n mid"),
    ],
};

/// The verb that people read.
pub(crate) fn kind_word(kind: &str) -> &str {
    match kind {
        "create" => "Create",
        "startup" => "Start",
        "shutdown" => "Shut down",
        "reboot" => "Reboot",
        "remove" => "Delete",
        "owner_tag" => "Write the owner’s tag on",
        "observe" => "Read the outcome",
        "settle" => "Settle who may use it",
        // Ganeti's own, from its command line.
        "instance_create" => "Create",
        "instance_startup" => "Start",
        "instance_shutdown" => "Shut down",
        "instance_reboot" => "Reboot",
        "instance_remove" => "Delete",
        "instance_migrate" => "Migrate",
        "instance_failover" => "Fail over",
        "instance_rename" => "Rename",
        "instance_set_params" => "Change",
        "instance_reinstall" => "Reinstall",
        "instance_grow_disk" => "Grow a disk of",
        "tags_set" => "Tag",
        "tags_del" => "Untag",
        other => other,
    }
}

fn object_link(job: &Job) -> Link {
    let removes = matches!(job.kind.as_str(), "remove" | "instance_remove");
    let gone = removes && job.state == "succeeded";
    if gone || job.object_name.is_empty() {
        return Link::new(&job.object_name, "");
    }
    if job.object.as_ref().is_some_and(|o| o.kind == "node") {
        let path = format!("/clusters/{}/nodes/{}", job.cluster, job.object_name);
        return Link::new(&job.object_name, path);
    }
    Link::new(&job.object_name, format!("/clusters/{}/instances/{}", job.cluster, job.object_name))
}

/// Who asked for it: Ganeti does not say who used its command line.
fn by(job: &Job) -> String {
    match (job.origin.as_str(), job.acting_as.as_str()) {
        ("ganeti", _) => "outside gwm".to_owned(),
        (_, "") => job.requested_by.clone(),
        (_, group) => format!("{} as {group}", job.requested_by),
    }
}

fn took(job: &Job, now: DateTime<Utc>) -> String {
    let Some(started) = time(job.started_at) else { return String::new() };
    let seconds = (time(job.ended_at).unwrap_or(now) - started).num_seconds();
    text::span(u64::try_from(seconds).unwrap_or(0))
}

pub(crate) fn job_line(job: &Job, now: DateTime<Utc>) -> JobLine {
    let moment = time(job.ended_at).or_else(|| time(job.started_at));
    JobLine {
        id: job.job_id.clone(),
        title: format!("{} {}", kind_word(&job.kind), job.object_name),
        status: Status::job(&job.state),
        by: by(job),
        when: When::new(moment.unwrap_or_else(|| time_or_epoch(job.created_at)), now),
        cluster: job.cluster.clone(),
    }
}

fn row(job: &Job, now: DateTime<Utc>) -> JobRow {
    JobRow {
        id: job.job_id.clone(),
        kind: kind_word(&job.kind).to_owned(),
        object: object_link(job),
        cluster: job.cluster.clone(),
        status: Status::job(&job.state),
        by: by(job),
        ganeti_jobs: job.ganeti_jobs.clone(),
        created: When::new(time_or_epoch(job.created_at), now),
        took: took(job, now),
        waiting_for: job.waiting_for.clone(),
    }
}

pub(crate) async fn list(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(list): Query<ListState>,
    query: RawQuery,
) -> Page {
    let shell = common::shell(&state, &viewer, Section::Jobs, "Jobs", Vec::new());
    let request = viewer.person.ask(ListJobsRequest {
        page: Some(list.request()),
        object: None,
        uncounted: false,
    });
    let mut jobs = state.clients.jobs();
    let (shell, answer, views) =
        tokio::join!(shell, jobs.list_jobs(request), views::of(&state, &viewer, &ABOUT));
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
            return common::ok(&JobsPage { shell, list, rows: Vec::new() });
        }
    };
    let now = Utc::now();
    let rows: Vec<JobRow> = answer.jobs.iter().map(|j| row(j, now)).collect();
    let mut listing = list.listing(&ABOUT, rows.len(), answer.page.as_ref());
    views::tabs(views, &list, &ABOUT, &mut listing);
    common::ok(&JobsPage { shell, list: listing, rows })
}

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Page {
    let job = find(&state, &viewer.person, id.clone()).await?;
    let log = lines(&state, &viewer.person, id, 0).await?;
    let now = Utc::now();
    let title = format!("{} {}", kind_word(&job.kind), job.object_name);
    let crumbs = vec![Link::new("Jobs", "/jobs"), Link::new(&title, "")];
    let shell = common::shell(&state, &viewer, Section::Jobs, &title, crumbs).await;
    let ended = matches!(job.state.as_str(), "succeeded" | "failed" | "canceled");
    let page = JobPage {
        shell,
        row: row(&job, now),
        ended,
        parts_done: job.steps.iter().filter(|s| s.state == "succeeded").count() as u64,
        parts_total: job.steps.len() as u64,
        steps: job.steps.iter().map(step).collect(),
        started: time(job.started_at).map(|at| When::new(at, now)),
        ended_at: time(job.ended_at).map(|at| When::new(at, now)),
        error: job
            .error
            .as_ref()
            .map(|e| Notice::new(Tone::Bad, sentence(&e.message), sentence(&e.hint))),
        stale: job.stale,
        foreign: job.origin == "ganeti",
        log_hidden: log.hidden,
        details_hidden: job.details_hidden,
        log: log
            .items
            .into_iter()
            .map(|line| LogLine {
                serial: line.serial,
                time: line.time.format("%H:%M:%S").to_string(),
                exact: text::exact(line.time),
                text: line.text,
            })
            .collect(),
        actions: Vec::new(),
    };
    common::ok(&page)
}

fn step(step: &Step) -> JobStep {
    let class = match step.state.as_str() {
        "succeeded" => "done",
        "failed" => "failed",
        "pending" => "",
        _ => "now",
    };
    let detail = match (step.ganeti_job, step.ganeti_status.as_str()) {
        (Some(number), "") => format!("Ganeti job {number}"),
        (Some(number), status) => format!("Ganeti job {number}: {status}"),
        (None, _) if step.state == "unknown" => {
            "not known whether Ganeti got it; gwm looks for it".to_owned()
        }
        (None, _) => String::new(),
    };
    JobStep { title: kind_word(&step.name).to_owned(), class, detail }
}
