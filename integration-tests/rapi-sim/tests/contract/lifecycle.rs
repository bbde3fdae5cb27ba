//! Jobs: from submit to end, with what they say and leave behind.

use serde_json::{Value, json};

use crate::shape::{differences, recorded};
use crate::target::{Target, targets};

fn same(t: &Target, job: &Value, reference: &str) {
    let found = differences(&[t.recorded(reference)], job);
    assert!(found.is_empty(), "{}: job unlike {reference}:\n{}", t.label, found.join("\n"));
    let keys = |job: &Value| {
        job["ops"][0]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<std::collections::BTreeSet<_>>()
    };
    let (real, ours) = (keys(&t.recorded(reference)), keys(job));
    assert_eq!(ours, real, "{}: parameters of {}", t.label, job["summary"]);
}

async fn instance(t: &Target, name: &str) -> Value {
    t.get(&format!("/2/instances/{name}")).await.body
}

fn serial(instance: &Value) -> u64 {
    instance["serial_no"].as_u64().unwrap()
}

#[tokio::test]
async fn an_instance_lives_and_dies() {
    for t in targets().await {
        let name = t.fresh_name("life");
        let path = format!("/2/instances/{name}");
        let more = json!({"disk_template": "sharedfile", "disks": [{"size": 16}], "tags": ["ct"]});
        let job = t.create(&name, &more).await;
        assert_eq!(job["status"], "success", "{}: {job}", t.label);
        same(&t, &job, "alpha.job-op_instance_create-success");
        assert_eq!(job["summary"], json!([format!("INSTANCE_CREATE({name})")]), "{}", t.label);
        assert_eq!(job["opresult"], json!([[format!("node1.{}", t.domain)]]), "{}", t.label);
        reason(&t, &job);
        log(&t, &job, &name);
        let made = instance(&t, &name).await;
        assert_eq!(made["status"], "running", "{}", t.label);
        assert_eq!(made["tags"], json!(["ct"]), "{}", t.label);
        assert_eq!(made["hvparams"], json!({}), "{}: fake has none", t.label);
        assert_eq!(made["network_port"], Value::Null, "{}: fake has none", t.label);
        assert_eq!(made["serial_no"], json!(3), "{}: serial after create", t.label);

        // Reboot leaves serial_no and mtime alone.
        let job = t.run("POST", &format!("{path}/reboot?type=soft"), None).await;
        same(&t, &job, "alpha-ops.reboot-soft");
        let rebooted = instance(&t, &name).await;
        assert_eq!(serial(&rebooted), serial(&made), "{}: reboot", t.label);
        assert_eq!(rebooted["mtime"], made["mtime"], "{}: reboot", t.label);

        let job = t.run("PUT", &format!("{path}/shutdown"), Some(&json!({}))).await;
        same(&t, &job, "alpha-ops.shutdown");
        let down = instance(&t, &name).await;
        assert_eq!(down["status"], "ADMIN_down", "{}", t.label);
        assert_eq!(down["oper_ram"], Value::Null, "{}", t.label);
        assert_eq!(serial(&down), serial(&made) + 2, "{}: shutdown", t.label);
        let job = t.run("PUT", &format!("{path}/shutdown"), Some(&json!({}))).await;
        assert_eq!(job["status"], "success", "{}: shutdown of a stopped one", t.label);
        let again = instance(&t, &name).await;
        assert_eq!(serial(&again), serial(&down), "{}: shutdown of a stopped one", t.label);

        let job = t.run("PUT", &format!("{path}/startup"), None).await;
        same(&t, &job, "alpha-ops.startup");
        let up = instance(&t, &name).await;
        assert_eq!(up["status"], "running", "{}", t.label);
        assert_eq!(serial(&up), serial(&again) + 1, "{}: startup", t.label);
        let job = t.run("PUT", &format!("{path}/startup"), None).await;
        assert_eq!(job["status"], "success", "{}: start of a running one", t.label);
        assert_eq!(serial(&instance(&t, &name).await), serial(&up), "{}: start again", t.label);

        let job = t.run("DELETE", &path, None).await;
        same(&t, &job, "alpha-ops.delete");
        assert_eq!(job["opresult"], json!([null]), "{}", t.label);
        assert_eq!(t.get(&path).await.status, 404, "{}", t.label);
    }
}

