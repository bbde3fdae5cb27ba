//! The plain-HTTP admin endpoint on loopback: what tests of whole processes use to disturb.
//!
//! | request | does |
//! |---|---|
//! | `GET /clusters` | describes all clusters |
//! | `GET /C/requests`, `DELETE` | requests seen; forgets them |
//! | `GET /C/jobs[?reason=TEXT]` | jobs, those with this text in a reason trail |
//! | `GET /C/jobs/N` | one job in full |
//! | `GET /C/connections` | connections so far, open, most open at once |
//! | `POST /C/faults` | adds a fault rule: `{"kind":"hang_after","path":"/2/instances","times":1}` |
//! | `DELETE /C/faults` | ends all faults |
//! | `POST /C/settings` | `{"latency_ms","job_time_ms","silent","refuse","pause_queue"}`, each optional |
//! | `POST /C/certificate` | new certificate: `{"style":"ganeti_v1"}` or `{"style":"ca"}` |
//! | `POST /C/outside` | a change from outside: `{"change":"stop","instance":"web1..."}` |
//! | `POST /C/fail-jobs` | `{"op":"OP_INSTANCE_CREATE","times":1,"text":"no space"}` |
//! | `POST /C/archive-jobs` | archives ended jobs |

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::config::CertStyle;
use crate::error::Error;
use crate::handle::SimCluster;

/// Starts the endpoint; it ends with the first cluster.
pub(crate) async fn start(
    address: SocketAddr,
    clusters: Vec<SimCluster>,
) -> Result<SocketAddr, Error> {
    let failed = |source| Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    if let Some(first) = clusters.first() {
        let (tasks, stop) = (first.shared().tasks.clone(), first.shared().stop.clone());
        let (inner, ending) = (tasks.clone(), stop.clone());
        let serve = async move {
            while let Ok((stream, _)) = listener.accept().await {
                let clusters = clusters.clone();
                let service = service_fn(move |request| handle(clusters.clone(), request));
                let served = hyper::server::conn::http1::Builder::new()
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), service);
                let ending = ending.clone();
                drop(inner.spawn(async move { ending.run_until_cancelled(served).await }));
            }
        };
        drop(tasks.spawn(async move { stop.run_until_cancelled(serve).await }));
    }
    Ok(bound)
}

async fn handle(
    clusters: Vec<SimCluster>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let body = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
    let outcome = match body {
        Ok(body) => act(&clusters, head.method.as_str(), &head.uri, body).await,
        Err(error) => Err(error.to_string()),
    };
    let (status, body) = match outcome {
        Ok(body) => (StatusCode::OK, body),
        Err(text) => (StatusCode::BAD_REQUEST, json!({"error": text})),
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    Ok(response)
}

async fn act(
    clusters: &[SimCluster],
    method: &str,
    uri: &hyper::Uri,
    body: Value,
) -> Result<Value, String> {
    let parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    if parts == ["clusters"] {
        return Ok(clusters.iter().map(SimCluster::describe).collect());
    }
    let name = parts.first().copied().unwrap_or_default();
    let cluster =
        clusters.iter().find(|c| c.name() == name).ok_or_else(|| format!("no cluster {name}"))?;
    let wrong = |error: serde_json::Error| error.to_string();
    match (method, &parts[1..]) {
        ("GET", ["requests"]) => Ok(json!(cluster.requests())),
        ("DELETE", ["requests"]) => {
            cluster.clear_requests();
            Ok(Value::Null)
        }
        ("GET", ["jobs"]) => {
            let query = crate::http::parse_query(uri.query().unwrap_or_default());
            let reason = query.into_iter().find(|(key, _)| key == "reason");
            Ok(match reason {
                Some((_, text)) => json!(cluster.jobs_by_reason(&text)),
                None => json!(cluster.jobs()),
            })
        }
        ("GET", ["jobs", id]) => {
            let id = id.parse().map_err(|_| format!("no job {id}"))?;
            cluster.job(id).ok_or_else(|| format!("no job {id}"))
        }
        ("GET", ["connections"]) => {
            let (total, open, most) = cluster.connections();
            Ok(json!({"total": total, "open": open, "most_open": most}))
        }
        ("POST", ["faults"]) => {
            cluster.fault(serde_json::from_value(body).map_err(wrong)?);
            Ok(Value::Null)
        }
        ("DELETE", ["faults"]) => {
            cluster.clear_faults().await.map_err(|e| e.to_string())?;
            Ok(Value::Null)
        }
        ("POST", ["settings"]) => settings(cluster, &body).await,
        ("POST", ["certificate"]) => {
            let style = match body["style"].as_str() {
                Some("ca") => CertStyle::Ca,
                _ => CertStyle::GanetiV1,
            };
            cluster.change_certificate(style).map(|f| json!(f)).map_err(|e| e.to_string())
        }
        ("POST", ["outside"]) => {
            let change = serde_json::from_value(body).map_err(wrong)?;
            cluster.outside(change).await.map(|job| json!(job)).map_err(|e| e.to_string())
        }
        ("POST", ["fail-jobs"]) => {
            let times = body["times"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
            let text = body["text"].as_str().unwrap_or("told to fail");
            cluster.fail_jobs(body["op"].as_str().unwrap_or_default(), times, text);
            Ok(Value::Null)
        }
        ("POST", ["archive-jobs"]) => Ok(json!(cluster.archive_jobs(None))),
        _ => Err(format!("no {method} {}", uri.path())),
    }
}

async fn settings(cluster: &SimCluster, body: &Value) -> Result<Value, String> {
    let millis = |key: &str| body[key].as_u64().map(Duration::from_millis);
    if let Some(latency) = millis("latency_ms") {
        cluster.set_latency(latency);
    }
    if let Some(time) = millis("job_time_ms") {
        cluster.set_job_time(time);
    }
    if let Some(silent) = body["silent"].as_bool() {
        cluster.set_silent(silent);
    }
    if let Some(paused) = body["pause_queue"].as_bool() {
        cluster.pause_queue(paused);
    }
    match body["refuse"].as_bool() {
        Some(true) => cluster.refuse_connections(),
        Some(false) => cluster.listen_again().await.map_err(|e| e.to_string())?,
        None => {}
    }
    Ok(Value::Null)
}
