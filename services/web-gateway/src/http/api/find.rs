//! `/search` and `/complete`: what is asked while somebody types.

use axum::Json;
use axum::extract::State;
use gwm_kernel::Fault;
use gwm_proto::cache::{Found, SearchRequest, SearchResponse};
use gwm_proto::common::CompleteRequest;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::Params;
use crate::http::AppState;
use crate::http::model::some;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// What to look for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SearchQuery {
    /// A name or a part of it, the beginning of a UUID or of an owner's name (also `owner:NAME`), a tag, an
    /// IP or MAC address.
    q: String,
    /// 1 to 50 of each kind; 8 if absent.
    limit: Option<u32>,
}

/// Something found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FoundDocument {
    /// `instance`, `node` or `cluster`.
    pub(crate) kind: String,
    /// Ganeti's UUID; of a cluster its slug.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) cluster: String,
    /// Ganeti's status word, a node's role, `reachable` or `unreachable`.
    pub(crate) status: String,
    /// What matched, when it was not the name.
    pub(crate) matched: Option<String>,
    /// Of instances `user/NAME`; null: nobody.
    pub(crate) owner: Option<String>,
    /// Its page.
    pub(crate) href: String,
}

/// What was found, by kind, the best first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchDocument {
    pub(crate) items: Vec<FoundDocument>,
    /// The kinds of which there is more.
    pub(crate) more: Vec<String>,
}

impl From<Found> for FoundDocument {
    fn from(found: Found) -> Self {
        let href = match found.kind.as_str() {
            "instance" => format!("/clusters/{}/instances/{}", found.cluster, found.name),
            "node" => format!("/clusters/{}/nodes/{}", found.cluster, found.name),
            _ => format!("/clusters/{}", found.cluster),
        };
        Self {
            href,
            kind: found.kind,
            id: found.id,
            name: found.name,
            cluster: found.cluster,
            status: found.status,
            matched: some(found.matched),
            owner: some(found.owner),
        }
    }
}

impl From<SearchResponse> for SearchDocument {
    fn from(answer: SearchResponse) -> Self {
        Self { items: answer.found.into_iter().map(Into::into).collect(), more: answer.more }
    }
}

/// Everything that one may see, by name, UUID, tag, owner, IP or MAC address.
#[utoipa::path(get, path = "/search", tag = "find", params(SearchQuery), responses(
    (status = 200, body = SearchDocument), (status = 400, body = ProblemDocument)))]
pub(crate) async fn search(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<SearchQuery>,
) -> Result<Json<SearchDocument>, Problem> {
    let limit = query.limit.unwrap_or(8);
    if limit == 0 {
        return Err(Fault::invalid("limit", "limit must be from 1 to 50").into());
    }
    Ok(Json(look(&state, &person, query.q, limit).await?))
}

/// What page and API share.
pub(crate) async fn look(
    state: &AppState,
    person: &Person,
    q: String,
    limit: u32,
) -> Result<SearchDocument, tonic::Status> {
    let request = person.ask(SearchRequest { q, limit });
    Ok(state.clients.find().search(request).await?.into_inner().into())
}

/// Where somebody types.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CompleteQuery {
    /// `instances`, `nodes`, `clusters`, `node-groups`, `networks`, `oses`, `jobs`, `audit` or, for administrators, `users`.
    list: String,
    /// The list's filter as typed so far.
    q: String,
    /// Where the cursor stands, in characters from 0; at the end if absent.
    at: Option<u32>,
}

/// Something that may stand there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SuggestionDocument {
    /// `field` or `value`.
    kind: String,
    /// What is put into the query.
    text: String,
    /// What the field holds.
    detail: Option<String>,
}

/// What may stand at the cursor.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CompleteDocument {
    /// The first character that a suggestion replaces, from 0.
    from: u32,
    /// The one after the last.
    to: u32,
    items: Vec<SuggestionDocument>,
}

/// Field names, and the values that fields have within what one may see.
#[utoipa::path(get, path = "/complete", tag = "find", params(CompleteQuery), responses(
    (status = 200, body = CompleteDocument), (status = 400, body = ProblemDocument)))]
pub(crate) async fn complete(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<CompleteQuery>,
) -> Result<Json<CompleteDocument>, Problem> {
    let list = query.list.clone();
    let at = query.at.unwrap_or(u32::MAX);
    let request = person.ask(CompleteRequest { list: query.list, q: query.q, at });
    let answer = match list.as_str() {
        "jobs" => state.clients.jobs().complete_jobs(request).await,
        "users" => state.clients.people().complete_users(request).await,
        "audit" => state.clients.audit().complete_records(request).await,
        _ => state.clients.find().complete(request).await,
    };
    let answer = answer?.into_inner();
    let suggestion = |s: gwm_proto::common::Suggestion| SuggestionDocument {
        kind: s.kind,
        text: s.text,
        detail: some(s.detail),
    };
    Ok(Json(CompleteDocument {
        from: answer.from,
        to: answer.to,
        items: answer.suggestions.into_iter().map(suggestion).collect(),
    }))
}
