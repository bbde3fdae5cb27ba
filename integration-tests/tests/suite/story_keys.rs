//! Programs and machines: limited API tokens, and SSH keys for installation scripts.

use gwm_integration_tests::{Answer, Api, Options};
use gwm_testkit::wait_for;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, succeeded};

const ANNS: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKF5shemlAwkL+HRXJBdCmJ8a8d8yhHj6XFkwmM2dYcg";
const ROOTS: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINwiCaVsLzp6EKMuFPj9EJOQbY7H1ZSoDOAFfJ0qpP3x";

async fn token(api: &Api, body: Value) -> Api {
    let made = api.post("/me/tokens", &body).await.expect_status(201).json();
    api.with_token(made["token"].as_str().unwrap())
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_script_reads_the_keys_of_those_who_may_log_in_and_nothing_else() {
    let stage = Stage::start(Options::test("story-keys"), &["fra1", "ams1"]).await;
    let admin = &stage.admin;
    let (ann, bob) = (stage.user("ann").await, stage.user("bob").await);
    let (instance, other) = (stage.running("fra1"), stage.running("ams1"));
    for (who, role) in [("ann", "power"), ("bob", "view")] {
        let right = json!({"username": who, "role": role, "cluster": "fra1", "instance": instance});
        let _given = admin.post("/grants", &right).await.expect_status(201);
    }

    // Everybody puts their keys where they belong; nobody else can.
    let pasted = json!({"public_key": format!("{ANNS} ann@laptop")});
    let added = ann.post("/me/ssh-keys", &pasted).await.expect_status(201).json();
    assert_eq!(
        (&added["name"], &added["algorithm"]),
        (&json!("ann@laptop"), &json!("ssh-ed25519"))
    );
    let twice = ann.post("/me/ssh-keys", &json!({"public_key": ANNS})).await;
    assert_eq!(refusal(&twice), (409, "ssh_key_exists".to_owned()));
    let odd = ann.post("/me/ssh-keys", &json!({"public_key": format!("no-pty {ANNS}")})).await;
    assert_eq!((refusal(&odd).0, &odd.json()["field"]), (400, &json!("public_key")));
    let _bobs = bob.post("/me/ssh-keys", &json!({"public_key": ANNS})).await.expect_status(201);
    let _roots = admin.post("/me/ssh-keys", &json!({"public_key": ROOTS})).await.expect_status(201);
    let anns = added["id"].as_str().unwrap();
    let of_ann = format!("/users/ann/ssh-keys/{anns}");
    let _hidden = bob.get("/users/ann/ssh-keys").await.expect_status(403);
    let _kept = bob.delete(&of_ann).await.expect_status(403);
    let _none = bob.delete(&format!("/me/ssh-keys/{anns}")).await.expect_status(404);

    // The script's token may read keys on one cluster, from this machine, for a while: and nothing else.
    let script = json!({
        "name": "installer", "roles": ["read_keys"], "objects": [{"cluster": "fra1"}],
        "networks": ["127.0.0.0/8", "::1"], "expires_at": "2999-01-01T00:00:00Z",
    });
    let script = token(admin, script).await;
    let file = format!("/clusters/fra1/instances/{instance}/authorized-keys");
    let read = wait_for("the token's rights", PATIENCE, async || {
        let answer = script.get(&file).await;
        if answer.status == 200 { Ok(answer) } else { Err(answer.text) }
    })
    .await;
    assert_eq!(read.text, format!("{ANNS} ann (gwm)\n"), "who only sees it has no login there");
    assert!(read.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    let all = script.get(&format!("{file}?administrators=true")).await.expect_status(200).text;
    assert_eq!(all, format!("{ROOTS} admin (gwm)\n{ANNS} ann (gwm)\n"));
    let whole = script.get("/clusters/fra1/authorized-keys").await.expect_status(200).text;
    assert_eq!(whole, "", "nobody may open every console");
    nothing_else(&script, &instance, &other).await;
    let _not_anns = ann.get(&file).await.expect_status(403);

    // From elsewhere a token is nothing.
    let far = token(admin, json!({"name": "far", "networks": ["192.0.2.0/24"]})).await;
    assert_eq!(refusal(&far.get("/me").await), (403, "token_network".to_owned()));

    // A right that goes takes the key out of the file.
    let grants = admin.get(&format!("/grants?cluster=fra1&instance={instance}")).await.ok();
    let anns_right = grants["items"].as_array().unwrap().iter().find(|g| g["username"] == "ann");
    let anns_right = anns_right.unwrap()["id"].as_str().unwrap();
    let _gone = admin.delete(&format!("/grants/{anns_right}")).await.expect_status(204);
    wait_for("ann's key to be gone", PATIENCE, async || {
        let text = script.get(&file).await.expect_status(200).text;
        if text.is_empty() { Ok(()) } else { Err(text) }
    })
    .await;
    let _removed = admin.delete(&of_ann).await.expect_status(204);
    assert_eq!(ann.get("/me/ssh-keys").await.ok()["items"], json!([]));

    // All of it is on record.
    let log = admin.get("/audit?q=kind:ssh_key").await.ok();
    let records = log["items"].as_array().unwrap();
    let count = |action: &str| records.iter().filter(|r| r["action"] == action).count();
    assert_eq!((count("ssh_key.add"), count("ssh_key.remove")), (3, 1), "{log}");
}

/// What such a token is not for.
async fn nothing_else(script: &Api, instance: &str, other: &str) {
    let elsewhere = format!("/clusters/ams1/instances/{other}/authorized-keys");
    for path in
        [&*elsewhere, "/users", "/me/tokens", "/me/ssh-keys", "/audit", "/groups", "/me/sessions"]
    {
        let answer = script.get(path).await;
        assert!(
            [403, 404].contains(&refusal(&answer).0),
            "{path}: {} {}",
            answer.status,
            answer.text
        );
    }
    let stop = format!("/clusters/fra1/instances/{instance}/shutdown");
    for (path, body) in [
        (&*stop, json!({})),
        ("/me/tokens", json!({"name": "more"})),
        ("/me/ssh-keys", json!({"public_key": ANNS})),
        ("/me/password", json!({"old_password": "x", "new_password": "a mill by the brook"})),
        ("/users", json!({"username": "eve", "password": "a mill by the brook"})),
        ("/grants", json!({"username": "bob", "role": "power", "cluster": "fra1"})),
    ] {
        let answer = script.post(path, &body).await;
        assert_eq!(refusal(&answer).0, 403, "{path}: {}", answer.text);
    }
    let seen = script.get("/instances").await.ok();
    let mut clusters = seen["items"].as_array().unwrap().iter().map(|i| &i["cluster"]);
    assert!(seen["total"] == 8 && clusters.all(|c| *c == "fra1"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_asks_while_the_instance_is_being_made_gets_the_key_of_who_makes_it() {
    let stage = Stage::start(Options::test("story-keys-making"), &["fra1"]).await;
    let admin = &stage.admin;
    let (ann, bob) = (stage.user("ann").await, stage.user("bob").await);
    for (who, key) in [(&ann, ANNS), (&bob, ROOTS)] {
        let _added = who.post("/me/ssh-keys", &json!({"public_key": key})).await.expect_status(201);
    }
    let right = json!({"username": "ann", "role": "create_vm", "cluster": "fra1"});
    let _given = admin.post("/grants", &right).await.expect_status(201);
    let body =
        json!({"name": "installer", "roles": ["read_keys"], "objects": [{"cluster": "fra1"}]});
    let script = token(admin, body).await;
    let file = "/clusters/fra1/instances/ann1.example.org/authorized-keys";
    wait_for("the token's rights", PATIENCE, async || {
        let answer = script.get("/clusters/fra1/authorized-keys").await;
        if answer.status == 200 { Ok(()) } else { Err(answer.text) }
    })
    .await;
    let _nobody_makes_it = script.get(file).await.expect_status(404);

    // Ganeti's job stands still, as it does while the script runs.
    let cluster = stage.cluster("fra1");
    let os = cluster.look(|c| c.instances.values().next().unwrap().os.clone());
    cluster.pause_queue(true);
    let new = json!({"cluster": "fra1", "name": "ann1.example.org", "os": os, "disk_template": "plain",
        "disks": [{"size_mib": 512}], "memory_mib": 128, "vcpus": 1});
    let job = wait_for("the right to create", PATIENCE, async || {
        let answer = ann.post("/instances", &new).await;
        if answer.status == 202 { Ok(answer.json()) } else { Err(answer.text) }
    })
    .await;
    let anns = format!("{ANNS} ann (gwm)\n");
    assert_eq!(script.get(file).await.expect_status(200).text, anns);
    assert_eq!(ann.get(file).await.status, 403, "who makes it reads no keys there");
    assert_eq!(bob.get(file).await.status, 404, "a stranger learns nothing");
    let elsewhere = "/clusters/fra1/instances/ann2.example.org/authorized-keys";
    let _nobody_makes_it = script.get(elsewhere).await.expect_status(404);

    cluster.pause_queue(false);
    let _made = succeeded(&ann, &job).await;
    wait_for("ann's right to it", PATIENCE, async || {
        let text = script.get(file).await.text;
        if text == anns { Ok(()) } else { Err(text) }
    })
    .await;
}
