//! The story on real Ganeti: what is shown is what Ganeti's own command line says, and what is done
//! there shows up here. Runs with `LAB=1`, after `lab.sh up`.

use std::collections::BTreeMap;
use std::time::Duration;

use gwm_integration_tests::{Options, Part, Stack};
use gwm_testkit::paths::project_root;
use gwm_testkit::wait_for;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::stage::{ended, eventually, open, pass, story_of, succeeded};

/// Real jobs of a real Ganeti on a busy machine.
const LONG: Duration = Duration::from_secs(120);

async fn lab(arguments: &[&str]) -> String {
    let script = project_root().join("integration-tests/lab/lab.sh");
    let output = Command::new(script).args(arguments).env("TZ", "UTC").output().await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "lab.sh {arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// A command on a cluster's master.
async fn master(cluster: &str, command: &[&str]) -> String {
    lab(&[&["node", cluster, "1"], command].concat()).await
}

struct Lab {
    admin: gwm_integration_tests::Api,
    events: gwm_integration_tests::Integrator,
    stack: Stack,
}

impl Lab {
    async fn start(name: &str) -> Self {
        let options = Options::test(name)
            .with(Part::CacheUpdater, json!({"poll": {"interval": "2s"}}))
            // No gateway of Ganeti's own is between us and it: what was not sent is known sooner.
            .with(Part::JobRunner, json!({"ganeti": {"rapi_unknown_wait": "20s"}}));
        let stack = Stack::start(options).await.unwrap_or_else(|error| panic!("{error:#}"));
        let events = stack.integrator().await.unwrap();
        let admin = stack.admin().await.unwrap();
        let info: Value = serde_json::from_str(&lab(&["info", "--json"]).await).unwrap();
        for cluster in info["clusters"].as_array().unwrap() {
            // As a person does it: look, compare the fingerprint with the master's, add.
            let probe = json!({"endpoints": [cluster["rapi"]]});
            let seen = admin.post("/clusters/probe", &probe).await.ok();
            let plain = |v: &Value| v.as_str().unwrap().replace(':', "").to_lowercase();
            assert_eq!(plain(&seen["fingerprint"]), plain(&cluster["fingerprint"]));
            let mut body = json!({
                "slug": cluster["name"], "endpoints": [cluster["rapi"]],
                "fingerprint": seen["fingerprint"],
                "read": cluster["read"], "write": cluster["write"], "console": {"enabled": true},
            });
            if cluster["vnc_password"].is_string() {
                body["console"]["vnc_password"] = cluster["vnc_password"].clone();
            }
            let added = admin.post("/clusters", &body).await.expect_status(201).ok();
            assert!(added["instances_total"].as_u64().unwrap() > 0, "{added}");
        }
        Self { admin, events, stack }
    }
}

/// A value of ours as Ganeti's command line prints it.
fn printed(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "Y".to_owned(),
        Value::Bool(false) => "N".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(printed).collect::<Vec<_>>().join(","),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// What the command line leaves empty, in its several words.
fn normal(told: &str) -> String {
    let word =
        |w: &str| if ["", "None", "?", "-"].contains(&w) { "-".to_owned() } else { w.to_owned() };
    told.split(',').map(word).collect::<Vec<_>>().join(",")
}

/// Each line of a list as (field → text), by the first field.
async fn cli(
    cluster: &str,
    tool: &str,
    fields: &[&str],
) -> BTreeMap<String, BTreeMap<String, String>> {
    let joined = fields.join(",");
    let command =
        [tool, "list", "--no-headers", "--separator=|", "--units=m", "-o", joined.as_str()];
    let told = master(cluster, &command).await;
    let lines = told.lines().map(|line| {
        let values: Vec<_> = line.split('|').map(normal).collect();
        assert_eq!(values.len(), fields.len(), "{line}");
        let by_field = fields.iter().map(|f| (*f).to_owned()).zip(values.clone());
        (values[0].clone(), by_field.collect())
    });
    lines.collect()
}

fn time(value: &Value) -> String {
    let text = value.as_str().unwrap_or("-");
    text.get(..19).unwrap_or("-").replace('T', " ")
}

fn instance_as_printed(item: &Value) -> BTreeMap<String, String> {
    let of_nics = |field: &str| {
        let nics = item["nics"].as_array().unwrap().iter();
        printed(&nics.map(|nic| nic[field].clone()).collect())
    };
    let sizes: Value =
        item["disks"].as_array().unwrap().iter().map(|d| d["size_mib"].clone()).collect();
    let plain = [
        ("name", "name"),
        ("uuid", "uuid"),
        ("status", "status"),
        ("admin_state", "admin_state"),
        ("pnode", "primary_node"),
        ("snodes", "secondary_nodes"),
        ("pnode.group", "node_group"),
        ("hypervisor", "hypervisor"),
        ("os", "os"),
        ("be/vcpus", "vcpus"),
        ("be/maxmem", "memory_mib"),
        ("disk_usage", "disk_mib"),
        ("disk_template", "disk_template"),
    ];
    let plain = plain.map(|(theirs, ours)| (theirs, printed(&item[ours])));
    let mut tags: Vec<_> =
        item["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    tags.sort_unstable();
    let more = [
        ("tags", tags.join(",")),
        ("disk.sizes", printed(&sizes)),
        ("nic.macs", of_nics("mac")),
        ("nic.ips", of_nics("ip")),
        ("nic.modes", of_nics("mode")),
        ("nic.links", of_nics("link")),
        ("ctime", time(&item["created_at"])),
        ("mtime", time(&item["modified_at"])),
    ];
    let all = plain.into_iter().chain(more);
    all.map(|(field, text)| (field.to_owned(), normal(&text))).collect()
}

const INSTANCE_FIELDS: [&str; 21] = [
    "name",
    "uuid",
    "status",
    "admin_state",
    "pnode",
    "snodes",
    "pnode.group",
    "hypervisor",
    "os",
    "be/vcpus",
    "be/maxmem",
    "disk_usage",
    "disk_template",
    "tags",
    "disk.sizes",
    "nic.macs",
    "nic.ips",
    "nic.modes",
    "nic.links",
    "ctime",
    "mtime",
];

fn node_as_printed(item: &Value) -> BTreeMap<String, String> {
    let role = match item["role"].as_str().unwrap() {
        "master" => "M",
        "master-candidate" => "C",
        "drained" => "D",
        "offline" => "O",
        _ => "R",
    };
    let plain = [
        ("name", "name"),
        ("uuid", "uuid"),
        ("group", "node_group"),
        ("mtotal", "memory_total_mib"),
        ("mfree", "memory_free_mib"),
        ("dtotal", "disk_total_mib"),
        ("ctotal", "cpus_total"),
        ("pinst_cnt", "instances_primary"),
        ("sinst_cnt", "instances_secondary"),
        ("offline", "offline"),
        ("drained", "drained"),
    ];
    let plain = plain.map(|(theirs, ours)| (theirs, printed(&item[ours])));
    let all = plain.into_iter().chain([("role", role.to_owned())]);
    all.map(|(field, text)| (field.to_owned(), normal(&text))).collect()
}

/// Free disk moves with whatever else this machine writes, so it is compared within 2 GiB.
const NODE_FIELDS: [&str; 12] = [
    "name",
    "uuid",
    "role",
    "group",
    "mtotal",
    "mfree",
    "dtotal",
    "ctotal",
    "pinst_cnt",
    "sinst_cnt",
    "offline",
    "drained",
];

/// Until both say the same: other jobs may be under way.
async fn fields_equal(lab: &Lab, cluster: &str) {
    for (tool, list, fields, show) in [
        (
            "gnt-instance",
            "/instances?limit=200",
            INSTANCE_FIELDS.as_slice(),
            instance_as_printed as fn(&Value) -> _,
        ),
        ("gnt-node", "/nodes?limit=200", NODE_FIELDS.as_slice(), node_as_printed),
    ] {
        wait_for("both to say the same", LONG, async || {
            let theirs = cli(cluster, tool, fields).await;
            let items = lab.admin.get(list).await.ok()["items"].clone();
            let of_cluster = items.as_array().unwrap().iter().filter(|i| i["cluster"] == cluster);
            let ours: BTreeMap<_, _> = of_cluster
                .map(|item| (item["name"].as_str().unwrap().to_owned(), show(item)))
                .collect();
            let sorted = |mut all: BTreeMap<String, BTreeMap<String, String>>| {
                for one in all.values_mut() {
                    if let Some(tags) = one.get_mut("tags") {
                        let mut words: Vec<_> = tags.split(',').collect();
                        words.sort_unstable();
                        *tags = words.join(",");
                    }
                }
                all
            };
            let (theirs, ours) = (sorted(theirs), sorted(ours));
            let differs = theirs.iter().find(|(name, fields)| ours.get(*name) != Some(fields));
            match differs {
                None if ours.len() == theirs.len() => Ok(()),
                None => Err(format!("{} of ours, {} of Ganeti's", ours.len(), theirs.len())),
                Some((name, fields)) => Err(format!("{fields:?} ours: {:?}", ours.get(name))),
            }
        })
        .await;
    }
    let free = cli(cluster, "gnt-node", &["name", "dfree"]).await;
    for item in lab.admin.get("/nodes").await.ok()["items"].as_array().unwrap() {
        let Some(theirs) = free.get(item["name"].as_str().unwrap()) else { continue };
        let theirs: u64 = theirs["dfree"].parse().unwrap();
        assert!(item["disk_free_mib"].as_u64().unwrap().abs_diff(theirs) < 2048, "{item}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_on_real_ganeti() {
    let lab = Lab::start("lab-story").await;
    let admin = &lab.admin;
    for cluster in ["alpha", "beta"] {
        fields_equal(&lab, cluster).await;
    }

    // Create on each, with QEMU's picture: alpha has a VNC password, beta's console call is as shipped.
    for cluster in ["alpha", "beta"] {
        let name = format!("story1.{cluster}.lab.test");
        let path = format!("/clusters/{cluster}/instances/{name}");
        if admin.get(&path).await.status == 200 {
            // Left by a run that was cut off.
            let job = admin.delete(&path).await.ok();
            let _removed = ended(admin, &job).await;
        }
        let body = json!({
            "cluster": cluster, "name": name, "os": "noop+default", "hypervisor": "kvm",
            "disk_template": "sharedfile", "disks": [{"size_mib": 16}], "memory_mib": 128,
            "vcpus": 1, "nics": [{}], "pnode": format!("node1.{cluster}.lab.test"),
        });
        let job = admin.post("/instances", &body).await.expect_status(202).ok();
        let job = succeeded(admin, &job).await;
        let id = job["id"].as_str().unwrap();
        let log = admin.get(&format!("/jobs/{id}/log")).await.ok();
        assert!(!log["items"].as_array().unwrap().is_empty(), "{log}");
        let made = admin.get(&path).await.ok();
        assert_eq!((&made["status"], &made["hypervisor"]), (&json!("running"), &json!("kvm")));
        let uuid = made["uuid"].as_str().unwrap().to_owned();
        assert_eq!(made["console_problem"], Value::Null);
        fields_equal(&lab, cluster).await;

        let origin = lab.stack.url();
        wait_for("QEMU's picture", LONG, async || {
            let pass = pass(admin, cluster, &name).await;
            let mut console = open(&pass, &origin).await.map_err(|error| format!("{error:#}"))?;
            assert_eq!(console.vnc.name(), format!("QEMU ({name})"));
            let colours = console.vnc.frame().await.map_err(|error| error.to_string())?.colours();
            if colours > 1 { Ok(()) } else { Err("a blank screen".to_owned()) }
        })
        .await;

        // Ganeti's own command line: both show up by themselves.
        let _tagged = master(cluster, &["gnt-instance", "add-tags", &name, "from:cli"]).await;
        let shutdown = ["gnt-instance", "shutdown", "--timeout=0", &name];
        let _stopped = master(cluster, &shutdown).await;
        eventually("the command line's changes", admin, &path, |seen| {
            let tagged = seen["tags"] == json!(["from:cli"]);
            if tagged && seen["status"] == "ADMIN_down" { Ok(()) } else { Err(seen.to_string()) }
        })
        .await;
        fields_equal(&lab, cluster).await;

        let job = admin.delete(&path).await.expect_status(202).ok();
        let _removed = succeeded(admin, &job).await;
        let left = master(cluster, &["gnt-instance", "list", "--no-headers", "-o", "name"]).await;
        assert!(!left.contains(&name), "{left}");
        let told = wait_for("the events of it", LONG, async || {
            let told = story_of(&lab.events.seen(), "inventory", &uuid);
            let over = told.last().is_some_and(|(event, _)| event == "removed");
            if over { Ok(told) } else { Err(format!("{told:?}")) }
        })
        .await;
        assert_eq!(told[0].0, "created", "{told:?}");
        // One look may show both changes: then one event names both.
        let all = lab.events.seen();
        let of_it = all.iter().filter(|(subject, _)| subject.contains(&uuid));
        let changed: Vec<_> = of_it
            .filter_map(|(_, event)| event["data"]["changed"].as_object())
            .flat_map(|fields| fields.keys().cloned())
            .collect();
        for field in ["tags", "status"] {
            assert!(changed.iter().any(|name| name == field), "{field}: {changed:?} {told:?}");
        }
        let gapless = told.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1);
        assert!(gapless, "an event is missing: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runner_that_is_killed_makes_no_job_twice_and_loses_none() {
    let mut lab = Lab::start("lab-kills").await;
    let name = "web1.alpha.lab.test";
    for turn in 0..5 {
        let path = format!("/clusters/alpha/instances/{name}/reboot");
        let job = lab.admin.post(&path, &json!({})).await.expect_status(202).ok();
        let id = job["id"].as_str().unwrap();
        // Sooner or later within the submission: at once, or when it has begun.
        if turn % 2 == 1 {
            eventually("the job to begin", &lab.admin, &format!("/jobs/{id}"), |job| {
                if job["state"] == "queued" { Err(job.to_string()) } else { Ok(()) }
            })
            .await;
        }
        lab.stack.kill(Part::JobRunner, 0).await.unwrap();
        lab.stack.restart(Part::JobRunner, 0).await.unwrap();
        let path = format!("/jobs/{id}");
        wait_for("the job to end", LONG, async || {
            let answer = lab.admin.get(&path).await;
            let state = answer.json()["state"].clone();
            assert_ne!(state, "failed", "{}", answer.text);
            if state == "succeeded" { Ok(()) } else { Err(answer.text) }
        })
        .await;
        // By the op in Ganeti's own queue.
        let count = format!("grep -rl job={id} /var/lib/ganeti/queue --include='job-*' | wc -l");
        let found = master("alpha", &["sh", "-c", &count]).await;
        assert_eq!(found.trim(), "1", "turn {turn}: Ganeti jobs of {id}");
    }
}
