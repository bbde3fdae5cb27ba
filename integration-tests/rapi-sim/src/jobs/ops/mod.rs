//! What each opcode demands, says and does.

mod create;
mod create_check;
mod edit;
mod migrate;
mod node;
mod power;
mod remove;
mod tags;

use serde_json::{Map, Value};

use super::{JobOp, OpError};
use crate::state::{Cluster, Instance};

/// A change of the cluster at some point of an opcode.
pub(crate) type Effect = Box<dyn FnOnce(&mut Cluster, f64) -> Result<(), OpError> + Send>;

/// A point in an opcode's run.
pub(crate) enum Step {
    /// A line in the log.
    Say(String),
    /// A change.
    Do(Effect),
    /// Further jobs; their numbers become the result.
    Spawn(Vec<Map<String, Value>>),
}

/// An opcode whose conditions are met.
#[derive(Default)]
pub(crate) struct Plan {
    /// What happens, evenly spread over the opcode's time.
    pub steps: Vec<Step>,
    /// Result of success.
    pub result: Value,
    /// Parameters that Ganeti fills in once it has looked.
    pub parameters: Map<String, Value>,
}

impl Plan {
    fn filled(key: &str, value: &str) -> Self {
        let parameters = Map::from_iter([(key.to_owned(), Value::from(value))]);
        Self { parameters, ..Self::default() }
    }

    fn say(mut self, text: impl Into<String>) -> Self {
        self.steps.push(Step::Say(text.into()));
        self
    }

    fn then(
        mut self,
        effect: impl FnOnce(&mut Cluster, f64) -> Result<(), OpError> + Send + 'static,
    ) -> Self {
        self.steps.push(Step::Do(Box::new(effect)));
        self
    }

    fn result(mut self, result: Value) -> Self {
        self.result = result;
        self
    }
}

/// Checks an opcode's conditions and says what it will do.
pub(crate) fn plan(cluster: &mut Cluster, op: &JobOp) -> Result<Plan, OpError> {
    match op.id() {
        "OP_INSTANCE_CREATE" => create::plan(cluster, op),
        "OP_INSTANCE_REMOVE" => remove::plan(cluster, op),
        "OP_INSTANCE_STARTUP" => power::startup(cluster, op),
        "OP_INSTANCE_SHUTDOWN" => power::shutdown(cluster, op),
        "OP_INSTANCE_REBOOT" => power::reboot(cluster, op),
        "OP_INSTANCE_MIGRATE" => migrate::migrate(cluster, op),
        "OP_INSTANCE_FAILOVER" => migrate::failover(cluster, op),
        "OP_INSTANCE_RENAME" => edit::rename(cluster, op),
        "OP_INSTANCE_REINSTALL" => edit::reinstall(cluster, op),
        "OP_INSTANCE_SET_PARAMS" => edit::modify(cluster, op),
        "OP_TAGS_SET" => tags::plan(cluster, op, true),
        "OP_TAGS_DEL" => tags::plan(cluster, op, false),
        "OP_NODE_SET_PARAMS" => node::modify(cluster, op),
        "OP_NODE_MIGRATE" => node::migrate(cluster, op),
        "OP_OS_DIAGNOSE" => Ok(Plan::default().result(node::oses(cluster))),
        "OP_CLUSTER_REDIST_CONF" => Ok(Plan::default()),
        other => Err(OpError::Exec(format!("{other} is not simulated"))),
    }
}

fn wrong_state(text: String) -> OpError {
    OpError::Prereq(text, "wrong_state")
}

fn wrong_input(text: impl Into<String>) -> OpError {
    OpError::Prereq(text.into(), "wrong_input")
}

fn instance<'a>(cluster: &'a Cluster, op: &JobOp) -> Result<&'a Instance, OpError> {
    let name = op.text("instance_name").unwrap_or_default();
    cluster
        .expand_instance(name)
        .ok_or_else(|| OpError::Prereq(format!("Instance '{name}' not known"), "unknown_entity"))
}

fn node_name(cluster: &Cluster, name: &str) -> Result<String, OpError> {
    cluster
        .expand_node(name)
        .map(|node| node.name.clone())
        .ok_or_else(|| OpError::Prereq(format!("Node '{name}' not known"), "unknown_entity"))
}

fn online(cluster: &Cluster, node: &str) -> Result<(), OpError> {
    match cluster.nodes.get(node) {
        Some(known) if known.offline => Err(wrong_state(format!("Can't use offline node: {node}"))),
        Some(_) => Ok(()),
        None => Err(OpError::Prereq(format!("Node '{node}' not known"), "unknown_entity")),
    }
}

/// Changes an instance by UUID: it may have been renamed meanwhile, never replaced.
fn with_instance(cluster: &mut Cluster, uuid: &str, change: impl FnOnce(&mut Instance)) {
    if let Some(found) = cluster.instances.values_mut().find(|i| i.uuid == uuid) {
        change(found);
    }
}
