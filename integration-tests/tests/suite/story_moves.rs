//! Whoever holds `tags`, `modify` and `create_vm` gives nobody a right by it and takes none away, in whatever order they
//! ask for whatever there is: rights may depend on tags, owners, node groups and clusters of instances.
//!
//! What there is comes from coverage/moves.txt, so a new route is asked for by itself.

use std::collections::BTreeMap;

use gwm_integration_tests::{Api, Options};
use gwm_testkit::wait_for;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};

use crate::coverage::{http::body, moves::listed};
use crate::stage::{PATIENCE, Stage, ended};

const WEB: &str = "gwm:access:web";
/// Of one's own account: these would end the sign-in that the story goes on with.
const ENDS: [&str; 2] = ["DELETE /session", "DELETE /me/sessions"];

/// What these people may do to each instance that was there.
async fn rights(stage: &Stage, people: &[&str], names: &[String]) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for person in people {
        for name in names {
            let on = format!("cluster=fra1&instance={name}&user={person}");
            let answer = stage.admin.get(&format!("/access/explain?{on}")).await.ok();
            all.insert(format!("{person} on {name}"), answer["allowed"].clone());
        }
    }
    all
}

/// What an attacker would ask for there.
fn asked(random: &mut SmallRng, route: &str, name: &str) -> Value {
    let pick = |random: &mut SmallRng, of: &[Value]| of[random.random_range(0..of.len())].clone();
    match route {
        "/instances" => {
            let tags = [
                json!([]),
                json!(["plain"]),
                json!([WEB]),
                json!(["plain", "gwm:access:db"]),
                json!(["gwm:x:owner:group/shop"]),
                json!(["GWM:access:web"]),
            ];
            let mut body = body(route);
            body["name"] = json!(format!("new{}.example.org", random.random_range(0..1000)));
            body["tags"] = pick(random, &tags);
            body
        }
        "/grants" => {
            let on = [
                json!({"selector": format!("tag:{WEB}")}),
                json!({"selector": format!("cluster:fra1 tag:{WEB}")}),
                json!({"selector": "cluster:fra1 owner:carl"}),
                json!({"cluster": "fra1"}),
                json!({"cluster": "fra1", "instance": name}),
            ];
            let mut body = pick(random, &on);
            body["role"] = json!("power");
            body["username"] = json!("carl");
            body
        }
        "/clusters/{c}/instances/{i}/owner" => {
            let owners = [json!("carl"), json!("group/shop"), json!(null)];
            json!({"owner": pick(random, &owners), "role": "none"})
        }
        "/clusters/{c}/instances/{i}/notes" => {
            json!({"text": format!("{WEB}\n{}", random.random_range(0..9))})
        }
        "/imports/orphans/adopt" => {
            json!({"csv": format!("fra1,{name},carl,admin\n"), "confirm": true})
        }
        "/groups/{g}/members/{u}" => json!({"is_admin": true}),
        "/clusters/{c}" => json!({"owner_tags": "write"}),
        _ => body(&route.replace("{r}", "user").replace("{g}", "default")),
    }
}

