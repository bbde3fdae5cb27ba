//! Opcodes on nodes, and the list of operating systems.

use serde_json::{Map, Value, json};

use super::{OpError, Plan, Step, node_name, wrong_state};
use crate::jobs::JobOp;
use crate::state::Cluster;

pub(super) fn modify(cluster: &Cluster, op: &JobOp) -> Result<Plan, OpError> {
    let name = node_name(cluster, op.text("node_name").unwrap_or_default())?;
    let uuid = cluster.nodes.get(&name).map(|n| n.uuid.clone()).unwrap_or_default();
    let wanted = |key: &str| op.input.get(key).and_then(Value::as_bool);
    let (offline, drained) = (wanted("offline"), wanted("drained"));
    let candidate = wanted("master_candidate");
    let losing = offline == Some(true) || drained == Some(true) || candidate == Some(false);
    if name == cluster.master && losing {
        return Err(wrong_state(
            "The master role can be changed only via master-failover".to_owned(),
        ));
    }
    let mut changed = Vec::new();
    for (key, value) in
        [("master_candidate", candidate), ("drained", drained), ("offline", offline)]
    {
        if let Some(value) = value {
            changed.push(json!([key, if value { "True" } else { "False" }]));
        }
    }
    let plan = Plan::filled("node_uuid", &uuid).result(json!(changed));
    Ok(plan.then(move |cluster, now| {
        if let Some(node) = cluster.nodes.get_mut(&name) {
            node.offline = offline.unwrap_or(node.offline);
            node.drained = drained.unwrap_or(node.drained);
            node.candidate = candidate.unwrap_or(node.candidate) && !node.offline && !node.drained;
            node.touch(now);
        }
        Ok(())
    }))
}

/// Migrates every running primary instance by a job of its own.
pub(super) fn migrate(cluster: &Cluster, op: &JobOp) -> Result<Plan, OpError> {
    let name = node_name(cluster, op.text("node_name").unwrap_or_default())?;
    let children = cluster
        .primaries(&name)
        .filter(|i| cluster.status(i) == "running")
        .map(|i| {
            Map::from_iter([
                ("OP_ID".to_owned(), json!("OP_INSTANCE_MIGRATE")),
                ("instance_name".to_owned(), json!(i.name)),
                ("mode".to_owned(), op.input.get("mode").cloned().unwrap_or(Value::Null)),
                ("priority".to_owned(), json!(0)),
                ("depends".to_owned(), Value::Null),
                ("comment".to_owned(), Value::Null),
            ])
        })
        .collect();
    let mut plan = Plan::default();
    plan.steps.push(Step::Spawn(children));
    Ok(plan)
}

pub(super) fn oses(cluster: &Cluster) -> Value {
    cluster.oses.iter().map(|os| json!([os.name, os.variants])).collect()
}
