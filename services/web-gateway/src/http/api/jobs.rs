//! `/jobs`.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use gwm_events::types::jobs::Job;
use gwm_kernel::Fault;
use gwm_proto::jobs::{GetJobLogRequest, GetJobLogResponse, GetJobRequest, ListJobsRequest};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::Params;
use super::listing::{ListQuery, Page, answer};
use crate::http::AppState;
use crate::http::model::{job, time_or_epoch};
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// A line that Ganeti wrote.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogLineDocument {
    /// Grows within the job.
    pub(crate) serial: u64,
    pub(crate) time: DateTime<Utc>,
    pub(crate) text: String,
    /// Ganeti's number of the job that wrote it.
    pub(crate) ganeti_job: u64,
}

/// A job's log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogDocument {
    pub(crate) items: Vec<LogLineDocument>,
    /// There may be lines, which are for those with `view_placement` on the cluster: Ganeti names nodes in them.
    pub(crate) hidden: bool,
}

/// Which lines.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogQuery {
    /// Only lines with a greater serial.
    after: u64,
}

/// The jobs that one may see, newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(ListQuery), responses(
    (status = 200, body = Page<Job>), (status = 400, body = ProblemDocument)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let columns = &[
        "id",
        "cluster",
        "kind",
        "object",
        "state",
        "requested_by",
        "created_at",
        "started_at",
        "ended_at",
        "ganeti_jobs",
        "error",
    ];
    answer(&headers, &query, columns, move |page| {
        let (state, person) = (state.clone(), person.clone());
        async move {
            let request =
                person.ask(ListJobsRequest { page: Some(page), object: None, uncounted: false });
            let answer = state.clients.jobs().list_jobs(request).await?.into_inner();
            Ok(Page::new(answer.jobs.into_iter().map(job).collect(), answer.page))
        }
    })
    .await
}

/// One job.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = String, Path)), responses(
    (status = 200, body = Job), (status = 404, body = ProblemDocument)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    person: Person,
    Path(job_id): Path<String>,
) -> Result<Json<Job>, Problem> {
    Ok(Json(job(find(&state, &person, job_id).await?)))
}

/// What page and API share. A request that waits for job-runner is known here, too.
pub(crate) async fn find(
    state: &AppState,
    person: &Person,
    job_id: String,
) -> Result<gwm_proto::jobs::Job, Problem> {
    let request = person.ask(GetJobRequest { job_id: job_id.clone() });
    match state.clients.jobs().get_job(request).await {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) => {
            let fault = Fault::from_status(&status);
            Ok(state.waiting.known(&person.0, &job_id, &fault).ok_or(fault)?)
        }
    }
}

/// A job's log lines.
#[utoipa::path(get, path = "/jobs/{id}/log", tag = "jobs",
    params(("id" = String, Path), LogQuery), responses(
    (status = 200, body = LogDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn log(
    State(state): State<AppState>,
    person: Person,
    Path(job_id): Path<String>,
    Params(query): Params<LogQuery>,
) -> Result<Json<LogDocument>, Problem> {
    Ok(Json(lines(&state, &person, job_id, query.after).await?))
}

/// What page and API share.
pub(crate) async fn lines(
    state: &AppState,
    person: &Person,
    job_id: String,
    after: u64,
) -> Result<LogDocument, Problem> {
    let request = person.ask(GetJobLogRequest { job_id: job_id.clone(), after });
    let answer = match state.clients.jobs().get_job_log(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let fault = Fault::from_status(&status);
            // What waits for job-runner has no log yet.
            state.waiting.known(&person.0, &job_id, &fault).ok_or(fault)?;
            GetJobLogResponse::default()
        }
    };
    let document = |line: gwm_proto::jobs::LogLine| LogLineDocument {
        serial: line.serial,
        time: time_or_epoch(line.time),
        text: line.text,
        ganeti_job: line.ganeti_job,
    };
    let items = answer.lines.into_iter().map(document).collect();
    Ok(LogDocument { items, hidden: answer.hidden })
}
