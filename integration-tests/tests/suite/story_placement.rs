//! A customer's whole story names no node: every route and page, every format, the event stream, search and completion,
//! while things go well and while Ganeti's errors name nodes.
//!
//! Routes come from coverage/routes.txt and pages from the gateway's own table, so a new one is walked by itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use futures::{StreamExt, stream};
use gwm_integration_tests::{Api, EventStream, Options};
use gwm_rapi_sim::{Fault, FaultRule, Outside, Sim};
use gwm_testkit::paths::project_root;
use gwm_testkit::wait_for;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, ended, eventually, open, simulate, succeeded};

const SLUG: &str = "fra1";
const GROUP: &str = "grp-geheim";
const LINK: &str = "br-geheim";

/// Group and bridges get names that stand for nothing else.
async fn unmistakable() -> Sim {
    let sim = simulate(&[SLUG]).await;
    sim.cluster("fra1.example.org").edit(|cluster| {
        let groups = std::mem::take(&mut cluster.groups);
        for (n, mut group) in groups.into_values().enumerate() {
            group.name = format!("{GROUP}{n}");
            cluster.groups.insert(group.name.clone(), group);
        }
        // A second one, with the last node.
        let mut second = cluster.groups.values().next().unwrap().clone();
        second.name = format!("{GROUP}1");
        second.uuid = "5a7a1f0e-7d0f-4c52-9f0e-1d2c3b4a5968".to_owned();
        let last = cluster.nodes.values_mut().next_back().unwrap();
        last.group.clone_from(&second.uuid);
        cluster.groups.insert(second.name.clone(), second);
        for network in cluster.networks.values_mut() {
            network.link = format!("{LINK}-{}", network.name);
        }
        for instance in cluster.instances.values_mut() {
            for nic in &mut instance.nics {
                nic.link = format!("{LINK}-nic");
            }
        }
    });
    sim
}

/// What no answer may hold: names of nodes (in full, so also the short ones that pages show), node groups and links, the
/// volume group, a kernel's path.
fn secrets(stage: &Stage) -> Vec<String> {
    let nodes: Vec<String> = stage.cluster(SLUG).look(|c| c.nodes.keys().cloned().collect());
    let short = nodes.iter().map(|name| name.split('.').next().unwrap().to_owned());
    let more = [GROUP, LINK, "xenvg", "vmlinuz"].map(str::to_owned);
    short.chain(more).collect()
}

/// What was answered, and to which question.
#[derive(Default)]
struct Heard(Vec<(String, String)>);

impl Heard {
    /// Asks all of it, a few at a time.
    async fn of(api: &Api, questions: Vec<(String, &'static str)>) -> Self {
        let asked = questions.into_iter().map(|(path, accept)| async move {
            let request = api.raw(Method::GET, &path).header("accept", accept);
            let answer = api.send(request).await;
            assert!(answer.status.as_u16() < 500, "{path}: {} {}", answer.status, answer.text);
            (format!("{path} as {accept}"), format!("{:?}\n{}", answer.headers, answer.text))
        });
        Self(stream::iter(asked).buffer_unordered(8).collect().await)
    }

    fn assert_silent(&self, who: &str, secrets: &[String]) {
        for (asked, text) in &self.0 {
            for secret in secrets {
                let Some(at) = text.find(secret) else { continue };
                let from = text.floor_char_boundary(at.saturating_sub(300));
                let to = text.floor_char_boundary(at + 200);
                panic!("{who} is told {secret} by {asked}: …{}…", &text[from..to]);
            }
        }
    }

    /// Those of the secrets that were told somewhere.
    fn told<'a>(&self, secrets: &'a [String]) -> BTreeSet<&'a str> {
        let tells =
            |secret: &&String| self.0.iter().any(|(_, text)| text.contains(secret.as_str()));
        secrets.iter().filter(tells).map(String::as_str).collect()
    }
}

