//! Setting and removing tags of any kind of object.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{OpError, Plan, wrong_input};
use crate::jobs::JobOp;
use crate::state::Cluster;

/// Gives the tags of an object to `change`, and notes the change.
fn with_tags<T>(
    cluster: &mut Cluster,
    kind: &str,
    name: &str,
    now: Option<f64>,
    change: impl FnOnce(&mut BTreeSet<String>) -> T,
) -> Option<T> {
    macro_rules! object {
        ($found:expr) => {{
            let found = $found?;
            if let Some(now) = now {
                found.serial_no += 1;
                found.mtime = now;
            }
            Some(change(&mut found.tags))
        }};
    }
    match kind {
        "instance" => {
            let full = cluster.expand_instance(name)?.name.clone();
            object!(cluster.instances.get_mut(&full))
        }
        "node" => {
            let full = cluster.expand_node(name)?.name.clone();
            object!(cluster.nodes.get_mut(&full))
        }
        "nodegroup" => object!(cluster.groups.get_mut(name)),
        "network" => object!(cluster.networks.get_mut(name)),
        _ => {
            if let Some(now) = now {
                cluster.mtime = now;
            }
            Some(change(&mut cluster.tags))
        }
    }
}

pub(super) fn plan(cluster: &mut Cluster, op: &JobOp, set: bool) -> Result<Plan, OpError> {
    let kind = op.text("kind").unwrap_or("cluster").to_owned();
    let name = op.text("name").unwrap_or_default().to_owned();
    let listed = op.input.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
    let tags: BTreeSet<String> =
        listed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    for tag in &tags {
        check(tag)?;
    }
    let present = with_tags(cluster, &kind, &name, None, |tags| tags.clone());
    let present = present.ok_or_else(|| unknown(&kind, &name))?;
    if !set {
        let missing: Vec<String> = tags.difference(&present).map(|t| format!("'{t}'")).collect();
        if !missing.is_empty() {
            let text = format!("Tag(s) {} not found", missing.join(","));
            return Err(OpError::Prereq(text, "unknown_entity"));
        }
    }
    Ok(Plan::default().then(move |cluster, now| {
        with_tags(cluster, &kind, &name, Some(now), |present| {
            for tag in tags {
                if set {
                    present.insert(tag);
                } else {
                    present.remove(&tag);
                }
            }
        });
        Ok(())
    }))
}

fn unknown(kind: &str, name: &str) -> OpError {
    let word = match kind {
        "instance" => "Instance",
        "node" => "Node",
        "network" => "Network",
        _ => "Group",
    };
    OpError::Prereq(format!("{word} '{name}' not known"), "unknown_entity")
}

fn check(tag: &str) -> Result<(), OpError> {
    if tag.is_empty() {
        return Err(wrong_input("Tags cannot be empty"));
    }
    if tag.len() > 128 {
        return Err(wrong_input("Tag too long (maximum 128 characters)"));
    }
    let valid = |c: char| c.is_ascii_alphanumeric() || "_.+*/:@-".contains(c);
    if !tag.chars().all(valid) {
        return Err(wrong_input("Tag contains invalid characters"));
    }
    Ok(())
}
