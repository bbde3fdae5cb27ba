//! What the predecessor let whom do, action by action, and what is right here instead: each right alone, on an instance
//! and on a cluster, against each action that it could be thought to allow. Where the predecessor let in whoever was
//! signed in ("anyone there"), strangers are refused here.

use gwm_integration_tests::{Answer, Api, Options};
use gwm_testkit::wait_for;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, succeeded};

const ON_INSTANCE: [&str; 8] =
    ["view", "console", "power", "modify", "tags", "remove", "read_keys", "admin"];
const ON_CLUSTER: [&str; 15] = [
    "view",
    "console",
    "power",
    "modify",
    "tags",
    "remove",
    "create_vm",
    "migrate",
    "replace_disks",
    "export",
    "view_placement",
    "manage_nodes",
    "manage_networks",
    "read_keys",
    "admin",
];
/// What shows an instance, held on it or on its cluster.
const SEE: &str =
    "view console power modify tags remove migrate replace_disks export read_keys admin";
/// What shows where instances run.
const PLACE: &str = "migrate replace_disks view_placement manage_nodes admin";
/// Anything at all on the cluster.
const ANY: &str = "view console power modify tags remove create_vm migrate replace_disks export \
    view_placement manage_nodes manage_networks read_keys admin";

/// How one sees that it was allowed.
enum Shown {
    /// Neither 403 nor 404 (what is wrong with the request otherwise is said to who may).
    Allowed,
    /// A list that has something in it.
    Rows,
}
use Shown::{Allowed, Rows};

struct Action {
    /// In the predecessor's words; with `anyone there`, it let in whoever was signed in.
    name: &'static str,
    method: &'static str,
    /// `{i}` the instance, `{u}` its UUID, `{n}` a node, `{j}` a job about the instance, `{k}` somebody's key.
    path: &'static str,
    body: &'static str,
    /// Which rights on the instance allow it, and which on the cluster.
    instance: &'static str,
    cluster: &'static str,
    shown: Shown,
}

const fn get(
    name: &'static str,
    path: &'static str,
    shown: Shown,
    instance: &'static str,
    cluster: &'static str,
) -> Action {
    Action { name, method: "GET", path, body: "", instance, cluster, shown }
}

const fn act(
    name: &'static str,
    (method, path): (&'static str, &'static str),
    body: &'static str,
    instance: &'static str,
    cluster: &'static str,
) -> Action {
    Action { name, method, path, body, instance, cluster, shown: Allowed }
}

const POST: &str = "POST";
/// Right but for who asks.
const ADDED: &str = r#"{"slug":"other","endpoints":["https://127.0.0.1:1"],"fingerprint":
    "00000000000000000000000000000000000000000000000000000000000000aa",
    "read":{"username":"r","password":"r"}}"#;
const CREATED: &str = r#"{"cluster":"fra1","name":"{holder}.example.org","os":"{os}",
    "disk_template":"plain","disks":[{"size_mib":64}],"memory_mib":64,"vcpus":1}"#;
const INSTANCE: &str = "/clusters/fra1/instances/{i}";

