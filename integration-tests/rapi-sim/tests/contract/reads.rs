//! Every resource that is read has the recorded shape.

use serde_json::{Value, json};

use crate::shape::differences;
use crate::target::{Target, targets};

fn assert_same(t: &Target, what: &str, references: &[&str], body: &Value) {
    let mut references: Vec<Value> = references.iter().map(|name| t.recorded(name)).collect();
    if what == "/2/info" {
        // The recorded cluster has no LVM; with it these are texts.
        let mut with_lvm = references[0].clone();
        for key in ["vg_name", "volume_group_name", "drbd_helper", "drbd_usermode_helper"] {
            with_lvm[key] = json!("xenvg");
        }
        references.push(with_lvm);
    }
    let found = differences(&references, body);
    assert!(
        found.is_empty(),
        "{}: {what} differs from real Ganeti:\n{}",
        t.label,
        found.join("\n")
    );
}

#[tokio::test]
async fn lists_and_objects_have_the_recorded_shape() {
    for t in targets().await {
        let bulk = &["alpha.instances-bulk", "alpha-nodedown.instances-bulk"];
        let nodes =
            &["alpha.nodes-bulk", "alpha-nodedown.nodes-bulk", "alpha-nodeoffline.nodes-bulk"];
        let cases: [(&str, &[&str]); 11] = [
            ("/2/info", &["alpha.info"]),
            ("/2/features", &["alpha.features"]),
            ("/2/instances", &["alpha.instances"]),
            ("/2/instances?bulk=1", bulk),
            ("/2/nodes", &["alpha.nodes"]),
            ("/2/nodes?bulk=1", nodes),
            ("/2/groups", &["alpha.groups"]),
            ("/2/groups?bulk=1", &["alpha.groups-bulk"]),
            ("/2/networks", &["alpha.networks"]),
            ("/2/networks?bulk=1", &["alpha.networks-bulk"]),
            ("/2/jobs", &["alpha.jobs"]),
        ];
        for (path, references) in cases {
            let answer = t.get(path).await;
            assert_eq!(answer.status, 200, "{}: {path}", t.label);
            assert_eq!(answer.headers["connection"], "close", "{}: {path}", t.label);
            assert_eq!(answer.headers["content-type"], "application/json", "{}", t.label);
            if answer.body != json!([]) {
                assert_same(&t, path, references, &answer.body);
            }
        }
        assert_eq!(t.get("/version").await.body, json!(2));
        assert_eq!(t.get("/").await.body, Value::Null);
        assert_eq!(t.get("/2").await.body, Value::Null);
    }
}

#[tokio::test]
async fn single_objects_equal_their_bulk_entry() {
    for t in targets().await {
        for (resource, key, extra) in [
            ("instances", "name", None),
            ("nodes", "name", Some("secondary_ip")),
            ("groups", "name", None),
        ] {
            let bulk = t.get(&format!("/2/{resource}?bulk=1")).await.body;
            let first = &bulk[0];
            let name = first[key].as_str().unwrap();
            let mut single = t.get(&format!("/2/{resource}/{name}")).await.body;
            if let Some(extra) = extra {
                assert!(single.as_object_mut().unwrap().remove(extra).is_some(), "{}", t.label);
            }
            let keys = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(&single), keys(first), "{}: {resource}", t.label);
            assert_eq!(single["uuid"], first["uuid"], "{}: {resource}", t.label);
            let tags = t.get(&format!("/2/{resource}/{name}/tags")).await;
            assert!(tags.body.is_array(), "{}: tags of {resource}", t.label);
        }
        // A first part that only one has and a UUID are names too; case matters.
        let first = t.get("/2/nodes?bulk=1").await.body[0].clone();
        for name in ["node1", first["uuid"].as_str().unwrap()] {
            let found = t.get(&format!("/2/nodes/{name}")).await;
            assert_eq!(found.body["name"], first["name"], "{}: {name}", t.label);
        }
        assert_eq!(t.get(&format!("/2/nodes/NODE1.{}", t.domain)).await.status, 404);
        let node = t.get(&format!("/2/nodes/node1.{}/role", t.domain)).await;
        assert_eq!(node.body, "master", "{}", t.label);
    }
}

#[tokio::test]
async fn operating_systems_come_from_a_job_and_carry_their_variants() {
    for t in targets().await {
        let names = t.get("/2/os").await;
        assert_eq!(names.status, 200);
        assert!(names.body.as_array().unwrap().contains(&json!("noop+default")), "{}", t.label);
        let jobs = t.get("/2/jobs?bulk=1").await.body;
        let job = jobs.as_array().unwrap().iter().rfind(|j| j["summary"] == json!(["OS_DIAGNOSE"]));
        assert!(job.is_some(), "{}: /2/os runs a job", t.label);
    }
}

