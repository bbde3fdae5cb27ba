//! Rights on what instances have in common: a tag set in Ganeti shows an instance to those who hold them, and taken away
//! hides it again, everywhere.

use gwm_integration_tests::{Api, EventStream, Options};
use gwm_rapi_sim::SimCluster;
use gwm_testkit::wait_for;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, eventually};
use crate::story_people;

const WEB: &str = "gwm:access:web";

fn tag(sim: &SimCluster, name: &str, tag: &str, there: bool) {
    sim.edit(|c| {
        let tags = &mut c.instances.get_mut(name).unwrap().tags;
        if there {
            tags.insert(tag.to_owned())
        } else {
            tags.remove(tag)
        };
    });
}

async fn sees(api: &Api, names: &[&str]) {
    let mut wanted: Vec<&str> = names.to_vec();
    wanted.sort_unstable();
    wait_for("the list", PATIENCE, async || {
        let seen = api.get("/instances?sort=name").await.ok();
        let items = seen["items"].as_array().unwrap();
        let there: Vec<&str> = items.iter().map(|i| i["name"].as_str().unwrap()).collect();
        assert_eq!(seen["total"], there.len(), "the total tells more than the list");
        if there == wanted { Ok(()) } else { Err(format!("{there:?}")) }
    })
    .await;
}

