//! Startup, shutdown, reboot.

use super::{OpError, Plan, instance, online, with_instance, wrong_state};
use crate::jobs::JobOp;
use crate::state::{Admin, Cluster, Instance};

fn not_offline(found: &Instance) -> Result<(), OpError> {
    if found.admin == Admin::Offline {
        let why = "can't use instance from outside down, up states";
        return Err(wrong_state(format!(
            "Instance '{}' is marked to be offline, {why}",
            found.name
        )));
    }
    Ok(())
}

fn reachable(cluster: &Cluster, found: &Instance) -> Result<(), OpError> {
    if cluster.primary_reachable(found) {
        return Ok(());
    }
    let text = format!("Error checking node {}: Error 7: Failed connect", found.pnode);
    Err(OpError::Prereq(text, "environment_error"))
}

pub(super) fn startup(cluster: &Cluster, op: &JobOp) -> Result<Plan, OpError> {
    let found = instance(cluster, op)?;
    not_offline(found)?;
    online(cluster, &found.pnode)?;
    reachable(cluster, found)?;
    if found.running_on.is_none() {
        enough_memory(cluster, found)?;
    }
    let (uuid, remember) = (found.uuid.clone(), !op.flag("no_remember"));
    let plan = Plan::filled("instance_uuid", &found.uuid);
    Ok(plan.then(move |cluster, now| {
        with_instance(cluster, &uuid, |i| {
            if remember && i.admin != Admin::Up {
                i.admin = Admin::Up;
                i.touch(now, 1);
            }
            if i.running_on.is_none() {
                i.running_on = Some(i.pnode.clone());
                i.boots += 1;
            }
        });
        Ok(())
    }))
}

fn enough_memory(cluster: &Cluster, found: &Instance) -> Result<(), OpError> {
    let free = cluster.nodes.get(&found.pnode).map_or(0, |node| cluster.free_memory(node));
    if found.memory() <= free {
        return Ok(());
    }
    let text = format!(
        "Not enough memory on node {} for starting instance {}: needed {} MiB, available {free} MiB",
        found.pnode,
        found.name,
        found.memory()
    );
    Err(OpError::Prereq(text, "insufficient_resources"))
}

pub(super) fn shutdown(cluster: &Cluster, op: &JobOp) -> Result<Plan, OpError> {
    let found = instance(cluster, op)?;
    if !op.flag("force") {
        not_offline(found)?;
    }
    let offline = online(cluster, &found.pnode);
    if !op.flag("ignore_offline_nodes") {
        offline.clone()?;
        reachable(cluster, found)?;
    }
    let (uuid, remember) = (found.uuid.clone(), !op.flag("no_remember"));
    let mut plan = Plan::filled("instance_uuid", &found.uuid);
    if offline.is_err() {
        plan = plan.say(" - WARNING: Primary node offline, marked instance as stopped");
    }
    Ok(plan.then(move |cluster, now| {
        with_instance(cluster, &uuid, |i| {
            if remember && i.admin == Admin::Up {
                i.admin = Admin::Down;
                i.touch(now, 2);
            }
            i.running_on = None;
        });
        Ok(())
    }))
}

pub(super) fn reboot(cluster: &Cluster, op: &JobOp) -> Result<Plan, OpError> {
    let found = instance(cluster, op)?;
    not_offline(found)?;
    online(cluster, &found.pnode)?;
    reachable(cluster, found)?;
    let running = found.running_on.is_some();
    let uuid = found.uuid.clone();
    let mut plan = Plan::filled("instance_uuid", &found.uuid);
    if !running {
        let text = format!(" - INFO: Instance {} was already stopped, starting now", found.name);
        plan = plan.say(text);
    } else if op.text("reboot_type") == Some("full") {
        let uuid = uuid.clone();
        plan = plan.then(move |cluster, _| {
            with_instance(cluster, &uuid, |i| i.running_on = None);
            Ok(())
        });
    }
    Ok(plan.then(move |cluster, now| {
        with_instance(cluster, &uuid, |i| {
            // A reboot leaves serial_no and mtime alone, unless it starts a stopped instance.
            if i.admin != Admin::Up {
                i.admin = Admin::Up;
                i.touch(now, 1);
            }
            i.running_on = Some(i.pnode.clone());
            i.boots += 1;
        });
        Ok(())
    }))
}
