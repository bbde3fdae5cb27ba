//! Every field of Ganeti's recorded answers is on its page, or in `not-shown.txt` with a reason.
//!
//! The answers are changed so that each value is unlike all others, and are served by the simulator; a
//! field is shown when the element that bears its name in `data-field` holds that very value.

use std::collections::{BTreeMap, BTreeSet};

use gwm_integration_tests::{Options, Stack};
use gwm_rapi_sim::{Fault, FaultRule};
use gwm_testkit::paths::project_root;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::stage::simulate;

const NOT_SHOWN: &str = include_str!("not-shown.txt");
/// Times and words that must stay what they are, because pages say them in other words.
const KEPT: [&str; 6] = ["ctime", "mtime", "role", "map", "master", "uuid"];

/// Values that were given out, by field.
#[derive(Default)]
struct Marks {
    next: u64,
    given: BTreeMap<String, Vec<String>>,
}

impl Marks {
    /// Changes all values within `value`, and notes what must be seen for `path`.
    fn mark(&mut self, path: &str, value: &mut Value) {
        let kept = KEPT.contains(&path);
        self.next += 1;
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                for (name, value) in fields {
                    let within =
                        if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    self.mark(&within, value);
                }
            }
            // An empty one within another has nothing to show.
            Value::Object(_) if path.contains('.') => {}
            Value::Array(items) if items.iter().any(Value::is_object) => {
                for (number, value) in items.iter_mut().enumerate() {
                    self.mark(&format!("{path}.{number}"), value);
                }
            }
            Value::Array(items) => {
                self.see(path, String::new());
                for value in items {
                    self.item(path, value);
                }
            }
            Value::String(text) if !kept => {
                *text = format!("mark-{}", self.next);
                self.see(path, text.clone());
            }
            Value::Number(number) if !kept => {
                *number = (20_000 + self.next).into();
                self.see(path, number.to_string());
            }
            Value::Bool(yes) => self.see(path, if *yes { "yes" } else { "no" }.to_owned()),
            Value::String(_) | Value::Number(_) => self.see(path, kept_words(path, value)),
            Value::Null | Value::Object(_) => self.see(path, String::new()),
        }
    }

    /// An item of a plain list: all must be seen under the list's name.
    fn item(&mut self, path: &str, value: &mut Value) {
        self.next += 1;
        match value {
            Value::String(text) if !text.is_empty() => {
                *text = format!("mark-{}", self.next);
                self.see(path, text.clone());
            }
            Value::Number(number) => {
                *number = (20_000 + self.next).into();
                self.see(path, number.to_string());
            }
            Value::Array(items) => items.iter_mut().for_each(|value| self.item(path, value)),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Object(_) => {}
        }
    }

    fn see(&mut self, path: &str, words: String) {
        let known = self.given.entry(path.to_owned()).or_default();
        known.extend(Some(words).filter(|words| !words.is_empty()));
    }

    /// Puts a value that belongs to others too.
    fn put(&mut self, object: &mut Value, field: &str, value: Value, words: &[&str]) {
        object[field] = value;
        self.given.insert(field.to_owned(), words.iter().map(|w| (*w).to_owned()).collect());
    }
}

fn kept_words(path: &str, value: &Value) -> String {
    match (path, value) {
        ("ctime" | "mtime", Value::Number(seconds)) => {
            let seconds = seconds.as_f64().unwrap();
            #[expect(clippy::cast_possible_truncation, reason = "a recorded time")]
            let at = chrono::DateTime::from_timestamp(seconds as i64, 0).unwrap();
            if seconds > 0.0 {
                at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            } else {
                String::new()
            }
        }
        ("role", _) => "master".to_owned(),
        (_, value) => value.as_str().unwrap_or_default().to_owned(),
    }
}

fn recorded(name: &str) -> Value {
    let file = format!("services/lib/rapi/tests/data/rapi/alpha/{name}.json");
    let text = std::fs::read_to_string(project_root().join(file)).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["body"].take()
}

/// One object out of a list: of each field the fullest value that any of them has.
fn fullest(list: &Value) -> Value {
    let mut out = Map::new();
    for object in list.as_array().unwrap() {
        for (name, value) in object.as_object().unwrap() {
            let known = out.entry(name.clone()).or_insert_with(|| value.clone());
            // The same object's lists belong together.
            if value.to_string().len() > known.to_string().len() && !name.contains('.') {
                *known = value.clone();
            }
        }
    }
    Value::Object(out)
}

