//! Rename, reinstall and modify.

use serde_json::{Map, Value, json};

use super::{OpError, Plan, instance, with_instance, wrong_input, wrong_state};
use crate::jobs::JobOp;
use crate::state::{Admin, Cluster, Disk, Instance, Nic};

fn must_be_down(found: &Instance, verb: &str) -> Result<(), OpError> {
    if found.admin == Admin::Up {
        let text = format!("Instance '{}' is marked to be up, cannot {verb}", found.name);
        return Err(wrong_state(text));
    }
    Ok(())
}

pub(super) fn rename(cluster: &Cluster, op: &JobOp) -> Result<Plan, OpError> {
    let found = instance(cluster, op)?;
    must_be_down(found, "rename")?;
    let new = op.text("new_name").unwrap_or_default().to_owned();
    if cluster.instances.contains_key(&new) && new != found.name {
        let text = format!("Instance '{new}' is already in the cluster");
        return Err(OpError::Prereq(text, "already_exists"));
    }
    let old = found.name.clone();
    let plan = Plan::filled("instance_uuid", &found.uuid).result(json!(new));
    Ok(plan.then(move |cluster, now| {
        if let Some(mut moved) = cluster.instances.remove(&old) {
            moved.name.clone_from(&new);
            moved.touch(now, 1);
            cluster.instances.insert(new, moved);
        }
        Ok(())
    }))
}

pub(super) fn reinstall(cluster: &Cluster, op: &JobOp) -> Result<Plan, OpError> {
    let found = instance(cluster, op)?;
    must_be_down(found, "reinstall")?;
    if found.disk_template == "diskless" {
        return Err(wrong_input(format!("Instance '{}' has no disks", found.name)));
    }
    let os = op.text("os_type").map(str::to_owned);
    let uuid = found.uuid.clone();
    let mut plan = Plan::filled("instance_uuid", &found.uuid);
    if let Some(os) = &os {
        plan = plan.say(format!("Changing OS scripts to '{os}'..."));
    }
    plan = plan.say(" - INFO: Running instance OS create scripts...");
    Ok(plan.then(move |cluster, now| {
        with_instance(cluster, &uuid, |i| {
            if let Some(os) = os {
                i.os = os;
            }
            i.touch(now, 1);
        });
        Ok(())
    }))
}

