use gwm_rapi_sim::{CertStyle, Fault, FaultRule, SimCluster};
use reqwest::Method;
use serde_json::json;

use crate::{ask, fails, quick, trusting};

#[tokio::test]
async fn a_cut_before_makes_no_job_and_a_cut_after_makes_one() {
    let sim = quick().await;
    let c = &sim.clusters()[0];
    let path = "/2/instances/nosuch/startup?reason=op%3D1";
    c.fault(FaultRule::once(Fault::CutBefore).method("PUT").path("/2/instances/"));
    fails(c, Method::PUT, path).await;
    assert_eq!(c.jobs_by_reason("op=1").len(), 0);
    c.fault(FaultRule::once(Fault::CutAfter).method("PUT").path("/2/instances/"));
    fails(c, Method::PUT, path).await;
    assert_eq!(c.jobs_by_reason("op=1").len(), 1);
    assert_eq!(c.faults_struck(), 2);
    let seen = c.requests();
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[0].status, seen[0].user.as_deref()), (0, Some("gwm-write")));
    sim.stop().await;
}

#[tokio::test]
async fn a_hang_after_makes_the_job_and_times_out() {
    let sim = quick().await;
    let c = &sim.clusters()[0];
    c.fault_once(Fault::HangAfter);
    let error = fails(c, Method::PUT, "/2/instances/nosuch/startup?reason=op%3D2").await;
    assert!(error.is_timeout());
    assert_eq!(c.jobs_by_reason("op=2").len(), 1);
    c.fault_once(Fault::Hang);
    assert!(fails(c, Method::GET, "/2/info").await.is_timeout());
    c.set_silent(true);
    assert!(fails(c, Method::GET, "/2/info").await.is_timeout());
    c.clear_faults().await.unwrap();
    assert_eq!(ask(c, "GET", "/version", None).await.status, 200);
    sim.stop().await;
}

#[tokio::test]
async fn spoilt_answers_are_spoilt_as_ordered() {
    let sim = quick().await;
    let c = &sim.clusters()[0];
    c.fault_once(Fault::HalfAnswer);
    fails(c, Method::GET, "/2/instances?bulk=1").await;
    c.fault(FaultRule::once(Fault::EmptyList).path("/2/instances"));
    assert_eq!(ask(c, "GET", "/2/info", None).await.status, 200);
    assert_eq!(ask(c, "GET", "/2/instances?bulk=1", None).await.body, json!([]));
    assert_ne!(ask(c, "GET", "/2/instances?bulk=1", None).await.body, json!([]));
    c.fault_once(Fault::OtherUuid { uuid: "u".to_owned() });
    assert_eq!(ask(c, "GET", "/2/info", None).await.body["uuid"], "u");
    c.fault_once(Fault::Status { status: 500, message: "no <luck>".to_owned() });
    let answer = ask(c, "GET", "/2/info", None).await;
    assert_eq!((answer.status, answer.message()), (500, "no &lt;luck&gt;"));
    c.fault_once(Fault::MasterDown);
    assert_eq!(ask(c, "GET", "/2/info", None).await.status, 504);
    let location = "https://127.0.0.1:1/2/info".to_owned();
    c.fault_once(Fault::Redirect { location: location.clone() });
    let answer = ask_text(c, "/2/info").await;
    assert_eq!((answer.0, answer.1.as_deref()), (302, Some(location.as_str())));
    c.fault_once(Fault::NotJson);
    assert!(ask_text(c, "/2/info").await.2.starts_with("<html>"));
    c.fault_once(Fault::QueueFull);
    assert_eq!(ask(c, "PUT", "/2/instances/x/startup", None).await.status, 503);
    assert!(c.jobs_by_reason("instances_name_startup").is_empty());
    sim.stop().await;
}

async fn ask_text(c: &SimCluster, path: &str) -> (u16, Option<String>, String) {
    let request = trusting().get(format!("{}{path}", c.url()));
    let response = request.basic_auth("gwm-write", Some("write-secret")).send().await.unwrap();
    let location = response.headers().get("location").map(|v| v.to_str().unwrap().to_owned());
    (response.status().as_u16(), location, response.text().await.unwrap())
}

#[tokio::test]
async fn a_huge_answer_keeps_coming() {
    let sim = quick().await;
    let c = &sim.clusters()[0];
    c.fault_once(Fault::Huge { bytes: 1 << 31 });
    let mut response = trusting()
        .get(format!("{}/2/info", c.url()))
        .basic_auth("gwm-write", Some("write-secret"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.content_length(), Some(1 << 31));
    let mut seen = 0;
    while seen < 10_000_000 {
        seen += response.chunk().await.unwrap().unwrap().len();
    }
    drop(response);
    sim.stop().await;
}

#[tokio::test]
async fn certificates_change_at_run_time_and_ports_can_be_refused() {
    let sim = quick().await;
    let c = &sim.clusters()[0];
    let first = c.fingerprint();
    let (_, parsed) = x509_parser::parse_x509_certificate(&c.certificate())
        .map(|(r, p)| (r.len(), p.version()))
        .unwrap();
    assert_eq!(parsed, x509_parser::x509::X509Version::V1);
    let second = c.change_certificate(CertStyle::Ca).unwrap();
    assert_ne!(first, second);
    assert!(c.ca_pem().unwrap().contains("BEGIN CERTIFICATE"));
    assert_eq!(ask(c, "GET", "/version", None).await.status, 200);
    c.refuse_connections();
    let refused = async || fails(c, Method::GET, "/version").await.is_connect();
    assert!(refused().await);
    c.listen_again().await.unwrap();
    assert_eq!(ask(c, "GET", "/version", None).await.status, 200);
    sim.stop().await;
}
