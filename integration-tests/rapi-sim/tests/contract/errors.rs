//! Errors: status, words, and what is not an error.

use serde_json::{Value, json};

use crate::shape::{differences, recorded};
use crate::target::{Target, targets};

async fn expect(
    t: &Target,
    method: &str,
    path: &str,
    body: Option<Value>,
    status: u16,
    text: &str,
) {
    let answer = t.send(method, path, body.as_ref()).await;
    assert_eq!(answer.status, status, "{}: {method} {path}: {:?}", t.label, answer.body);
    assert_eq!(answer.body["code"], json!(status), "{}", t.label);
    assert!(answer.body["explain"].is_string(), "{}", t.label);
    assert_eq!(answer.message(), text, "{}: {method} {path}", t.label);
}

#[tokio::test]
async fn unknown_things_are_404() {
    for t in targets().await {
        for path in [
            "/2/nosuch",
            "/2/instances/nosuch.example",
            "/2/nodes/nosuch.example",
            "/2/groups/nosuch",
            "/2/networks/nosuch",
            "/2/jobs/abc",
            "/nosuch",
        ] {
            expect(&t, "GET", path, None, 404, "Not Found").await;
        }
    }
}

#[tokio::test]
async fn parts_of_unknown_things_are_500() {
    for t in targets().await {
        let index = "list index out of range";
        expect(&t, "GET", "/2/instances/nosuch/console", None, 500, index).await;
        expect(&t, "GET", "/2/nodes/nosuch/role", None, 500, index).await;
        for (resource, word) in [
            ("instances", "Instance"),
            ("nodes", "Node"),
            ("groups", "NodeGroup"),
            ("networks", "Network"),
        ] {
            let text =
                format!("(&#x27;{word} name nosuch not found&#x27;, &#x27;unknown_entity&#x27;)");
            expect(&t, "GET", &format!("/2/{resource}/nosuch/tags"), None, 500, &text).await;
        }
        let body = json!({"fields": ["name"], "qfilter": ["=", "name", "nosuch"]});
        let text = "(&#x27;Instance name nosuch not found&#x27;, &#x27;unknown_entity&#x27;)";
        expect(&t, "PUT", "/2/query/instance", Some(body), 500, text).await;
    }
}

#[tokio::test]
async fn an_unknown_job_is_200_with_nulls() {
    for t in targets().await {
        let answer = t.get("/2/jobs/999999").await;
        assert_eq!(answer.status, 200, "{}", t.label);
        assert_eq!(answer.body, recorded("alpha.err-404-job"), "{}", t.label);
        let cancel = t.send("DELETE", "/2/jobs/999999", None).await;
        assert_eq!(cancel.body, json!([false, "Job 999999 not found in queue"]), "{}", t.label);
    }
}

#[tokio::test]
async fn methods_not_offered_are_501() {
    for t in targets().await {
        for method in ["DELETE", "PATCH", "OPTIONS"] {
            let text = format!("Method {method} is unsupported for path /2/info");
            expect(&t, method, "/2/info", None, 501, &text).await;
        }
        assert_eq!(t.send("HEAD", "/2/info", None).await.status, 501, "{}", t.label);
    }
}

#[tokio::test]
async fn who_may_what() {
    for t in targets().await {
        let instances = t.get("/2/instances").await.body;
        let name = instances[0]["id"].as_str().unwrap().to_owned();
        let console = format!("/2/instances/{name}/console");
        let startup = format!("/2/instances/{name}/startup?dry-run=1");
        let anonymous = t.send_as(None, "GET", "/version").await;
        assert_eq!(anonymous.status, 401, "{}", t.label);
        assert_eq!(anonymous.body["message"], "Unauthorized");
        let realm = &anonymous.headers["www-authenticate"];
        assert_eq!(realm, "Basic realm=\"Ganeti Remote API\"", "{}", t.label);
        assert_eq!(t.send_as(Some("stranger"), "GET", "/2/info").await.status, 401);
        assert_eq!(t.send_as(Some("nobody"), "GET", "/2/info").await.status, 200, "{}", t.label);
        for (user, method, path) in [
            ("nobody", "GET", console.as_str()),
            ("nobody", "GET", "/2/query/instance?fields=name"),
            ("nobody", "PUT", startup.as_str()),
            ("viewer", "PUT", startup.as_str()),
            ("viewer", "GET", "/2/jobs/1/wait"),
            ("viewer", "DELETE", "/2/jobs/999999"),
        ] {
            let answer = t.send_as(Some(user), method, path).await;
            assert_eq!(answer.status, 403, "{}: {user} {method} {path}", t.label);
            assert_eq!(answer.body["message"], "Forbidden", "{}", t.label);
        }
        let query = t.send_as(Some("viewer"), "GET", "/2/query/instance?fields=name").await;
        assert_eq!(query.status, 200, "{}", t.label);
        // Without credentials nothing is said; with wrong ones, what is not there comes first.
        for (user, nothing, method) in
            [(None, 401, 401), (Some("stranger"), 404, 501), (Some("nobody"), 404, 501)]
        {
            assert_eq!(t.send_as(user, "GET", "/2/nosuch").await.status, nothing, "{}", t.label);
            assert_eq!(t.send_as(user, "DELETE", "/2/info").await.status, method, "{}", t.label);
        }
    }
}

