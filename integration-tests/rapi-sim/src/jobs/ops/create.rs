//! Creating an instance.

use serde_json::{Map, Value, json};

use super::create_check::{Place, check, sizes};
use super::edit::make_nic;
use super::{OpError, Plan, with_instance, wrong_input};
use crate::clock::Stamp;
use crate::jobs::JobOp;
use crate::state::{Admin, Cluster, Disk, Instance};

fn object(op: &JobOp, key: &str) -> Map<String, Value> {
    op.input.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
}

pub(super) fn plan(cluster: &mut Cluster, op: &JobOp) -> Result<Plan, OpError> {
    if op.text("mode") != Some("create") {
        return Err(wrong_input("only mode 'create' is simulated"));
    }
    let sizes = sizes(op)?;
    let template = op.text("disk_template").map_or_else(
        || if sizes.is_empty() { "diskless".to_owned() } else { cluster.disk_templates[0].clone() },
        str::to_owned,
    );
    if template == "diskless" && !sizes.is_empty() {
        return Err(wrong_input("Creation of diskless instances with disks is not possible"));
    }
    let place = check(cluster, op, &template)?;
    let instance = make(cluster, op, &place, &template, &sizes);
    Ok(steps(cluster, op, instance, &place, &sizes))
}

fn make(
    cluster: &mut Cluster,
    op: &JobOp,
    place: &Place,
    template: &str,
    sizes: &[u64],
) -> Instance {
    let hypervisor =
        op.text("hypervisor").map_or_else(|| cluster.hypervisors[0].clone(), str::to_owned);
    let nics = op.input.get("nics").and_then(Value::as_array).cloned().unwrap_or_default();
    let tags = op.input.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut beparams = object(op, "beparams");
    if let Some(memory) = beparams.remove("memory") {
        beparams.insert("minmem".to_owned(), memory.clone());
        beparams.insert("maxmem".to_owned(), memory);
    }
    let now = Stamp::now().float();
    let nodes = &place.nodes;
    Instance {
        name: op.text("instance_name").unwrap_or_default().to_owned(),
        uuid: cluster.rng.uuid(),
        admin: Admin::Down,
        running_on: None,
        boots: 0,
        os: op.text("os_type").unwrap_or_default().to_owned(),
        pnode: nodes.first().cloned().unwrap_or_default(),
        snodes: nodes.iter().skip(1).cloned().collect(),
        disk_template: template.to_owned(),
        nics: nics.iter().map(|nic| make_nic(cluster, nic)).collect(),
        disks: sizes.iter().map(|size| Disk { uuid: cluster.rng.uuid(), size: *size }).collect(),
        beparams,
        hvparams: object(op, "hvparams"),
        osparams: object(op, "osparams"),
        network_port: (hypervisor == "kvm").then(|| cluster.take_port()),
        hypervisor,
        ctime: now,
        mtime: now,
        serial_no: 1,
        tags: tags.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

fn parameters(cluster: &Cluster, op: &JobOp, made: &Instance) -> Map<String, Value> {
    let mut filled = Map::new();
    filled.insert("hypervisor".to_owned(), json!(made.hypervisor));
    filled.insert("disk_template".to_owned(), json!(made.disk_template));
    for key in ["osparams_private", "osparams_secret"] {
        filled.insert(key.to_owned(), op.input.get(key).cloned().unwrap_or_else(|| json!({})));
    }
    if matches!(made.disk_template.as_str(), "file" | "sharedfile") {
        filled.insert("file_driver".to_owned(), json!("loop"));
    }
    let nodes = [("pnode", Some(&made.pnode)), ("snode", made.snodes.first())];
    for (key, node) in nodes {
        if let Some(node) = node.and_then(|name| cluster.nodes.get(name)) {
            filled.insert(key.to_owned(), json!(node.name));
            filled.insert(format!("{key}_uuid"), json!(node.uuid));
        }
    }
    filled
}

fn steps(cluster: &Cluster, op: &JobOp, made: Instance, place: &Place, sizes: &[u64]) -> Plan {
    let (name, uuid) = (made.name.clone(), made.uuid.clone());
    let mut plan = Plan { parameters: parameters(cluster, op, &made), ..Plan::default() };
    if let Some(iallocator) = &place.by_iallocator {
        let nodes = place.nodes.join(", ");
        plan = plan.say(format!(
            " - INFO: Selected nodes for instance {name} via iallocator {iallocator}: {nodes}"
        ));
    }
    for (index, size) in sizes.iter().enumerate() {
        plan = plan.say(format!("* disk {index}, size {}", human(*size)));
    }
    if !sizes.is_empty() {
        plan = plan.say("* creating instance disks...");
    }
    plan = plan.say(format!("adding instance {name} to cluster config"));
    let (node, fails) = (made.pnode.clone(), made.osparams.contains_key("fail"));
    let drbd = made.disk_template == "drbd";
    plan = plan.then(move |cluster, _| {
        cluster.instances.insert(made.name.clone(), made);
        Ok(())
    });
    if !sizes.is_empty() {
        plan = plan.say("adding disks to cluster config");
        for round in 0..2 {
            plan = plan.say(format!(" - INFO: Waiting for instance {name} to sync disks"));
            if drbd && round == 0 {
                plan = plan.say(" - INFO: - device disk/0: 62.50% done, 3s remaining (estimated)");
            }
            plan = plan.say(format!(" - INFO: Instance {name}'s disks are in sync"));
        }
    }
    if !sizes.is_empty() && !op.flag("no_install") {
        plan = plan.say("* running the instance OS create scripts...");
    }
    let text = format!(
        "Could not add os for instance {name} on node {node}: OS create script failed (exited \
         with exit code 1), last lines in the log file:\nnoop: told to fail"
    );
    let start = op.flag("start");
    if start && !fails {
        plan = plan.say("* starting instance...");
    }
    plan.then(move |cluster, now| {
        if fails {
            return Err(OpError::Exec(text));
        }
        if start {
            with_instance(cluster, &uuid, |i| {
                i.admin = Admin::Up;
                i.running_on = Some(i.pnode.clone());
                i.touch(now, 2);
            });
        }
        Ok(())
    })
    .result(json!(place.nodes))
}

/// A size the way Ganeti writes it.
fn human(mib: u64) -> String {
    if mib < 1024 { format!("{mib}M") } else { format!("{:.1}G", mib as f64 / 1024.0) }
}