#[tokio::test]
async fn queries_answer_cells_with_their_state() {
    for t in targets().await {
        let fields = "name,status,pnode,oper_ram,tags,be/memory,hv/kernel_path,console,\
                      disk.sizes,disk.size/0,nic.mac/0,pnode.group,hypervisor,osparams,admin_state";
        let answer = t.get(&format!("/2/query/instance?fields={fields}")).await;
        assert_eq!(answer.status, 200, "{}: {:?}", t.label, answer.body);
        let rows = answer.body["data"].as_array().unwrap();
        assert!(!rows.is_empty());
        let cell = |row: &Value, at: usize| (row[at][0].as_u64().unwrap(), row[at][1].clone());
        for row in rows {
            let (status, running) = (cell(row, 1).1, cell(row, 1).1 == "running");
            assert_eq!(cell(row, 0).0, 0, "{}: {row}", t.label);
            if running {
                assert_eq!(cell(row, 3).0, 0, "{}: {row}", t.label);
            } else if status == "ADMIN_down" || status == "ERROR_down" {
                assert_eq!(cell(row, 3), (3, Value::Null), "{}: {row}", t.label);
            }
            if cell(row, 12).1 != "kvm" {
                assert_eq!(cell(row, 6), (3, Value::Null), "{}: {row}", t.label);
            }
            if cell(row, 8).1 == json!([]) {
                assert_eq!(cell(row, 9), (3, Value::Null), "{}: {row}", t.label);
            }
        }
        let described = answer.body["fields"].as_array().unwrap();
        let titles: Vec<&str> = described.iter().map(|f| f["title"].as_str().unwrap()).collect();
        assert_eq!(titles[0], "Instance", "{}", t.label);
        assert_eq!(titles[5], "ConfigMaxMem", "{}", t.label);
    }
}

#[tokio::test]
async fn query_filters_choose() {
    for t in targets().await {
        let names = |filter: Value| {
            let t = &t;
            async move {
                let body = json!({"fields": ["name"], "qfilter": filter});
                let answer = t.send("PUT", "/2/query/node", Some(&body)).await;
                assert_eq!(answer.status, 200, "{}: {:?}", t.label, answer.body);
                let rows = answer.body["data"].as_array().unwrap().clone();
                rows.iter().map(|r| r[0][1].as_str().unwrap().to_owned()).collect::<Vec<_>>()
            }
        };
        let (one, two) = (format!("node1.{}", t.domain), format!("node2.{}", t.domain));
        assert_eq!(names(json!(["=", "name", one])).await, [one.as_str()], "{}", t.label);
        assert_eq!(names(json!(["==", "name", one])).await, [one.as_str()], "{}", t.label);
        assert_eq!(names(json!(["=", "role", "M"])).await, [one.as_str()], "{}", t.label);
        let both = json!(["|", ["=", "name", one], ["=", "name", two]]);
        assert_eq!(names(both).await, [one.clone(), two.clone()], "{}", t.label);
        let none = json!(["&", ["=", "name", one], ["=", "name", two]]);
        assert!(names(none).await.is_empty(), "{}", t.label);
        assert_eq!(names(json!(["=~", "name", "^node2"])).await, [two.as_str()], "{}", t.label);
        assert!(!names(json!(["!", ["=", "name", one]])).await.contains(&one), "{}", t.label);
        assert!(names(json!(["?", "offline"])).await.is_empty(), "{}", t.label);
        assert_eq!(names(json!([">", "ctotal", 1])).await[0], one, "{}", t.label);
        assert!(names(json!(["<", "ctotal", 1])).await.is_empty(), "{}", t.label);
        assert!(names(json!(["!=", "role", "M"])).await.contains(&two), "{}", t.label);
    }
}

#[tokio::test]
async fn a_field_without_a_value_passes_every_comparison() {
    for t in targets().await {
        let count = |filter: Value| {
            let t = &t;
            async move {
                let body = json!({"fields": ["name"], "qfilter": filter});
                let answer = t.send("PUT", "/2/query/node", Some(&body)).await;
                answer.body["data"].as_array().unwrap().len()
            }
        };
        let all = t.get("/2/nodes").await.body.as_array().unwrap().len();
        for (op, expected) in [("<", all), (">", all), ("=", all), ("!=", 0)] {
            // Spindles are told with exclusive storage only.
            let filter = json!([op, "sptotal", 5]);
            assert_eq!(count(filter).await, expected, "{}: {op}", t.label);
        }
    }
}

#[tokio::test]
async fn field_lists_are_offered() {
    for t in targets().await {
        for (resource, field) in [
            ("instance", "be/maxmem"),
            ("node", "pip"),
            ("group", "node_cnt"),
            ("job", "oplog"),
            ("network", "map"),
        ] {
            let answer = t.get(&format!("/2/query/{resource}/fields")).await;
            assert_eq!(answer.status, 200, "{}: {resource}", t.label);
            let fields = answer.body["fields"].as_array().unwrap();
            assert!(fields.iter().any(|f| f["name"] == field), "{}: {resource}", t.label);
        }
    }
}
