//! Every route of the API as nobody and as somebody without rights; and the description of the API.

use std::path::Path;

use gwm_integration_tests::{Api, Options};
use gwm_testkit::paths::project_root;
use reqwest::Method;
use serde_json::{Value, json};

use super::golden;
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_strangers_and_the_api_is_as_described() {
    let stage = Stage::start(Options::test("coverage-http"), &["fra1"]).await;
    let anonymous = stage.stack.anonymous();
    let mut document = anonymous.get("/openapi.json").await.ok();
    document.sort_all_objects();
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    golden(&project_root().join("services/web-gateway/openapi.json"), &text);

    // Of the same name as the node group that there is.
    let _made = stage.admin.post("/groups", &json!({"name": "default"})).await.ok();
    let stranger = stage.user("stranger").await;
    let name = stage.running("fra1");
    let mut rows = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            // With real names: what is refused is refused for its rights, not for being absent.
            let real = path.replace("{c}", "fra1").replace("{i}", &name).replace("{n}", "node1");
            let real =
                real.replace("{g}", "default").replace("{u}", "admin").replace("{r}", "user");
            let real = real.replace("{id}", "01a20000-0000-7000-8000-000000000000");
            let alone = status(&anonymous, &method, &real).await;
            if (method.as_str(), path.as_str()) != ("DELETE", "/session") {
                let with = status(&stranger, &method, &real).await;
                rows.push(format!("{method} {path}: {alone}; {with}\n"));
            } else {
                rows.push(format!("{method} {path}: {alone}\n"));
            }
            let open = path == "/session";
            assert!(open || alone == 401, "{method} {path} answers nobody with {alone}");
        }
    }
    rows.sort();
    let heading = "# route: status as nobody; as somebody without rights\n";
    let table = heading.to_owned() + &rows.concat();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    golden(&root.join("tests/suite/coverage/routes.txt"), &table);

    // Pages send strangers to the login, and what is not there is 404 to all.
    for page in [
        "/",
        "/instances",
        "/clusters",
        "/jobs",
        "/groups",
        "/roles",
        "/access",
        "/audit",
        "/clusters/add",
        "/me",
        "/users",
        "/invites",
        "/sign-in",
        "/second-factor",
    ] {
        let answer = anonymous.send(anonymous.raw(Method::GET, page)).await;
        assert!([302, 303].contains(&answer.status.as_u16()), "{page}: {}", answer.status);
    }
    let _nothing = stage.admin.get("/templates").await.expect_status(404);
}

/// A stream answers and stays open: its head is enough.
async fn status(api: &Api, method: &Method, path: &str) -> u16 {
    let mut request = api.request(method.clone(), path);
    if [Method::POST, Method::PATCH, Method::PUT].contains(method) {
        request = request.json(&body(path));
    }
    request.send().await.unwrap().status().as_u16()
}

/// A request that is complete, so that only the right to make it is missing.
pub(crate) fn body(path: &str) -> Value {
    match path {
        "/session" => json!({"username": "admin", "password": "wrong password"}),
        "/me/tokens" => json!({"name": "t"}),
        "/me/ssh-keys" => {
            json!({"public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKF5shemlAwkL+HRXJBdCmJ8a8d8yhHj6XFkwmM2dYcg x"})
        }
        "/me/views" => json!({"list": "instances", "name": "v", "q": "status:running"}),
        "/clusters/probe" => json!({"endpoints": ["10.0.0.1"]}),
        "/clusters" => {
            let user = json!({"username": "a", "password": "b"});
            json!({"slug": "x1", "endpoints": ["10.0.0.1"], "read": user, "fingerprint": "00".repeat(32)})
        }
        "/instances" => json!({
            "cluster": "fra1", "name": "n.example.org", "os": "noop+default",
            "disk_template": "diskless", "memory_mib": 128,
        }),
        "/consoles" => json!({"cluster": "fra1", "instance": "x", "kind": "vnc"}),
        "/grants" => json!({"username": "admin", "role": "view", "cluster": "fra1"}),
        "/imports/orphans/adopt" => json!({"csv": "fra1,x,admin"}),
        "/imports/missing/restore" => {
            let id = "01a20000-0000-7000-8000-000000000000";
            json!({"from": id, "to": id})
        }
        "/imports/missing/purge" => {
            let id = "01a20000-0000-7000-8000-000000000000";
            json!({"kind": "node", "cluster_id": id, "uuid": id})
        }
        path if path.ends_with("/notes") => json!({"text": "a note"}),
        path if path.ends_with("/owner") => json!({"owner": "admin"}),
        "/imports/missing/confirm" => json!({"cluster": "fra1", "objects": 1}),
        "/groups" => json!({"name": "g1"}),
        "/quotas" => json!({"cluster": "fra1", "memory": "1G"}),
        "/roles" => json!({"name": "r1", "permissions": ["view"]}),
        "/roles/user" => json!({"permissions": ["view"]}),
        "/groups/default" => json!({"description": "d"}),
        "/me/password" => json!({"old_password": "not it", "new_password": "a mill by the brook"}),
        "/me/second-factor" => json!({"password": "not it"}),
        "/me/second-factor/remove" => json!({"password": "not it", "code": "123456"}),
        "/me/second-factor/confirm" => json!({"code": "123456"}),
        "/session/code" => json!({"challenge": "A".repeat(43), "code": "123456"}),
        "/sign-in" => json!({"second_factor": "nobody"}),
        "/invites" => json!({"username": "eve"}),
        "/invites/redeem" => json!({"code": "A".repeat(43), "password": "a mill by the brook"}),
        path if path.starts_with("/users/") && path.ends_with("/password") => {
            json!({"password": "a mill by the brook"})
        }
        "/users" => json!({"username": "eve", "password": "a password for tests"}),
        _ => json!({}),
    }
}
