//! The WebSocket's door: origin, ticket, upgrade.
//!
//! Before the ticket is good nothing is upgraded, so that strangers hold no connection. What goes
//! wrong later is told by the close code and its reason, the only words a browser's script gets.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gwm_kernel::{ErrorCode, Fault, continue_trace, with_request_id};
use http::{HeaderMap, HeaderValue, header};
use tracing::Instrument;

use crate::opening::Opener;

const TICKET: &str = "gwm.ticket.";
/// tungstenite's own default would cost 128 KiB a console.
const READ_BUFFER: usize = 8 << 10;
/// noVNC's largest message is the clipboard's.
const LARGEST_MESSAGE: usize = 1 << 20;

pub(crate) fn router(opener: Arc<Opener>) -> Router {
    Router::new().route("/console", get(console)).with_state(opener)
}

async fn console(
    State(opener): State<Arc<Opener>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    upgrade: WebSocketUpgrade,
    request: Request,
) -> Response {
    let request_id = uuid::Uuid::now_v7().to_string();
    let span = tracing::info_span!(
        "console",
        request_id = %request_id,
        trace_id = tracing::field::Empty,
        console_id = tracing::field::Empty,
    );
    let headers = request.headers().clone();
    continue_trace(&span, headers.get("traceparent").and_then(|v| v.to_str().ok()));
    let work = open(opener, peer, headers, upgrade).instrument(span);
    match with_request_id(request_id, work).await {
        Ok(response) => response,
        Err(fault) => {
            tracing::info!(reason = %fault.reason, "console refused");
            metrics::counter!("gwm_console_refused_total", "reason" => fault.reason.to_string())
                .increment(1);
            (fault.code.http(), fault.message).into_response()
        }
    }
}

async fn open(
    opener: Arc<Opener>,
    peer: SocketAddr,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Fault> {
    let http = &opener.http;
    if http.tls.is_none() && !http.behind_tls_proxy && !peer.ip().to_canonical().is_loopback() {
        return Err(Fault::new(
            ErrorCode::PermissionDenied,
            "plain_http_refused",
            "plain HTTP is answered only on this machine: give vnc-proxy a certificate, or set \
             http.behind_tls_proxy = true behind a proxy that does TLS",
        ));
    }
    if !own_origin(&http.public_url, &headers) {
        return Err(Fault::new(
            ErrorCode::PermissionDenied,
            "foreign_origin",
            "consoles open only from gwm's own pages",
        ));
    }
    let ticket = ticket(&headers).ok_or_else(|| {
        let why = "offer the sub-protocols \"binary\" and \"gwm.ticket.<ticket>\"";
        Fault::new(ErrorCode::Unauthenticated, "ticket_invalid", why)
    })?;
    let place = opener.consoles.place().ok_or_else(|| {
        let why = "this vnc-proxy carries as many consoles as it may; close one or try again";
        Fault::new(ErrorCode::ResourceExhausted, "too_many_consoles", why)
    })?;
    let address = client_address(peer, &headers, http.behind_tls_proxy);
    let pass = opener.redeem(ticket, address).await?;
    let tasks = opener.tasks.clone();
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(LARGEST_MESSAGE)
        .max_frame_size(LARGEST_MESSAGE)
        // The server selects `binary` and never echoes the ticket.
        .protocols(["binary"]);
    let span = tracing::Span::current();
    Ok(upgrade.on_upgrade(move |socket| async move {
        // A task of the process's own, so that its end waits for open consoles.
        tasks.run("console", opener.carry(socket, pass, place).instrument(span));
    }))
}

/// The ticket among the offered sub-protocols.
fn ticket(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .find_map(|p| p.trim().strip_prefix(TICKET))
        .filter(|t| (16..=128).contains(&t.len()))
        .map(str::to_owned)
}

/// Browsers always send `Origin` with a WebSocket; what is no browser has no cookie to abuse and
/// still needs a ticket.
fn own_origin(public_url: &str, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN).and_then(|v: &HeaderValue| v.to_str().ok())
    else {
        return !headers.contains_key(header::ORIGIN);
    };
    let parts = |url: &str| {
        let uri: http::Uri = url.parse().ok()?;
        let host = uri.host()?.to_owned();
        Some((uri.scheme_str()?.to_owned(), host, uri.port_u16()))
    };
    let loopback = |host: &str| matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let (Some(asked), Some(own)) = (parts(origin), parts(public_url)) else { return false };
    asked == own || (asked.0 == own.0 && asked.2 == own.2 && loopback(&asked.1) && loopback(&own.1))
}

fn client_address(peer: SocketAddr, headers: &HeaderMap, behind_proxy: bool) -> String {
    let forwarded = headers.get("x-forwarded-for").and_then(|v| v.to_str().ok());
    // The last one is what our own proxy added; those before it are anybody's word.
    forwarded
        .filter(|_| behind_proxy)
        .and_then(|v| v.rsplit(',').next()?.trim().parse::<std::net::IpAddr>().ok())
        .unwrap_or_else(|| peer.ip())
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn the_ticket_is_found_among_the_sub_protocols() {
        let of = |v| ticket(&headers(header::SEC_WEBSOCKET_PROTOCOL, v));
        assert_eq!(of("binary, gwm.ticket.abcdefghijklmnop").as_deref(), Some("abcdefghijklmnop"));
        assert_eq!(of("binary"), None);
        assert_eq!(of("binary, gwm.ticket."), None);
        assert_eq!(of(&format!("gwm.ticket.{}", "x".repeat(1000))), None);
    }

    #[test]
    fn only_our_own_pages_open_consoles() {
        let from = |origin| own_origin("http://localhost:8080", &headers(header::ORIGIN, origin));
        assert!(from("http://localhost:8080"));
        assert!(from("http://127.0.0.1:8080"));
        for foreign in
            ["http://localhost:9999", "https://localhost:8080", "http://evil.example", "null"]
        {
            assert!(!from(foreign), "{foreign}");
        }
    }
}
