//! How to reach an instance's console.

use serde_json::{Value, json};

use super::Reply;
use crate::state::{Cluster, Instance};

/// Answers the console call: 500 for kvm with VNC unless the cluster is mended.
pub(crate) fn console(cluster: &Cluster, name: &str) -> Reply {
    let Some(instance) = cluster.expand_instance(name) else {
        return Reply::error(500, "list index out of range");
    };
    if instance.running_on.is_none() || cluster.oper_state(instance) != Some(true) {
        return Reply::error(503, "Instance console unavailable");
    }
    match describe(cluster, instance) {
        Some(described) => Reply::ok(described),
        None => Reply::error(500, ""),
    }
}

/// The console's description; `None` where Ganeti fails to give it.
pub(crate) fn describe(cluster: &Cluster, instance: &Instance) -> Option<Value> {
    let filled = instance.filled_hvparams();
    let text = |key: &str| filled.get(key).and_then(Value::as_str).unwrap_or_default();
    let name = &instance.name;
    if instance.hypervisor != "kvm" {
        let message = format!("Console not available for {} hypervisor", instance.hypervisor);
        return Some(json!({"instance": name, "kind": "msg", "message": message}));
    }
    if filled["serial_console"] == true {
        let control = format!("/var/run/ganeti/kvm-hypervisor/ctrl/{name}");
        return Some(json!({
            "instance": name, "kind": "ssh", "host": instance.pnode, "user": "root",
            "command": [
                "/usr/lib/ganeti/tools/kvm-console-wrapper", "/usr/bin/socat", name,
                format!("{control}.monitor"), "STDIO,raw,echo=0,escape=0x1d",
                format!("UNIX-CONNECT:{control}.serial"),
            ],
        }));
    }
    let port = instance.network_port?;
    if !text("spice_bind").is_empty() {
        let host = text("spice_bind");
        return Some(json!({"instance": name, "kind": "spice", "host": host, "port": port}));
    }
    if !text("vnc_bind_address").is_empty() {
        let display = (port - 5900).to_string();
        let host = text("vnc_bind_address");
        return cluster.console_patched.then(
            || json!({"instance": name, "kind": "vnc", "host": host, "port": port, "display": display}),
        );
    }
    let message = format!("No serial shell for instance {name}");
    Some(json!({"instance": name, "kind": "msg", "message": message}))
}
