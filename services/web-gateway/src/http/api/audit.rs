//! `/audit`: who did what to what, and how it ended.

use axum::extract::State;
use axum::response::Response;
use gwm_events::types::audit::Record;
use gwm_kernel::Fault;
use gwm_proto::auth::ListRecordsRequest;
use gwm_proto::common::{PageInfo, PageRequest};
use http::HeaderMap;

use super::extract::Params;
use super::listing::{ListQuery, Page, answer};
use crate::http::AppState;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// The audit log, newest first: an administrator sees all of it, everybody else what they did themselves.
#[utoipa::path(get, path = "/audit", tag = "audit", params(ListQuery), responses(
    (status = 200, body = Page<Record>), (status = 400, body = ProblemDocument)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let columns = &[
        "number",
        "at",
        "service",
        "action",
        "phase",
        "outcome",
        "reason",
        "person",
        "cluster",
        "object",
        "job_id",
        "request_id",
        "hash",
    ];
    answer(&headers, &query, columns, move |page| {
        let (state, person) = (state.clone(), person.clone());
        async move {
            let (records, page) = read(&state, &person, page).await?;
            Ok(Page::new(records, page))
        }
    })
    .await
}

/// What page and API share.
pub(crate) async fn read(
    state: &AppState,
    person: &Person,
    page: PageRequest,
) -> Result<(Vec<Record>, Option<PageInfo>), Problem> {
    let request = person.ask(ListRecordsRequest { page: Some(page) });
    let answer = state.clients.audit().list_records(request).await?.into_inner();
    let records: Result<Vec<Record>, _> =
        answer.records.iter().map(|text| serde_json::from_str(text)).collect();
    Ok((records.map_err(Fault::internal)?, answer.page))
}
