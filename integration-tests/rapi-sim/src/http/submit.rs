//! Calls that become a job: opcode from path, query and body, with Ganeti's checks.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::resources::{Param, Resource};
use super::validate::{class_name, fits, python_type};
use super::{Reply, Request};
use crate::clock::Stamp;
use crate::world::Shared;

type Fields = Map<String, Value>;

/// Opcodes simulated; a call of another one answers 501 rather than pretend.
const SIMULATED: &[&str] = &[
    "OP_INSTANCE_CREATE",
    "OP_INSTANCE_REMOVE",
    "OP_INSTANCE_STARTUP",
    "OP_INSTANCE_SHUTDOWN",
    "OP_INSTANCE_REBOOT",
    "OP_INSTANCE_MIGRATE",
    "OP_INSTANCE_FAILOVER",
    "OP_INSTANCE_RENAME",
    "OP_INSTANCE_REINSTALL",
    "OP_INSTANCE_SET_PARAMS",
    "OP_TAGS_SET",
    "OP_TAGS_DEL",
    "OP_NODE_SET_PARAMS",
    "OP_NODE_MIGRATE",
    "OP_CLUSTER_REDIST_CONF",
];

/// Opcodes submitted without a `dry_run` of their own.
const WITHOUT_DRY_RUN: &[&str] = &[
    "OP_INSTANCE_MIGRATE",
    "OP_INSTANCE_FAILOVER",
    "OP_INSTANCE_RENAME",
    "OP_INSTANCE_SET_PARAMS",
    "OP_NODE_SET_PARAMS",
    "OP_NODE_MIGRATE",
    "OP_CLUSTER_REDIST_CONF",
];

/// Makes the job, or says what is wrong with the request.
pub(crate) fn submit(
    shared: &Arc<Shared>,
    request: &Request,
    resource: &'static Resource,
    names: &[String],
) -> Reply {
    match opcodes(shared, request, resource, names) {
        Ok(ops) => Reply::ok(json!(shared.submit(ops))),
        Err(reply) => reply,
    }
}

fn opcodes(
    shared: &Shared,
    request: &Request,
    resource: &'static Resource,
    names: &[String],
) -> Result<Vec<Fields>, Reply> {
    let op_id = resource.opcode.as_deref().unwrap_or_default();
    if !SIMULATED.contains(&op_id) {
        return Err(Reply::error(501, &format!("{op_id} is not simulated")));
    }
    let mut body = body(request, resource)?;
    if op_id == "OP_INSTANCE_REINSTALL" {
        return reinstall(shared, resource, &mut body, names);
    }
    if op_id == "OP_INSTANCE_CREATE" {
        version(&mut body)?;
    }
    let mut fixed = from_path(resource, names);
    from_query(request, resource, &mut body, &mut fixed)?;
    let mut op = fill(shared, resource, body, fixed)?;
    if !WITHOUT_DRY_RUN.contains(&op_id) {
        op.insert("dry_run".to_owned(), json!(request.flag("dry-run")));
    }
    op.insert("reason".to_owned(), trail(request, resource));
    Ok(vec![op])
}

fn body(request: &Request, resource: &Resource) -> Result<Fields, Reply> {
    let ignored = matches!(
        resource.class.as_str(),
        "R_2_instances_name_startup" | "R_2_nodes_name_role" | "R_2_redist_config"
    ) || resource.class.ends_with("_tags")
        || resource.class == "R_2_tags";
    let required = resource.class == "R_2_instances";
    match &request.body {
        _ if ignored => Ok(Fields::new()),
        None if !required => Ok(Fields::new()),
        Some(Value::Object(map)) => Ok(map.clone()),
        other => Err(Reply::bad(&format!(
            "Body contents: Type is '{}', but 'dict' is expected",
            python_type(other.as_ref())
        ))),
    }
}

fn version(body: &mut Fields) -> Result<(), Reply> {
    match body.remove("__version__") {
        None => Err(Reply::bad("Instance creation request version 0 is no longer supported")),
        Some(version) if version == 0 => {
            Err(Reply::bad("Instance creation request version 0 is no longer supported"))
        }
        Some(version) if version == 1 => Ok(()),
        Some(version) => {
            Err(Reply::error(501, &format!("Unsupported request data version {version}")))
        }
    }
}

