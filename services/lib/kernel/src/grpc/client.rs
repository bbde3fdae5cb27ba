//! The client's edge: one connection a replica, balanced; deadline, request id and trace on each
//! call; another try of what may be tried again.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::channel::Change;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tower::{Service, ServiceExt};

use super::identity::{TlsIdentity, service_host};
use crate::request::{current_request_id, current_traceparent};
use crate::{ErrorCode, Fault, Tasks};

const RESOLVE_EVERY: Duration = Duration::from_secs(10);
const TRIES: usize = 3;
/// A replica that is down is drawn as often as one that is up and says so at once: of two replicas one
/// dead, twelve draws all fall on it once in 4,096 calls. With all of them dead this is a tenth of a
/// second.
const DRAWS: usize = 12;
const REDRAW_AFTER: Duration = Duration::from_millis(10);
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
const MAX_REQUEST: usize = 8 << 20;

/// RPCs that change nothing, or nothing a second time, by the beginning of their names: a lost answer
/// may be asked for again on another replica.
const IDEMPOTENT: [&str; 8] =
    ["Get", "List", "Check", "BatchCheck", "Resolve", "Observe", "Settle", "SubmitJob"];

/// Another service: give it to a generated client. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Peer {
    service: &'static str,
    channel: Channel,
}

impl Peer {
    pub(crate) fn connect(
        service: &'static str,
        urls: &str,
        identity: &TlsIdentity,
        tasks: &Tasks,
    ) -> anyhow::Result<Self> {
        let (channel, changes) = Channel::balance_channel::<SocketAddr>(64);
        let mut hosts = Vec::new();
        for url in urls.split(',').map(str::trim).filter(|u| !u.is_empty()) {
            let uri: http::Uri = url.parse()?;
            anyhow::ensure!(uri.scheme_str() == Some("https"), "{service}: {url} is not https");
            let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            hosts.push((host, uri.port_u16().unwrap_or(443)));
        }
        anyhow::ensure!(!hosts.is_empty(), "{service}: no address");
        let identity = identity.clone();
        let soft = tasks.shutdown().hard.clone();
        tasks.support("resolve-peer", async move {
            let mut known: HashSet<SocketAddr> = HashSet::new();
            loop {
                let mut found = HashSet::new();
                for (host, port) in &hosts {
                    match tokio::net::lookup_host((host.as_str(), *port)).await {
                        Ok(addresses) => found.extend(addresses.filter(|a| wanted(host, a))),
                        // What is known stays: a name server's bad minute must not cut us off.
                        Err(error) => {
                            tracing::warn!(service, host, %error, "peer can't be resolved");
                            found.extend(known.iter().copied());
                        }
                    }
                }
                for address in found.difference(&known) {
                    let endpoint = endpoint(service, *address, &identity)?;
                    changes.send(Change::Insert(*address, endpoint)).await?;
                }
                for address in known.difference(&found) {
                    changes.send(Change::Remove(*address)).await?;
                }
                known = found;
                tokio::select! {
                    () = tokio::time::sleep(RESOLVE_EVERY) => {}
                    () = soft.cancelled() => return Ok(()),
                }
            }
        });
        Ok(Self { service, channel })
    }
}

/// `localhost` is both 127.0.0.1 and `::1`; services listen on the first.
fn wanted(host: &str, address: &SocketAddr) -> bool {
    host != "localhost" || address.is_ipv4()
}

fn endpoint(
    service: &str,
    address: SocketAddr,
    identity: &TlsIdentity,
) -> anyhow::Result<Endpoint> {
    let tls = ClientTlsConfig::new()
        .ca_certificate(identity.ca.clone())
        .identity(identity.identity.clone())
        .domain_name(service_host(service));
    Ok(Endpoint::from_shared(format!("https://{address}"))?
        .tls_config(tls)?
        .tcp_nodelay(true)
        .connect_timeout(Duration::from_secs(2))
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true))
}

