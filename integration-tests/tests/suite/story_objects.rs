//! Node groups, networks and OSes, as a client and as a person see them.

use gwm_integration_tests::{Api, Options};
use gwm_testkit::wait_for;
use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage};

async fn list(api: &Api, path: &str) -> Vec<Value> {
    api.get(path).await.ok()["items"].as_array().unwrap().clone()
}

async fn text(api: &Api, method: Method, path: &str, accept: &str) -> String {
    let answer = api.send(api.request(method, path).header(header::ACCEPT, accept)).await;
    assert_eq!(answer.status.as_u16(), 200, "{path}");
    answer.text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clusters_are_made_of_is_listed_shown_and_hidden() {
    let stage = Stage::start(Options::test("objects"), &["fra1", "ams2"]).await;
    let admin = &stage.admin;
    wait_for("the OSes of both", PATIENCE, async || {
        let oses = list(admin, "/oses").await;
        let of = |slug: &str| oses.iter().any(|os| os["cluster"] == slug);
        if of("fra1") && of("ams2") { Ok(()) } else { Err(format!("{oses:?}")) }
    })
    .await;

    for (all, own) in [
        ("/node-groups", "/clusters/fra1/node-groups"),
        ("/networks", "/clusters/fra1/networks"),
        ("/oses", "/clusters/fra1/oses"),
    ] {
        let everywhere = list(admin, all).await;
        let here = list(admin, own).await;
        assert!(!here.is_empty() && here.len() < everywhere.len(), "{all}");
        assert!(here.iter().all(|item| item["cluster"] == "fra1"), "{own}");
        // One at a time, in either order, filtered: what all lists can do.
        let page = admin.get(&format!("{all}?limit=1&sort=-name")).await.ok();
        assert_eq!(page["items"].as_array().unwrap().len(), 1);
        assert_eq!(page["total"], everywhere.len());
        let next = page["next_cursor"].as_str().unwrap();
        let second = admin.get(&format!("{all}?limit=1&sort=-name&cursor={next}")).await.ok();
        assert_ne!(second["items"][0], page["items"][0]);
        let name = here[0]["name"].as_str().unwrap();
        let found = list(admin, &format!("{own}?q=name:%22{}%22", name.replace('+', "%2B"))).await;
        assert_eq!(found.len(), 1, "{all} {name}");
        let wrong = admin.get(&format!("{all}?q=nonsense:1")).await.expect_status(400);
        assert_eq!(wrong.json()["status"], 400);
        let csv = text(admin, Method::GET, all, "text/csv").await;
        assert_eq!(csv.lines().count(), everywhere.len() + 1, "{csv}");
        let lines = text(admin, Method::GET, all, "application/x-ndjson").await;
        let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        assert_eq!(last, json!({"end": true, "count": everywhere.len()}));
        let page = admin.send(admin.raw(Method::GET, all)).await;
        let html = page.text;
        assert!(html.contains(&format!(">{name}</a>")), "{all}");
    }

    // Its list is where a consumer of events starts.
    let groups = admin.get("/node-groups").await.ok();
    assert!(groups["stream_sequence"].as_u64().unwrap() > 0);

    // Whoever sees one instance sees none of it, and not where else it may run.
    let name = stage.running("fra1");
    let customer = stage.user("customer").await;
    let grant = json!({
        "username": "customer", "role": "view", "cluster": "fra1", "instance": name,
    });
    let _given = admin.post("/grants", &grant).await.ok();
    let path = format!("/clusters/fra1/instances/{name}");
    wait_for("the right", PATIENCE, async || {
        let answer = customer.get(&path).await;
        if answer.status.as_u16() == 200 { Ok(()) } else { Err(answer.status.to_string()) }
    })
    .await;
    let group = list(admin, "/clusters/fra1/node-groups").await[0]["name"].clone();
    let network = list(admin, "/clusters/fra1/networks").await[0]["name"].clone();
    for (all, own, one) in [
        ("/node-groups", "/clusters/fra1/node-groups", format!("/{}", group.as_str().unwrap())),
        ("/networks", "/clusters/fra1/networks", format!("/{}", network.as_str().unwrap())),
        ("/oses", "/clusters/fra1/oses", String::new()),
    ] {
        let seen = customer.get(all).await.ok();
        assert_eq!((seen["total"].clone(), seen["items"].clone()), (json!(0), json!([])));
        let _hidden = customer.get(own).await.expect_status(404);
        let _hidden = customer.get(&format!("{own}{one}")).await.expect_status(404);
        let _there = admin.get(&format!("{own}{one}")).await.expect_status(200);
    }
    let _hidden = customer.get("/clusters/fra1/info").await.expect_status(404);
    let seen = customer.get(&path).await.ok();
    assert_eq!(seen["hvparams"], json!({}));
    assert_eq!(seen["said"], json!({}));
    let kinds: Vec<&Value> =
        seen["parameters"].as_array().unwrap().iter().map(|p| &p["kind"]).collect();
    assert!(!kinds.is_empty() && kinds.iter().all(|kind| *kind == "beparams"), "{kinds:?}");
    let page = customer.send(customer.raw(Method::GET, &path)).await;
    let html = page.text;
    assert!(
        !html.contains("/node-groups/") && !html.contains("/nodes/"),
        "the page tells where it is"
    );
}
