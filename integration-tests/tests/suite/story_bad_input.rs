//! Bad input: a clear message of its own, and nothing is lost or half done.

use gwm_integration_tests::{Api, Options};
use gwm_rapi_sim::{CertStyle, Fault, FaultRule};
use gwm_testkit::ReservedPort;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::stage::{Stage, ended, simulate, succeeded};

async fn problems(api: &Api, body: &Value) -> Vec<(String, String)> {
    let seen = api.post("/clusters/probe", body).await.ok();
    let problems = seen["problems"].as_array().cloned().unwrap_or_default();
    let text =
        |problem: &Value, field: &str| problem[field].as_str().unwrap_or_default().to_owned();
    problems.iter().map(|p| (text(p, "code"), text(p, "text"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_says_in_its_own_words_what_is_wrong() {
    let stage = Stage::start(Options::test("bad-probe"), &["fra1"]).await;
    let api = &stage.admin;
    let sim = simulate(&["new1"]).await;
    let new1 = &sim.clusters()[0];
    let read = json!({"username": "gwm-read", "password": "read-secret"});

    // Step one shows the certificate, step two what each user may do.
    let first = api.post("/clusters/probe", &json!({"endpoints": [new1.url()]})).await.ok();
    let fingerprint = first["fingerprint"].as_str().unwrap();
    let plain = |text: &str| text.replace(':', "").to_lowercase();
    assert_eq!(plain(fingerprint), plain(&new1.fingerprint()));
    assert_eq!(first["read"]["state"], "not_tested");
    let body = json!({
        "endpoints": [new1.url()], "fingerprint": fingerprint, "read": read,
        "write": {"username": "gwm-write", "password": "write-secret"},
    });
    let second = api.post("/clusters/probe", &body).await.ok();
    assert_eq!(second["problems"], json!([]), "{second:#}");
    assert_eq!((&second["nodes"], &second["instances"]), (&json!(3), &json!(8)));
    assert_eq!((&second["read"]["state"], &second["write"]["state"]), (&json!("ok"), &json!("ok")));

    // Each bad input.
    let nobody = ReservedPort::any().unwrap().release();
    let not_tls = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let not_tls_address = not_tls.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
    let chatter = tokio::spawn(async move {
        while let Ok((mut stream, _)) = not_tls.accept().await {
            drop(stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await);
        }
    });
    let with = |field: &str, value: Value| {
        let mut body = body.clone();
        body[field] = value;
        body
    };
    let cases = [
        ("dns", json!({"endpoints": ["no-such-host.invalid"]})),
        ("refused", json!({"endpoints": [format!("127.0.0.1:{nobody}")]})),
        ("not_tls", json!({"endpoints": [not_tls_address.to_string()]})),
        ("bad_address", json!({"endpoints": ["http://10.0.0.1/../x"]})),
        ("bad_address", json!({"endpoints": ["169.254.169.254"]})),
        ("bad_address", json!({"endpoints": []})),
        ("unauthorized", with("read", json!({"username": "gwm-read", "password": "wrong"}))),
        ("forbidden", with("write", read.clone())),
        ("certificate_changed", with("fingerprint", "00".repeat(32).into())),
    ];
    let mut texts = Vec::new();
    for (code, body) in cases {
        let found = problems(api, &body).await;
        let hit = found.iter().find(|(c, _)| c == code);
        let (_, text) = hit.unwrap_or_else(|| panic!("wanted {code} for {body}, got {found:?}"));
        assert!(text.len() > 15 && !text.contains("read-secret"), "{code}: {text}");
        texts.push(text.clone());
    }
    chatter.abort();
    for (code, fault) in [
        ("not_rapi", Fault::NotJson),
        ("not_rapi", Fault::Huge { bytes: 2 << 30 }),
        ("not_rapi", Fault::Redirect { location: "https://evil.example.com/".to_owned() }),
        ("not_rapi", Fault::HalfAnswer),
        ("master_down", Fault::MasterDown),
    ] {
        // As with real Ganeti, the daemon answers `/version` by itself.
        new1.fault(FaultRule::always(fault.clone()).path("/2/"));
        let found = problems(api, &body).await;
        assert!(found.iter().any(|(c, _)| c == code), "wanted {code} for {fault:?}: {found:?}");
        new1.clear_faults().await.unwrap();
    }
    let exists = json!({
        "endpoints": [stage.cluster("fra1").url()], "read": read,
        "fingerprint": stage.cluster("fra1").fingerprint(),
    });
    assert!(problems(api, &exists).await.iter().any(|(code, _)| code == "exists"));

    // A certificate that changes later is refused, and shown; nothing is deleted for it.
    let fra1 = stage.cluster("fra1");
    fra1.change_certificate(CertStyle::GanetiV1).unwrap();
    crate::stage::eventually("the changed certificate to be told", api, "/clusters/fra1", |c| {
        let code = c["health"]["error_code"].as_str().unwrap_or_default();
        if code.contains("certificate") { Ok(()) } else { Err(c["health"].to_string()) }
    })
    .await;
    assert_eq!(api.get("/instances").await.ok()["total"], 8);

    bad_requests(&stage).await;
}

async fn bad_requests(stage: &Stage) {
    let api = &stage.admin;
    // Names that are none, and far too long ones.
    let long = "a".repeat(60_000);
    for name in ["../../2/info", "a/b", "web1 web2", "", &long, "x\u{0}y", "ä.example.org"] {
        let body = json!({
            "cluster": "fra1", "name": name, "os": "noop+default", "disk_template": "diskless",
            "memory_mib": 128,
        });
        let answer = api.post("/instances", &body).await.expect_status(400);
        assert!(answer.json()["request_id"].is_string(), "{}", answer.text);
        assert!(answer.text.len() < 2_000, "an echo of {} bytes", answer.text.len());
    }
    for path in ["/clusters/fra1/instances/..%2F..%2Finfo", "/clusters/..%2Fx", "/jobs/x'--"] {
        let answer = api.get(path).await;
        assert!([400, 404].contains(&answer.status.as_u16()), "{path}: {}", answer.text);
    }
    // The same where a name is not in the path: none of them reaches Ganeti, or a row.
    for (path, body) in [
        ("/consoles", json!({"cluster": "fra1", "instance": "../../2/info", "kind": "vnc"})),
        ("/consoles", json!({"cluster": "../fra1", "instance": "web1", "kind": "vnc"})),
        ("/clusters", json!({"slug": "../x", "endpoints": ["10.0.0.1"], "fingerprint": "00"})),
        ("/grants", json!({"username": "admin", "role": "view", "cluster": "../fra1"})),
        ("/users", json!({"username": "../root", "password": "a password for tests"})),
        ("/clusters/fra1/instances/..%2F..%2Finfo/reboot", json!({})),
    ] {
        let answer = api.post(path, &body).await;
        assert!([400, 404].contains(&answer.status.as_u16()), "{path} {body}: {}", answer.text);
    }
    let too_long = format!("/clusters/fra1/instances/{}", "b".repeat(20_000));
    assert!(api.get(&too_long).await.status.is_client_error());
    let huge = "z".repeat(400_000);
    let answer = api.post("/instances", &json!({ "name": huge })).await;
    assert_eq!(answer.status, 413, "{}", answer.text);
    let odd = api.request(Method::POST, "/instances").header("content-type", "application/json");
    assert_eq!(api.send(odd.body("{not json")).await.status, 400);
    let unknown = api.post("/session", &json!({"username": "a", "password": "b", "c": 1})).await;
    assert_eq!(unknown.status, 400, "{}", unknown.text);
    for query in ["q=nonsense:::", "limit=0", "limit=201", "cursor=forged", "sort=;drop"] {
        let answer = api.get(&format!("/instances?{query}")).await.expect_status(400);
        assert_ne!(answer.code(), "", "{query}");
    }
    // Another site's page, another host's name.
    let forged = api.request(Method::DELETE, "/session").header("sec-fetch-site", "cross-site");
    assert_eq!(api.send(forged).await.status, 403);
    let misdirected = api.request(Method::GET, "/me").header("host", "evil.example.com");
    assert_eq!(api.send(misdirected).await.status, 421);
    // None of this became a job.
    assert_eq!(api.get("/jobs?q=origin:gwm").await.ok()["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_with_one_key_is_one_job() {
    let stage = Stage::start(Options::test("idempotency"), &["fra1"]).await;
    let api = &stage.admin;
    let name = stage.stopped("fra1");
    let send = async |key: &str, instance: &str| {
        let path = format!("/clusters/fra1/instances/{instance}/startup");
        let request = api.request(Method::POST, &path).header("idempotency-key", key);
        api.send(request).await
    };
    let first = send("k-1", &name).await.expect_status(202).ok();
    let second = send("k-1", &name).await.expect_status(202).ok();
    assert_eq!(first["id"], second["id"]);
    let other = stage.running("fra1");
    assert_eq!(send("k-1", &other).await.expect_status(422).code(), "idempotency_key_reused");
    let _too_long = send(&"k".repeat(65), &name).await.expect_status(400);
    let _started = succeeded(api, &first).await;
    assert_eq!(api.get("/jobs?q=origin:gwm").await.ok()["total"], 1);
    assert_eq!(stage.cluster("fra1").jobs_by_reason(first["id"].as_str().unwrap()).len(), 1);

    // A name that exists is Ganeti's word or ours, but a failed job, not half an instance.
    let body = json!({
        "cluster": "fra1", "name": name, "os": "noop+default", "disk_template": "diskless",
        "memory_mib": 128, "iallocator": "hail",
    });
    let answer = api.post("/instances", &body).await;
    if answer.status == 202 {
        let job = ended(api, &answer.ok()).await;
        assert_eq!(job["state"], "failed");
        assert_eq!(job["error"]["code"], "already_exists", "{job:#}");
    } else {
        let _refused = answer.expect_status(409);
    }
    assert!(stage.cluster("fra1").jobs_by_reason("gwm:op").len() == 1);
}