fn reason(t: &Target, job: &Value) {
    let trail = &job["ops"][0]["reason"];
    assert_eq!(trail[0][0], "gnt:user", "{}: {trail}", t.label);
    assert_eq!(trail[0][1], "ct:create", "{}", t.label);
    assert_eq!(trail[1][0], "gnt:library:rlib2:instances", "{}", t.label);
    assert_eq!(trail[1][1], "", "{}", t.label);
    assert_eq!(trail[2][0], "gnt:opcode:instance_create", "{}", t.label);
    assert_eq!(trail[2][1], format!("job={};index=0", job["id"]), "{}", t.label);
    assert!(trail[2][2].as_u64().unwrap() > 1_700_000_000_000_000_000, "{}", t.label);
}

fn log(t: &Target, job: &Value, name: &str) {
    let entries = job["oplog"][0].as_array().unwrap();
    let texts: Vec<&str> = entries.iter().map(|e| e[3].as_str().unwrap()).collect();
    let expected = [
        "* disk 0, size 16M".to_owned(),
        "* creating instance disks...".to_owned(),
        format!("adding instance {name} to cluster config"),
        "adding disks to cluster config".to_owned(),
        format!(" - INFO: Waiting for instance {name} to sync disks"),
        format!(" - INFO: Instance {name}'s disks are in sync"),
        format!(" - INFO: Waiting for instance {name} to sync disks"),
        format!(" - INFO: Instance {name}'s disks are in sync"),
        "* running the instance OS create scripts...".to_owned(),
        "* starting instance...".to_owned(),
    ];
    assert_eq!(texts, expected, "{}", t.label);
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(entry[0], json!(index + 1), "{}: serials count from 1", t.label);
        assert_eq!(entry[2], "message", "{}", t.label);
    }
}

#[tokio::test]
async fn prerequisites_fail_in_the_job_not_in_the_submit() {
    for t in targets().await {
        let name = t.fresh_name("pre");
        let taken = t.get("/2/instances").await.body[0]["id"].as_str().unwrap().to_owned();
        let group = t.get("/2/groups/default").await.body["uuid"].as_str().unwrap().to_owned();
        let node = format!("node1.{}", t.domain);
        let no_pnode = json!({"pnode": "nosuch"});
        let cases = [
            (
                &taken,
                json!({}),
                json!([format!("Instance '{taken}' is already in the cluster"), "already_exists"]),
            ),
            (&name, no_pnode, json!(["Node 'nosuch' not known", "unknown_entity"])),
            (
                &name,
                json!({"beparams": {"vcpus": 99}}),
                json!([
                    format!(
                        "Instance allocation to group {group} (default) violates policy: cpu-count value 99 is not in range [1, 16]"
                    ),
                    "wrong_input"
                ]),
            ),
        ];
        for (name, more, expected) in cases {
            let job = t.create(name, &more).await;
            assert_eq!(job["status"], "error", "{}: {more}", t.label);
            assert_eq!(job["opresult"], json!([["OpPrereqError", expected]]), "{}", t.label);
            assert_eq!(job["oplog"], json!([[]]), "{}: {more}", t.label);
        }
        let job = t.create(&name, &json!({"os_type": "nosuch"})).await;
        let text = format!(
            "OS Parameters validation failed on node {node}: Directory for OS nosuch not found in \
             search path"
        );
        assert_eq!(job["opresult"], json!([["OpExecError", [text]]]), "{}", t.label);
        let job = t.create(&name, &json!({"disk_template": "rbd", "disks": [{"size": 16}]})).await;
        let text = job["opresult"][0][1][0].as_str().unwrap();
        let start = "Disk template 'rbd' is not enabled in cluster. Enabled disk templates are: ";
        assert!(text.starts_with(start), "{}: {text}", t.label);
        assert_eq!(job["opresult"][0][1].as_array().unwrap().len(), 1, "{}", t.label);
        assert_eq!(t.get(&format!("/2/instances/{name}")).await.status, 404, "{}", t.label);
    }
}