#[tokio::test]
async fn bad_bodies_are_named() {
    for t in targets().await {
        let create = "/2/instances";
        expect(&t, "POST", create, Some(json!("{\"a\":")), 400, "Unable to parse JSON data").await;
        let text = "Body contents: Type is &#x27;list&#x27;, but &#x27;dict&#x27; is expected";
        expect(&t, "POST", create, Some(json!([1])), 400, text).await;
        let text = "Instance creation request version 0 is no longer supported";
        expect(&t, "POST", create, Some(json!({})), 400, text).await;
        let text = "Invalid body parameters: (&quot;Parameter \
                    &#x27;OP_INSTANCE_CREATE.instance_name&#x27; fails validation&quot;, \
                    &#x27;wrong_input&#x27;)";
        expect(&t, "POST", create, Some(json!({"__version__": 1})), 400, text).await;
        let name = t.get("/2/instances").await.body[0]["id"].as_str().unwrap().to_owned();
        let text = "Invalid body parameters: Object OpInstanceSetParams doesn&#x27;t support the \
                    parameter &#x27;nosuch&#x27;";
        let modify = format!("/2/instances/{name}/modify");
        expect(&t, "PUT", &modify, Some(json!({"nosuch": 1})), 400, text).await;
        let text = "Invalid body parameters: (&quot;Parameter \
                    &#x27;OP_INSTANCE_REBOOT.reboot_type&#x27; fails validation&quot;, \
                    &#x27;wrong_input&#x27;)";
        let reboot = format!("/2/instances/{name}/reboot?type=bogus");
        expect(&t, "POST", &reboot, None, 400, text).await;
        let response = t
            .client
            .post(format!("{}/2/instances", t.base))
            .basic_auth(&t.write.0, Some(&t.write.1))
            .header("content-type", "text/plain")
            .body("{}")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), 415, "{}", t.label);
    }
}

#[tokio::test]
async fn bad_queries_are_named() {
    for t in targets().await {
        let text = "Missing &#x27;fields&#x27; query argument";
        expect(&t, "GET", "/2/query/instance", None, 400, text).await;
        let text = "Failed to parse request: Cannot convert value \
                    &#x27;[&quot;nosuch&quot;, [&quot;name&quot;], null]&#x27;, error: Can&#x27;t \
                    parse value &#x27;nosuch&#x27; as neitherQueryTypeLuxi nor QueryTypeOp";
        expect(&t, "GET", "/2/query/nosuch?fields=name", None, 502, text).await;
        let body = json!({"fields": ["name"], "qfilter": ["&", "x"]});
        let answer = t.send("PUT", "/2/query/instance", Some(&body)).await;
        assert_eq!(answer.status, 502, "{}", t.label);
        assert!(answer.message().contains("Cannot deserialise filter"), "{}", t.label);
        let bad = |filter: Value| json!({"fields": ["name"], "qfilter": filter});
        for (filter, status, text) in [
            (json!(["=", "nosuch", 1]), 500, "Can&#x27;t find field named &#x27;nosuch&#x27;"),
            (json!(["=", "vcpus", "x"]), 500, "Invalid types in comparison, trying to compare "),
            (json!(["?", "name"]), 500, "Unexpected value &#x27;&quot;"),
            (json!(["%", "name", "x"]), 502, "Failed to parse request: Cannot convert value "),
            (json!(["=~", "name", "("]), 502, "Failed to parse request: Cannot convert value "),
        ] {
            let answer = t.send("PUT", "/2/query/instance", Some(&bad(filter.clone()))).await;
            assert_eq!(answer.status, status, "{}: {filter}", t.label);
            let message = answer.message();
            assert!(message.starts_with(text), "{}: {filter}: {message}", t.label);
        }
        let os = t.get("/2/query/os?fields=name").await;
        assert_eq!(os.status, 500, "{}", t.label);
        assert_eq!(os.message(), "Query &#x27;ItemTypeOpCode QROs&#x27; not supported");
        let unknown = t.get("/2/query/instance?fields=name,nosuchfield").await;
        assert_eq!(unknown.status, 200, "{}", t.label);
        assert_eq!(unknown.body["data"][0][1], json!([1, null]), "{}", t.label);
        assert_eq!(unknown.body["fields"][1]["kind"], "unknown", "{}", t.label);
    }
}

#[tokio::test]
async fn waiting_without_a_body_or_for_an_unknown_job_is_500() {
    for t in targets().await {
        let none = t.get("/2/jobs/1/wait").await;
        assert_eq!(none.status, 500, "{}: {:?}", t.label, none.body);
        let text = "Required parameter &#x27;fields&#x27; is missing";
        expect(&t, "GET", "/2/jobs/1/wait", Some(json!({})), 400, text).await;
        let body = json!({"fields": ["status"]});
        let text = "Can&#x27;t load job file";
        expect(&t, "GET", "/2/jobs/999999/wait", Some(body), 500, text).await;
    }
}

#[tokio::test]
async fn a_console_needs_a_running_instance() {
    for t in targets().await {
        let all = t.get("/2/instances?bulk=1").await.body;
        let stopped = all.as_array().unwrap().iter().find(|i| i["status"] == "ADMIN_down");
        if let Some(instance) = stopped {
            let path = format!("/2/instances/{}/console", instance["name"].as_str().unwrap());
            expect(&t, "GET", &path, None, 503, "Instance console unavailable").await;
        }
        let kvm =
            all.as_array().unwrap().iter().find(|i| {
                i["status"] == "running" && i["hvparams"]["vnc_bind_address"] == "0.0.0.0"
            });
        let Some(instance) = kvm else { continue };
        let path = format!("/2/instances/{}/console", instance["name"].as_str().unwrap());
        let answer = t.get(&path).await;
        if answer.status == 500 {
            assert_eq!(answer.message(), "Internal Server Error", "{}: as shipped", t.label);
            continue;
        }
        let found = differences(&[recorded("alpha.instance-vnc1-console")], &answer.body);
        assert!(found.is_empty(), "{}: {found:?}", t.label);
        assert_eq!(answer.body["port"], instance["network_port"], "{}", t.label);
    }
}
