//! What every request passes: id and trace, host, plain HTTP, foreign origins, headers.

use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use gwm_kernel::{ErrorCode, Fault, continue_trace, with_request_id};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use tracing::Instrument;

use super::problem::Problem;
use super::state::AppState;
use super::views::aged::Aged;

/// The age in seconds of the oldest of what is shown, on answers that show something old.
const STALE: HeaderName = HeaderName::from_static("gwm-stale");

/// Outermost: gives the request its id and its span, and answers both in headers.
pub(crate) async fn identify(request: Request, next: Next) -> Response {
    let request_id = uuid::Uuid::now_v7().to_string();
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |p| p.as_str().to_owned());
    let method = request.method().clone();
    let span = tracing::info_span!(
        "request",
        method = %method,
        path = %request.uri().path(),
        request_id = %request_id,
        trace_id = tracing::field::Empty,
    );
    let parent = request.headers().get("traceparent").and_then(|v| v.to_str().ok());
    continue_trace(&span, parent);
    let started = Instant::now();
    let work = async {
        let mut response = next.run(request).await;
        if let Some(trace) = gwm_kernel::current_traceparent().and_then(|t| t.parse().ok()) {
            response.headers_mut().insert(HeaderName::from_static("traceresponse"), trace);
        }
        let status = response.status().as_u16();
        if response.status().is_server_error() || response.status().is_client_error() {
            tracing::info!(status, "request refused");
        } else {
            tracing::debug!(status, "request answered");
        }
        response
    };
    let mut response = with_request_id(request_id.clone(), work.instrument(span)).await;
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    let labels = [
        ("method", method.to_string()),
        ("route", path),
        ("status", response.status().as_u16().to_string()),
    ];
    metrics::histogram!("gwm_http_request_duration_seconds", &labels)
        .record(started.elapsed().as_secs_f64());
    response
}

/// Says in the answer's head how old what it shows is, when cache-updater did not answer. Nothing old is
/// shown to what changes something.
pub(crate) async fn tell_age(mut request: Request, next: Next) -> Response {
    let aged = Aged::default();
    if request.method().is_safe() {
        request.extensions_mut().insert(aged.clone());
    }
    let mut response = next.run(request).await;
    if let Some(age) = aged.tell() {
        response.headers_mut().insert(STALE, HeaderValue::from(age.as_secs()));
    }
    response
}

/// Refuses what must not get further, and sets the headers that every answer carries.
pub(crate) async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let checked = check(&state, &request);
    let host = host(request.headers(), request.uri()).unwrap_or_default().to_owned();
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(fault) => Problem(fault).into_response(),
    };
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.entry(name).or_insert(value);
        }
    };
    let console = console_origin(&state.http.console_url, &host);
    set(
        header::CONTENT_SECURITY_POLICY,
        &format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
             font-src 'self'; connect-src 'self' {console}; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'; manifest-src 'self'"
        ),
    );
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()");
    set(header::CACHE_CONTROL, "no-store");
    if state.http.tls.is_some() || state.http.behind_tls_proxy {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

fn check(state: &AppState, request: &Request) -> Result<(), Fault> {
    let host = host(request.headers(), request.uri()).unwrap_or_default();
    if !known_host(state, host) {
        return Err(Fault::new(
            ErrorCode::InvalidArgument,
            "misdirected",
            format!("this is not {:?}: open {}", truncated(host), state.http.public_url),
        ));
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|c| c.0.ip());
    let loopback = peer.is_some_and(|ip| ip.to_canonical().is_loopback());
    if state.http.tls.is_none() && !state.http.behind_tls_proxy && !loopback {
        return Err(Fault::new(
            ErrorCode::PermissionDenied,
            "plain_http_refused",
            "plain HTTP is answered only on this machine: give the gateway a certificate \
             (http.tls), or set http.behind_tls_proxy = true behind a proxy that does TLS",
        ));
    }
    same_origin(state, request, host)
}

/// Unsafe requests that ride on a cookie (or make one) must come from our own pages.
fn same_origin(state: &AppState, request: &Request, host: &str) -> Result<(), Fault> {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || request.headers().contains_key(header::AUTHORIZATION) {
        return Ok(());
    }
    let text = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
    // A browser that says so is believed: pages can't forge either header.
    match text("sec-fetch-site") {
        Some("same-origin") => return Ok(()),
        Some(_) => return Err(foreign()),
        None => {}
    }
    let origin = text("origin").ok_or_else(foreign)?;
    let own = origin == state.http.public_url.trim_end_matches('/')
        || ["http", "https"].iter().any(|scheme| origin == format!("{scheme}://{host}"));
    if own { Ok(()) } else { Err(foreign()) }
}

fn foreign() -> Fault {
    Fault::new(
        ErrorCode::PermissionDenied,
        "foreign_origin",
        "this request did not come from gwm's own pages; scripts use an API token \
         (Authorization: Bearer …), or send gwm's address as Origin",
    )
}

/// `HOST[:PORT]` as the client asked for it.
pub(crate) fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    headers
        .get(header::HOST)
        .and_then(|v| v.to_str().ok())
        .or_else(|| uri.authority().map(http::uri::Authority::as_str))
}

fn known_host(state: &AppState, host: &str) -> bool {
    let name = host_name(host);
    let public: Option<Uri> = state.http.public_url.parse().ok();
    let public = public.as_ref().and_then(Uri::host).unwrap_or_default();
    name.eq_ignore_ascii_case(public) || (is_loopback_name(public) && is_loopback_name(name))
}

fn host_name(host: &str) -> &str {
    if host.starts_with('[') {
        return host.split_inclusive(']').next().unwrap_or(host);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn is_loopback_name(name: &str) -> bool {
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

/// Where the browser reaches vnc-proxy. On one machine the host that was asked for is kept, so that
/// `localhost` and `127.0.0.1` both work.
pub(crate) fn console_origin(console_url: &str, host: &str) -> String {
    let plain = console_url.trim_end_matches('/');
    let Ok(uri) = plain.parse::<Uri>() else { return plain.to_owned() };
    let (Some(scheme), Some(name)) = (uri.scheme_str(), uri.host()) else {
        return plain.to_owned();
    };
    let asked = host_name(host);
    let name = if is_loopback_name(name) && is_loopback_name(asked) { asked } else { name };
    match uri.port_u16() {
        Some(port) => format!("{scheme}://{name}:{port}"),
        None => format!("{scheme}://{name}"),
    }
}

fn truncated(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_keeps_the_loopback_name_that_was_used() {
        let of = |host| console_origin("ws://localhost:8081", host);
        assert_eq!(of("127.0.0.1:8080"), "ws://127.0.0.1:8081");
        assert_eq!(of("localhost:8080"), "ws://localhost:8081");
        assert_eq!(console_origin("wss://c.example.com", "127.0.0.1"), "wss://c.example.com");
    }

    #[test]
    fn a_port_is_no_part_of_the_host_name() {
        assert_eq!(host_name("gwm.example.com:8080"), "gwm.example.com");
        assert_eq!(host_name("[::1]:8080"), "[::1]");
        assert_eq!(host_name("gwm.example.com"), "gwm.example.com");
    }
}
