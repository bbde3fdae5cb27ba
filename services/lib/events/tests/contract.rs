//! The contract with integrators, generated from the Rust types into proto/events/ and checked in.
//! `GWM_UPDATE_GOLDEN=1 cargo test -p gwm-events` writes it anew.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gwm_events::server_config::{NatsUser, Role, SERVICES, server_config};
use gwm_events::types::registered;
use gwm_events::{Class, Subject, stream_settings};
use gwm_testkit::paths::project_root;
use serde_json::{Value, json};

/// Compares `text` with the file, or writes it when asked to.
fn golden(path: &Path, text: &str) {
    let update = std::env::var_os("GWM_UPDATE_GOLDEN").is_some();
    if update {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == text,
        "{} is not what the types say; look at the difference after GWM_UPDATE_GOLDEN=1 cargo test",
        path.display()
    );
}

/// With sorted keys: whether `serde_json` keeps another order depends on what else is compiled with it.
fn pretty(value: &Value) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    format!("{}\n", serde_json::to_string_pretty(&value).unwrap())
}

fn directory() -> PathBuf {
    project_root().join("proto/events")
}

fn schema_file(kind: &str) -> String {
    format!("{kind}.v1.schema.json")
}

/// One schema an object: the events of one object differ in their type only.
fn schemas() -> BTreeMap<&'static str, Value> {
    let mut schemas = BTreeMap::new();
    for event in registered() {
        let mut schema = (event.schema)().to_value();
        let object = schema.as_object_mut().unwrap();
        object.insert("$id".to_owned(), event.schema_name.clone().into());
        object.insert("title".to_owned(), format!("{} event", event.kind).into());
        schemas.insert(event.kind, schema);
    }
    schemas
}

#[test]
fn schemas_are_what_the_types_say() {
    for (kind, schema) in schemas() {
        golden(&directory().join("schemas").join(schema_file(kind)), &pretty(&schema));
    }
}

#[test]
fn every_type_has_a_full_example_that_fits_its_schema() {
    let schemas = schemas();
    for event in registered() {
        let file = format!("{}.{}.v1.json", event.kind, event.event);
        golden(&directory().join("examples").join(file), &pretty(&event.example));
        let validator = jsonschema::validator_for(&schemas[event.kind]).unwrap();
        if let Err(error) = validator.validate(&event.example) {
            panic!("{}: {error}", event.name);
        }
        assert_eq!(event.example["type"], event.name.as_str());
        assert_eq!(event.example["dataschema"], event.schema_name.as_str());
        (event.decode)(event.example.to_string().as_bytes()).unwrap();
    }
}

#[test]
fn nothing_that_is_not_a_type_any_more_lies_about() {
    let wanted: BTreeSet<String> = registered()
        .into_iter()
        .flat_map(|event| {
            [format!("{}.{}.v1.json", event.kind, event.event), schema_file(event.kind)]
        })
        .collect();
    for part in ["schemas", "examples"] {
        for entry in std::fs::read_dir(directory().join(part)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(wanted.contains(&name), "{part}/{name} belongs to no event type");
        }
    }
}

#[test]
fn a_wrong_event_does_not_fit_the_schema() {
    let event = registered().into_iter().find(|event| event.kind == "instance").unwrap();
    let validator = jsonschema::validator_for(&schemas()["instance"]).unwrap();
    for (place, value) in [
        ("/data/object/memory_mib", json!("2048")),
        ("/data/object/name", Value::Null),
        ("/id", json!("no uuid")),
        ("/data/cause/kind", json!("magic")),
    ] {
        let mut wrong = event.example.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        assert!((event.decode)(wrong.to_string().as_bytes()).is_err(), "decoded: {place}");
        if place != "/id" {
            assert!(!validator.is_valid(&wrong), "valid: {place}");
        }
    }
}

/// DESIGN.md's names, which clients rely on.
#[test]
fn objects_have_the_fields_that_were_promised() {
    let promised = [
        (
            "instance",
            "uuid name cluster status admin_state primary_node secondary_nodes node_group hypervisor \
             os vcpus memory_mib disk_mib disk_template nics disks tags owner revision \
             config_version created_at modified_at seen_at",
        ),
        (
            "node",
            "uuid name cluster role node_group memory_total_mib memory_free_mib disk_total_mib \
             disk_free_mib cpus_total instances_primary instances_secondary offline drained revision \
             seen_at",
        ),
        (
            "job",
            "id cluster kind object state steps ganeti_jobs requested_by acting_as created_at \
             started_at ended_at waiting_for error",
        ),
    ];
    for (kind, fields) in promised {
        let event = registered().into_iter().find(|event| event.kind == kind).unwrap();
        for field in fields.split_whitespace() {
            assert!(event.example["data"]["object"].get(field).is_some(), "{kind}.{field}");
        }
    }
}

