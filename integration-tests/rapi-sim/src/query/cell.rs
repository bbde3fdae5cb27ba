//! The value of one field of one object, with its state.

use serde_json::{Value, json};

use crate::http::console_of;
use crate::state::{
    Cluster, Instance, Nic, Node, group_view, instance_view, network_view, node_view,
};

/// State and value: 0 normal, 1 unknown, 2 no data, 3 unavailable, 4 offline.
pub(crate) type Cell = (u8, Value);

/// One object with what its fields are read from.
pub(crate) struct Row {
    view: Value,
    nothing: u8,
}

impl Row {
    /// An instance.
    pub(crate) fn instance(cluster: &Cluster, i: &Instance) -> Self {
        let mut view = instance_view(cluster, i);
        let group = |name: &String| cluster.nodes.get(name).map(|n| n.group.clone());
        let group_name = |uuid: &String| cluster.group_by_uuid(uuid).map(|g| g.name.clone());
        let network_uuid = |n: &Nic| Some(cluster.networks.get(n.network.as_ref()?)?.uuid.clone());
        let pgroup = group(&i.pnode);
        let sgroups: Vec<String> = i.snodes.iter().filter_map(group).collect();
        let more = json!({
            "hypervisor": i.hypervisor,
            "osparams": i.osparams,
            "custom_osparams": i.osparams,
            "pnode.group.uuid": pgroup,
            "pnode.group": pgroup.as_ref().and_then(group_name),
            "snodes.group": sgroups.iter().filter_map(group_name).collect::<Vec<_>>(),
            "snodes.group.uuid": sgroups,
            "admin_up": i.admin.word() == "up",
            "admin_state_source": "admin",
            "disk.count": i.disks.len(),
            "nic.count": i.nics.len(),
            "nic.vlans": i.nics.iter().map(|_| Value::Null).collect::<Vec<_>>(),
            "disks_active": i.admin.word() == "up",
            "forthcoming": false,
            "vcpus": i.be("vcpus"),
            "ip": i.nics.first().and_then(|n| n.ip.clone()),
            "mac": i.nics.first().map(|n| n.mac.clone()),
            "bridge": i.nics.first().map(|n| n.link.clone()),
            "nic_link": i.nics.first().map(|n| n.link.clone()),
            "nic_mode": i.nics.first().map(|_| "bridged"),
            "nic_network": i.nics.first().and_then(network_uuid),
            "sda_size": i.disks.first().map(|d| d.size),
            "sdb_size": i.disks.get(1).map(|d| d.size),
            "console": console_of(cluster, i),
        });
        extend(&mut view, more);
        let nothing = if cluster.primary_reachable(i) { 3 } else { 2 };
        Self { view, nothing }
    }

    /// A node.
    pub(crate) fn node(cluster: &Cluster, n: &Node) -> Self {
        let mut view = node_view(cluster, n);
        let more = json!({
            "group": cluster.group_by_uuid(&n.group).map(|g| g.name.clone()),
            "master": n.name == cluster.master,
            "custom_ndparams": {},
            "bootid": n.reachable().then(|| n.uuid.clone()),
        });
        extend(&mut view, more);
        let nothing = if n.offline { 4 } else { 2 };
        Self { view, nothing }
    }

    /// A node group.
    pub(crate) fn group(cluster: &Cluster, g: &crate::state::Group) -> Self {
        let mut view = group_view(cluster, g);
        let inside = |i: &&Instance| cluster.nodes.get(&i.pnode).is_some_and(|n| n.group == g.uuid);
        let names: Vec<&str> =
            cluster.instances.values().filter(inside).map(|i| i.name.as_str()).collect();
        extend(&mut view, json!({"pinst_cnt": names.len(), "pinst_list": names}));
        Self { view, nothing: 3 }
    }

    /// A network.
    pub(crate) fn network(cluster: &Cluster, n: &crate::state::Network) -> Self {
        let mut view = network_view(cluster, n);
        let count = |key: &str| view[key].as_array().map_or(0, Vec::len);
        let (groups, instances) = (count("group_list"), count("inst_list"));
        extend(&mut view, json!({"group_cnt": groups, "inst_cnt": instances}));
        Self { view, nothing: 3 }
    }

    /// A job; start and end are unavailable until they are.
    pub(crate) fn job(view: Value) -> Self {
        Self { view, nothing: 3 }
    }

    /// A job that is not there.
    pub(crate) fn unknown_job(id: &Value) -> Self {
        Self { view: json!({"id": id}), nothing: 3 }
    }

    /// The cell of a field that the resource has.
    pub(crate) fn cell(&self, field: &str) -> Cell {
        let value = self.lookup(field);
        let live = ["oper_state", "oper_ram", "oper_vcpus", "console"].contains(&field);
        match value {
            Value::Null if ["powered", "hv_state", "disk_state"].contains(&field) => {
                (3, Value::Null)
            }
            Value::Null if live && self.view.get("oper_state").is_some() => {
                let console = field == "console" && self.view["oper_state"] == true;
                (if console { 2 } else { self.nothing }, Value::Null)
            }
            Value::Null => (self.nothing, Value::Null),
            value @ (Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_)) => (0, value),
        }
    }

    /// Field by name, or part of a list or of parameters (`nic.mac/0`, `hv/kernel_path`).
    fn lookup(&self, field: &str) -> Value {
        if let Some(value) = self.view.get(field) {
            return value.clone();
        }
        let Some((head, tail)) = field.split_once('/') else { return Value::Null };
        let whole = match head {
            "be" => &self.view["beparams"],
            "hv" => &self.view["hvparams"],
            "ndp" => &self.view["ndparams"],
            list => {
                let plural = match list {
                    "nic.network.name" => "nic.networks.names".to_owned(),
                    "disk.spindles" => list.to_owned(),
                    other => format!("{other}s"),
                };
                let index: usize = tail.parse().unwrap_or(usize::MAX);
                return self.view[plural.as_str()].get(index).cloned().unwrap_or(Value::Null);
            }
        };
        whole.get(tail).cloned().unwrap_or(Value::Null)
    }
}

fn extend(view: &mut Value, more: Value) {
    if let (Value::Object(view), Value::Object(more)) = (view, more) {
        view.extend(more);
    }
}
