//! `/me/password`, `/me/sessions`: the account of the person who asks; `/users/{id}/sessions`: sign-ins of others, for
//! administrators.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use gwm_proto::auth::{
    ChangePasswordRequest, EndOtherSessionsRequest, EndSessionRequest, ListSessionsRequest,
    OwnSession,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::Body;
use crate::http::AppState;
use crate::http::model::{some, time_or_epoch};
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// The password there is, and the one that shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePassword {
    old_password: String,
    new_password: String,
}

/// A sign-in that is open.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionDocument {
    pub(crate) id: String,
    pub(crate) created_at: DateTime<Utc>,
    /// To the minute.
    pub(crate) last_seen_at: DateTime<Utc>,
    pub(crate) client_address: Option<String>,
    /// As the browser calls itself.
    pub(crate) user_agent: Option<String>,
    /// The one that asks.
    pub(crate) current: bool,
}

/// All open sign-ins of a person, the last used first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionList {
    items: Vec<SessionDocument>,
}

impl From<OwnSession> for SessionDocument {
    fn from(session: OwnSession) -> Self {
        Self {
            id: session.session_id,
            created_at: time_or_epoch(session.created_at),
            last_seen_at: time_or_epoch(session.last_seen_at),
            client_address: some(session.client_address),
            user_agent: some(session.user_agent),
            current: session.current,
        }
    }
}

/// Changes the own password; all other sessions end. Not with an API token.
#[utoipa::path(post, path = "/me/password", tag = "me", request_body = ChangePassword, responses(
    (status = 204), (status = 400, body = ProblemDocument), (status = 403, body = ProblemDocument),
    (status = 429, body = ProblemDocument)))]
pub(crate) async fn change_password(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<ChangePassword>,
) -> Result<StatusCode, Problem> {
    change(&state, &person, body.old_password, body.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What page and API share; yields how many other sessions ended.
pub(crate) async fn change(
    state: &AppState,
    person: &Person,
    old_password: String,
    new_password: String,
) -> Result<u32, Problem> {
    let request = person.ask(ChangePasswordRequest { old_password, new_password });
    let answer = state.clients.account().change_password(request).await?;
    Ok(answer.into_inner().ended_sessions)
}

/// The open sign-ins of the person who asks.
#[utoipa::path(get, path = "/me/sessions", tag = "me",
    responses((status = 200, body = SessionList)))]
pub(crate) async fn sessions(
    State(state): State<AppState>,
    person: Person,
) -> Result<Json<SessionList>, Problem> {
    Ok(Json(SessionList { items: read(&state, &person, "").await? }))
}

/// A user's open sign-ins. For administrators, and of oneself.
#[utoipa::path(get, path = "/users/{id}/sessions", tag = "users",
    params(("id" = String, Path, description = "name or id")), responses(
    (status = 200, body = SessionList), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument)))]
pub(crate) async fn sessions_of_user(
    State(state): State<AppState>,
    person: Person,
    Path(user): Path<String>,
) -> Result<Json<SessionList>, Problem> {
    Ok(Json(SessionList { items: read(&state, &person, &user).await? }))
}

/// Ends one of a user's sign-ins, within two seconds everywhere. For administrators, and of oneself.
#[utoipa::path(delete, path = "/users/{id}/sessions/{session}", tag = "users",
    params(("id" = String, Path, description = "name or id"), ("session" = String, Path)),
    responses((status = 204), (status = 403, body = ProblemDocument),
        (status = 404, body = ProblemDocument)))]
pub(crate) async fn end_session_of_user(
    State(state): State<AppState>,
    person: Person,
    Path((user, session_id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let request = EndSessionRequest { session_id, user };
    state.clients.account().end_session(person.ask(request)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all of a user's sign-ins but the one that asks. For administrators, and of oneself.
#[utoipa::path(delete, path = "/users/{id}/sessions", tag = "users",
    params(("id" = String, Path, description = "name or id")), responses(
    (status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn end_sessions_of_user(
    State(state): State<AppState>,
    person: Person,
    Path(user): Path<String>,
) -> Result<StatusCode, Problem> {
    let request = person.ask(EndOtherSessionsRequest { user });
    state.clients.account().end_other_sessions(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What page and API share: those of a user by id or login name; empty: of who asks.
pub(crate) async fn read(
    state: &AppState,
    person: &Person,
    user: &str,
) -> Result<Vec<SessionDocument>, Problem> {
    let request = person.ask(ListSessionsRequest { user: user.to_owned() });
    let answer = state.clients.account().list_sessions(request).await?.into_inner();
    Ok(answer.sessions.into_iter().map(Into::into).collect())
}

/// Ends one of the own sign-ins, within two seconds everywhere.
#[utoipa::path(delete, path = "/me/sessions/{id}", tag = "me", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub(crate) async fn end_session(
    State(state): State<AppState>,
    person: Person,
    Path(session_id): Path<String>,
) -> Result<StatusCode, Problem> {
    let request = EndSessionRequest { session_id, user: String::new() };
    state.clients.account().end_session(person.ask(request)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all of the own sign-ins but the one that asks; with an API token, all.
#[utoipa::path(delete, path = "/me/sessions", tag = "me", responses((status = 204)))]
pub(crate) async fn end_other_sessions(
    State(state): State<AppState>,
    person: Person,
) -> Result<StatusCode, Problem> {
    let request = person.ask(EndOtherSessionsRequest { user: String::new() });
    state.clients.account().end_other_sessions(request).await?;
    Ok(StatusCode::NO_CONTENT)
}