static ACTIONS: &[Action] = &[
    get("list clusters", "/clusters", Rows, ANY, ANY),
    get("cluster overview, anyone there", "/clusters/fra1", Allowed, ANY, ANY),
    get("cluster's instances", "/instances?q=cluster:fra1", Rows, SEE, SEE),
    get("cluster's jobs", "/jobs?q=cluster:fra1", Rows, SEE, SEE),
    get("cluster's nodes", "/nodes?q=cluster:fra1", Rows, "", PLACE),
    get("cluster's users", "/grants?cluster=fra1", Allowed, "", "admin"),
    get("cluster's log", "/audit?q=cluster:fra1%20actor:admin", Rows, "admin", "admin"),
    act("edit cluster", ("PATCH", "/clusters/fra1"), "{}", "", ""),
    act("delete cluster", ("DELETE", "/clusters/fra1"), "", "", ""),
    act(
        "quota of a cluster",
        ("PATCH", "/quotas"),
        r#"{"cluster":"fra1","memory":"unlimited"}"#,
        "",
        "admin",
    ),
    act("add cluster", (POST, "/clusters"), ADDED, "", ""),
    act("cluster refresh, anyone there", (POST, "/clusters/fra1/refresh"), "{}", "", "admin"),
    get("list instances", "/instances", Rows, SEE, SEE),
    get("instance", INSTANCE, Allowed, SEE, SEE),
    act(
        "start",
        (POST, "/clusters/fra1/instances/{i}/startup"),
        "{}",
        "power admin",
        "power admin",
    ),
    act(
        "shutdown",
        (POST, "/clusters/fra1/instances/{i}/shutdown"),
        r#"{"timeout":5}"#,
        "power admin",
        "power admin",
    ),
    act(
        "reboot",
        (POST, "/clusters/fra1/instances/{i}/reboot"),
        r#"{"type":"hard"}"#,
        "power admin",
        "power admin",
    ),
    act(
        "console",
        (POST, "/consoles"),
        r#"{"cluster":"fra1","instance":"{i}","kind":"vnc"}"#,
        "console power admin",
        "console power admin",
    ),
    act(
        "edit",
        (POST, "/clusters/fra1/instances/{i}/notes"),
        r#"{"text":"Backups at four."}"#,
        "modify admin",
        "modify admin",
    ),
    act("change owner", (POST, "/clusters/fra1/instances/{i}/owner"), "{}", "", ""),
    get("instance's users", "/grants?cluster=fra1&instance={i}", Allowed, "admin", "admin"),
    get("instance's log", "/audit?q=uuid:{u}%20actor:admin", Rows, "admin", "admin"),
    get(
        "create: what there is to choose",
        "/clusters/fra1/create-options",
        Allowed,
        "",
        "create_vm admin",
    ),
    act("create", (POST, "/instances"), CREATED, "", "create_vm admin"),
    get("node, anyone there", "/clusters/fra1/nodes/{n}", Allowed, "", PLACE),
    get("node group", "/clusters/fra1/node-groups/default", Allowed, "", PLACE),
    get("job, anyone there", "/jobs/{j}", Allowed, SEE, SEE),
    get("log of a job", "/jobs/{j}/log", Allowed, SEE, SEE),
    get("orphans", "/imports/orphans", Allowed, "", ""),
    act("import instances", (POST, "/imports/orphans/adopt"), "{}", "", ""),
    get("missing instances", "/imports/missing", Allowed, "", ""),
    get("used resources of a persona", "/quotas?cluster=fra1", Allowed, "", "admin"),
    get("search, anyone there", "/search?q={i}", Rows, SEE, SEE),
    get("suggestions, anyone there", "/complete?list=instances&q=name:{i}", Rows, SEE, SEE),
    get("users", "/users", Allowed, "", ""),
    get("rights by person", "/users/admin", Allowed, "", ""),
    act(
        "add somebody's SSH key, anyone there",
        (POST, "/users/admin/ssh-keys"),
        r#"{"name":"x"}"#,
        "",
        "",
    ),
    act("delete somebody's SSH key", ("DELETE", "/users/admin/ssh-keys/{k}"), "", "", ""),
    get(
        "export SSH keys of an instance",
        "/clusters/fra1/instances/{i}/authorized-keys",
        Allowed,
        "read_keys admin",
        "read_keys admin",
    ),
    get(
        "export SSH keys of a cluster",
        "/clusters/fra1/authorized-keys",
        Allowed,
        "",
        "read_keys admin",
    ),
    // Last, because it is done: each holder has an instance of its own to remove.
    act("delete", ("DELETE", "/clusters/fra1/instances/{own}"), "", "remove admin", "remove admin"),
];

/// What the predecessor had and there is no route for yet. Who adds one adds the action to the table above.
const NOT_YET: [&str; 8] = [
    "reinstall",
    "rename",
    "migrate",
    "replace-disks",
    "evacuate",
    "templates",
    "role",
    "redistribute-config",
];

/// Somebody with one right, or none.
struct Holder {
    api: Api,
    name: String,
    right: &'static str,
    on_cluster: bool,
    own: String,
}

impl Holder {
    fn may(&self, action: &Action) -> bool {
        let rights = if self.on_cluster { action.cluster } else { action.instance };
        rights.split_whitespace().any(|right| right == self.right)
    }
}

