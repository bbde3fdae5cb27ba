//! Saved views: tabs above a list, and the forms that save and delete one.

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::Form;
use gwm_kernel::Fault;
use gwm_proto::auth::{DeleteViewRequest, ListViewsRequest, SaveViewRequest, View};
use serde::Deserialize;

use super::common::{Page, Viewer, own_path};
use super::listing::{About, ListState, one_or_many};
use super::login::see_other;
use crate::http::AppState;
use crate::http::views::listing::{Listing, ViewTab};

/// The views of a list. A list is drawn without them rather than not at all.
pub(crate) async fn of(state: &AppState, viewer: &Viewer, about: &About) -> Vec<View> {
    let list = about.path.trim_start_matches('/').to_owned();
    let mut request = viewer.person.ask(ListViewsRequest { list });
    request.set_timeout(std::time::Duration::from_millis(500));
    let answer = state.clients.views().list_views(request).await;
    answer.map_or_else(|_| Vec::new(), |a| a.into_inner().views)
}

fn state_of(view: &View) -> ListState {
    ListState {
        q: view.q.clone(),
        sort: view.sort.clone(),
        columns: view.columns.clone(),
        ..ListState::default()
    }
}

/// Where a list opens that was asked for without anything: at its default view.
pub(crate) fn opens_at(views: &[View], about: &About, query: &RawQuery) -> Option<Response> {
    if query.0.as_ref().is_some_and(|q| !q.is_empty()) {
        return None;
    }
    let view = views.iter().find(|v| v.is_default)?;
    let href = state_of(view).whole_href(about);
    // One that is the bare list would lead back here.
    (href != about.path).then(|| Redirect::to(&href).into_response())
}

/// Puts the tabs into the list.
pub(crate) fn tabs(views: Vec<View>, list: &ListState, about: &About, into: &mut Listing) {
    let here = list.whole_href(about);
    into.all_href = format!("{}?q=", about.path);
    into.views = views
        .into_iter()
        .map(|view| {
            let href = state_of(&view).whole_href(about);
            ViewTab {
                id: view.view_id,
                current: href == here,
                href,
                name: view.name,
                is_default: view.is_default,
            }
        })
        .collect();
}

#[derive(Deserialize)]
pub(crate) struct SaveForm {
    list: String,
    name: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: String,
    #[serde(default, deserialize_with = "one_or_many")]
    columns: Vec<String>,
    #[serde(default)]
    default: String,
    #[serde(default)]
    back: String,
}

pub(crate) async fn save(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<SaveForm>,
) -> Page {
    let request = viewer.person.ask(SaveViewRequest {
        list: form.list,
        name: form.name,
        q: form.q,
        sort: form.sort,
        columns: form.columns,
        is_default: !form.default.is_empty(),
    });
    state.clients.views().save_view(request).await?;
    Ok(see_other(own_path(&form.back)).into_response())
}

#[derive(Deserialize)]
pub(crate) struct DeleteForm {
    #[serde(default)]
    back: String,
}

pub(crate) async fn delete(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(view_id): Path<String>,
    Form(form): Form<DeleteForm>,
) -> Page {
    let request = viewer.person.ask(DeleteViewRequest { view_id });
    match state.clients.views().delete_view(request).await {
        // Gone is what was asked for.
        Err(status) if status.code() != tonic::Code::NotFound => {
            Err(Fault::from_status(&status).into())
        }
        Ok(_) | Err(_) => Ok(see_other(own_path(&form.back)).into_response()),
    }
}
