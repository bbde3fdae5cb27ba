//! Sending one call.

use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, SERVER};
use http::{HeaderMap, Method, StatusCode};
use tokio::time::timeout_at;
use tracing::{Instrument as _, debug, info_span};

use super::answer::{kind_of_status, read_bounded};
use super::guard::{Gate, GatedBody};
use super::resolver::SystemResolver;
use crate::credentials::Credentials;
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, Phase, kind_of_transport_error};
use crate::probe::not_after;

/// How much of an error answer is read.
const ERROR_LIMIT: usize = 64 * 1024;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Encoded path, without query.
    pub(crate) path: String,
    /// Encoded query, may be empty.
    pub(crate) query: String,
    pub(crate) body: Option<Bytes>,
    /// Largest answer taken.
    pub(crate) limit: usize,
    pub(crate) timing: Timing,
}

/// The moments of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) connect: Duration,
    pub(crate) deadline: Deadline,
}

/// A complete answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// When the server's certificate ends.
    pub(crate) certificate_not_after: Option<DateTime<Utc>>,
}

impl Answer {
    /// The `Server` header, e.g. `Ganeti 3.0.2`.
    pub(crate) fn server(&self) -> &str {
        self.headers.get(SERVER).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Call {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Does one call over a connection of its own. A status that isn't a success is an error, unless `any_status`.
pub(crate) async fn exchange(
    endpoint: &Endpoint,
    tls: rustls::ClientConfig,
    credentials: Option<&Credentials>,
    call: Call,
    any_status: bool,
) -> Result<Answer, Error> {
    let span = info_span!("rapi", rapi.endpoint = %endpoint, http.method = %call.method, http.path = %call.path);
    let name = call.name();
    async move {
        let started = Instant::now();
        let gate = Gate::new(call.timing.deadline.send_by_moment(), call.body.is_some());
        let ends = tokio::time::Instant::from_std(call.timing.deadline.answer_by_moment());
        let outcome = match timeout_at(
            ends,
            send(endpoint, tls, credentials, &call, &gate, any_status),
        )
        .await
        {
            Ok(outcome) => outcome,
            Err(_) => Err(ErrorKind::TimedOut { phase: phase_of(&gate) }),
        };
        let sent = gate.may_have_sent();
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match outcome {
            Ok(answer) => {
                debug!(
                    status = answer.status.as_u16(),
                    bytes = answer.body.len(),
                    elapsed_ms,
                    "rapi answered"
                );
                Ok(answer)
            }
            Err(kind) => {
                debug!(code = kind.code(), sent, elapsed_ms, "rapi call failed");
                Err(Error::new(name, sent, kind))
            }
        }
    }
    .instrument(span)
    .await
}

fn phase_of(gate: &Gate) -> Phase {
    if gate.may_have_sent() { Phase::Answer } else { Phase::Connect }
}

async fn send(
    endpoint: &Endpoint,
    tls: rustls::ClientConfig,
    credentials: Option<&Credentials>,
    call: &Call,
    gate: &Gate,
    any_status: bool,
) -> Result<Answer, ErrorKind> {
    let over = ErrorKind::TimedOut { phase: Phase::Connect };
    if call.timing.deadline.send_is_over() {
        return Err(over);
    }
    let client = http_client(tls, call, gate)?;
    let mut url = format!("{}{}", endpoint.base_url(), call.path);
    if !call.query.is_empty() {
        url.push('?');
        url.push_str(&call.query);
    }
    let mut request = client.request(call.method.clone(), url).header(ACCEPT, "application/json");
    if let Some(body) = &call.body {
        let body = GatedBody::new(gate.clone(), body.clone());
        request = request.header(CONTENT_TYPE, "application/json").body(reqwest::Body::wrap(body));
    }
    if let Some(credentials) = credentials {
        request = request.header(AUTHORIZATION, credentials.authorization());
    }
    let mut response = request.send().await.map_err(|error| {
        let sent = gate.may_have_sent();
        if !sent && call.timing.deadline.send_is_over() {
            return over;
        }
        kind_of_transport_error(&error, sent)
    })?;
    let status = response.status();
    if status.is_success() || any_status {
        let body = read_bounded(&mut response, call.limit).await?;
        let shown = response.extensions().get::<reqwest::tls::TlsInfo>();
        let certificate_not_after = shown.and_then(|tls| not_after(tls.peer_certificate()?));
        let headers = response.headers().clone();
        return Ok(Answer { status, headers, body, certificate_not_after });
    }
    // The status alone decides when the text of the error can't be read.
    let body = read_bounded(&mut response, ERROR_LIMIT).await.unwrap_or_default();
    Err(kind_of_status(status, &body))
}

/// A client for one call: RAPI closes after each request anyway, and the gate belongs to the call.
fn http_client(
    tls: rustls::ClientConfig,
    call: &Call,
    gate: &Gate,
) -> Result<reqwest::Client, ErrorKind> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(true)
        .tls_info(true)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .pool_max_idle_per_host(0)
        .referer(false)
        .user_agent(concat!("gwm/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(call.timing.connect)
        .dns_resolver(SystemResolver)
        .connector_layer(gate.clone())
        .build()
        .map_err(|error| ErrorKind::TlsFailed { detail: error.to_string() })
}