/// The API's GET routes, as the coverage test lists them.
fn routes() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("tests/suite/coverage/routes.txt")).unwrap();
    let gets = table.lines().filter_map(|line| line.strip_prefix("GET "));
    // The stream never ends: it is listened to apart.
    let all: Vec<String> = gets
        .filter_map(|line| Some(format!("/api/v1{}", line.split(':').next()?)))
        .filter(|route| route != "/api/v1/events")
        .collect();
    assert!(all.len() > 30, "{all:?}");
    all
}

/// The pages, as the gateway's own table has them.
fn pages() -> Vec<String> {
    let table = project_root().join("services/web-gateway/src/http/pages/mod.rs");
    let table = std::fs::read_to_string(table).unwrap();
    let all: Vec<String> = table
        .split(".route(")
        .skip(1)
        .filter(|route| route.contains("get("))
        .filter_map(|route| Some(route.split('"').nth(1)?.to_owned()))
        .collect();
    assert!(all.len() > 30, "{all:?}");
    all
}

/// Everything that there is to be read, asked for by somebody.
async fn walk(stage: &Stage, api: &Api, instance: &str, jobs: &[String]) -> Heard {
    let mut asked = Vec::new();
    let (node, group, network) = stage.cluster(SLUG).look(|c| {
        let group = c.groups.keys().next().unwrap().clone();
        (c.nodes.keys().next().unwrap().clone(), group, c.networks.keys().next().unwrap().clone())
    });
    let named = |path: &str, job: &str, n: &str| {
        let path = path.replace("{c}", SLUG).replace("{i}", instance).replace("{n}", n);
        path.replace("{g}", &group)
            .replace("{id}", job)
            .replace("{user}", "carla")
            .replace("{u}", "carla")
    };
    let none = String::new();
    let jobs: Vec<&String> = if jobs.is_empty() { vec![&none] } else { jobs.iter().collect() };
    for route in routes() {
        for job in jobs.iter().filter(|job| route.contains("{id}") || *job == &jobs[0]) {
            for n in [&node, &network] {
                let path = named(&route, job, n);
                for accept in ["application/json", "text/csv", "application/x-ndjson"] {
                    asked.push((path.clone(), accept));
                }
                if !route.contains("{n}") {
                    break;
                }
            }
        }
    }
    for page in pages() {
        for job in jobs.iter().filter(|job| page.contains("{id}") || *job == &jobs[0]) {
            for n in [&node, &network] {
                asked.push((named(&page, job, n), "text/html"));
                if !page.contains("{n}") {
                    break;
                }
            }
        }
    }
    // Asked for by where it runs: the answers must not differ, whatever is asked.
    for list in ["instances", "nodes", "node-groups", "networks", "jobs", "clusters", "oses"] {
        for (sort, q) in
            [("node", ""), ("-node", ""), ("", "node:none"), ("", "-node:none"), ("", "group:*")]
        {
            let path = format!("/api/v1/{list}?limit=200&sort={sort}&q={q}");
            for accept in ["application/json", "text/csv", "application/x-ndjson"] {
                asked.push((path.clone(), accept));
            }
            let path =
                format!("/{list}?sort={sort}&q={q}&columns=node&columns=groups&columns=name");
            asked.push((path, "text/html"));
        }
        // As far as it can be typed without naming one.
        let names = stage.cluster(SLUG).look(|c| c.nodes.keys().cloned().collect::<Vec<_>>());
        let prefixes: BTreeSet<&str> = names.iter().map(|name| &name[..4]).collect();
        for prefix in prefixes {
            let fields =
                ["", "node:", "snode:", "group:", "node_group:", "name:", "object:", "ip:"];
            for field in fields {
                for typed in [format!("{field}{prefix}"), field.to_owned(), format!("{field}g")] {
                    let path = format!("/api/v1/complete?list={list}&q={typed}");
                    asked.push((path, "application/json"));
                }
            }
        }
    }
    // Who may do what and why, of her and of those who see places.
    let on = format!("cluster={SLUG}&instance={instance}");
    for path in [
        format!("/api/v1/access/explain?{on}"),
        format!("/api/v1/access/explain?{on}&user=otto"),
        format!("/api/v1/access/check?{on}&permission=view_placement"),
        format!("/api/v1/grants?{on}&inherited=true"),
        format!("/access?{on}&user=otto"),
    ] {
        asked.push((path, "application/json"));
    }
    for q in ["node", "grp", "br-g", "xenv", "127.0", "rack"] {
        asked.push((format!("/api/v1/search?q={q}"), "application/json"));
        asked.push((format!("/search?q={q}"), "text/html"));
    }
    Heard::of(api, asked).await
}