/// Tells whether `carl` was answered as the list says.
async fn ask(
    carl: &Api,
    random: &mut SmallRng,
    (what, word): (&str, &str),
    place: [&str; 2],
) -> Option<Value> {
    let (method, route) = what.split_once(' ').unwrap();
    let [name, grant] = place;
    let path = route.replace("{c}", "fra1").replace("{i}", name).replace("{g}", "shop");
    let path = path.replace("{u}", "vic").replace("{user}", "vic").replace("{r}", "user");
    let path = path.replace("{id}", grant).replace("{key}", grant);
    let method: Method = method.parse().unwrap();
    let mut request = carl.request(method.clone(), &path);
    if random.random() {
        request = request.header("gwm-act-as", "group/shop");
    }
    let body = asked(random, route, name);
    if method != Method::DELETE {
        request = request.json(&body);
    }
    let answer = carl.send(request).await;
    let status = answer.status.as_u16();
    assert!(status < 500, "{what} {body}: {status} {}", answer.text);
    match word {
        "rights" | "moves" => {
            assert!([401, 403, 404].contains(&status), "{what} {body}: {status} {}", answer.text);
            None
        }
        "makes" => {
            let tags = body["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
            let ours =
                |tag: &Value| tag.as_str().is_some_and(|t| t.to_lowercase().starts_with("gwm:"));
            let refused = tags.iter().any(ours) && status != 202;
            assert!(refused || status == 409 || status == 202, "{body}: {status} {}", answer.text);
            let exact = |tag: &Value| tag.as_str().is_some_and(|tag| tag.starts_with("gwm:"));
            assert!(!(status == 202 && tags.iter().any(exact)), "{body} was taken");
            (status == 202).then(|| answer.json())
        }
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_changes_tags_and_notes_and_makes_instances_moves_no_right() {
    let stage = Stage::start(Options::test("story-moves"), &["fra1"]).await;
    let (admin, sim) = (&stage.admin, stage.cluster("fra1"));
    let names: Vec<String> = sim.look(|c| c.instances.keys().cloned().collect());
    let (carl, _vic) = (stage.user("carl").await, stage.user("vic").await);
    let _group = admin.post("/groups", &json!({"name": "shop"})).await.expect_status(201);
    let member = admin.request(Method::PUT, "/groups/shop/members/carl").json(&json!({}));
    let _member = admin.send(member).await.ok();
    let tag = |name: &str, tag: &str| {
        sim.edit(|c| c.instances.get_mut(name).unwrap().tags.insert(tag.to_owned()));
    };
    tag(&names[0], WEB);
    for (name, owner) in [(&names[1], "group/shop"), (&names[2], "carl")] {
        let owner = json!({"owner": owner, "role": "none"});
        let path = format!("/clusters/fra1/instances/{name}/owner");
        let _set = admin.post(&path, &owner).await.ok();
    }
    let rack = admin.get("/clusters/fra1/node-groups").await.ok()["items"][0]["name"].clone();
    let mut grants = Vec::new();
    for body in [
        json!({"username": "carl", "role": "tags", "cluster": "fra1"}),
        json!({"username": "carl", "role": "modify", "cluster": "fra1"}),
        json!({"username": "carl", "role": "create_vm", "cluster": "fra1"}),
        json!({"persona": "group/shop", "role": "create_vm", "cluster": "fra1"}),
        json!({"username": "carl", "role": "power", "selector": format!("tag:{WEB}")}),
        json!({"username": "vic", "role": "power", "selector": format!("cluster:fra1 tag:{WEB}")}),
        json!({"username": "vic", "role": "console", "selector": "owner:group/shop"}),
        json!({"username": "vic", "role": "view", "selector": "owner:carl"}),
        json!({"username": "vic", "role": "tags", "cluster": "fra1", "node_group": rack}),
    ] {
        let given = admin.post("/grants", &body).await.expect_status(201).ok();
        grants.push(given["id"].as_str().unwrap().to_owned());
    }
    let people = ["carl", "vic"];
    let allowed = |rights: &BTreeMap<String, Value>, who: &str, n: usize, what: &str| {
        let held = &rights[&format!("{who} on {}", names[n])];
        held.as_array().unwrap().contains(&json!(what))
    };
    let before = wait_for("the rights to be known", PATIENCE, async || {
        let now = rights(&stage, &people, &names).await;
        let there = allowed(&now, "carl", 0, "power")
            && allowed(&now, "vic", 0, "power")
            && allowed(&now, "vic", 1, "console")
            && allowed(&now, "vic", 2, "view");
        if there { Ok(now) } else { Err(format!("{now:?}")) }
    })
    .await;
    assert!(!allowed(&before, "carl", 1, "power"));

    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let listed = listed();
    let api: Vec<(&str, &str)> = listed
        .iter()
        .map(|(what, word)| (what.as_str(), word.as_str()))
        .filter(|(what, _)| !what.starts_with("FORM ") && !what.starts_with("RPC "))
        .filter(|(what, _)| !ENDS.contains(what))
        .collect();
    let mut made = Vec::new();
    for round in 0..3 {
        // Each at least once in the end, those that matter more often.
        let mut order: Vec<(&str, &str)> = if round == 0 { api.clone() } else { Vec::new() };
        for _ in 0..60 {
            let telling: Vec<_> = api.iter().filter(|(_, word)| *word != "nothing").collect();
            order.push(**telling[random.random_range(0..telling.len())..].first().unwrap());
        }
        for n in (1..order.len()).rev() {
            order.swap(n, random.random_range(0..=n));
        }
        for what in order {
            let name = &names[random.random_range(0..names.len())];
            let grant = &grants[random.random_range(0..grants.len())];
            made.extend(ask(&carl, &mut random, what, [name, grant]).await);
        }
        for job in made.drain(..) {
            let _ended = ended(&carl, &job).await;
        }
        // What a right may depend on is told in order: once this is heard of, all before it was.
        let last = &names[3 + round];
        tag(last, WEB);
        let now = wait_for("what was told to be heard of", PATIENCE, async || {
            let now = rights(&stage, &people, &names).await;
            if allowed(&now, "vic", 3 + round, "power") { Ok(now) } else { Err(format!("{now:?}")) }
        })
        .await;
        let marked: Vec<String> = names[3..=3 + round].to_vec();
        let of_others = |all: &BTreeMap<String, Value>| {
            let others =
                all.iter().filter(|(key, _)| !marked.iter().any(|name| key.ends_with(name)));
            others.map(|(key, held)| (key.clone(), held.clone())).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(of_others(&now), of_others(&before), "seed {seed}, round {round}");
    }
    // Of what was made nobody holds anything by a tag.
    let all = admin.get("/instances?limit=200").await.ok();
    for item in all["items"].as_array().unwrap() {
        let name = item["name"].as_str().unwrap().to_owned();
        if !names.contains(&name) {
            let tags = item["tags"].as_array().unwrap();
            assert!(tags.iter().all(|t| !t.as_str().unwrap().starts_with("gwm:access:")), "{item}");
            let now = rights(&stage, &["vic"], std::slice::from_ref(&name)).await;
            assert!(!now.values().any(|held| held.to_string().contains("power")), "{now:?}");
        }
    }
}
