//! One TLS connection, one request, and the faults that spoil them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Response, header};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;

use super::request::parse_query;
use super::{Reply, Request, auth, route::route};
use crate::clock::Stamp;
use crate::faults::Fault;
use crate::log::RequestRecord;
use crate::world::Shared;

/// The answer is withheld and the connection closed.
#[derive(Debug, thiserror::Error)]
#[error("connection cut on request")]
struct Cut;

/// Serves one connection to its end.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    let number = shared.with(|world| world.log.connected());
    if shared.with(|world| world.faults.silent) {
        shared.stop.cancelled().await;
    } else if let Ok(_permit) = shared.clients.clone().acquire_owned().await {
        let acceptor = shared.with(|world| world.tls.acceptor.clone());
        let accepted = tokio::time::timeout(Duration::from_secs(10), acceptor.accept(stream)).await;
        if let Ok(Ok(tls)) = accepted {
            let service = service_fn(|request| handle(shared.clone(), number, request));
            let served = hyper::server::conn::http1::Builder::new()
                .keep_alive(false)
                .title_case_headers(true)
                .serve_connection(TokioIo::new(tls), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "connection ended");
            }
        }
    }
    shared.with(|world| world.log.disconnected());
}

async fn handle(
    shared: Arc<Shared>,
    connection: u64,
    incoming: hyper::Request<Incoming>,
) -> Result<Response<Answer>, Cut> {
    let (head, body) = incoming.into_parts();
    let text = |name| head.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let raw_query = head.uri.query().unwrap_or_default().to_owned();
    let mut request = Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: parse_query(&raw_query),
        raw_query,
        authorization: text(header::AUTHORIZATION),
        content_type: text(header::CONTENT_TYPE),
        raw_body: body.collect().await.map_err(|_| Cut)?.to_bytes().to_vec(),
        body: None,
    };
    let (number, fault, latency) = note(&shared, connection, &request);
    tokio::time::sleep(latency).await;
    let answer = answer(&shared, &mut request, fault).await;
    let status = answer.as_ref().map_or(0, |response| response.status().as_u16());
    shared.with(|world| world.log.answered(number, status));
    answer
}

fn note(shared: &Shared, connection: u64, request: &Request) -> (u64, Option<Fault>, Duration) {
    let user = auth::credentials(request.authorization.as_deref()).map(|(user, _)| user);
    let record = RequestRecord {
        number: 0,
        at: Stamp::now().float(),
        connection,
        open: 0,
        method: request.method.clone(),
        path: request.path.clone(),
        query: request.raw_query.clone(),
        user,
        body: String::from_utf8_lossy(&request.raw_body).into_owned(),
        status: 0,
    };
    shared.with(|world| {
        let number = world.log.push(record);
        let fault = world.faults.take(&request.method, &request.path);
        (number, fault, world.faults.latency)
    })
}

async fn answer(
    shared: &Arc<Shared>,
    request: &mut Request,
    fault: Option<Fault>,
) -> Result<Response<Answer>, Cut> {
    let never = || shared.stop.cancelled();
    Ok(match fault {
        None => encode(&route(shared, request).await),
        Some(Fault::Latency { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            encode(&route(shared, request).await)
        }
        Some(Fault::Hang) => {
            never().await;
            return Err(Cut);
        }
        Some(Fault::HangAfter) => {
            route(shared, request).await;
            never().await;
            return Err(Cut);
        }
        Some(Fault::CutBefore) => return Err(Cut),
        Some(Fault::CutAfter) => {
            route(shared, request).await;
            return Err(Cut);
        }
        Some(Fault::HalfAnswer) => halve(encode(&route(shared, request).await)),
        Some(Fault::Status { status, message }) => encode(&Reply::error(status, &message)),
        Some(Fault::EmptyList) => {
            let mut reply = route(shared, request).await;
            if reply.body.is_array() {
                reply.body = json!([]);
            } else if reply.body["data"].is_array() {
                reply.body["data"] = json!([]);
            }
            encode(&reply)
        }
        Some(Fault::OtherUuid { uuid }) => {
            let mut reply = route(shared, request).await;
            if reply.status == 200 && reply.body.is_object() {
                reply.body["uuid"] = json!(uuid);
            }
            encode(&reply)
        }
        Some(Fault::Redirect { location }) => {
            let mut response = plain(302, "text/html", Bytes::from_static(b"<p>Moved</p>"));
            if let Ok(location) = location.parse() {
                response.headers_mut().insert(header::LOCATION, location);
            }
            response
        }
        Some(Fault::Says { body }) => encode(&Reply::ok(body)),
        Some(Fault::NotJson) => {
            let page = b"<html><body><h1>It works!</h1></body></html>";
            plain(200, "text/html", Bytes::from_static(page))
        }
        Some(Fault::Huge { bytes }) => {
            let mut response = plain(200, "application/json", Bytes::new());
            *response.body_mut() = Answer { first: None, blanks: bytes, cut: false };
            response
        }
        Some(Fault::MasterDown) => encode(&Reply::error(
            504,
            "Timeout in the master daemon communication: Connection to master daemon timed out",
        )),
        Some(Fault::QueueFull) => {
            encode(&Reply::error(503, "Job queue is full, please archive jobs and retry"))
        }
    })
}

fn encode(reply: &Reply) -> Response<Answer> {
    // HEAD is refused like any unknown method; hyper leaves the body out.
    let bytes = serde_json::to_vec(&reply.body).expect("a JSON value is writable");
    let mut response = plain(reply.status, "application/json", Bytes::from(bytes));
    if reply.status == 401 {
        let realm = header::HeaderValue::from_static("Basic realm=\"Ganeti Remote API\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
    }
    response
}

fn plain(status: u16, kind: &'static str, body: Bytes) -> Response<Answer> {
    let mut response = Response::new(Answer { first: Some(body), blanks: 0, cut: false });
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    headers.insert(header::SERVER, header::HeaderValue::from_static("Ganeti 3.0.2"));
    response
}

/// Announces the whole length, sends half.
fn halve(mut response: Response<Answer>) -> Response<Answer> {
    let body = response.body_mut().first.take().unwrap_or_default();
    let length = header::HeaderValue::from(body.len());
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    let first = Some(body.slice(..body.len() / 2));
    *response.body_mut() = Answer { first, blanks: 0, cut: true };
    response
}

/// A body: some bytes, then blanks, then the end or a cut.
struct Answer {
    first: Option<Bytes>,
    blanks: u64,
    cut: bool,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        static BLANKS: [u8; 65_536] = [b' '; 65_536];
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if self.blanks > 0 {
            let part = self.blanks.min(BLANKS.len() as u64);
            self.blanks -= part;
            let part = usize::try_from(part).unwrap_or(BLANKS.len());
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&BLANKS[..part])))));
        }
        Poll::Ready(self.cut.then_some(Err(Cut)))
    }

    fn is_end_stream(&self) -> bool {
        self.first.as_ref().is_none_or(Bytes::is_empty) && self.blanks == 0 && !self.cut
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        let first = self.first.as_ref().map_or(0, |first| first.len() as u64);
        hyper::body::SizeHint::with_exact(first + self.blanks)
    }
}