async fn give(admin: &Api, body: &Value) -> Value {
    admin.post("/grants", body).await.expect_status(201).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_the_tag_is_seen_for_as_long_as_it_has_it() {
    let stage = Stage::start(Options::test("story-selectors"), &["fra1", "ams1"]).await;
    let (admin, sim) = (&stage.admin, stage.cluster("fra1"));
    let carla = stage.user("carla").await;
    let names: Vec<String> = sim.look(|c| c.instances.keys().cloned().collect());
    let (web, other, late) = (names[0].as_str(), names[1].as_str(), names[2].as_str());
    let path = |name: &str| format!("/clusters/fra1/instances/{name}");
    tag(sim, web, WEB, true);
    let _group = admin.post("/groups", &json!({ "name": "shop" })).await.expect_status(201);
    let member = admin.request(Method::PUT, "/groups/shop/members/carla").json(&json!({}));
    let _member = admin.send(member).await.ok();

    // What is no selector is refused with its place.
    for (selector, says) in [
        ("cluster:fra1 colour:red", "part 2"),
        ("cluster:fra1", "owner or a tag"),
        ("cluster:fra1 tag:web", "gwm:access:"),
        ("cluster:fra1 owner:group/nobody", "no group nobody"),
        ("cluster:nowhere tag:gwm:access:web", "cluster"),
    ] {
        let body = json!({ "persona": "group/shop", "role": "view", "selector": selector });
        let refused = admin.post("/grants", &body).await;
        let seen = (refused.status.as_u16(), refused.json()["field"].clone());
        let hidden = selector.contains("nowhere");
        assert_eq!(seen.0, if hidden { 404 } else { 400 }, "{selector}: {}", refused.text);
        assert_eq!(seen.1, "selector", "{selector}: {}", refused.text);
        assert!(refused.text.contains(says), "{selector}: {}", refused.text);
    }

    let text = format!("cluster:fra1 tag:{WEB}");
    let body = json!({ "persona": "group/shop", "role": "power", "selector": text });
    let given = give(admin, &body).await;
    assert_eq!(
        (&given["object"]["kind"], &given["object"]["selector"]),
        (&json!("selector"), &json!(text))
    );
    sees(&carla, &[web]).await;
    let _hidden = carla.get(&path(other)).await.expect_status(404);
    assert_eq!(carla.get("/clusters").await.ok()["total"], 1);
    let _none = carla.get("/clusters/ams1").await.expect_status(404);

    // Set in Ganeti: she sees it, and may do what the role says and no more.
    tag(sim, late, WEB, true);
    sees(&carla, &[web, late]).await;
    let reboot = carla.post(&format!("{}/reboot", path(late)), &json!({})).await;
    let _job = reboot.expect_status(202);
    let _no = carla.delete(&path(late)).await.expect_status(403);
    let why = carla.get(&format!("/access/explain?cluster=fra1&instance={late}")).await.ok();
    assert_eq!(why["reasons"][0]["grant"]["object"]["selector"], json!(text), "{why:#}");
    let page = format!("/access?cluster=fra1&instance={late}");
    let page = carla.send(carla.raw(Method::GET, &page)).await;
    assert!(page.text.contains(&format!("via selector: {text}")), "{}", page.text);

    // Nobody gives themself a right by a tag: not who may create, not who may do everything to what they have.
    let right = json!({ "persona": "group/shop", "role": "create_vm", "cluster": "fra1" });
    let _given = give(admin, &right).await;
    let new = json!({ "cluster": "fra1", "name": "new.example.org", "os": "noop+default",
        "disk_template": "diskless", "memory_mib": 128, "tags": [WEB] });
    wait_for("the tag to be refused", PATIENCE, async || {
        let request = carla.request(Method::POST, "/instances").header("gwm-act-as", "group/shop");
        let refused = carla.send(request.json(&new)).await;
        let seen = (refused.status.as_u16(), refused.json()["field"].clone());
        if seen == (403, json!("parameters.tags")) { Ok(()) } else { Err(refused.text) }
    })
    .await;

    // An owner, by the same grammar; and what is there because of its node group, whose name stays hidden.
    let body = json!({ "username": "carla", "role": "view", "selector": "owner:group/shop" });
    let _owned = give(admin, &body).await;
    let owner = json!({ "owner": "group/shop", "role": "none" });
    let _set = admin.post(&format!("{}/owner", path(other)), &owner).await.ok();
    sees(&carla, &[web, late, other]).await;
    let _set = admin.post(&format!("{}/owner", path(other)), &json!({ "owner": null })).await.ok();
    sees(&carla, &[web, late]).await;
    let group = admin.get("/clusters/fra1/node-groups").await.ok()["items"][0]["name"].clone();
    let group = group.as_str().unwrap().to_owned();
    let body =
        json!({ "username": "carla", "role": "view", "cluster": "fra1", "node_group": group });
    let whole = give(admin, &body).await;
    assert_eq!(whole["object"]["selector"], format!("cluster:fra1 node_group:{group}"));
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    sees(&carla, &all).await;
    let id = carla.get("/me").await.ok()["id"].as_str().unwrap().to_owned();
    let hers = carla.get(&format!("/grants?user={id}")).await;
    assert!(hers.ok()["items"].as_array().unwrap().len() >= 3);
    let hers = carla.get(&format!("/grants?user={id}")).await.text;
    assert!(!hers.contains(&format!("node_group:{group}")), "{hers}");
    let section = admin.get("/grants?cluster=fra1&inherited=true").await.ok();
    assert!(section["items"].as_array().unwrap().len() >= 3, "{section:#}");
    let _gone = admin
        .delete(&format!("/grants/{}", whole["id"].as_str().unwrap()))
        .await
        .expect_status(204);
    sees(&carla, &[web, late]).await;

    // From somebody's own page: in every cluster for administrators, and where one administers for others.
    let on_page = async |api: &Api, back: &str, principal: &str, cluster: &str, only: &str| {
        let fields = [
            ("persona", ""),
            ("principal", principal),
            ("back", back),
            ("cluster", cluster),
            ("only", only),
            ("role", "view"),
        ];
        story_people::form(api, "/grants", &fields).await
    };
    for (back, principal) in [("/users/carla", "carla"), ("/groups/shop", "group/shop")] {
        assert!(story_people::page(admin, back).await.text.contains("name=\"only\""), "{back}");
        let done = on_page(admin, back, principal, "", "tag:gwm:access:db").await;
        assert_eq!(done.status, 303, "{}", done.text);
        let shown = story_people::page(admin, back).await.text;
        assert!(shown.contains("tag:gwm:access:db"), "{back}: {shown}");
        let done = on_page(admin, back, principal, "fra1", "owner:carla tag:gwm:access:db").await;
        assert_eq!(done.status, 303, "{}", done.text);
        let shown = story_people::page(admin, back).await.text;
        assert!(shown.contains("cluster:fra1 owner:user/carla tag:gwm:access:db"), "{shown}");
        for (cluster, only) in
            [("", ""), ("nowhere", ""), ("", "node_group:x"), ("fra1", "colour:red")]
        {
            let refused = on_page(admin, back, principal, cluster, only).await;
            let kept = refused.headers.get("set-cookie").and_then(|c| c.to_str().ok()).unwrap();
            let kept = kept.split(';').next().unwrap();
            let again = admin.raw(Method::GET, back).header("cookie", kept);
            let shown = admin.send(again).await.text;
            assert!(shown.contains("not right yet"), "{cluster} {only}: {shown}");
            assert!(shown.contains(&format!("value=\"{only}\"")), "{cluster} {only}: {shown}");
        }
    }
    assert!(!story_people::page(&carla, "/groups/shop").await.text.contains("name=\"only\""));
    let _refused = on_page(&carla, "/groups/shop", "group/shop", "", "tag:gwm:access:no").await;
    assert!(!story_people::page(admin, "/groups/shop").await.text.contains("access:no"));

    // Taken away in Ganeti: list, page and open stream hide it.
    let uuid = carla.get(&path(late)).await.ok()["uuid"].as_str().unwrap().to_owned();
    let mut stream = EventStream::open(&carla, None).await.unwrap();
    assert_eq!(stream.next().await.unwrap().name, "hello");
    tag(sim, late, WEB, false);
    sees(&carla, &[web]).await;
    wait_for("it to be hidden", PATIENCE, async || match carla.get(&path(late)).await {
        hidden if hidden.status == 404 => Ok(()),
        seen => Err(seen.text),
    })
    .await;
    let refused = carla.post(&format!("{}/reboot", path(late)), &json!({})).await;
    assert_eq!(refused.status, 404, "{}", refused.text);
    let tagged = |wanted: &'static str| {
        move |seen: &Value| {
            let there = seen["tags"].as_array().is_some_and(|tags| tags.contains(&json!(wanted)));
            if there { Ok(()) } else { Err(seen.to_string()) }
        }
    };
    tag(sim, late, "secret", true);
    let _seen = eventually("the change", admin, &path(late), tagged("secret")).await;
    tag(sim, web, "public", true);
    let mut heard = Vec::new();
    let last = async {
        loop {
            let event = stream.next().await.expect("the stream goes on");
            let text = event.data.to_string();
            let done = text.contains("public");
            heard.push(text);
            if done {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, last).await.expect("the change of what she sees is told");
    assert!(heard.iter().all(|e| !(e.contains(&uuid) && e.contains("secret"))), "{heard:#?}");

    // Integrators and the audit log have the object.
    let audit = admin.get("/audit?q=action:grant.add").await.ok();
    let named = |item: &&Value| item["object"]["name"] == json!(text);
    assert!(audit["items"].as_array().unwrap().iter().any(|i| named(&i)), "{audit:#}");
    wait_for("the event", PATIENCE, async || {
        let events = stage.events.seen();
        let of = |e: &Value| e.pointer("/data/object/object/selector") == Some(&json!(text));
        if events.iter().any(|(_, e)| of(e)) { Ok(()) } else { Err("not yet") }
    })
    .await;
}
