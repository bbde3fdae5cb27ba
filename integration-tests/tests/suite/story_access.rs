//! What a customer sees, and what is gone when a right is taken away.

use std::time::Duration;

use futures::future::join_all;
use gwm_integration_tests::{Api, EventStream, Options, Part};
use gwm_testkit::wait_for;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, moving_picture, open, pass, succeeded};

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_has_one_instance_and_nothing_else_until_it_is_taken_away() {
    let options =
        Options::test("story-access").with(Part::Auth, json!({"ticket": {"lifetime": "5s"}}));
    let stage = Stage::start(options, &["fra1", "ams1"]).await;
    let (admin, name) = (&stage.admin, stage.running("fra1"));
    let customer = stage.user("carla").await;

    // Nothing yet.
    assert_eq!(customer.get("/instances").await.ok()["total"], 0);
    let path = format!("/clusters/fra1/instances/{name}");
    let _hidden = customer.get(&path).await.expect_status(404);

    // Power includes console and view.
    let grant = json!({"username": "carla", "role": "power", "cluster": "fra1", "instance": name});
    let grant = admin.post("/grants", &grant).await.expect_status(201).ok();
    wait_for("the grant to reach the inventory", PATIENCE, async || {
        let seen = customer.get("/instances").await;
        if seen.json()["total"] == 1 { Ok(()) } else { Err(seen.text) }
    })
    .await;
    let mut texts = vec![
        customer.get("/instances").await.text,
        customer.get(&path).await.text,
        customer.get("/clusters").await.text,
        customer.get("/nodes").await.text,
        customer.get("/jobs").await.text,
    ];
    let reboot = customer.post(&format!("{path}/reboot"), &json!({})).await.expect_status(202).ok();
    texts.push(succeeded(&customer, &reboot).await.to_string());
    texts.push(customer.get(&format!("/jobs/{}/log", reboot["id"].as_str().unwrap())).await.text);
    for text in &texts {
        assert!(!text.contains("node1.") && !text.contains("node2."), "a node's name: {text}");
    }
    assert_eq!(customer.get("/nodes").await.json()["items"], json!([]));
    // What she did is on record, for her too, and of others nothing.
    wait_for("the reboot's record", PATIENCE, async || {
        let seen = customer.get("/audit?q=action:instance.reboot+phase:end").await;
        if seen.json()["total"] == 1 { Ok(()) } else { Err(seen.text) }
    })
    .await;
    let ndjson = customer.request(Method::GET, "/audit").header("accept", "application/x-ndjson");
    let text = customer.send(ndjson).await.text;
    let mut lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.pop().unwrap(), json!({"end": true, "count": lines.len()}));
    assert!(lines.iter().all(|l| l["person"]["username"] == "carla"), "{text}");
    assert!(admin.get("/audit?q=actor:carla").await.ok()["total"].as_u64() >= Some(2));
    assert_eq!(customer.get("/audit?q=actor:admin").await.ok()["total"], 0);

    // Known but not permitted is 403, hidden is 404.
    let _no_delete = customer.delete(&path).await.expect_status(403);
    let other = stage.running("ams1");
    let other = format!("/clusters/ams1/instances/{other}/reboot");
    let _hidden = customer.post(&other, &json!({})).await.expect_status(404);
    let _no_users = customer.get("/users").await.expect_status(403);

    // A ticket opens once, whoever is faster; and not late.
    let ticket = pass(&customer, "fra1", &name).await;
    let origin = stage.stack.url();
    let opened = join_all((0..100).map(|_| open(&ticket, &origin))).await;
    let mut consoles: Vec<_> = opened.into_iter().filter_map(Result::ok).collect();
    assert_eq!(consoles.len(), 1, "one ticket opened so many consoles");
    let mut console = consoles.remove(0);
    moving_picture(&mut console).await;
    assert!(open(&ticket, &origin).await.is_err(), "a ticket opened twice");
    let ticket = pass(&customer, "fra1", &name).await;
    assert!(open(&ticket, "http://evil.example.com").await.is_err(), "a foreign page opened it");
    let ticket = pass(&customer, "fra1", &name).await;
    let made = std::time::Instant::now();
    wait_for("the ticket to be too old", PATIENCE, async || {
        let age = made.elapsed();
        if age > Duration::from_millis(5_500) { Ok(()) } else { Err(format!("{age:?}")) }
    })
    .await;
    assert!(open(&ticket, &origin).await.is_err(), "a late ticket opened");

    // Taken away: the open console and the stream's events end, by themselves.
    let mut sse = EventStream::open(&customer, None).await.unwrap();
    assert_eq!(sse.next().await.unwrap().name, "hello");
    let grant = grant["id"].as_str().unwrap();
    let _gone = admin.delete(&format!("/grants/{grant}")).await.expect_status(204);
    let closed = tokio::time::timeout(PATIENCE, console.closed).await;
    let (code, reason) = closed.expect("the console ends when its right does").unwrap();
    eprintln!("console closed with {code:?} {reason:?}");
    wait_for("the instance to be hidden again", PATIENCE, async || {
        match customer.get(&path).await {
            hidden if hidden.status == 404 => Ok(()),
            seen => Err(seen.text),
        }
    })
    .await;

    // Signed out: the stream itself ends, and so does the cookie.
    let _out = customer.delete("/session").await.expect_status(204);
    let end = async { while sse.next().await.is_some() {} };
    tokio::time::timeout(PATIENCE, end).await.expect("the stream ends with its session");
    wait_for("the cookie to be worthless", PATIENCE, async || match customer.get("/me").await {
        refused if refused.status == 401 => Ok(()),
        seen => Err(seen.text),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_where_it_was_and_a_token_works_until_revoked() {
    let stage = Stage::start(Options::test("story-resume"), &["fra1"]).await;
    let (admin, name) = (&stage.admin, stage.stopped("fra1"));
    let mut sse = EventStream::open(admin, None).await.unwrap();
    assert_eq!(sse.next().await.unwrap().name, "hello");
    let after = sse.last_id.clone();
    drop(sse);

    // While nobody listens, something happens.
    let made = admin.post("/me/tokens", &json!({"name": "ci"})).await.expect_status(201).ok();
    let token = stage.stack.anonymous().with_token(made["token"].as_str().unwrap());
    let path = format!("/clusters/fra1/instances/{name}/startup");
    let job = token.post(&path, &json!({})).await.expect_status(202).ok();
    let _started = succeeded(&token, &job).await;

    let mut sse = EventStream::open(admin, Some(&after)).await.unwrap();
    let id = job["id"].as_str().unwrap();
    let of_job = |wanted: &'static str| {
        let id = id.to_owned();
        move |event: &gwm_integration_tests::ServerEvent| {
            let kind = event.data["type"].as_str().unwrap_or_default().to_owned();
            event.data["data"]["object"]["id"] == id && kind.contains(wanted)
        }
    };
    sse.find(of_job("job.queued")).await.unwrap();
    let last = sse.find(of_job("job.succeeded")).await.unwrap();
    // From there on, nothing comes twice.
    let mut again = EventStream::open(admin, Some(&last.id)).await.unwrap();
    assert_eq!(again.next().await.unwrap().name, "hello");
    let listed = admin.get("/me/tokens").await.text;
    assert!(!listed.contains(made["token"].as_str().unwrap()), "a token is shown twice");
    let path = format!("/me/tokens/{}", made["id"].as_str().unwrap());
    let _revoked = admin.delete(&path).await.expect_status(204);
    let next = tokio::time::timeout(PATIENCE, again.find(|e| e.name == "message")).await;
    let next = next.unwrap().unwrap();
    assert_ne!(next.data["id"], last.data["id"], "an event came twice");
    wait_for("the token to be worthless", PATIENCE, async || match token.get("/me").await {
        refused if refused.status == 401 => Ok(()),
        seen => Err(seen.text),
    })
    .await;
    // An id that nobody made is refused in words.
    let odd = admin.request(Method::GET, "/events").header("last-event-id", "secret-1");
    assert_eq!(admin.send(odd).await.status, 400);
}

/// A cluster's administrator needs nobody else to give rights on it; each right does what it says and no more.
#[tokio::test(flavor = "multi_thread")]
async fn who_administers_a_cluster_hands_on_rights_and_each_does_its_own() {
    let stage = Stage::start(Options::test("story-verbs"), &["fra1", "ams1"]).await;
    let (carla, dora) = (stage.user("carla").await, stage.user("dora").await);
    let names = stage.admin.get("/instances?q=cluster:fra1%20status:running").await.ok();
    let name = |n: usize| names["items"][n]["name"].as_str().unwrap().to_owned();
    let (noted, going) = (name(0), name(1));
    let path = |name: &str| format!("/clusters/fra1/instances/{name}");
    let give = async |giver: &Api, permission: &str, instance: Option<&str>| {
        let body = json!({
            "username": "dora", "role": permission, "cluster": "fra1", "instance": instance,
        });
        giver.post("/grants", &body).await
    };
    let _hidden = give(&carla, "view", None).await.expect_status(404);
    let body = json!({"username": "carla", "role": "admin", "cluster": "fra1"});
    let _given = stage.admin.post("/grants", &body).await.expect_status(201);
    wait_for("carla's right", PATIENCE, async || {
        match give(&carla, "modify", Some(&noted)).await {
            answer if answer.status == 201 => Ok(()),
            answer => Err(answer.text),
        }
    })
    .await;
    let _given = give(&carla, "remove", Some(&going)).await.expect_status(201);
    let elsewhere = json!({"username": "dora", "role": "view", "cluster": "ams1"});
    let _hidden = carla.post("/grants", &elsewhere).await.expect_status(404);
    let on = carla.get(&format!("/grants?cluster=fra1&instance={noted}")).await.ok();
    assert_eq!(on["items"].as_array().unwrap().len(), 1, "{on}");
    let _no_users = carla.get("/users").await.expect_status(403);

    wait_for("dora to see both", PATIENCE, async || {
        let seen = dora.get("/instances").await;
        if seen.json()["total"] == 2 { Ok(()) } else { Err(seen.text) }
    })
    .await;
    let note = json!({"text": "Backups at four."});
    let _written = dora.post(&format!("{}/notes", path(&noted)), &note).await.ok();
    let _refused = dora.post(&format!("{}/notes", path(&going)), &note).await.expect_status(403);
    let _refused = dora.delete(&path(&noted)).await.expect_status(403);
    for name in [&noted, &going] {
        let reboot = dora.post(&format!("{}/reboot", path(name)), &json!({})).await;
        let _refused = reboot.expect_status(403);
    }
    let _refused = give(&dora, "view", Some(&noted)).await.expect_status(403);
    let job = dora.delete(&path(&going)).await.expect_status(202).ok();
    let _gone = succeeded(&dora, &job).await;

    // The pages offer what can be done.
    let page = async |person: &Api, path: &str| {
        let page = person.send(person.raw(Method::GET, path)).await;
        page.expect_status(200).text
    };
    assert!(page(&carla, "/clusters/fra1").await.contains("Who may use it"));
    assert!(!page(&carla, "/clusters/fra1").await.contains("/clusters/fra1/edit"));
    assert!(page(&carla, &path(&noted)).await.contains("Who may use it"));
    assert!(!page(&dora, &path(&noted)).await.contains("Who may use it"));
}
