//! Compares the shape of JSON values: which keys, which types.

use serde_json::Value;

/// Objects whose keys are data, or depend on the kind of object: what is there must be known.
const OPEN: &[&str] = &[
    "hvparams",
    "custom_hvparams",
    "custom_beparams",
    "custom_nicparams",
    "custom_osparams",
    "osparams",
    "osparams_private",
    "osparams_secret",
    "beparams",
    "ops",
    "disks",
    "nics",
];

/// Reads a recorded answer's body, or, of a change, its job.
pub(crate) fn recorded(name: &str) -> Value {
    let path = format!("{}/tests/data/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut file: Value = serde_json::from_str(&text).unwrap();
    if file.get("job").is_some() { file["job"].take() } else { file["body"].take() }
}

/// Makes of an answer of Ganeti 3.0 that of 3.1: instances say which OS parameters are their own, and
/// hotplugging only if it is possible is no longer a choice.
pub(crate) fn renew(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(renew),
        Value::Object(fields) => {
            fields.remove("hotplug_if_possible");
            if fields.contains_key("custom_nicparams") {
                fields.insert("custom_osparams".to_owned(), Value::Object(serde_json::Map::new()));
            }
            fields.values_mut().for_each(renew);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// All ways in which `target` has another shape than the references.
pub(crate) fn differences(reference: &[Value], target: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", &reference.iter().collect::<Vec<_>>(), &[target], &mut found);
    found.sort();
    found.dedup();
    found
}

fn compare(path: &str, reference: &[&Value], target: &[&Value], found: &mut Vec<String>) {
    let mut kinds: Vec<&str> = reference.iter().map(|v| kind(v)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for value in target {
        let kind = kind(value);
        let near = kind == "int" && kinds.contains(&"float");
        if !kinds.contains(&kind) && !near {
            found.push(format!("{path}: {kind}, expected {kinds:?}"));
        }
    }
    let lists = |values: &[&Value]| -> Vec<Value> {
        values.iter().filter_map(|v| v.as_array()).flatten().cloned().collect()
    };
    let (inner, inner_target) = (lists(reference), lists(target));
    if !inner.is_empty() && !inner_target.is_empty() {
        let path = format!("{path}[]");
        compare(&path, &refs(&inner), &refs(&inner_target), found);
    }
    compare_objects(path, reference, target, found);
}

fn refs(values: &[Value]) -> Vec<&Value> {
    values.iter().collect()
}

fn compare_objects(path: &str, reference: &[&Value], target: &[&Value], found: &mut Vec<String>) {
    let objects: Vec<_> = reference.iter().filter_map(|v| v.as_object()).collect();
    let targets: Vec<_> = target.iter().filter_map(|v| v.as_object()).collect();
    if objects.is_empty() || targets.is_empty() {
        return;
    }
    let open = OPEN.iter().any(|name| path.split(['.', '[']).any(|part| part == *name));
    let mut keys: Vec<&String> = objects.iter().flat_map(|o| o.keys()).collect();
    keys.sort();
    keys.dedup();
    for object in &targets {
        for key in object.keys().filter(|key| !keys.contains(key) && !open) {
            found.push(format!("{path}.{key}: not in the real answer"));
        }
        for key in keys.iter().filter(|key| !object.contains_key(key.as_str())) {
            if !open && objects.iter().all(|o| o.contains_key(key.as_str())) {
                found.push(format!("{path}.{key}: missing"));
            }
        }
    }
    for key in keys {
        let of = |all: &[&serde_json::Map<String, Value>]| -> Vec<Value> {
            all.iter().filter_map(|o| o.get(key.as_str())).cloned().collect()
        };
        let (inner, inner_target) = (of(&objects), of(&targets));
        if !inner_target.is_empty() {
            compare(&format!("{path}.{key}"), &refs(&inner), &refs(&inner_target), found);
        }
    }
}

#[test]
fn a_missing_key_a_new_key_and_a_wrong_type_are_found() {
    let reference = serde_json::json!({"a": 1, "b": [null, "x"]});
    let target = serde_json::json!({"a": "1", "c": 2});
    let found = differences(&[reference], &target);
    assert_eq!(
        found,
        [".a: string, expected [\"int\"]", ".b: missing", ".c: not in the real answer"]
    );
}
