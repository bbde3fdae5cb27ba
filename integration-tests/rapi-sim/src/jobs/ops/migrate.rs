//! Migration and failover.

use super::{OpError, Plan, instance, node_name, online, with_instance, wrong_input, wrong_state};
use crate::jobs::JobOp;
use crate::state::{Admin, Cluster, Instance};

/// Where an instance would go: the DRBD secondary, the node asked for, or the emptiest other one.
fn target(cluster: &Cluster, op: &JobOp, found: &Instance, verb: &str) -> Result<String, OpError> {
    let asked = op.text("target_node").map(|name| node_name(cluster, name)).transpose()?;
    match found.disk_template.as_str() {
        "drbd" if asked.is_some() || op.text("iallocator").is_some() => Err(wrong_input(format!(
            "Instances with disk template drbd cannot be {verb} to arbitrary nodes \
             (neither an iallocator nor a target node can be passed)"
        ))),
        "drbd" => found.snodes.first().cloned().ok_or_else(|| {
            OpError::Exec("No secondary node but using drbd disk template".to_owned())
        }),
        "sharedfile" | "ext" | "diskless" | "rbd" | "gluster" | "blockdev" => {
            if asked.as_deref() == Some(found.pnode.as_str()) {
                let text = format!("Cannot migrate instance {} to its primary", found.name);
                return Err(wrong_state(text));
            }
            asked.or_else(|| emptiest(cluster, found)).ok_or_else(|| {
                let text = "Can't compute nodes using iallocator 'hail': Request failed: \
                            Can't find any good node: "
                    .to_owned();
                OpError::Prereq(text, "insufficient_resources")
            })
        }
        other => Err(wrong_state(format!(
            "Instance's disk layout '{other}' does not allow {}",
            if verb == "migrated" { "migrations" } else { "failovers" }
        ))),
    }
}

fn emptiest(cluster: &Cluster, found: &Instance) -> Option<String> {
    let group = &cluster.nodes.get(&found.pnode)?.group;
    cluster
        .nodes
        .values()
        .filter(|n| n.group == *group && n.name != found.pnode && n.reachable() && !n.drained)
        .max_by_key(|n| cluster.free_memory(n))
        .map(|n| n.name.clone())
}

fn moved(cluster: &mut Cluster, uuid: &str, target: &str, running: bool) {
    with_instance(cluster, uuid, |i| {
        if i.disk_template == "drbd" {
            i.snodes = vec![i.pnode.clone()];
        }
        // Ganeti 3.0.2 leaves serial_no and mtime alone here.
        target.clone_into(&mut i.pnode);
        i.running_on = running.then(|| target.to_owned());
    });
}

pub(super) fn migrate(cluster: &Cluster, op: &JobOp) -> Result<Plan, OpError> {
    let found = instance(cluster, op)?;
    let to = target(cluster, op, found, "migrated")?;
    online(cluster, &to)?;
    if cluster.status(found) != "running" {
        let text = "Can't migrate, please use failover: Instance is not running";
        return Err(wrong_state(text.to_owned()));
    }
    let (from, uuid) = (found.pnode.clone(), found.uuid.clone());
    let drbd = found.disk_template == "drbd";
    let mut plan = Plan::filled("instance_uuid", &found.uuid)
        .say(format!("Migrating instance {}", found.name))
        .say("* checking disk consistency between source and target");
    plan = if drbd {
        plan.say(format!("* switching node {to} to secondary mode"))
            .say("* changing into standalone mode")
            .say("* changing disks into dual-master mode")
            .say("* wait until resync is done")
    } else {
        plan.say(format!("* closing instance disks on node {to}"))
            .say(format!("* opening instance disks on node {from} in shared mode"))
            .say(format!("* opening instance disks on node {to} in shared mode"))
    };
    plan = plan
        .say(format!("* preparing {to} to accept the instance"))
        .say(format!("* migrating instance to {to}"))
        .say("* starting memory transfer")
        .say("* memory transfer complete");
    let target = to.clone();
    plan = plan.then(move |cluster, _| {
        moved(cluster, &uuid, &target, true);
        Ok(())
    });
    plan = if drbd {
        plan.say(format!("* switching node {from} to secondary mode"))
            .say("* wait until resync is done")
            .say("* changing into standalone mode")
            .say("* changing disks into single-master mode")
            .say("* wait until resync is done")
    } else {
        plan.say(format!("* closing instance disks on node {from}"))
            .say(format!("* opening instance disks on node {to} in exclusive mode"))
    };
    Ok(plan.say("* done"))
}

pub(super) fn failover(cluster: &Cluster, op: &JobOp) -> Result<Plan, OpError> {
    let found = instance(cluster, op)?;
    let to = target(cluster, op, found, "failed over")?;
    online(cluster, &to)?;
    let (uuid, up) = (found.uuid.clone(), found.admin == Admin::Up);
    let mut plan = Plan::filled("instance_uuid", &found.uuid)
        .say(format!("Failover instance {}", found.name))
        .say(if up {
            "* checking disk consistency between source and target"
        } else {
            "* not checking disk consistency as instance is not running"
        })
        .say("* shutting down instance on source node");
    plan = plan.say("* deactivating the instance's disks on source node");
    if up {
        plan = plan
            .say(format!("* activating the instance's disks on target node {to}"))
            .say(format!("* starting the instance on the target node {to}"));
    }
    Ok(plan.then(move |cluster, _| {
        moved(cluster, &uuid, &to, up);
        Ok(())
    }))
}
