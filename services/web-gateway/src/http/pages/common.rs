//! What all pages share: who looks, what stands around, how errors look.

use askama::Template;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use gwm_authz::Scope;
use gwm_kernel::{ErrorCode, Fault, current_request_id};
use gwm_proto::jobs::GetJobFiguresRequest;
use gwm_types::{Object, Permission};
use http::request::Parts;
use http::{StatusCode, Uri};

use super::NEEDED;
use super::typed::Typed;
use crate::http::AppState;
use crate::http::api::format_id;
use crate::http::model::HealthDocument;
use crate::http::person::Person;
use crate::http::problem::Problem;
use crate::http::views::outside::ErrorPage;
use crate::http::views::parts::{AsOf, Link, Notice, Tone, When};
use crate::http::views::shell::{Persona, Section, Shell};
use crate::http::views::text;
use crate::hub::Cursor;

/// A signed-in person, or the way to the login.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    pub(crate) person: Person,
    pub(crate) admin: bool,
    /// Where the event stream was before any data of the page was read: no event falls between.
    position: Cursor,
    /// What was typed here before the login ended.
    pub(crate) typed: Option<Typed>,
}

impl Viewer {
    /// As whom they act, as forms carry it: `group/NAME`, or empty for oneself.
    pub(crate) fn persona(&self) -> String {
        self.person.0.group().unwrap_or_default()
    }
}

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum PageError {
    /// Nobody is signed in; back to this path afterwards.
    Login(String),
    /// Something was refused.
    Refused(Fault),
}

impl From<Problem> for PageError {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem.0)
    }
}

impl From<Fault> for PageError {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}

impl From<tonic::Status> for PageError {
    fn from(status: tonic::Status) -> Self {
        Self::Refused(Fault::from_status(&status))
    }
}

pub(crate) type Page = Result<Response, PageError>;

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match self {
            Self::Login(next) if next == "/" => Redirect::to("/login").into_response(),
            Self::Login(next) => {
                let query = [("next", next)];
                let query = serde_urlencoded::to_string(query).unwrap_or_default();
                Redirect::to(&format!("/login?{query}")).into_response()
            }
            Self::Refused(fault) if fault.code == ErrorCode::Unauthenticated => {
                Redirect::to("/login").into_response()
            }
            Self::Refused(fault) if fault.reason == "second_factor_missing" => {
                Redirect::to(NEEDED).into_response()
            }
            Self::Refused(fault) => error_page(&fault),
        }
    }
}

fn error_page(fault: &Fault) -> Response {
    let status = Problem::status(fault);
    let title = match status {
        StatusCode::NOT_FOUND => "This page does not exist, or you may not see it",
        StatusCode::FORBIDDEN => "You may not do this",
        StatusCode::CONFLICT => "This can’t be done as things are",
        StatusCode::SERVICE_UNAVAILABLE => "A part of gwm does not answer just now",
        StatusCode::INTERNAL_SERVER_ERROR => "Something went wrong inside gwm",
        _ => "This request can’t be answered",
    };
    let retry = fault.retry_after.map_or(5, |after| after.as_secs());
    let unavailable = status == StatusCode::SERVICE_UNAVAILABLE;
    let page = ErrorPage {
        status: status.as_u16(),
        title: title.to_owned(),
        detail: sentence(&fault.message),
        code: "",
        back: String::new(),
        request_id: current_request_id().unwrap_or_default(),
        retry_seconds: if unavailable { u32::try_from(retry).unwrap_or(5) } else { 0 },
        signed_in: true,
    };
    render(status, &page)
}

/// The first letter large and a full stop: messages are written to be part of a sentence.
pub(crate) fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let Some(first) = letters.next() else { return String::new() };
    let mut text: String = first.to_uppercase().chain(letters).collect();
    if !text.ends_with(['.', '?', '!', ':']) {
        text.push('.');
    }
    text
}

pub(crate) async fn no_such_page() -> PageError {
    let mut fault = Fault::not_found("page");
    "check the address; if someone sent it to you, ask them for access"
        .clone_into(&mut fault.message);
    PageError::Refused(fault)
}

/// Draws a page.
pub(crate) fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            let fault = Fault::internal(error);
            (StatusCode::INTERNAL_SERVER_ERROR, fault.message).into_response()
        }
    }
}

pub(crate) fn ok(page: &impl Template) -> Page {
    Ok(render(StatusCode::OK, page))
}

impl FromRequestParts<AppState> for Viewer {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let person =
            <Person as OptionalFromRequestParts<AppState>>::from_request_parts(parts, state)
                .await?
                .ok_or_else(|| PageError::Login(here(parts)))?;
        let admin = state.authz.is_admin(&person.0);
        let (position, ..) = state.hub.subscribe(None);
        // A form that is sent carries its input itself.
        let safe = parts.method.is_safe();
        let typed = safe.then(|| Typed::of(&parts.headers, parts.uri.path())).flatten();
        Ok(Self { person, admin, position, typed })
    }
}

/// Where to come back to after the login: pages only, never an act.
fn here(parts: &Parts) -> String {
    if !parts.method.is_safe() {
        return "/".to_owned();
    }
    parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string)
}

/// A path of this very site, or the start page: an address from outside must not redirect away.
pub(crate) fn own_path(path: &str) -> &str {
    let own = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains(['\\', '\n', '\r'])
        && path.parse::<Uri>().is_ok();
    if own { path } else { "/" }
}

