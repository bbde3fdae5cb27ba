//! `/login`, `/logout`.

use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::common::{Page, PageError, Viewer, own_path, render, sentence};
use super::typed;
use crate::http::AppState;
use crate::http::api::session;
use crate::http::person::session_cookie;
use crate::http::problem::Problem;
use crate::http::views::outside::LoginPage;

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
        Ok(token) => (jar.add(session_cookie(token)), see_other(&next)).into_response(),
        Err(Problem(fault)) => {
            let status = fault.code.http();
            let error = sentence(&fault.message);
            let page = LoginPage { username, error, reason: String::new(), next };
            let mut response = render(status, &page);
            if let Some(after) = fault.retry_after {
                let after = HeaderValue::from(after.as_secs().max(1));
                response.headers_mut().insert(header::RETRY_AFTER, after);
            }
            response
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