fn map(op: &JobOp, key: &str) -> Map<String, Value> {
    op.input.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn list(op: &JobOp, key: &str) -> Vec<Value> {
    op.input.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// Sets, or with `"default"` forgets, parameters.
fn merge(own: &mut Map<String, Value>, new: Map<String, Value>) {
    for (key, value) in new {
        if value == "default" {
            own.remove(&key);
        } else {
            own.insert(key, value);
        }
    }
}

pub(super) fn modify(cluster: &mut Cluster, op: &JobOp) -> Result<Plan, OpError> {
    let found = instance(cluster, op)?.clone();
    let (be, hv, os) = (map(op, "beparams"), map(op, "hvparams"), map(op, "osparams"));
    let (nics, disks) = (list(op, "nics"), list(op, "disks"));
    let os_name = op.text("os_name").map(str::to_owned);
    let offline = op.input.get("offline").and_then(Value::as_bool);
    let empty = be.is_empty() && hv.is_empty() && os.is_empty();
    if empty && nics.is_empty() && disks.is_empty() && os_name.is_none() && offline.is_none() {
        return Err(wrong_input("No changes submitted"));
    }
    if offline == Some(true) && found.admin == Admin::Up {
        let why = "can't change to offline";
        let text = format!("Instance '{}' is marked to be up, {why}", found.name);
        return Err(wrong_state(text));
    }
    let hot = op.flag("hotplug") || op.flag("hotplug_if_possible");
    if disks.iter().any(|d| d[0] == "remove") && found.running_on.is_some() && !hot {
        let why = "can't remove volume from a running instance without using hotplug";
        let text = format!("Instance '{}' is marked to be up, {why}", found.name);
        return Err(wrong_state(text));
    }
    let mut changed: Vec<Value> = Vec::new();
    for (prefix, params) in [("be", &be), ("hv", &hv), ("os", &os)] {
        changed.extend(params.iter().map(|(k, v)| json!([format!("{prefix}/{k}"), v])));
    }
    let mut after = found.clone();
    merge(&mut after.beparams, be);
    merge(&mut after.hvparams, hv);
    merge(&mut after.osparams, os);
    change_nics(cluster, &mut after, &nics, &mut changed);
    change_disks(cluster, &mut after, &disks, &mut changed);
    if let Some(name) = os_name {
        changed.push(json!(["os", name]));
        after.os = name;
    }
    match offline {
        Some(true) => after.admin = Admin::Offline,
        Some(false) if after.admin == Admin::Offline => after.admin = Admin::Down,
        Some(false) | None => {}
    }
    let plan = Plan::filled("instance_uuid", &found.uuid).result(json!(changed));
    Ok(plan.then(move |cluster, now| {
        with_instance(cluster, &found.uuid, |i| {
            let (running_on, boots) = (i.running_on.clone(), i.boots);
            *i = Instance { running_on, boots, ..after };
            i.touch(now, 1);
        });
        Ok(())
    }))
}

fn place(entry: &Value, count: usize) -> usize {
    entry[1].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(count.saturating_sub(1))
}

fn change_nics(
    cluster: &mut Cluster,
    after: &mut Instance,
    entries: &[Value],
    changed: &mut Vec<Value>,
) {
    for entry in entries {
        let at = place(entry, after.nics.len());
        match entry[0].as_str() {
            Some("add") => {
                let nic = make_nic(cluster, &entry[2]);
                changed.push(json!([
                    format!("nic.{}", after.nics.len()),
                    format!("add:mac={},mode=bridged,link={}", nic.mac, nic.link)
                ]));
                after.nics.push(nic);
            }
            Some("remove") if at < after.nics.len() => {
                after.nics.remove(at);
                changed.push(json!([format!("nic.{at}"), "remove"]));
            }
            _ => {
                if let (Some(nic), Some(ip)) = (after.nics.get_mut(at), entry[2]["ip"].as_str()) {
                    nic.ip = Some(ip.to_owned());
                    changed.push(json!([format!("nic.ip/{at}"), ip]));
                }
            }
        }
    }
}

/// A network card as asked for in a create or modify.
pub(super) fn make_nic(cluster: &mut Cluster, asked: &Value) -> Nic {
    let network = asked["network"].as_str().and_then(|name| cluster.networks.get(name)).cloned();
    let ip = match (asked["ip"].as_str(), &network) {
        (Some("pool"), Some(network)) => {
            let used = cluster.used_addresses(network);
            (0..network.size()).find(|p| !used.contains(p)).map(|p| network.address(p).to_string())
        }
        (Some("none"), _) | (None, _) => None,
        (Some(ip), _) => Some(ip.to_owned()),
    };
    let mac = asked["mac"].as_str().filter(|mac| !matches!(*mac, "auto" | "generate"));
    let link = asked["link"].as_str().or_else(|| asked["bridge"].as_str()).map(str::to_owned);
    Nic {
        uuid: cluster.rng.uuid(),
        mac: mac.map_or_else(|| cluster.rng.mac("aa:00:00"), str::to_owned),
        ip,
        link: link
            .or_else(|| network.as_ref().map(|n| n.link.clone()))
            .unwrap_or_else(|| "br0".to_owned()),
        network: network.map(|n| n.name),
    }
}

fn change_disks(
    cluster: &mut Cluster,
    after: &mut Instance,
    entries: &[Value],
    changed: &mut Vec<Value>,
) {
    for entry in entries {
        let at = place(entry, after.disks.len());
        match entry[0].as_str() {
            Some("add") => {
                let size = entry[2]["size"].as_u64().unwrap_or(0);
                let index = after.disks.len();
                changed.push(json!([format!("disk/{index}"), format!("add:size={size},mode=rw")]));
                after.disks.push(Disk { uuid: cluster.rng.uuid(), size });
            }
            Some("remove") if at < after.disks.len() => {
                after.disks.remove(at);
                changed.push(json!([format!("disk/{at}"), "remove"]));
            }
            _ => {}
        }
    }
}
