//! `/me/views`: saved views of lists.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use gwm_proto::auth::{DeleteViewRequest, ListViewsRequest, SaveViewRequest, View};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Body, Params};
use crate::http::AppState;
use crate::http::model::time_or_epoch;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// A saved view.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewDocument {
    id: String,
    /// The list's name, as in its URL: `instances`.
    list: String,
    name: String,
    q: String,
    sort: String,
    columns: Vec<String>,
    /// What the list opens with.
    default: bool,
    updated_at: DateTime<Utc>,
}

/// All saved views of a person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewList {
    items: Vec<ViewDocument>,
}

/// A view to be saved; one of the same name in the same list is replaced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SaveView {
    list: String,
    name: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    default: bool,
}

/// Which.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ViewsQuery {
    /// Only those of this list.
    list: String,
}

impl From<View> for ViewDocument {
    fn from(view: View) -> Self {
        Self {
            id: view.view_id,
            list: view.list,
            name: view.name,
            q: view.q,
            sort: view.sort,
            columns: view.columns,
            default: view.is_default,
            updated_at: time_or_epoch(view.updated_at),
        }
    }
}

/// The saved views of the person who asks.
#[utoipa::path(get, path = "/me/views", tag = "me", params(ViewsQuery),
    responses((status = 200, body = ViewList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<ViewsQuery>,
) -> Result<Json<ViewList>, Problem> {
    let request = person.ask(ListViewsRequest { list: query.list });
    let views = state.clients.views().list_views(request).await?.into_inner().views;
    Ok(Json(ViewList { items: views.into_iter().map(Into::into).collect() }))
}

/// Saves a view, or replaces the one of that name in that list.
#[utoipa::path(post, path = "/me/views", tag = "me", request_body = SaveView, responses(
    (status = 200, body = ViewDocument), (status = 400, body = ProblemDocument)))]
pub(crate) async fn save(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<SaveView>,
) -> Result<Json<ViewDocument>, Problem> {
    let request = person.ask(SaveViewRequest {
        list: body.list,
        name: body.name,
        q: body.q,
        sort: body.sort,
        columns: body.columns,
        is_default: body.default,
    });
    Ok(Json(state.clients.views().save_view(request).await?.into_inner().into()))
}

/// Deletes a saved view.
#[utoipa::path(delete, path = "/me/views/{id}", tag = "me", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    person: Person,
    Path(view_id): Path<String>,
) -> Result<StatusCode, Problem> {
    state.clients.views().delete_view(person.ask(DeleteViewRequest { view_id })).await?;
    Ok(StatusCode::NO_CONTENT)
}
