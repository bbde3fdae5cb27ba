//! `/login/oidc/{provider}`: to a provider to sign in, and back.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use gwm_kernel::Fault;
use gwm_proto::auth::{FinishOidcRequest, ListProvidersRequest, StartOidcRequest};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;

use super::common::{own_path, render, sentence};
use super::login::{refused, see_other};
use crate::http::AppState;
use crate::http::api::session::user_agent;
use crate::http::person::{client_address, session_cookie};
use crate::http::views::outside::{LoginCodePage, LoginPage};
use crate::http::views::parts::Link;

/// Binds a sign-in to the browser that began it. Sent when the provider sends the browser back: that is a
/// navigation to us, which `Lax` allows.
const COOKIE: &str = "__Host-gwm-oidc";
/// As long as auth remembers it.
const LIFETIME: Duration = Duration::from_secs(600);
/// The login page doesn't wait longer to know what else it could offer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where else one can sign in, for the login page; nothing while auth doesn't say.
pub(super) async fn offered(state: &AppState, next: &str) -> Vec<Link> {
    let mut request = tonic::Request::new(ListProvidersRequest {});
    request.set_timeout(PATIENCE);
    let Ok(answer) = state.clients.oidc().list_providers(request).await else {
        return Vec::new();
    };
    let next = serde_urlencoded::to_string([("next", next)]).unwrap_or_default();
    let to = |name: &str| format!("/login/oidc/{name}?{next}");
    let providers = answer.into_inner().providers.into_iter();
    providers.map(|provider| Link::new(&*provider.label, to(&provider.name))).collect()
}

#[derive(Deserialize)]
pub(crate) struct StartQuery {
    #[serde(default)]
    next: String,
}

pub(crate) async fn start(
    State(state): State<AppState>,
    Path(provider): Path<String>,
    jar: CookieJar,
    Query(query): Query<StartQuery>,
    parts: Parts,
) -> Response {
    let next = own_path(&query.next).to_owned();
    let request = StartOidcRequest {
        redirect_uri: callback(&state, &provider),
        provider,
        next: next.clone(),
        client_address: client_address(&parts, &state),
    };
    match state.clients.oidc().start_oidc(request).await {
        Ok(answer) => {
            let answer = answer.into_inner();
            (jar.add(cookie(answer.browser_secret)), see_other(&answer.url)).into_response()
        }
        Err(status) => again(&state, &Fault::from(status), next).await,
    }
}

#[derive(Deserialize)]
pub(crate) struct CallbackQuery {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    iss: String,
    #[serde(default)]
    error: String,
}

pub(crate) async fn finish(
    State(state): State<AppState>,
    Path(provider): Path<String>,
    jar: CookieJar,
    Query(query): Query<CallbackQuery>,
    parts: Parts,
) -> Response {
    let browser_secret = jar.get(COOKIE).map(|c| c.value().to_owned()).unwrap_or_default();
    let jar = jar.remove(cookie(String::new()));
    let request = FinishOidcRequest {
        provider,
        state: query.state,
        code: query.code,
        issuer: query.iss,
        error: query.error,
        browser_secret,
        client_address: client_address(&parts, &state),
        user_agent: user_agent(&parts),
    };
    let answer = match state.clients.oidc().finish_oidc(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let page = again(&state, &Fault::from(status), "/".to_owned()).await;
            return (jar, page).into_response();
        }
    };
    let next = own_path(&answer.next).to_owned();
    let login = answer.login.unwrap_or_default();
    if login.challenge.is_empty() {
        return (jar.add(session_cookie(login.session_token)), see_other(&next)).into_response();
    }
    let page = LoginCodePage { challenge: login.challenge, next, error: String::new() };
    (jar, render(StatusCode::OK, &page)).into_response()
}

/// The login page, with what went wrong.
async fn again(state: &AppState, fault: &Fault, next: String) -> Response {
    let page = LoginPage {
        username: String::new(),
        error: sentence(&fault.message),
        reason: String::new(),
        providers: offered(state, &next).await,
        next,
    };
    refused(fault, &page)
}

fn callback(state: &AppState, provider: &str) -> String {
    let site = state.http.public_url.trim_end_matches('/');
    format!("{site}/login/oidc/{provider}/callback")
}

fn cookie(secret: String) -> Cookie<'static> {
    let mut cookie = Cookie::build((COOKIE, secret))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax)
        .build();
    cookie.set_max_age(LIFETIME.try_into().ok());
    cookie
}