/// A connection to one replica of `service`, whose address was found at run time (the holder of a
/// lease).
///
/// # Errors
/// An address that is no `https://HOST:PORT`, or does not resolve.
pub async fn connect_replica(
    service: &'static str,
    url: &str,
    identity: &TlsIdentity,
) -> anyhow::Result<Peer> {
    let uri: http::Uri = url.parse()?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(443);
    let address = tokio::net::lookup_host((host.as_str(), port))
        .await?
        .find(|a| wanted(&host, a))
        .ok_or_else(|| anyhow::anyhow!("{url} has no address"))?;
    Ok(Peer { service, channel: endpoint(service, address, identity)?.connect_lazy() })
}

impl Service<http::Request<Body>> for Peer {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // Waiting for a connection belongs to the call, under its deadline.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let peer = self.clone();
        Box::pin(peer.send(request))
    }
}

impl Peer {
    async fn send(self, request: http::Request<Body>) -> Result<http::Response<Body>, Status> {
        let (mut parts, body) = request.into_parts();
        let set = |headers: &mut http::HeaderMap, name: &'static str, value: Option<String>| {
            if let Some(value) = value.and_then(|v| v.parse().ok()) {
                headers.insert(name, value);
            }
        };
        set(&mut parts.headers, "gwm-request-id", current_request_id());
        set(&mut parts.headers, "traceparent", current_traceparent());
        let method = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
        if method == "Watch" {
            let request = http::Request::from_parts(parts, body);
            return self.once(request).await.map_err(|error| self.down(&error));
        }
        let deadline = parts
            .headers
            .get("grpc-timeout")
            .and_then(|v| parse_timeout(v.to_str().ok()?))
            .unwrap_or(DEFAULT_DEADLINE);
        if !parts.headers.contains_key("grpc-timeout") {
            let timeout = format!("{}m", deadline.as_millis());
            set(&mut parts.headers, "grpc-timeout", Some(timeout));
        }
        let calls = self.tries(&method, parts, body);
        match tokio::time::timeout(deadline, calls).await {
            Ok(answer) => answer,
            Err(_) => Err(Fault::new(
                ErrorCode::Timeout,
                "unavailable",
                format!("{} did not answer in time; try again", self.service),
            )
            .into()),
        }
    }

    async fn tries(
        &self,
        method: &str,
        parts: http::request::Parts,
        body: Body,
    ) -> Result<http::Response<Body>, Status> {
        let limited = http_body_util::Limited::new(body, MAX_REQUEST);
        let Ok(bytes) = limited.collect().await.map(http_body_util::Collected::to_bytes) else {
            return Err(Fault::invalid("", "the request is larger than 8 MiB").into());
        };
        let tries = if IDEMPOTENT.iter().any(|p| method.starts_with(p)) { TRIES } else { 1 };
        let (mut attempt, mut draw) = (1, 1);
        loop {
            let body = Body::new(http_body_util::Full::new(bytes.clone()));
            let answer = self.once(http::Request::from_parts(parts.clone(), body)).await;
            let lost = match &answer {
                Ok(response) => response.headers().get("grpc-status").is_some_and(|s| s == "14"),
                // Nobody has seen it: it may be sent whatever it does.
                Err(error) if never_sent(error) && draw < DRAWS => {
                    draw += 1;
                    tokio::time::sleep(REDRAW_AFTER).await;
                    continue;
                }
                Err(_) => true,
            };
            if !lost || attempt >= tries {
                return answer.map_err(|error| self.down(&error));
            }
            attempt += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn once(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, tonic::transport::Error> {
        let mut channel = self.channel.clone();
        channel.ready().await?.call(request).await
    }

    fn down(&self, error: &tonic::transport::Error) -> Status {
        tracing::debug!(service = self.service, %error, "peer can't be reached");
        Fault::unavailable(format!(
            "{} does not answer; what is stored is safe, try again",
            self.service
        ))
        .into()
    }
}

/// Whether there was no connection to send it over. tonic keeps the error of an attempt to connect and
/// gives it to the next call, even when the replica has come up meanwhile.
fn never_sent(error: &tonic::transport::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let unsent = error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled);
        if unsent || error.is::<tonic::ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// `grpc-timeout`: digits and a unit.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let n: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(n * 3600),
        "M" => Duration::from_secs(n * 60),
        "S" => Duration::from_secs(n),
        "m" => Duration::from_millis(n),
        "u" => Duration::from_micros(n),
        "n" => Duration::from_nanos(n),
        _ => return None,
    })
}