#[test]
fn subjects_are_what_was_published_so_far() {
    let mut subjects: Vec<String> = registered()
        .iter()
        .map(|event| {
            format!("gwm.v1.{}.<cluster>.{}.<id>.{}", event.class, event.kind, event.event)
        })
        .collect();
    subjects.sort();
    golden(
        &project_root().join("proto/golden/subjects.txt"),
        &format!("{}\n", subjects.join("\n")),
    );
}

#[test]
fn a_name_with_dots_never_becomes_part_of_a_subject() {
    for event in registered() {
        let object = &event.example["data"]["object"];
        let id = object.get("uuid").filter(|_| event.kind != "cluster").or(object.get("id"));
        let Some(id) = id.and_then(Value::as_str) else { continue };
        Subject::new(event.class, Some("alpha"), event.kind, id, event.event).unwrap();
    }
}

#[test]
fn asyncapi_describes_every_type() {
    golden(&directory().join("asyncapi.yaml"), &asyncapi());
}

/// `AsyncAPI` 3.0. Strings are quoted as JSON, which is YAML too.
fn asyncapi() -> String {
    let quote = |text: &str| Value::from(text).to_string();
    let mut out = String::from(
        "# Generated from services/lib/events; see the test there.\n\
         asyncapi: 3.0.0\n\
         info:\n  title: Ganeti Web Manager events\n  version: \"1\"\n  \
         description: \"What happens, as CloudEvents 1.0 (structured JSON) over NATS JetStream. At least \
         once; in order for each object within one class. Apply an event only if its sequence, read as a \
         number, is above the revision held. To begin, or to begin again: read stream_sequence of the \
         class's list, then the list, then start a pull consumer after that sequence, in the JetStream \
         domain replay, on the stream of the class, under the name of your NATS user (NAME_CLUSTER, with \
         the filter gwm.v1.*.CLUSTER.>, if that is limited to clusters).\"\n\
         defaultContentType: application/cloudevents+json\n\
         servers:\n  nats:\n    host: \"localhost:4222\"\n    protocol: nats\n\
         channels:\n",
    );
    for class in Class::PUBLIC {
        let settings = stream_settings(class);
        let days = settings.max_age.as_secs() / 86400;
        out += &format!(
            "  {class}:\n    address: {}\n    description: {}\n    parameters:\n",
            quote(&format!("gwm.v1.{class}.{{cluster}}.{{kind}}.{{id}}.{{event}}")),
            quote(&format!("Stream {}, kept {days} days: {}.", settings.name, settings.about)),
        );
        for (name, about) in [
            ("cluster", "the cluster's slug, or _ for what belongs to none"),
            ("kind", "the object's kind"),
            ("id", "Ganeti's UUID or gwm's id, never a name"),
            ("event", "what happened, in the past tense"),
        ] {
            out += &format!("      {name}:\n        description: {}\n", quote(about));
        }
        out += "    messages:\n";
        for event in registered().iter().filter(|event| event.class == class) {
            let name = format!("{}.{}", event.kind, event.event);
            out += &format!("      {name}:\n        $ref: \"#/components/messages/{name}\"\n");
        }
    }
    out += "operations:\n";
    for class in Class::PUBLIC {
        out += &format!(
            "  receive_{class}:\n    action: receive\n    channel:\n      $ref: \"#/channels/{class}\"\n"
        );
    }
    out += "components:\n  messages:\n";
    for event in registered() {
        out += &format!(
            "    {kind}.{what}:\n      name: {name}\n      summary: {about}\n      \
             contentType: application/cloudevents+json\n      \
             payload:\n        $ref: \"schemas/{schema}\"\n      \
             examples:\n        - name: full\n          summary: \"see examples/{kind}.{what}.v1.json\"\n",
            kind = event.kind,
            what = event.event,
            name = quote(&event.name),
            about = quote(event.about),
            schema = schema_file(event.kind),
        );
    }
    out
}

#[test]
fn the_example_of_the_server_s_configuration_is_the_generated_one() {
    let key = |number: usize| format!("UREPLACEWITHTHEPUBLICKEYNUMBER{number}");
    let mut users: Vec<NatsUser> = SERVICES
        .iter()
        .enumerate()
        .map(|(number, service)| NatsUser {
            public_key: key(number + 1),
            role: Role::Service((*service).to_owned()),
        })
        .collect();
    users.push(NatsUser {
        public_key: key(users.len() + 1),
        role: Role::Integrator { name: "reader".to_owned(), clusters: Vec::new() },
    });
    users.push(NatsUser {
        public_key: key(users.len() + 1),
        role: Role::Integrator {
            name: "alpha-only".to_owned(),
            clusters: vec!["alpha".to_owned()],
        },
    });
    let text = format!(
        "# An example of a whole configuration. Put your own public keys in (nk -gen user -pubout).\n\
         listen: \"0.0.0.0:4222\"\n\
         # tls: {{ cert_file: \"/etc/gwm/nats.crt\", key_file: \"/etc/gwm/nats.key\" }}\n\
         jetstream: {{ store_dir: \"/var/lib/nats\" }}\n\n{}",
        server_config(&users).unwrap()
    );
    golden(&project_root().join("deploy/nats/nats-server.conf.example"), &text);
}