#[tokio::test]
async fn changes_of_an_unknown_instance_fail_in_the_job() {
    for t in targets().await {
        let name = t.fresh_name("none");
        let path = format!("/2/instances/{name}");
        let startup = format!("{path}/startup");
        let job = t.run("PUT", &startup, None).await;
        let text = format!("Instance '{name}' not known");
        let expected = json!([["OpPrereqError", [text, "unknown_entity"]]]);
        assert_eq!(job["opresult"], expected, "{}", t.label);
        assert_eq!(job["opstatus"], json!(["error"]), "{}", t.label);
        for (method, path) in [
            ("DELETE", path.clone()),
            ("POST", format!("{path}/reboot")),
            ("PUT", format!("{path}/shutdown")),
        ] {
            let body = path.ends_with("shutdown").then(|| json!({}));
            let job = t.run(method, &path, body.as_ref()).await;
            assert_eq!(job["opresult"], expected, "{}: {method} {path}", t.label);
        }
    }
}

#[tokio::test]
async fn dry_runs_change_nothing_and_tags_count() {
    for t in targets().await {
        let name = t.fresh_name("tags");
        let path = format!("/2/instances/{name}");
        let job = t.create(&name, &json!({})).await;
        assert_eq!(job["status"], "success", "{}: {job}", t.label);
        let before = instance(&t, &name).await;
        let job = t.run("PUT", &format!("{path}/shutdown?dry-run=1"), Some(&json!({}))).await;
        assert_eq!(job["status"], "success", "{}", t.label);
        let text = " - INFO: dry-run mode requested, not actually executing the operation";
        assert_eq!(job["oplog"][0][0][3], text, "{}", t.label);
        assert_eq!(job["ops"][0]["dry_run"], true, "{}", t.label);
        assert_eq!(instance(&t, &name).await["status"], "running", "{}", t.label);

        let job = t.run("PUT", &format!("{path}/tags?tag=b%3A1&tag=a"), None).await;
        assert_eq!(job["summary"], json!(["TAGS_SET"]), "{}", t.label);
        let after = instance(&t, &name).await;
        assert_eq!(after["tags"], json!(["a", "b:1"]), "{}", t.label);
        assert_eq!(serial(&after), serial(&before) + 1, "{}: tags", t.label);
        let job = t.run("DELETE", &format!("{path}/tags?tag=a"), None).await;
        same(&t, &job, "alpha-ops.tags-del");
        assert_eq!(t.get(&format!("{path}/tags")).await.body, json!(["b:1"]), "{}", t.label);
        let job = t.run("DELETE", &format!("{path}/tags?tag=zzz"), None).await;
        let expected = json!([["OpPrereqError", ["Tag(s) 'zzz' not found", "unknown_entity"]]]);
        assert_eq!(job["opresult"], expected, "{}", t.label);

        let job = t.run("PUT", &format!("{path}/rename"), Some(&json!({"new_name": name}))).await;
        assert_eq!(job["status"], "error", "{}: rename while running: {job}", t.label);
        t.run("PUT", &format!("{path}/shutdown"), Some(&json!({}))).await;
        let new = t.fresh_name("renamed");
        let body = json!({"new_name": new, "ip_check": false, "name_check": false});
        let job = t.run("PUT", &format!("{path}/rename"), Some(&body)).await;
        assert_eq!(job["opresult"], json!([new]), "{}", t.label);
        same(&t, &job, "alpha-ops.rename");
        let renamed = instance(&t, &new).await;
        assert_eq!(renamed["uuid"], before["uuid"], "{}: rename keeps the UUID", t.label);
        let body = json!({"beparams": {"maxmem": 96}});
        let job = t.run("PUT", &format!("/2/instances/{new}/modify"), Some(&body)).await;
        same(&t, &job, "alpha-ops.modify-be");
        assert_eq!(job["opresult"], json!([[["be/maxmem", 96]]]), "{}", t.label);
        let job = t.run("PUT", &format!("/2/instances/{new}/modify"), Some(&json!({}))).await;
        let expected = json!([["OpPrereqError", ["No changes submitted", "wrong_input"]]]);
        assert_eq!(job["opresult"], expected, "{}", t.label);
        let job = t.run("DELETE", &format!("/2/instances/{new}"), None).await;
        assert_eq!(job["status"], "success", "{}", t.label);
    }
}

