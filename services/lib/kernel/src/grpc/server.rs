//! The server's edge: caller, allow-list, trace, request id, metrics, panics.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use moka::sync::Cache;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::RoutesBuilder;
use tonic::transport::server::{TcpConnectInfo, TcpIncoming, TlsConnectInfo};
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Code, Status};
use tower::Service;
use tracing::Instrument;

use super::identity::{Caller, caller_of};
use crate::request::{continue_trace, with_request_id};
use crate::{Boot, ErrorCode, Fault};

/// Collects services and, for each RPC, who may call it. An RPC that no list names is refused.
#[derive(Debug, Default)]
pub struct GrpcServer {
    routes: RoutesBuilder,
    callers: HashMap<String, &'static [&'static str]>,
}

impl GrpcServer {
    /// Adds a generated server with the callers of each RPC: (`Method`, callers).
    pub fn add<S>(&mut self, service: S, rpcs: &[(&str, &'static [&'static str])]) -> &mut Self
    where
        S: Service<
                http::Request<Body>,
                Response: axum::response::IntoResponse,
                Error = std::convert::Infallible,
            > + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
    {
        self.routes.add_service(service);
        for (method, callers) in rpcs {
            self.callers.insert(format!("/{}/{method}", S::NAME), callers);
        }
        self
    }

    /// Binds at once and serves until the soft signal.
    pub(crate) fn serve(mut self, address: SocketAddr, boot: &Boot) -> anyhow::Result<()> {
        let (reporter, health_service) = tonic_health::server::health_reporter();
        self.routes.add_service(health_service);
        let mut ready = boot.health().subscribe();
        let soft = boot.tasks().shutdown().soft.clone();
        boot.tasks().spawn("grpc-health", async move {
            loop {
                let status = if *ready.borrow_and_update() && !soft.is_cancelled() {
                    tonic_health::ServingStatus::Serving
                } else {
                    tonic_health::ServingStatus::NotServing
                };
                reporter.set_service_status("", status).await;
                tokio::select! {
                    changed = ready.changed() => changed?,
                    () = soft.cancelled() => return Ok(()),
                }
            }
        });

        let edge = Edge { callers: Arc::new(self.callers), certificates: Cache::new(256) };
        let router = self
            .routes
            .routes()
            .into_axum_router()
            .layer(axum::middleware::from_fn_with_state(edge, guard));
        let identity = boot.identity();
        let tls = ServerTlsConfig::new()
            .identity(identity.identity.clone())
            .client_ca_root(identity.ca.clone());
        let listener = std::net::TcpListener::bind(address)
            .map_err(|e| anyhow::anyhow!("gRPC: can't listen on {address}: {e}"))?;
        listener.set_nonblocking(true)?;
        // The builder's own `tcp_nodelay` is for listeners that it binds itself. Without it the last
        // small frame of an answer waits up to 40 ms for the client's delayed acknowledgement.
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let server = Server::builder()
            .tls_config(tls)?
            .http2_keepalive_interval(Some(Duration::from_secs(20)))
            .add_routes(router.into());
        let soft = boot.tasks().shutdown().soft.clone();
        boot.tasks().spawn("grpc", async move {
            Ok(server.serve_with_incoming_shutdown(incoming, soft.cancelled_owned()).await?)
        });
        tracing::info!(server = "grpc", %address, "listening");
        Ok(())
    }
}

#[derive(Clone)]
struct Edge {
    callers: Arc<HashMap<String, &'static [&'static str]>>,
    /// Parsed once a certificate, not once a request.
    certificates: Cache<Vec<u8>, Option<Caller>>,
}

async fn guard(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let Some(caller) = edge.caller(&request) else {
        return refuse(&path, "nobody", "a certificate of a gwm service is needed");
    };
    let health = path.starts_with("/grpc.health.v1.Health/");
    if !health && !edge.callers.get(&path).is_some_and(|c| c.contains(&caller.0.as_str())) {
        return refuse(&path, &caller.0, "this service may not call this RPC");
    }
    let (request_id, span) = trace(&request, &caller);
    request.extensions_mut().insert(caller);

    let started = Instant::now();
    let work = with_request_id(request_id, next.run(request));
    let response = match CatchPanic::new(work.instrument(span.clone())).await {
        Ok(response) => response,
        Err(()) => {
            let _inside = span.enter();
            Status::from(Fault::internal("an RPC handler panicked")).into_http()
        }
    };
    // A handler that answers an error puts it into the headers; a stream's end is not waited for.
    let code = response
        .headers()
        .get("grpc-status")
        .and_then(|v| v.to_str().ok()?.parse::<i32>().ok())
        .map_or(Code::Ok, Code::from_i32);
    let labels = [("rpc", path), ("code", format!("{code:?}"))];
    metrics::histogram!("gwm_rpc_duration_seconds", &labels)
        .record(started.elapsed().as_secs_f64());
    response
}

/// The request's id, given by the caller or made here, and the span that all of its logs are in.
fn trace(request: &Request, caller: &Caller) -> (String, tracing::Span) {
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
    let request_id = header("gwm-request-id")
        .filter(|id| id.len() <= 64)
        .map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
    let span = tracing::info_span!(
        "rpc",
        rpc = %request.uri().path(),
        caller = %caller.0,
        request_id = %request_id,
        trace_id = tracing::field::Empty,
    );
    continue_trace(&span, header("traceparent"));
    (request_id, span)
}

fn refuse(path: &str, caller: &str, why: &str) -> Response {
    tracing::warn!(rpc = path, caller, why, "call refused");
    let fault = Fault::new(ErrorCode::PermissionDenied, "caller_not_allowed", why);
    Status::from(fault).into_http()
}

impl Edge {
    fn caller(&self, request: &Request) -> Option<Caller> {
        let info = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>()?;
        let certificates = info.peer_certs()?;
        let der = certificates.first()?;
        if let Some(known) = self.certificates.get(der.as_ref()) {
            return known;
        }
        let caller = caller_of(der);
        self.certificates.insert(der.to_vec(), caller.clone());
        caller
    }
}

/// Turns a panic of a future into `Err`, so that one bad request takes only itself.
struct CatchPanic<F>(std::pin::Pin<Box<F>>);

impl<F> CatchPanic<F> {
    fn new(future: F) -> Self {
        Self(Box::pin(future))
    }
}

impl<F: Future> Future for CatchPanic<F> {
    type Output = Result<F::Output, ()>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        let inner = self.0.as_mut();
        let poll = std::panic::AssertUnwindSafe(|| inner.poll(context));
        match std::panic::catch_unwind(poll) {
            Ok(poll) => poll.map(Ok),
            Err(_) => std::task::Poll::Ready(Err(())),
        }
    }
}
