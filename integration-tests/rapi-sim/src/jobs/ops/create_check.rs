//! Conditions of creating an instance, in Ganeti's order.

use serde_json::Value;

use super::{OpError, node_name, wrong_input, wrong_state};
use crate::jobs::JobOp;
use crate::state::{Cluster, Node};

/// Where a new instance goes.
pub(super) struct Place {
    pub(super) nodes: Vec<String>,
    pub(super) by_iallocator: Option<String>,
}

fn number(op: &JobOp, key: &str, default: u64) -> u64 {
    op.input
        .get("beparams")
        .and_then(|be| be.get(key))
        .and_then(|v| v.as_u64().or_else(|| v.as_str()?.parse().ok()))
        .unwrap_or(default)
}

pub(super) fn memory(op: &JobOp) -> u64 {
    let plain = number(op, "memory", 128);
    number(op, "maxmem", plain)
}

/// Disk sizes in MiB.
pub(super) fn sizes(op: &JobOp) -> Result<Vec<u64>, OpError> {
    let disks = op.input.get("disks").and_then(Value::as_array).cloned().unwrap_or_default();
    let size = |disk: &Value| {
        let size = disk.get("size").ok_or_else(|| wrong_input("Missing disk size"))?;
        size.as_u64()
            .or_else(|| size.as_str()?.parse().ok())
            .ok_or_else(|| wrong_input(format!("Invalid disk size '{size}'")))
    };
    disks.iter().map(size).collect()
}

/// Checks everything that needs no node, then finds the nodes.
pub(super) fn check(cluster: &Cluster, op: &JobOp, template: &str) -> Result<Place, OpError> {
    let name = op.text("instance_name").unwrap_or_default();
    if cluster.instances.contains_key(name) {
        let text = format!("Instance '{name}' is already in the cluster");
        return Err(OpError::Prereq(text, "already_exists"));
    }
    if !cluster.disk_templates.iter().any(|t| t == template) {
        return Err(OpError::PrereqPlain(format!(
            "Disk template '{template}' is not enabled in cluster. Enabled disk templates are: {}",
            cluster.disk_templates.join(",")
        )));
    }
    let os = op.text("os_type").ok_or_else(|| wrong_input("No guest OS specified"))?;
    let place = choose(cluster, op, template)?;
    for (index, node) in place.nodes.iter().enumerate() {
        usable(cluster, node, if index == 0 { "primary" } else { "secondary" })?;
    }
    policy(cluster, op, &place)?;
    let known = cluster.oses.iter().flat_map(crate::state::Os::names).any(|known| known == os);
    if !known {
        let node = place.nodes.first().map_or("", String::as_str);
        return Err(OpError::Exec(format!(
            "OS Parameters validation failed on node {node}: Directory for OS {} not found in \
             search path",
            os.split('+').next().unwrap_or(os)
        )));
    }
    resources(cluster, op, &place)?;
    Ok(place)
}

fn usable(cluster: &Cluster, name: &str, role: &str) -> Result<(), OpError> {
    let Some(node) = cluster.nodes.get(name) else {
        return Err(OpError::Prereq(format!("Node '{name}' not known"), "unknown_entity"));
    };
    let word = match (node.offline, node.drained) {
        (true, _) => "offline",
        (_, true) => "drained",
        (false, false) => return Ok(()),
    };
    Err(wrong_state(format!("Cannot use {word} {role} node '{name}'")))
}

fn choose(cluster: &Cluster, op: &JobOp, template: &str) -> Result<Place, OpError> {
    let mirrored = template == "drbd";
    if let Some(pnode) = op.text("pnode") {
        if op.text("iallocator").is_some() {
            return Err(wrong_input("Do not specify both, iallocator and node"));
        }
        let mut nodes = vec![node_name(cluster, pnode)?];
        if mirrored {
            let Some(snode) = op.text("snode") else {
                return Err(wrong_input("The networked disk templates need a mirror node"));
            };
            nodes.push(node_name(cluster, snode)?);
            if nodes[0] == nodes[1] {
                return Err(wrong_input("The secondary node cannot be the primary node"));
            }
        }
        return Ok(Place { nodes, by_iallocator: None });
    }
    let iallocator = op.text("iallocator").unwrap_or("hail").to_owned();
    let nodes = allocate(cluster, op, mirrored).ok_or_else(|| no_solution(cluster, &iallocator))?;
    Ok(Place { nodes, by_iallocator: Some(iallocator) })
}