fn from_path(resource: &Resource, names: &[String]) -> Fields {
    let mut fixed = Fields::new();
    let name = names.first().cloned().unwrap_or_default();
    if resource.class.ends_with("tags") {
        let kind = match resource.class.as_str() {
            "R_2_instances_name_tags" => "instance",
            "R_2_nodes_name_tags" => "node",
            "R_2_groups_name_tags" => "nodegroup",
            "R_2_networks_name_tags" => "network",
            _ => "cluster",
        };
        fixed.insert("kind".to_owned(), json!(kind));
        fixed.insert("name".to_owned(), json!(name));
    } else if resource.path.contains("{instance}") {
        fixed.insert("instance_name".to_owned(), json!(name));
    } else if resource.path.contains("{node}") {
        fixed.insert("node_name".to_owned(), json!(name));
    }
    fixed
}

fn from_query(
    request: &Request,
    resource: &Resource,
    body: &mut Fields,
    fixed: &mut Fields,
) -> Result<(), Reply> {
    let mut set = |key: &str, value: Value| fixed.insert(key.to_owned(), value);
    match resource.class.as_str() {
        class if class.ends_with("tags") => {
            set("tags", json!(request.args("tag")));
        }
        "R_2_instances_name_reboot" => {
            set("reboot_type", json!(request.arg("type").unwrap_or("hard")));
            set("ignore_secondaries", json!(request.flag("ignore_secondaries")));
        }
        "R_2_instances_name_startup" => {
            set("force", json!(request.flag("force")));
            set("no_remember", json!(request.flag("no_remember")));
        }
        "R_2_instances_name_shutdown" => {
            set("no_remember", json!(request.flag("no_remember")));
        }
        "R_2_nodes_name_role" => {
            let role = request.body.as_ref().and_then(Value::as_str).unwrap_or_default();
            let (candidate, drained, offline) = match role {
                "master-candidate" => (true, false, false),
                "drained" => (false, true, false),
                "offline" => (false, false, true),
                "regular" => (false, false, false),
                _ => return Err(Reply::bad(&format!("Role '{role}' is not valid"))),
            };
            set("master_candidate", json!(candidate));
            set("drained", json!(drained));
            set("offline", json!(offline));
            set("force", json!(request.flag("force")));
            set("auto_promote", json!(request.flag("auto-promote")));
        }
        "R_2_instances_name_modify" if body.get("hvparams").is_some_and(|v| !v.is_object()) => {
            let kind = python_type(body.get("hvparams"));
            return Err(Reply::error(500, &format!("'{kind}' object is not subscriptable")));
        }
        _ => {}
    }
    Ok(())
}

/// Names under which a parameter may stand in the body, beside its own.
fn aliases(param: &Param) -> Vec<&str> {
    let mut names = vec![param.name.as_str(), param.opcode_name.as_str()];
    if let Some(plain) = param.opcode_name.strip_prefix("custom_") {
        names.push(plain);
    }
    names
}

fn fill(
    shared: &Shared,
    resource: &'static Resource,
    mut body: Fields,
    fixed: Fields,
) -> Result<Fields, Reply> {
    let op_id = resource.opcode.as_deref().unwrap_or_default();
    let mut op = json!({
        "OP_ID": op_id, "debug_level": 0, "priority": 0, "depends": null, "comment": null,
    });
    let op = op.as_object_mut().map(std::mem::take).unwrap_or_default();
    let mut op: Fields = op;
    for key in ["priority", "depends", "comment"] {
        if let Some(value) = body.remove(key) {
            op.insert(key.to_owned(), value);
        }
    }
    body.extend(fixed);
    for param in &resource.params {
        let given = aliases(param).into_iter().find_map(|name| body.remove(name));
        let value = match given {
            Some(value) => value,
            None if param.required => Value::Null,
            None => param.default.clone(),
        };
        let checked = param.required || !value.is_null();
        if checked && !fits(&param.kind, &value) {
            return Err(Reply::bad(&format!(
                "Invalid body parameters: (\"Parameter '{op_id}.{}' fails validation\", \
                 'wrong_input')",
                param.opcode_name
            )));
        }
        if !value.is_null() {
            op.insert(param.opcode_name.clone(), value);
        }
    }
    if let Some(unknown) = body.keys().next() {
        return Err(Reply::bad(&format!(
            "Invalid body parameters: Object {} doesn't support the parameter '{unknown}'",
            class_name(op_id)
        )));
    }
    complete(shared, op_id, &mut op);
    Ok(op)
}

