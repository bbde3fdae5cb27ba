//! `/clusters/{c}/hook`: the token that a cluster's hooks knock with, and the lines that install them.

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use chrono::Utc;
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache::GetClusterRequest;

use super::common::{self, Page, PageError, Viewer};
use super::login::see_other;
use crate::http::AppState;
use crate::http::api::watch;
use crate::http::model::{ClusterDocument, cluster};
use crate::http::views::hook::HookPage;
use crate::http::views::parts::{Code, Link, When};
use crate::http::views::shell::Section;

async fn fetch(state: &AppState, viewer: &Viewer, c: String) -> Result<ClusterDocument, PageError> {
    let request = viewer.person.ask(GetClusterRequest { cluster: c });
    let found = cluster(state.clients.clusters().get_cluster(request).await?.into_inner());
    if viewer.admin {
        return Ok(found);
    }
    let why = "only administrators let a cluster's hooks knock; ask one of them";
    Err(Fault::new(ErrorCode::PermissionDenied, "permission_denied", why).into())
}

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(c): Path<String>,
) -> Page {
    let found = fetch(&state, &viewer, c).await?;
    common::ok(&draw(&state, &viewer, &found).await)
}

async fn draw(state: &AppState, viewer: &Viewer, found: &ClusterDocument) -> HookPage {
    let crumbs = vec![
        Link::new("Clusters", "/clusters"),
        Link::new(&found.slug, format!("/clusters/{}", found.slug)),
        Link::new("Hook", ""),
    ];
    let title = format!("Hook of {}", found.slug);
    let (shell, hook) = tokio::join!(
        common::shell(state, viewer, Section::Clusters, &title, crumbs),
        watch::hook_of(state, &viewer.person, found.slug.clone()),
    );
    let now = Utc::now();
    let when = |at: Option<chrono::DateTime<Utc>>| at.map(|at| When::new(at, now));
    // Without it somebody can still make a token.
    let hook = hook.ok();
    HookPage {
        shell,
        slug: found.slug.clone(),
        known: hook.is_some(),
        paused: found.paused,
        token_made: when(hook.as_ref().and_then(|h| h.token_made_at)),
        last_knock: when(hook.as_ref().and_then(|h| h.last_knock)),
        jobs_read: when(hook.as_ref().and_then(|h| h.job_list_read_at)),
        install: None,
    }
}

pub(crate) async fn make_token(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(c): Path<String>,
) -> Page {
    let found = fetch(&state, &viewer, c).await?;
    let made = watch::make(&state, &viewer.person, found.slug.clone()).await?;
    let mut page = draw(&state, &viewer, &found).await;
    page.install = Some(Code { what: "the lines for the master", text: made.install });
    common::ok(&page)
}

pub(crate) async fn withdraw_token(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(c): Path<String>,
) -> Page {
    watch::withdraw(&state, &viewer.person, c.clone()).await?;
    Ok(see_other(&format!("/clusters/{c}/hook")).into_response())
}