/// The inner text and attributes of all elements that bear the field.
fn shown(html: &str, field: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in html.match_indices("data-field=\"") {
        let rest = &html[at + "data-field=\"".len()..];
        let names = &rest[..rest.find('"').unwrap()];
        if !names.split(' ').any(|name| name == field) {
            continue;
        }
        let start = html[..at].rfind('<').unwrap();
        let tag: String =
            html[start + 1..].chars().take_while(char::is_ascii_alphanumeric).collect();
        let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
        let (mut depth, mut end) = (0_usize, start);
        loop {
            let next_close = html[end..].find(&close).unwrap() + end;
            let opened = html[end..next_close].matches(&open).count();
            depth = depth + opened - 1;
            end = next_close + close.len();
            if depth == 0 {
                break;
            }
        }
        found.push(html[start..end].replace(',', ""));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_that_ganeti_says_is_on_its_page_or_there_is_a_reason() {
    let sim = simulate(&["fra1"]).await;
    let cluster = sim.cluster("fra1.example.org");
    let stack = Stack::start(Options::test("shown")).await.unwrap();
    let admin = stack.admin().await.unwrap();

    let mut marks: BTreeMap<&str, Marks> = BTreeMap::new();
    let mut next = 0;
    let mut mark = |value: &mut Value| {
        let mut own = Marks { next, ..Marks::default() };
        own.mark("", value);
        next = own.next;
        own
    };
    let uuid = |n: u8| format!("00000000-0000-4000-8000-0000000000{n:02}");
    let [mut info, mut node, mut group, mut network, mut instance] = [
        recorded("info"),
        fullest(&recorded("nodes-bulk")),
        fullest(&recorded("groups-bulk")),
        recorded("networks-bulk")[1].clone(),
        recorded("instances-bulk")
            .as_array()
            .unwrap()
            .iter()
            .find(|i| i["name"] == "web1.alpha.lab.test")
            .unwrap()
            .clone(),
    ];
    let lists = recorded("instances-bulk");
    for field in ["hvparams", "custom_hvparams", "custom_beparams"] {
        instance[field] = fullest(&lists)[field].clone();
    }
    instance["custom_nicparams"] = json!([{"link": "x"}]);
    let hypervisor = info["default_hypervisor"].clone();

    // Who belongs to whom stays as it is: by names that all of them use.
    let mut of_info = mark(&mut info);
    of_info.put(
        &mut info,
        "default_hypervisor",
        hypervisor.clone(),
        &[hypervisor.as_str().unwrap()],
    );
    of_info.put(&mut info, "software_version", json!("3.0.2"), &["3.0.2"]);
    let mut of_node = mark(&mut node);
    let mut of_group = mark(&mut group);
    let mut of_network = mark(&mut network);
    let mut of_instance = mark(&mut instance);
    for (marks, object, n) in [
        (&mut of_node, &mut node, 1),
        (&mut of_group, &mut group, 2),
        (&mut of_network, &mut network, 3),
        (&mut of_instance, &mut instance, 4),
    ] {
        marks.put(object, "uuid", json!(uuid(n)), &[&uuid(n)]);
    }
    let name = |object: &Value| object["name"].as_str().unwrap().to_owned();
    let [node_name, group_name, network_name, instance_name] =
        [&node, &group, &network, &instance].map(name);
    of_node.put(&mut node, "group.uuid", json!(uuid(2)), &[&uuid(2)]);
    of_node.put(&mut node, "pinst_list", json!([instance_name]), &[&instance_name]);
    of_node.put(&mut node, "sinst_list", json!([]), &[]);
    of_group.put(&mut group, "node_list", json!([node_name]), &[&node_name]);
    of_group.put(&mut group, "node_cnt", json!(1), &["1"]);
    of_network.put(&mut network, "network", json!("10.77.0.0/28"), &["10.77.0.0/28"]);
    of_network.put(&mut network, "map", json!("XX...........X.X"), &["10.77.0.13"]);
    let connected = json!([[group_name, "mark-mode", "mark-link", "mark-vlan"]]);
    let seen = [group_name.as_str(), "mark-mode", "mark-link", "mark-vlan"];
    of_network.put(&mut network, "group_list", connected, &seen);
    of_network.put(&mut network, "inst_list", json!([instance_name]), &[&instance_name]);
    of_instance.put(&mut instance, "pnode", json!(node_name), &[&node_name]);
    let networks = json!([network_name]);
    of_instance.put(&mut instance, "nic.networks.names", networks, &[&network_name]);

    let query = json!({"data": [[[0, uuid(4)], [0, "mark-hypervisor"],
        [0, {"secret": "mark-osparam"}], [0, {"secret": "mark-osparam"}]]], "fields": []});
    let mut of_query = Marks::default();
    of_query.see("hypervisor", "mark-hypervisor".to_owned());
    of_query.see("osparams", "mark-osparam".to_owned());
    of_query.see("custom_osparams", "mark-osparam".to_owned());
    let query_node = json!({"data": [[[0, uuid(1)], [0, true],
        [0, {"ssh_port": 1}]]], "fields": []});
    let mut of_query_node = Marks::default();
    of_query_node.see("powered", "yes".to_owned());
    of_query_node.see("custom_ndparams", "mark-none".to_owned());

    for (path, body) in [
        ("/2/info", info),
        ("/2/nodes", json!([node])),
        ("/2/groups", json!([group])),
        ("/2/networks", json!([network])),
        ("/2/instances", json!([instance])),
        ("/2/query/instance", query),
        ("/2/query/node", query_node),
    ] {
        let method = if path.starts_with("/2/query") { "PUT" } else { "GET" };
        cluster.fault(FaultRule::always(Fault::Says { body }).method(method).path(path));
    }
    let _added = stack.add_sim(&admin, "fra1", cluster).await.unwrap();

    let own = "/clusters/fra1";
    let instance_page = format!("{own}/instances/{instance_name}");
    let node_page = format!("{own}/nodes/{node_name}");
    marks.insert("/2/info", of_info);
    marks.insert("/2/nodes", of_node);
    marks.insert("/2/groups", of_group);
    marks.insert("/2/networks", of_network);
    marks.insert("/2/instances", of_instance);
    marks.insert("/2/query/instance", of_query);
    marks.insert("/2/query/node", of_query_node);
    let pages = BTreeMap::from([
        ("/2/info", own.to_owned()),
        ("/2/nodes", node_page.clone()),
        ("/2/groups", format!("{own}/node-groups/{group_name}")),
        ("/2/networks", format!("{own}/networks/{network_name}")),
        ("/2/instances", instance_page.clone()),
        ("/2/query/instance", instance_page),
        ("/2/query/node", node_page),
    ]);

    let excused: Vec<(&str, &str)> = NOT_SHOWN
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (place, reason) = line.split_once(": ").expect("ANSWER FIELD: REASON");
            assert!(reason.len() > 10, "no reason: {line}");
            place.split_once(' ').unwrap()
        })
        .collect();
    let mut used = BTreeSet::new();
    let (mut wrong, mut fields) = (Vec::new(), 0);
    for (answer, marks) in &marks {
        let page = &pages[answer];
        let html = admin.send(admin.raw(Method::GET, page)).await;
        assert_eq!(html.status.as_u16(), 200, "{page}");
        let html = html.text;
        assert!(!html.contains("mark-osparam"), "the value of an OS parameter is on {page}");
        for (field, values) in &marks.given {
            fields += 1;
            let elements = shown(&html, field);
            let seen = !elements.is_empty()
                && values.iter().all(|value| elements.iter().any(|e| e.contains(value.as_str())));
            let excuse = excused.iter().position(|(of, name)| {
                of == answer && (field == name || field.starts_with(&format!("{name}.")))
            });
            used.extend(excuse);
            match (seen, excuse) {
                (true, None) | (false, Some(_)) => {}
                (true, Some(_)) => wrong.push(format!("{answer} {field} is shown after all")),
                (false, None) => {
                    wrong.push(format!(
                        "{answer} {field} is not on {page}: {values:?} in {elements:?}"
                    ));
                }
            }
        }
    }
    for (number, (answer, field)) in excused.iter().enumerate() {
        if !used.contains(&number) {
            wrong.push(format!("{answer} {field} is in not-shown.txt, and in no answer"));
        }
    }
    assert!(wrong.is_empty(), "{} of {fields}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(fields > 300, "{fields}");
}
