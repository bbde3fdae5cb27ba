//! What real Ganeti refuses is said in words, and nothing is half done.

use gwm_integration_tests::Api;
use serde_json::{Value, json};

use crate::ganeti;
use crate::stage::{Stage, ended, eventually, wanted};

#[tokio::test(flavor = "multi_thread")]
async fn what_real_ganeti_refuses_is_said_in_words() {
    if !wanted() {
        return;
    }
    let stage = Stage::start("lab-refusals", 1).await;
    let info = ganeti::info();
    probe_tells_what_is_wrong(&stage.admin, &info["clusters"]).await;
    a_name_that_exists_is_refused(&stage).await;
    ganetis_own_refusal_reaches_the_person(&stage).await;
    a_console_that_is_none_says_why(&stage).await;
}

async fn probe_tells_what_is_wrong(api: &Api, clusters: &Value) {
    let (alpha, beta) = (&clusters[0], &clusters[1]);
    let good = json!({
        "endpoints": [alpha["rapi"]], "fingerprint": alpha["fingerprint"],
        "read": alpha["read"], "write": alpha["write"],
    });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let node = alpha["nodes"][0]["address"].as_str().unwrap();
    let at = |port: u16| json!({ "endpoints": [format!("https://{node}:{port}")] });
    let wrong = json!({"username": "viewer", "password": "wrong-one"});
    let cases = [
        ("exists", good.clone()),
        ("unauthorized", with("read", wrong.clone())),
        ("unauthorized", with("write", wrong)),
        ("forbidden", with("write", alpha["read"].clone())),
        ("certificate_changed", with("fingerprint", beta["fingerprint"].clone())),
        // SSH is not TLS, Ganeti's node daemon is TLS but no RAPI, and nobody is at the last port.
        ("not_tls", at(22)),
        ("not_rapi", at(1811)),
        ("refused", at(5081)),
    ];
    for (code, body) in cases {
        let seen = api.post("/clusters/probe", &body).await.ok();
        let problems = seen["problems"].as_array().unwrap();
        let problem = problems.iter().find(|problem| problem["code"] == code);
        let problem = problem.unwrap_or_else(|| panic!("wanted {code} for {body}: {seen:#}"));
        let text = problem["text"].as_str().unwrap();
        eprintln!("{code}: {text}");
        assert!(text.len() > 15 && !text.contains("wrong-one"), "{text}");
        if code == "certificate_changed" {
            // Both are shown: what was pinned, and what is there.
            let shown = crate::stage::plain(&seen["fingerprint"]);
            assert_eq!(shown, crate::stage::plain(&alpha["fingerprint"]), "{seen:#}");
        }
    }
    // The add itself tests it too.
    let mut body = with("fingerprint", beta["fingerprint"].clone());
    body["slug"] = "gamma".into();
    let answer = api.post("/clusters", &body).await;
    assert!(answer.status.is_client_error(), "{}: {}", answer.status, answer.text);
    assert_eq!(api.get("/clusters").await.ok()["total"], 2);
}

async fn a_name_that_exists_is_refused(stage: &Stage) {
    let body = json!({
        "cluster": "alpha", "name": "web1.alpha.lab.test", "os": "noop+default",
        "disk_template": "diskless", "memory_mib": 128, "hypervisor": "fake",
    });
    let before = ganeti::table("alpha", "gnt-instance", "name,uuid");
    let answer = stage.admin.post("/instances", &body).await;
    if answer.status == 202 {
        let job = ended(&stage.admin, &answer.ok()).await;
        assert_eq!(job["state"], "failed", "{job:#}");
        assert_eq!(job["error"]["code"], "already_exists", "{job:#}");
        assert!(job["error"]["message"].as_str().unwrap().contains("web1.alpha.lab.test"));
        assert_eq!(job["ganeti_jobs"], json!([]), "nothing was asked of Ganeti: {job:#}");
    } else {
        assert_eq!(answer.expect_status(409).code(), "already_exists");
    }
    assert_eq!(ganeti::table("alpha", "gnt-instance", "name,uuid"), before);
}

async fn ganetis_own_refusal_reaches_the_person(stage: &Stage) {
    let body = json!({
        "cluster": "alpha", "name": "lab-none.alpha.lab.test", "os": "no-such-os",
        "disk_template": "diskless", "memory_mib": 128, "hypervisor": "fake",
        "pnode": "node1.alpha.lab.test",
    });
    let job = stage.admin.post("/instances", &body).await.expect_status(202).ok();
    let job = ended(&stage.admin, &job).await;
    assert_eq!(job["state"], "failed", "{job:#}");
    let message = job["error"]["message"].as_str().unwrap();
    eprintln!("{}: {message}", job["error"]["code"]);
    assert!(message.contains("no-such-os"), "{job:#}");
    assert!(!ganeti::instances("alpha").contains(&"lab-none.alpha.lab.test".to_owned()));
}

/// Ganeti's kvm default has no VNC; one at the node's loopback can't be reached; fake has none.
async fn a_console_that_is_none_says_why(stage: &Stage) {
    let name = "lab-dark.beta.lab.test";
    let body = json!({
        "cluster": "beta", "name": name, "os": "noop+default", "hypervisor": "kvm",
        "disk_template": "sharedfile", "disks": [{"size_mib": 16}], "memory_mib": 128,
        "hvparams": {"vnc_bind_address": ""}, "pnode": "node1.beta.lab.test",
    });
    stage.post("/instances", &body).await;
    refused(stage, name, "vnc_bind_address to 0.0.0.0").await;
    let bind = "vnc_bind_address=127.0.0.1";
    ganeti::run("beta", &["gnt-instance", "modify", "--hypervisor-parameters", bind, name]);
    let word = "only on the node itself";
    let path = format!("/clusters/beta/instances/{name}");
    let told = |seen: &Value| {
        seen["console_problem"].as_str().is_some_and(|problem| problem.contains(word))
    };
    eventually("the console's problem", &stage.admin, &path, told).await;
    refused(stage, name, word).await;
    refused(stage, "web1.beta.lab.test", "fake hypervisor").await;
}

async fn refused(stage: &Stage, name: &str, word: &str) {
    let body = json!({ "cluster": "beta", "instance": name, "kind": "vnc" });
    let answer = stage.admin.post("/consoles", &body).await.expect_status(409);
    assert_eq!(answer.code(), "console_unavailable", "{}", answer.text);
    assert!(answer.text.contains(word), "wanted {word:?}: {}", answer.text);
}
