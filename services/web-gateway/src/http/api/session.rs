//! `/session`: login and logout.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use gwm_proto::auth::{FinishLoginRequest, LoginRequest, LogoutRequest};
use http::request::Parts;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
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

/// The password was right, and a code is needed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CodeNeeded {
    second_factor: Challenge,
}

/// Stands for the first half of a login, for five minutes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Challenge {
    challenge: String,
}

/// The second half of a login.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FinishLogin {
    challenge: String,
    /// Of the authenticator, or a recovery code.
    code: String,
}

/// What a login comes to.
pub(crate) enum SignedIn {
    /// The session's token.
    In(String),
    /// A code is needed; this stands for the first half.
    CodeNeeded(String),
}

/// Signs in; the answer sets the session cookie, unless a code is needed (`POST /session/code`).
#[utoipa::path(post, path = "/session", request_body = Login, tag = "session", responses(
    (status = 200, description = "the password is right, and a code is needed", body = CodeNeeded),
    (status = 204, description = "signed in; the cookie is set"),
    (status = 401, description = "wrong name or password", body = ProblemDocument),
    (status = 429, description = "too many tries", body = ProblemDocument)))]
pub(crate) async fn login(
    State(state): State<AppState>,
    jar: CookieJar,
    parts: Parts,
    Body(login): Body<Login>,
) -> Result<Response, Problem> {
    Ok(match sign_in(&state, &parts, login.username, login.password).await? {
        SignedIn::In(token) => {
            (jar.add(session_cookie(token)), StatusCode::NO_CONTENT).into_response()
        }
        SignedIn::CodeNeeded(challenge) => {
            Json(CodeNeeded { second_factor: Challenge { challenge } }).into_response()
        }
    })
}

/// Gives the code that a login needs; the answer sets the session cookie.
#[utoipa::path(post, path = "/session/code", request_body = FinishLogin, tag = "session",
    responses((status = 204, description = "signed in; the cookie is set"),
    (status = 401, description = "wrong or used code, or too late", body = ProblemDocument),
    (status = 429, description = "too many tries", body = ProblemDocument)))]
pub(crate) async fn finish(
    State(state): State<AppState>,
    jar: CookieJar,
    parts: Parts,
    Body(given): Body<FinishLogin>,
) -> Result<(CookieJar, StatusCode), Problem> {
    let token = finish_sign_in(&state, &parts, given.challenge, given.code).await?;
    Ok((jar.add(session_cookie(token)), StatusCode::NO_CONTENT))
}

/// What page and API share: the new session's token.
pub(crate) async fn finish_sign_in(
    state: &AppState,
    parts: &Parts,
    challenge: String,
    code: String,
) -> Result<String, Problem> {
    let request = FinishLoginRequest {
        challenge,
        code,
        client_address: client_address(parts, state),
        user_agent: user_agent(parts),
    };
    Ok(state.clients.second_factor().finish_login(request).await?.into_inner().session_token)
}

pub(crate) fn user_agent(parts: &Parts) -> String {
    let text = parts.headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok());
    text.unwrap_or_default().chars().take(200).collect()
}

/// What page and API share.
pub(crate) async fn sign_in(
    state: &AppState,
    parts: &Parts,
    username: String,
    password: String,
) -> Result<SignedIn, Problem> {
    let request = LoginRequest {
        username,
        password,
        client_address: client_address(parts, state),
        user_agent: user_agent(parts),
    };
    let answer = state.clients.sessions().login(request).await?.into_inner();
    if answer.challenge.is_empty() {
        return Ok(SignedIn::In(answer.session_token));
    }
    Ok(SignedIn::CodeNeeded(answer.challenge))
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
