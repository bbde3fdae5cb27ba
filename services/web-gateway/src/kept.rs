//! What cache-updater answered last, shown while it does not answer (DESIGN.md rule 13).
//!
//! This is no store: a bounded memory of the answers of reads, each for the person that asked, with the
//! rights that it was decided by. A person whose rights have changed since asks under another key, so
//! what may not be seen any more is never found; and an answer of a cache-updater that had not heard of
//! those rights yet is not kept. Only reads of people get it: what is about to change something never
//! acts on an old answer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gwm_authz::{Authz, Decided};
use gwm_kernel::Fault;
use gwm_kernel::grpc::Peer;
use gwm_types::UserId;
use http_body_util::{BodyExt, Full};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;

use crate::http::views::aged::Aged;

/// All that is kept, in bytes: thousands of pages.
const MOST_BYTES: u64 = 64 << 20;
/// What is older is no answer any more.
const OLDEST: Duration = Duration::from_secs(3600);

/// The reads whose answers are kept: what pages and lists show.
const KEPT: [&str; 14] = [
    "/gwm.cache.v1.Clusters/ListClusters",
    "/gwm.cache.v1.Clusters/GetCluster",
    "/gwm.cache.v1.Inventory/ListInstances",
    "/gwm.cache.v1.Inventory/GetInstance",
    "/gwm.cache.v1.Inventory/ListNodes",
    "/gwm.cache.v1.Inventory/GetNode",
    "/gwm.cache.v1.Inventory/GetOverview",
    "/gwm.cache.v1.Objects/ListNodeGroups",
    "/gwm.cache.v1.Objects/GetNodeGroup",
    "/gwm.cache.v1.Objects/ListNetworks",
    "/gwm.cache.v1.Objects/GetNetwork",
    "/gwm.cache.v1.Objects/ListOses",
    "/gwm.cache.v1.Objects/GetClusterDetail",
    "/gwm.cache.v1.Find/NameInstances",
];

type Answer = http::Response<Body>;

/// Who reads, put into the call's extensions. Calls without it are passed on as they are.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    /// See [`gwm_authz::Principal::holder`].
    pub(crate) user: UserId,
    pub(crate) aged: Aged,
}

/// cache-updater, with its last answers. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct KeptReads {
    peer: Peer,
    authz: Authz,
    answers: Cache<Key, Kept>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    user: UserId,
    /// The revision since which the person's rights are what they are.
    rights: u64,
    rpc: &'static str,
    request: Bytes,
}

#[derive(Debug, Clone)]
struct Kept {
    /// As it came: gRPC's frame of one message.
    body: Bytes,
    at: Instant,
}

impl KeptReads {
    pub(crate) fn new(peer: Peer, authz: Authz) -> Self {
        let size = |key: &Key, kept: &Kept| {
            u32::try_from(key.request.len() + kept.body.len() + 200).unwrap_or(u32::MAX)
        };
        let answers = Cache::builder()
            .weigher(size)
            .max_capacity(MOST_BYTES)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(OLDEST)
            .build();
        Self { peer, authz, answers }
    }

    async fn ask(mut self, request: http::Request<Body>) -> Result<Answer, Status> {
        let rpc = KEPT.into_iter().find(|rpc| *rpc == request.uri().path());
        let reader = request.extensions().get::<Reader>().cloned();
        let (Some(rpc), Some(reader)) = (rpc, reader) else { return self.peer.call(request).await };
        let (parts, body) = request.into_parts();
        let request = body.collect().await?.to_bytes();
        let key = |rights| Key { user: reader.user, rights, rpc, request: request.clone() };
        let before = self.authz.rights_since(reader.user);
        let body = Body::new(Full::new(request.clone()));
        let answer = self.peer.call(http::Request::from_parts(parts, body)).await;
        let lost = match whole(answer).await {
            Err(status) if !lost(&status) => return Err(status),
            Ok((answer, message)) => {
                let decided = Decided::of(answer.headers());
                if let (Some(body), Some(rights)) = (message, before)
                    && decided.is_some_and(|decided| decided.knew(rights))
                {
                    self.answers.insert(key(rights), Kept { body, at: Instant::now() });
                }
                return Ok(answer);
            }
            Err(status) => status,
        };
        // The rights as they are now: they may have changed while nobody answered.
        let rights = self.authz.rights_since(reader.user);
        let kept = rights.and_then(|rights| self.answers.get(&key(rights)));
        match kept.filter(|kept| reader.aged.note(kept.at.elapsed())) {
            Some(kept) => {
                metrics::counter!("gwm_gateway_aged_answers_total", "rpc" => rpc).increment(1);
                Ok(good(kept.body, http::HeaderMap::new()))
            }
            None => Err(lost),
        }
    }
}

impl Service<http::Request<Body>> for KeptReads {
    type Response = Answer;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Status>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.peer.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.clone().ask(request))
    }
}

/// The answer with its whole body, and that body if it is a good one to keep; an error when nobody
/// answered. Any other refusal is an answer.
async fn whole(answer: Result<Answer, Status>) -> Result<(Answer, Option<Bytes>), Status> {
    let answer = answer?;
    if let Some(status) = Status::from_header_map(answer.headers()) {
        return if lost(&status) { Err(status) } else { Ok((answer, None)) };
    }
    let (parts, body) = answer.into_parts();
    let collected = body.collect().await.map_err(|error| {
        tracing::debug!(%error, "an answer broke off");
        Status::from(Fault::unavailable("cache-updater broke off its answer; try again"))
    })?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let body = collected.to_bytes();
    let fine = Status::from_header_map(&trailers).is_some_and(|s| s.code() == Code::Ok);
    let mut answer = good(body.clone(), trailers);
    *answer.headers_mut() = parts.headers;
    Ok((answer, fine.then_some(body)))
}

/// Nobody answered, or somebody who can't just now.
fn lost(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded)
}

/// A unary answer as it comes over the wire.
fn good(body: Bytes, mut trailers: http::HeaderMap) -> Answer {
    trailers.entry("grpc-status").or_insert(http::HeaderValue::from_static("0"));
    let body = Full::new(body).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut answer = http::Response::new(Body::new(body));
    let grpc = http::HeaderValue::from_static("application/grpc");
    answer.headers_mut().insert(http::header::CONTENT_TYPE, grpc);
    answer
}
