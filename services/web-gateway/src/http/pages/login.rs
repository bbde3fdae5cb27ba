//! `/login`, `/logout`.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use gwm_kernel::Fault;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::common::{Page, PageError, Viewer, own_path, render, sentence};
use super::{oidc, typed};
use crate::http::AppState;
use crate::http::api::session::{self, SignedIn};
use crate::http::person::session_cookie;
use crate::http::problem::Problem;
use crate::http::views::outside::{LoginCodePage, LoginPage};

#[derive(Deserialize)]
pub(crate) struct LoginQuery {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(crate) struct LoginForm {
    username: String,
    password: String,
    #[serde(default)]
    next: String,
}

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Result<Viewer, PageError>,
    jar: CookieJar,
    Query(query): Query<LoginQuery>,
) -> Response {
    let next = own_path(&query.next).to_owned();
    if viewer.is_ok() {
        return Redirect::to(&next).into_response();
    }
    let reason = match next.as_str() {
        _ if typed::waits(&jar) => {
            "Your sign-in had ended. Sign in to go on; what you typed is kept."
        }
        "/" => "",
        _ => "Sign in to go on.",
    };
    let page = LoginPage {
        username: String::new(),
        error: String::new(),
        reason: reason.to_owned(),
        providers: oidc::offered(&state, &next).await,
        next,
    };
    render(StatusCode::OK, &page)
}

pub(crate) async fn sign_in(
    State(state): State<AppState>,
    jar: CookieJar,
    parts: Parts,
    Form(form): Form<LoginForm>,
) -> Response {
    let next = own_path(&form.next).to_owned();
    let username = form.username.clone();
    match session::sign_in(&state, &parts, form.username, form.password).await {
        Ok(SignedIn::In(token)) => {
            (jar.add(session_cookie(token)), see_other(&next)).into_response()
        }
        Ok(SignedIn::CodeNeeded(challenge)) => {
            render(StatusCode::OK, &LoginCodePage { challenge, next, error: String::new() })
        }
        Err(Problem(fault)) => {
            let error = sentence(&fault.message);
            let (reason, providers) = (String::new(), oidc::offered(&state, &next).await);
            refused(&fault, &LoginPage { username, error, reason, providers, next })
        }
    }
}

/// The page again, with how long to wait where that is known.
pub(super) fn refused(fault: &Fault, page: &impl Template) -> Response {
    let mut response = render(fault.code.http(), page);
    if let Some(after) = fault.retry_after {
        let after = HeaderValue::from(after.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, after);
    }
    response
}

#[derive(Deserialize)]
pub(crate) struct CodeForm {
    challenge: String,
    code: String,
    #[serde(default)]
    next: String,
}

pub(crate) async fn code(
    State(state): State<AppState>,
    jar: CookieJar,
    parts: Parts,
    Form(form): Form<CodeForm>,
) -> Response {
    let next = own_path(&form.next).to_owned();
    let challenge = form.challenge.clone();
    match session::finish_sign_in(&state, &parts, form.challenge, form.code).await {
        Ok(token) => (jar.add(session_cookie(token)), see_other(&next)).into_response(),
        Err(Problem(fault)) => {
            let error = sentence(&fault.message);
            if ["challenge_over", "login_refused"].contains(&fault.reason.as_ref()) {
                let (username, reason) = (String::new(), String::new());
                let providers = oidc::offered(&state, &next).await;
                return refused(&fault, &LoginPage { username, error, reason, providers, next });
            }
            refused(&fault, &LoginCodePage { challenge, next, error })
        }
    }
}

pub(crate) async fn sign_out(State(state): State<AppState>, jar: CookieJar) -> Page {
    let jar = typed::forget(session::sign_out(&state, jar).await?);
    Ok((jar, see_other("/login")).into_response())
}

/// After a form: 303, so that a reload does not send it again.
pub(crate) fn see_other(path: &str) -> Redirect {
    Redirect::to(path)
}