/// What stands around a page.
pub(crate) async fn shell(
    state: &AppState,
    viewer: &Viewer,
    section: Section,
    title: &str,
    crumbs: Vec<Link>,
) -> Shell {
    let typed = viewer.typed.as_ref().and_then(Typed::notice);
    Shell {
        title: title.to_owned(),
        section,
        user: viewer.person.0.username.clone(),
        admin: viewer.admin,
        whole: holds_somewhere(state, viewer, Permission::View),
        placement: sees_some_placement(state, viewer),
        personas: personas(state, viewer),
        persona: viewer.persona(),
        running_jobs: running_jobs(state, viewer).await,
        crumbs,
        notices: typed.map(|(what, how)| Notice::new(Tone::Info, what, how)).into_iter().collect(),
        aged: viewer.person.1.clone().unwrap_or_default(),
        as_of: None,
        stream_position: format_id(&viewer.position),
        search: String::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// What one may act as: oneself, and each of one's groups.
fn personas(state: &AppState, viewer: &Viewer) -> Vec<Persona> {
    let own = Persona { id: String::new(), label: "yourself".to_owned() };
    let groups = state.authz.groups(&viewer.person.0).into_values();
    let mut groups: Vec<Persona> = groups
        .map(|name| Persona { id: format!("group/{name}"), label: format!("{name} (group)") })
        .collect();
    groups.sort_by(|a, b| a.id.cmp(&b.id));
    std::iter::once(own).chain(groups).collect()
}

/// Whether there is any cluster on which somebody holds this: rights on single instances show neither nodes nor what
/// a cluster is made of.
pub(crate) fn holds_somewhere(state: &AppState, viewer: &Viewer, permission: Permission) -> bool {
    match state.authz.scope(&viewer.person.0, permission) {
        Scope::Fleet => true,
        Scope::Limited { clusters, .. } => !clusters.is_empty(),
    }
}

/// Whether somebody sees of any cluster or node group where things run.
pub(crate) fn sees_some_placement(state: &AppState, viewer: &Viewer) -> bool {
    holds_somewhere(state, viewer, Permission::ViewPlacement)
        || !state.authz.node_groups(&viewer.person.0, Permission::ViewPlacement).is_empty()
}

/// Whether somebody sees where the instances of a cluster run: nodes, node groups, links, what Ganeti says in its own words.
pub(crate) fn sees_placement(state: &AppState, viewer: &Viewer, cluster_id: &str) -> bool {
    cluster_id.parse().is_ok_and(|id| {
        state.authz.allows(&viewer.person.0, Permission::ViewPlacement, Object::Cluster(id))
    })
}

/// Whether somebody sees a cluster as a whole: all its instances, its sums, its networks and OSes.
pub(crate) fn sees_whole(state: &AppState, viewer: &Viewer, cluster_id: &str) -> bool {
    cluster_id
        .parse()
        .is_ok_and(|id| state.authz.allows(&viewer.person.0, Permission::View, Object::Cluster(id)))
}

/// A page is drawn without this number rather than not at all.
async fn running_jobs(state: &AppState, viewer: &Viewer) -> u64 {
    let mut request = viewer.person.ask(GetJobFiguresRequest { own_only: true, failed: 0 });
    request.set_timeout(std::time::Duration::from_millis(500));
    match state.clients.jobs().get_job_figures(request).await {
        Ok(answer) => answer.into_inner().own_running,
        Err(_) => 0,
    }
}

/// How old what a page shows is, by the oldest of the clusters behind it.
pub(crate) fn as_of<'a>(
    healths: impl Iterator<Item = (&'a str, &'a HealthDocument)>,
    now: DateTime<Utc>,
) -> Option<AsOf> {
    let (slug, health) =
        healths.filter(|(_, h)| h.last_success.is_some()).min_by_key(|(_, h)| h.last_success)?;
    let age = health.data_age.unwrap_or_default();
    let aged = age > health.stale_after;
    let reason = match &health.error {
        Some(error) => format!("{slug}: {error}"),
        None if aged => format!("{slug} was not read in time"),
        None => String::new(),
    };
    Some(AsOf {
        at: When::new(health.last_success?, now),
        aged,
        reason: if aged { sentence(&reason) } else { String::new() },
        aged_after_seconds: whole_seconds(health.stale_after),
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive number of seconds, capped"
)]
fn whole_seconds(seconds: f64) -> u64 {
    seconds.clamp(0.0, 1e9) as u64
}

/// The banner of a cluster that can't be reached.
pub(crate) fn dead_cluster(slug: &str, health: &HealthDocument, now: DateTime<Utc>) -> Notice {
    let since = health.last_success.map_or_else(
        || "It was never read.".to_owned(),
        |at| {
            format!(
                "What is shown is as it was {}; actions wait until it {}.",
                text::ago(at, now),
                if health.paused() { "is resumed" } else { "answers" },
            )
        },
    );
    let mut notice = if health.paused() {
        let detail = format!("An administrator wants it left alone: jobs wait. {since}");
        Notice::new(Tone::Warn, format!("{slug} is paused"), detail)
    } else {
        let error = sentence(health.error.as_deref().unwrap_or("no answer"));
        let mut notice =
            Notice::new(Tone::Bad, format!("{slug} does not answer"), format!("{error} {since}"));
        notice.next = health.next_attempt.map(|at| When::to_come(at, now));
        notice
    };
    notice.link = Some(Link::new(format!("Open {slug}"), format!("/clusters/{slug}")));
    notice.about = format!("cluster:{slug}");
    notice
}

/// A name in a path or query.
pub(crate) fn escape(text: &str) -> String {
    let pairs = [("", text)];
    let encoded = serde_urlencoded::to_string(pairs).unwrap_or_default();
    encoded.trim_start_matches('=').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_never_leads_away_from_this_site() {
        assert_eq!(own_path("/instances?q=a"), "/instances?q=a");
        for foreign in ["//evil.example", "https://evil.example", "/\\evil", "javascript:x", ""] {
            assert_eq!(own_path(foreign), "/", "{foreign}");
        }
    }
}