fn allowed(action: &Action, answer: &Answer) -> bool {
    match action.shown {
        Allowed => ![403, 404, 405].contains(&answer.status.as_u16()),
        Rows => {
            let items = answer.json()["items"].as_array().map_or(0, Vec::len);
            answer.status == 200 && items > 0
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_right_allows_what_the_table_says_and_nothing_else() {
    let stage = Stage::start(Options::test("rights-table"), &["fra1"]).await;
    let admin = &stage.admin;
    let described = admin.get("/openapi.json").await.ok();
    let paths: Vec<&String> = described["paths"].as_object().unwrap().keys().collect();
    for word in NOT_YET {
        let there = paths.iter().find(|path| path.split('/').any(|part| part == word));
        assert_eq!(there, None, "it is not in this table");
    }

    let name = stage.running("fra1");
    let uuid = admin.get(&format!("/clusters/fra1/instances/{name}")).await.ok()["uuid"].clone();
    let job = admin.post(&format!("/clusters/fra1/instances/{name}/reboot"), &json!({})).await.ok();
    let job = succeeded(admin, &job).await;
    let os = stage.cluster("fra1").look(|c| c.instances.values().next().unwrap().os.clone());
    let node = admin.get("/nodes?limit=1").await.ok()["items"][0]["name"].clone();
    let holders = holders(&stage, &name).await;
    everybody_has_theirs(&holders, &name, &job).await;

    let mut wrong = Vec::new();
    for action in ACTIONS {
        for holder in &holders {
            let fill = |text: &str| {
                text.replace("{i}", &name)
                    .replace("{u}", uuid.as_str().unwrap())
                    .replace("{n}", node.as_str().unwrap())
                    .replace("{j}", job["id"].as_str().unwrap())
                    .replace("{k}", "01a20000-0000-7000-8000-000000000000")
                    .replace("{own}", &holder.own)
                    .replace("{holder}", &holder.name.replace('_', "-"))
                    .replace("{os}", &os)
            };
            let method = action.method.parse::<Method>().unwrap();
            let mut request = holder.api.request(method, &fill(action.path));
            if !action.body.is_empty() {
                request = request.json(&serde_json::from_str::<Value>(&fill(action.body)).unwrap());
            }
            let answer = holder.api.send(request).await;
            let (may, does) = (holder.may(action), allowed(action, &answer));
            if may != does {
                let text = answer.text.get(..300).unwrap_or(&answer.text);
                wrong.push(format!(
                    "{} ({} {}): {} may: {may}, but {} {text}",
                    action.name, action.method, action.path, holder.name, answer.status
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One of each, somebody without any, and the owner, who gains nothing by that.
async fn holders(stage: &Stage, name: &str) -> Vec<Holder> {
    let admin = &stage.admin;
    let mut spare: Vec<String> = stage
        .cluster("fra1")
        .look(|c| c.instances.keys().filter(|n| *n != name).cloned().collect());
    let mut holders = Vec::new();
    let mut add = async |holder: &str, right: &'static str, on_cluster: bool| {
        let api = stage.user(holder).await;
        let removes = ["remove", "admin"].contains(&right);
        let own = if removes { spare.pop().unwrap() } else { name.to_owned() };
        let give = async |instance: Option<&str>| {
            let right =
                json!({"username": holder, "role": right, "cluster": "fra1", "instance": instance});
            let _given = admin.post("/grants", &right).await.expect_status(201);
        };
        if on_cluster {
            give(None).await;
        } else if !right.is_empty() {
            give(Some(name)).await;
            if removes {
                give(Some(&own)).await;
            }
        }
        holders.push(Holder { api, name: holder.to_owned(), right, on_cluster, own });
    };
    add("stranger", "", false).await;
    add("owner", "", false).await;
    for right in ON_INSTANCE {
        add(&format!("{right}-instance"), right, false).await;
    }
    for right in ON_CLUSTER {
        add(&format!("{right}-cluster"), right, true).await;
    }
    let owned = json!({"owner": "user/owner", "role": "none"});
    let path = format!("/clusters/fra1/instances/{name}/owner");
    let _owned = admin.post(&path, &owned).await.ok();
    holders
}

/// Rights come in the order in which they were given: who got the last one has it everywhere.
async fn everybody_has_theirs(holders: &[Holder], name: &str, job: &Value) {
    let last = &holders.last().unwrap().api;
    let job = format!("/jobs/{}", job["id"].as_str().unwrap());
    for path in [format!("/clusters/fra1/instances/{name}"), job] {
        wait_for("the last right to have come", PATIENCE, async || {
            let seen = last.get(&path).await;
            if seen.status == 200 { Ok(()) } else { Err(seen.text) }
        })
        .await;
    }
}