/// What the master daemon adds on its own: UUIDs of objects that it knows, time-outs.
fn complete(shared: &Shared, op_id: &str, op: &mut Fields) {
    let name = op.get("instance_name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if op_id == "OP_INSTANCE_CREATE" {
        op.entry("helper_startup_timeout").or_insert(json!(300));
        op.entry("helper_shutdown_timeout").or_insert(json!(7200));
        return;
    }
    if op_id == "OP_INSTANCE_SHUTDOWN" {
        op.entry("admin_state_source").or_insert(json!("admin"));
    }
    let known = shared.with(|w| w.cluster.expand_instance(&name).map(|i| i.name.clone()));
    if let Some(full) = known {
        op.insert("instance_name".to_owned(), json!(full));
    }
}

fn trail(request: &Request, resource: &Resource) -> Value {
    let now = Stamp::now().nanos();
    let call = resource.class.trim_start_matches("R_2_");
    let mut trail = Vec::new();
    if let Some(why) = request.arg("reason") {
        trail.push(json!(["gnt:user", why, now]));
    }
    trail.push(json!([format!("gnt:library:rlib2:{call}"), "", now + 1000]));
    Value::Array(trail)
}

/// Three opcodes in one job, and the one call that drops the reason.
fn reinstall(
    shared: &Shared,
    resource: &'static Resource,
    body: &mut Fields,
    names: &[String],
) -> Result<Vec<Fields>, Reply> {
    let start = body.remove("start").is_none_or(|v| v != false);
    let os = body.remove("os").filter(|v| !v.is_null());
    let osparams = body.remove("osparams").unwrap_or_else(|| json!({}));
    if let Some(unknown) = body.keys().next() {
        return Err(Reply::bad(&format!("Invalid body parameters: '{unknown}'")));
    }
    let name = names.first().cloned().unwrap_or_default();
    let known =
        shared.with(|w| w.cluster.instances.get(&name).map(|i| (i.uuid.clone(), i.os.clone())));
    let Some((uuid, current)) = known else { return Err(Reply::not_found()) };
    let op = |id: &str, extra: Value| {
        let mut op = json!({
            "OP_ID": id, "debug_level": 0, "priority": 0, "depends": null, "comment": null,
            "instance_name": name, "instance_uuid": uuid, "reason": [],
        });
        let op = op.as_object_mut().map(std::mem::take).unwrap_or_default();
        let extra = extra.as_object().cloned().unwrap_or_default();
        op.into_iter().chain(extra).collect::<Fields>()
    };
    let mut ops = vec![
        op(
            "OP_INSTANCE_SHUTDOWN",
            json!({
                "force": false, "ignore_offline_nodes": false, "timeout": 120,
                "no_remember": false, "admin_state_source": "admin",
            }),
        ),
        op(
            resource.opcode.as_deref().unwrap_or_default(),
            json!({
                "force_variant": false, "os_type": os.unwrap_or_else(|| json!(current)),
                "osparams": osparams, "osparams_private": {}, "osparams_secret": {},
            }),
        ),
    ];
    if start {
        ops.push(op(
            "OP_INSTANCE_STARTUP",
            json!({
                "force": false, "ignore_offline_nodes": false, "hvparams": {}, "beparams": {},
                "no_remember": false, "startup_paused": false, "shutdown_timeout": 120,
            }),
        ));
    }
    Ok(ops)
}