#[tokio::test]
async fn a_migration_moves_the_node_and_not_the_serial() {
    for t in targets().await {
        let name = t.fresh_name("move");
        let path = format!("/2/instances/{name}");
        let more = json!({"disk_template": "sharedfile", "disks": [{"size": 16}]});
        let job = t.create(&name, &more).await;
        assert_eq!(job["status"], "success", "{}: {job}", t.label);
        let before = instance(&t, &name).await;
        let to = format!("node2.{}", t.domain);
        let body = json!({"mode": "live", "target_node": to});
        let job = t.run("PUT", &format!("{path}/migrate"), Some(&body)).await;
        assert_eq!(job["status"], "success", "{}: {job}", t.label);
        let first = &job["oplog"][0][0][3];
        assert_eq!(first, &json!(format!("Migrating instance {name}")), "{}", t.label);
        let last = job["oplog"][0].as_array().unwrap().last().unwrap();
        assert_eq!(last[3], "* done", "{}", t.label);
        let after = instance(&t, &name).await;
        assert_eq!(after["pnode"], json!(to), "{}", t.label);
        assert_eq!(after["status"], "running", "{}", t.label);
        assert_eq!(serial(&after), serial(&before), "{}: migration", t.label);
        let job =
            t.run("PUT", &format!("{path}/migrate"), Some(&json!({"target_node": "nosuch"}))).await;
        let expected = json!([["OpPrereqError", ["Node 'nosuch' not known", "unknown_entity"]]]);
        assert_eq!(job["opresult"], expected, "{}", t.label);
        t.run("DELETE", &path, None).await;
    }
}

#[tokio::test]
async fn jobs_are_listed_queried_and_not_cancelled_once_ended() {
    for t in targets().await {
        let job = t.run("PUT", "/2/instances/nosuch/startup?reason=ct%3Aquery", None).await;
        let id = job["id"].as_u64().unwrap();
        let body = json!({
            "fields": ["id", "status", "opstatus", "oplog", "opresult", "summary", "ops", "archived"],
            "qfilter": ["|", ["=", "id", id], ["=", "id", 99_999_999]],
        });
        let answer = t.send("PUT", "/2/query/job", Some(&body)).await;
        assert_eq!(answer.status, 200, "{}: {:?}", t.label, answer.body);
        let rows = answer.body["data"].as_array().unwrap();
        assert_eq!(rows.len(), 2, "{}: {rows:?}", t.label);
        assert_eq!(rows[1][0], json!([0, 99_999_999]), "{}: an unknown job", t.label);
        assert!(rows[1].as_array().unwrap()[1..].iter().all(|c| *c == json!([3, null])));
        assert_eq!(rows[0][0], json!([0, id]), "{}", t.label);
        assert_eq!(rows[0][1], json!([0, "error"]), "{}", t.label);
        assert_eq!(rows[0][2], json!([0, ["error"]]), "{}", t.label);
        assert_eq!(rows[0][3], json!([0, [[]]]), "{}", t.label);
        assert_eq!(rows[0][6][1][0]["reason"][0][1], "ct:query", "{}", t.label);
        assert_eq!(rows[0][7], json!([0, false]), "{}", t.label);
        let cancel = t.send("DELETE", &format!("/2/jobs/{id}"), None).await;
        let text = format!("Job {id} not found in queue");
        assert_eq!(cancel.body, json!([false, text]), "{}", t.label);
        let bulk = t.get("/2/jobs?bulk=1").await.body;
        let listed = bulk.as_array().unwrap().iter().find(|j| j["id"] == json!(id)).unwrap();
        // Only this job: somebody else's may carry comments or dependencies.
        let found = differences(&[recorded("alpha.jobs-bulk")], &json!([listed]));
        assert!(found.is_empty(), "{}:\n{}", t.label, found.join("\n"));
        assert!(listed.get("oplog").is_none(), "{}: bulk has no log", t.label);
    }
}
