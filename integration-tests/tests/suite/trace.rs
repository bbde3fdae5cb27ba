//! One request can be followed from the browser to Ganeti and back by one trace id: in the spans that
//! the services export, in their logs, and in the events.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use gwm_integration_tests::{Options, Part};
use gwm_testkit::wait_for;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::stage::{PATIENCE, Stage, succeeded};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A collector that remembers which service sent which span of which trace.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<BTreeSet<(String, String, String)>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut seen = self.0.lock().unwrap();
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let service = attributes.iter().find(|a| a.key == "service.name");
            let service = format!("{:?}", service.and_then(|a| a.value.clone()));
            for span in resource.scope_spans.into_iter().flat_map(|s| s.spans) {
                let trace = span.trace_id.iter().map(|b| format!("{b:02x}")).collect();
                seen.insert((service.clone(), span.name, trace));
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    fn has(&self, service: &str, span: &str) -> bool {
        let seen = self.0.lock().unwrap();
        seen.iter().any(|(s, n, t)| s.contains(service) && n == span && t == TRACE)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_is_followed_from_the_browser_to_ganeti_by_one_trace_id() {
    let collector = Collector::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(collector.clone()))
        .serve_with_incoming(TcpListenerStream::new(listener));
    #[expect(clippy::disallowed_methods, reason = "no service: the outside world's side")]
    let _server = tokio::spawn(server);
    let mut options = Options::test("trace");
    for part in [Part::WebGateway, Part::JobRunner, Part::CacheUpdater] {
        // Calls that went well are logged for those who look closely only.
        options = options.with(part, json!({ "otlp": endpoint, "log": "info,gwm_kernel=debug" }));
    }
    let stage = Stage::start(options, &["fra1"]).await;

    let name = stage.stopped("fra1");
    let answer = stage
        .admin
        .request(Method::POST, &format!("/clusters/fra1/instances/{name}/startup"))
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"))
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    let told = answer.headers()["traceresponse"].to_str().unwrap().to_owned();
    assert!(told.contains(TRACE), "the answer names another trace: {told}");
    let job: serde_json::Value = answer.json().await.unwrap();
    let job = succeeded(&stage.admin, &job).await;

    // The call to Ganeti is a span of job-runner's.
    let spans = [
        ("web-gateway", "request"),
        ("job-runner", "rpc"),
        ("job-runner", "rapi"),
        ("cache-updater", "rpc"),
    ];
    wait_for("the spans of all services", PATIENCE, async || {
        let missing: Vec<_> = spans.iter().filter(|(s, n)| !collector.has(s, n)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("missing: {missing:?}")) }
    })
    .await;

    let id = job["id"].as_str().unwrap();
    wait_for("the events of the job", PATIENCE, async || {
        let ours: Vec<_> =
            stage.events.seen().into_iter().filter(|(subject, _)| subject.contains(id)).collect();
        let ended = ours.iter().any(|(subject, _)| subject.ends_with(".succeeded"));
        let strangers: Vec<_> = ours
            .iter()
            .filter(|(_, e)| !e["traceparent"].as_str().is_some_and(|t| t.contains(TRACE)))
            .map(|(subject, _)| subject.clone())
            .collect();
        if ended && strangers.is_empty() { Ok(()) } else { Err(format!("{strangers:?}")) }
    })
    .await;

    // The call to Ganeti: the line that says what became of it is in the trace, and the call carried
    // the operation's id that the line names.
    let logs = std::fs::read_dir(stage.stack.logs()).unwrap().filter_map(Result::ok);
    let logged = logs
        .filter(|file| file.file_name().to_string_lossy().contains("job-runner"))
        .filter_map(|file| std::fs::read_to_string(file.path()).ok())
        .any(|text| text.lines().any(|l| l.contains(TRACE) && l.contains("submission")));
    assert!(logged, "no log line of the submission has the trace id");
}
