//! `/session`: login and logout.

use axum::extract::State;
use axum_extra::extract::CookieJar;
use gwm_proto::auth::{LoginRequest, LogoutRequest};
use http::request::Parts;
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::ToSchema;

use super::extract::Body;
use crate::http::AppState;
use crate::http::person::{client_address, session_cookie, session_token};
use crate::http::problem::{Problem, ProblemDocument};

/// A name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    username: String,
    password: String,
}

/// Signs in; the answer sets the session cookie.
#[utoipa::path(post, path = "/session", request_body = Login, tag = "session", responses(
    (status = 204, description = "signed in; the cookie is set"),
    (status = 401, description = "wrong name or password", body = ProblemDocument),
    (status = 429, description = "too many tries", body = ProblemDocument)))]
pub(crate) async fn login(
    State(state): State<AppState>,
    jar: CookieJar,
    parts: Parts,
    Body(login): Body<Login>,
) -> Result<(CookieJar, StatusCode), Problem> {
    let token = sign_in(&state, &parts, login.username, login.password).await?;
    Ok((jar.add(session_cookie(token)), StatusCode::NO_CONTENT))
}

/// What page and API share: the new session's token.
pub(crate) async fn sign_in(
    state: &AppState,
    parts: &Parts,
    username: String,
    password: String,
) -> Result<String, Problem> {
    let user_agent = parts.headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok());
    let request = LoginRequest {
        username,
        password,
        client_address: client_address(parts, state),
        user_agent: user_agent.unwrap_or_default().chars().take(200).collect(),
    };
    Ok(state.clients.sessions().login(request).await?.into_inner().session_token)
}

/// Signs out; doing it twice is no error.
#[utoipa::path(delete, path = "/session", tag = "session", responses(
    (status = 204, description = "signed out")))]
pub(crate) async fn logout(
    State(state): State<AppState>,
    jar: CookieJar,
) -> Result<(CookieJar, StatusCode), Problem> {
    Ok((sign_out(&state, jar).await?, StatusCode::NO_CONTENT))
}

/// What page and API share: the jar without the cookie.
pub(crate) async fn sign_out(state: &AppState, jar: CookieJar) -> Result<CookieJar, Problem> {
    if let Some(session_token) = session_token(&jar) {
        state.clients.sessions().logout(LogoutRequest { session_token }).await?;
    }
    Ok(jar.remove(session_cookie(String::new())))
}
