//! The resources of RAPI 3.0.2, dumped from its own code.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

/// One method of one resource.
#[derive(Debug, Deserialize)]
pub(crate) struct Resource {
    /// Path with `{placeholders}`.
    pub path: String,
    /// Method.
    pub method: String,
    /// Class in Ganeti's `rlib2`; also names the call in reason trails.
    pub class: String,
    /// Options one of which the user needs; none: any user.
    pub access: Vec<String>,
    /// Opcode that it submits.
    pub opcode: Option<String>,
    /// Parameters of the opcode.
    pub params: Vec<Param>,
}

/// One parameter of an opcode.
#[derive(Debug, Deserialize)]
pub(crate) struct Param {
    /// Name in the body.
    pub name: String,
    /// Name in the opcode.
    pub opcode_name: String,
    /// Whether it has no default.
    pub required: bool,
    /// Default; null is left out of the opcode.
    pub default: Value,
    /// Type in Ganeti's words.
    #[serde(rename = "type")]
    pub kind: String,
}

static RESOURCES: LazyLock<Vec<Resource>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../data/resources.json"))
        .expect("embedded resource table is JSON")
});

/// Where a path leads.
#[derive(Debug)]
pub(crate) enum Found {
    /// To this resource, with what stood for the placeholder (and a second one).
    Resource(&'static Resource, Vec<String>),
    /// To a resource without this method.
    NoMethod,
    /// Nowhere.
    Nothing,
}

/// Finds the resource of a path and a method.
#[must_use]
pub(crate) fn find(method: &str, path: &str) -> Found {
    let wanted: Vec<&str> = path.split('/').collect();
    let mut exists = false;
    for resource in RESOURCES.iter() {
        let Some(names) = matches(&resource.path, &wanted) else { continue };
        exists = true;
        if resource.method == method {
            return Found::Resource(resource, names);
        }
    }
    if exists { Found::NoMethod } else { Found::Nothing }
}

fn matches(template: &str, wanted: &[&str]) -> Option<Vec<String>> {
    let parts: Vec<&str> = template.split('/').collect();
    if parts.len() != wanted.len() {
        return None;
    }
    let mut names = Vec::new();
    for (part, given) in parts.iter().zip(wanted) {
        if part.starts_with('{') {
            let name = super::request::decode(given, false);
            let number = matches!(*part, "{job_id}" | "{disk}");
            if name.is_empty() || (number && !name.bytes().all(|b| b.is_ascii_digit())) {
                return None;
            }
            names.push(name);
        } else if part != given {
            return None;
        }
    }
    Some(names)
}