/// Everything that somebody's event stream says.
fn listen(mut stream: EventStream) -> Arc<Mutex<Vec<Value>>> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&said);
    #[expect(clippy::disallowed_methods, reason = "no service: it ends with the test")]
    drop(tokio::spawn(async move {
        while let Some(event) = stream.next().await {
            kept.lock().unwrap().push(event.data);
        }
    }));
    said
}

fn is_told(events: &Mutex<Vec<Value>>, what: &str, id: &str) -> Result<(), String> {
    let events = events.lock().unwrap();
    let told = |e: &Value| {
        let object = &e["data"]["object"];
        e["type"] == format!("org.ganeti.gwm.{what}.v1")
            && (object["id"] == id || object["uuid"] == id)
    };
    if events.iter().any(told) { Ok(()) } else { Err(format!("{} events", events.len())) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_whole_story_names_no_node() {
    let options = Options::test("story-placement");
    let stage = Stage::around(unmistakable().await, options, &[SLUG]).await;
    let (admin, sim) = (&stage.admin, stage.cluster(SLUG));
    let secrets = secrets(&stage);
    // Of two nodes, so that it can move.
    let (instance, uuid, node) = sim
        .look(|c| {
            let runs =
                c.instances.values().find(|i| c.status(i) == "running" && !i.snodes.is_empty());
            runs.map(|i| (i.name.clone(), i.uuid.clone(), i.pnode.clone()))
        })
        .unwrap();
    // One with everything on one instance; one who sees the whole cluster; one who moves instances.
    let (carla, vera, otto) =
        (stage.user("carla").await, stage.user("vera").await, stage.user("otto").await);
    // And one who moves those of one node group, and sees where others are as little as the first two.
    let gita = stage.user("gita").await;
    let hers_alone = format!("{GROUP}0");
    let (in_group, beside): (Vec<String>, Vec<String>) = sim.look(|c| {
        let group = &c.groups[&hers_alone].uuid;
        let short = |n: &str| n.split('.').next().unwrap().to_owned();
        let (inside, outside): (Vec<_>, Vec<_>) = c.nodes.values().partition(|n| n.group == *group);
        (
            inside.iter().map(|n| short(&n.name)).collect(),
            outside.iter().map(|n| short(&n.name)).chain([format!("{GROUP}1")]).collect(),
        )
    });
    assert!(in_group.len() > 1 && beside.len() > 1, "{in_group:?} {beside:?}");
    let grant = |username: &str, role: &str, instance: Option<&str>| json!({"username": username, "role": role, "cluster": SLUG, "instance": instance});
    for grant in [
        grant("carla", "admin", Some(&instance)),
        grant("vera", "view", None),
        grant("otto", "migrate", None),
        grant("gita", "view", None),
        json!({"username": "gita", "role": "migrate", "cluster": SLUG, "node_group": hers_alone}),
    ] {
        let _given = admin.post("/grants", &grant).await.expect_status(201);
    }
    let path = format!("/clusters/{SLUG}/instances/{instance}");
    for api in [&carla, &vera, &otto, &gita] {
        wait_for("the right", PATIENCE, async || {
            let seen = api.get(&path).await;
            if seen.status == 200 { Ok(()) } else { Err(seen.text) }
        })
        .await;
    }
    let hers = listen(EventStream::open(&carla, None).await.unwrap());
    let all = listen(EventStream::open(&vera, None).await.unwrap());
    let operators = listen(EventStream::open(&otto, None).await.unwrap());
    wait_for("the nodes of her group", PATIENCE, async || {
        let nodes = gita.get("/nodes").await.ok();
        if nodes["total"] == in_group.len() { Ok(()) } else { Err(nodes) }
    })
    .await;
    let of_group = listen(EventStream::open(&gita, None).await.unwrap());

    // She works with it; one job fails at a node, and says so in Ganeti's words.
    let stop = carla.post(&format!("{path}/shutdown"), &json!({})).await.expect_status(202).ok();
    let _done = succeeded(&carla, &stop).await;
    let start = carla.post(&format!("{path}/startup"), &json!({})).await.expect_status(202).ok();
    let _done = succeeded(&carla, &start).await;
    let why = format!("Error checking node {node}: Error 7: Failed connect");
    sim.fail_jobs("OP_INSTANCE_REBOOT", 1, &why);
    let reboot = carla.post(&format!("{path}/reboot"), &json!({})).await.expect_status(202).ok();
    let failed = ended(&carla, &reboot).await;
    assert_eq!(
        (&failed["state"], &failed["error"]["code"]),
        (&json!("failed"), &json!("ganeti_error"))
    );
    let message = failed["error"]["message"].as_str().unwrap();
    assert!(message.ends_with("for operators of this cluster"), "{message}");
    let log = carla.get(&format!("/jobs/{}/log", reboot["id"].as_str().unwrap())).await.ok();
    assert_eq!(log, json!({"items": [], "hidden": true}));
    // It is moved by others, and a node falls.
    sim.outside(Outside::Migrate { instance: instance.clone() }).await.unwrap();
    wait_for("the move to be told to those who may know", PATIENCE, async || {
        let told = operators.lock().unwrap();
        let moved = |e: &Value| !e["data"]["changed"]["primary_node"].is_null();
        if told.iter().any(moved) { Ok(()) } else { Err(told.len()) }
    })
    .await;
    sim.outside(Outside::NodeDown { node: node.clone(), down: true }).await.unwrap();
    // So does one of her group, if it was none of it.
    let (falls, fallen) = sim.look(|c| {
        let inside =
            |name: &str| in_group.iter().any(|short| name.split('.').next() == Some(short));
        let another = c.nodes.values().find(|n| inside(&n.name) && n.name != node);
        another.map(|n| (n.name.clone(), n.uuid.clone())).unwrap()
    });
    sim.outside(Outside::NodeDown { node: falls, down: true }).await.unwrap();
    let tag =
        Outside::Tag { instance: instance.clone(), add: vec!["last".to_owned()], remove: vec![] };
    sim.outside(tag).await.unwrap();

    // Hers, and those that were put into Ganeti's queue by others.
    let jobs = eventually("the jobs of all", admin, "/jobs?limit=200", |jobs| {
        let jobs = jobs["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let others = jobs.iter().filter(|job| job["origin"] == "ganeti").count();
        if others >= 2 && jobs.len() >= 5 {
            Ok(())
        } else {
            Err(format!("{others}, {}", jobs.len()))
        }
    })
    .await;
    let ids = jobs["items"].as_array().unwrap().iter();
    let jobs: Vec<String> = ids.map(|job| job["id"].as_str().unwrap().to_owned()).collect();
    for (who, api) in [("carla", &carla), ("vera", &vera)] {
        walk(&stage, api, &instance, &jobs).await.assert_silent(who, &secrets);
    }
    // The same walk tells all of it to those who may know, so it looks where such names stand.
    let told = walk(&stage, admin, &instance, &jobs).await;
    let expected: BTreeSet<&str> = secrets.iter().map(String::as_str).collect();
    assert_eq!(told.told(&secrets), expected);
    let told = walk(&stage, &otto, &instance, &jobs).await;
    assert_eq!(told.told(&secrets), expected);

    // Of a node group one sees its nodes, in every list and page, and of no other any.
    let told = walk(&stage, &gita, &instance, &jobs).await;
    told.assert_silent("gita", &beside);
    assert_eq!(told.told(&in_group).len(), in_group.len(), "{:?}", told.told(&in_group));
    for name in &beside[..beside.len() - 1] {
        let full = format!("{name}.{SLUG}.example.org");
        let _hidden = gita.get(&format!("/clusters/{SLUG}/nodes/{full}")).await.expect_status(404);
        assert_eq!(gita.get(&format!("/instances?q=node:{full}")).await.ok()["total"], 0);
        assert_eq!(gita.get(&format!("/instances?q=snode:{full}")).await.ok()["total"], 0);
        assert_eq!(gita.get(&format!("/search?q={full}")).await.ok()["items"], json!([]));
    }
    let group = format!("/clusters/{SLUG}/node-groups/{hers_alone}");
    let _seen = gita.get(&group).await.ok();
    let why = gita.get(&format!("/access/explain?cluster={SLUG}&node_group={hers_alone}")).await;
    assert!(why.status != 200 || why.text.contains("view_placement"), "{}", why.text);

    // What is asked with a node's own name is answered as if there were none such.
    for api in [&carla, &vera] {
        for q in [format!("node:{node}"), format!("snode:{node}")] {
            let found = api.get(&format!("/instances?q={q}")).await.ok();
            assert_eq!(found["total"], 0, "{q}");
        }
        assert_eq!(api.get(&format!("/search?q={node}")).await.ok()["items"], json!([]));
        assert_eq!(api.get(&format!("/jobs?q={node}")).await.ok()["total"], 0);
        let nodes = api.get("/nodes").await.ok();
        assert_eq!((&nodes["total"], &nodes["items"]), (&json!(0), &json!([])));
        let _hidden = api.get(&format!("/clusters/{SLUG}/nodes/{node}")).await.expect_status(404);
    }

    // A ticket of a moment ago. Then Ganeti answers nothing but an error that names a node: to be read on every page and when a console is opened.
    let ask = json!({"cluster": SLUG, "instance": instance, "kind": "vnc"});
    let ticket = carla.post("/consoles", &ask).await.expect_status(201).ok();
    let error = Fault::Status { status: 500, message: format!("{node} does not answer") };
    sim.fault(FaultRule::always(error));
    wait_for("the trouble to be said", PATIENCE, async || {
        let health = admin.get(&format!("/clusters/{SLUG}")).await.ok()["health"].clone();
        if health.to_string().contains(&node) { Ok(()) } else { Err(health.to_string()) }
    })
    .await;
    for (who, api) in [("carla", &carla), ("vera", &vera)] {
        walk(&stage, api, &instance, &[]).await.assert_silent(who, &secrets);
    }
    walk(&stage, &gita, &instance, &[]).await.assert_silent("gita", &beside);
    let asked = carla.post("/consoles", &ask).await.text;
    let opened = match open(&ticket, &stage.stack.url()).await {
        Err(error) => format!("{error:#}"),
        Ok(console) => format!("{:?}", console.closed.await),
    };
    assert!(!asked.contains(&node) && !opened.contains(&node), "{asked}\n{opened}");

    // All the while the streams have told of hers, and of no node.
    let failed = reboot["id"].as_str().unwrap();
    wait_for("her node", PATIENCE, async || is_told(&of_group, "node.changed", &fallen)).await;
    for (who, events, secrets) in
        [("carla", &hers, &secrets), ("vera", &all, &secrets), ("gita", &of_group, &beside)]
    {
        wait_for("her failed job", PATIENCE, async || is_told(events, "job.failed", failed)).await;
        wait_for("her tag", PATIENCE, async || is_told(events, "instance.changed", &uuid)).await;
        let mut heard = Heard::default();
        for event in events.lock().unwrap().iter() {
            heard.0.push(("the stream".to_owned(), event.to_string()));
        }
        heard.assert_silent(who, secrets);
        // A move is nothing to those who do not see places.
        let events = events.lock().unwrap();
        assert!(events.iter().all(|e| e["data"]["changed"]["primary_node"].is_null()), "{who}");
    }
}