fn no_solution(cluster: &Cluster, iallocator: &str) -> OpError {
    let groups: Vec<String> = cluster
        .groups
        .values()
        .map(|g| {
            let count = cluster.nodes.values().filter(|n| n.group == g.uuid).count();
            format!(
                "Group {} ({}): No valid allocation solutions, failure reasons: FailMem: {count}",
                g.name, g.alloc_policy
            )
        })
        .collect();
    let text = format!(
        "Can't compute nodes using iallocator '{iallocator}': Request failed: {}",
        groups.join(", ")
    );
    OpError::Prereq(text, "insufficient_resources")
}

fn allocate(cluster: &Cluster, op: &JobOp, mirrored: bool) -> Option<Vec<String>> {
    let (memory, disk) = (memory(op), sizes(op).ok()?.iter().sum::<u64>());
    let group = op.text("group_name").and_then(|name| cluster.groups.get(name));
    let fits = |n: &&Node| {
        n.reachable()
            && !n.drained
            && group.is_none_or(|g| g.uuid == n.group)
            && cluster.free_memory(n) >= memory
            && cluster.free_disk(n) >= disk
    };
    let mut nodes: Vec<&Node> = cluster.nodes.values().filter(fits).collect();
    nodes.sort_by_key(|n| std::cmp::Reverse(cluster.free_memory(n)));
    if !mirrored {
        return nodes.first().map(|n| vec![n.name.clone()]);
    }
    nodes.iter().find_map(|first| {
        let second = nodes.iter().find(|n| n.group == first.group && n.name != first.name)?;
        Some(vec![first.name.clone(), second.name.clone()])
    })
}

fn policy(cluster: &Cluster, op: &JobOp, place: &Place) -> Result<(), OpError> {
    if op.flag("ignore_ipolicy") {
        return Ok(());
    }
    let disks = sizes(op)?;
    let count = op.input.get("nics").and_then(Value::as_array).map_or(0, Vec::len) as u64;
    let mut checks = vec![
        ("memory-size", memory(op), 4, 32_768),
        ("cpu-count", number(op, "vcpus", 1), 1, 16),
        ("nic-count", count, 0, 8),
        ("disk-count", disks.len() as u64, 0, 16),
    ];
    checks.extend(disks.iter().map(|size| ("disk-size", *size, 0, 1_048_576)));
    let broken: Vec<String> = checks
        .iter()
        .filter(|(_, value, low, high)| value < low || value > high)
        .map(|(what, value, low, high)| {
            format!("{what} value {value} is not in range [{low}, {high}]")
        })
        .collect();
    if broken.is_empty() {
        return Ok(());
    }
    let uuid = place.nodes.first().and_then(|n| cluster.nodes.get(n)).map(|n| n.group.as_str());
    let uuid = uuid.unwrap_or_default();
    let name = cluster.group_by_uuid(uuid).map_or("", |g| g.name.as_str());
    Err(wrong_input(format!(
        "Instance allocation to group {uuid} ({name}) violates policy: {}",
        broken.join(", ")
    )))
}

fn resources(cluster: &Cluster, op: &JobOp, place: &Place) -> Result<(), OpError> {
    let (needed, disk) = (memory(op), sizes(op)?.iter().sum::<u64>());
    let name = op.text("instance_name").unwrap_or_default();
    for (index, node) in place.nodes.iter().filter_map(|n| cluster.nodes.get(n)).enumerate() {
        let free = cluster.free_disk(node);
        if disk > free {
            let text = format!(
                "Not enough disk space on target node {} vg xenvg: required {disk} MiB, \
                 available {free} MiB",
                node.name
            );
            return Err(OpError::Prereq(text, "insufficient_resources"));
        }
        let free = cluster.free_memory(node);
        if index == 0 && op.flag("start") && needed > free {
            let text = format!(
                "Not enough memory on node {} for creating instance {name}: needed {needed} MiB, \
                 available {free} MiB",
                node.name
            );
            return Err(OpError::Prereq(text, "insufficient_resources"));
        }
    }
    Ok(())
}
