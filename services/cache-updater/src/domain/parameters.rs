//! Which value is in force, and where it comes from. Ganeti answers with values that are filled in
//! already, and beside them with what was set on the object itself.

use std::collections::BTreeMap;

use gwm_rapi::ClusterInfo;
use serde_json::{Map, Value};

use super::InstanceRecord;
use super::said::fields_of;

/// A value in force.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameter {
    pub(crate) kind: &'static str,
    /// The NIC's number, the disk template; else empty.
    pub(crate) part: String,
    pub(crate) name: String,
    /// None of OS parameters.
    pub(crate) value: Option<Value>,
    /// `instance`, `os`, `node`, `node_group`, `cluster`; empty: not known.
    pub(crate) origin: &'static str,
}

fn parameter(
    kind: &'static str,
    part: &str,
    name: &str,
    value: Option<Value>,
    origin: &'static str,
) -> Parameter {
    Parameter { kind, part: part.to_owned(), name: name.to_owned(), value, origin }
}

/// All parameters of an instance. `os_parameters` are names with whether they are set on the instance.
pub(crate) fn of_instance(
    instance: &InstanceRecord,
    info: &ClusterInfo,
    os_parameters: &BTreeMap<String, bool>,
) -> Vec<Parameter> {
    let mut out = backend(instance);
    let by_os = info.os_hvp.get(&instance.os).and_then(|os| os.get(&instance.hypervisor));
    let by_os = by_os.map(gwm_rapi::Params::to_map).unwrap_or_default();
    for (name, value) in fields_of(instance.hvparams.get()) {
        let origin = if instance.own_hvparams.contains(&name) {
            "instance"
        } else if instance.hypervisor.is_empty() {
            ""
        } else if by_os.contains_key(&name) {
            "os"
        } else {
            "cluster"
        };
        out.push(parameter("hvparams", "", &name, Some(value), origin));
    }
    out.extend(nics(instance, info));
    out.extend(os_parameters.iter().map(|(name, own)| {
        parameter("osparams", "", name, None, if *own { "instance" } else { "cluster" })
    }));
    out
}

/// What everybody may see who sees the instance.
pub(crate) fn backend(instance: &InstanceRecord) -> Vec<Parameter> {
    let own = |name: &str| {
        // RAPI adds `memory`, a copy of `maxmem`.
        let name = if name == "memory" { "maxmem" } else { name };
        instance.own_beparams.iter().any(|own| own == name)
    };
    fields_of(instance.beparams.get())
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| {
            let origin = if own(&name) { "instance" } else { "cluster" };
            parameter("beparams", "", &name, Some(value), origin)
        })
        .collect()
}

fn nics(instance: &InstanceRecord, info: &ClusterInfo) -> Vec<Parameter> {
    let said = fields_of(instance.said.get());
    let own = said.get("custom_nicparams").and_then(Value::as_array).cloned().unwrap_or_default();
    let vlan = info.default_nicparams().and_then(|n| n.vlan.clone());
    let mut out = Vec::new();
    for (number, nic) in instance.nics.iter().enumerate() {
        let own = own.get(number).and_then(Value::as_object).cloned().unwrap_or_default();
        // Bulk answers don't say the VLAN in force: it is the one set here, or else the cluster's.
        let own_vlan = own.get("vlan").and_then(Value::as_str).map(str::to_owned);
        let values = [
            ("mode", nic.mode.clone()),
            ("link", nic.link.clone()),
            ("vlan", own_vlan.or_else(|| vlan.clone())),
        ];
        for (name, value) in values {
            let origin = if own.contains_key(name) { "instance" } else { "cluster" };
            let value = value.map(Value::from);
            out.push(parameter("nicparams", &number.to_string(), name, value, origin));
        }
    }
    out
}

/// Node parameters: `own` are those set on the node, none if that was not read yet.
pub(crate) fn of_node(
    said: &str,
    own: Option<&Map<String, Value>>,
    group: Option<&str>,
) -> Vec<Parameter> {
    let by_group = group.map(fields_of).unwrap_or_default();
    let by_group = by_group.get("custom_ndparams").and_then(Value::as_object).cloned();
    objects(&fields_of(said), "ndparams")
        .into_iter()
        .map(|(name, value)| {
            let origin = match (own, &by_group) {
                (Some(own), _) if own.contains_key(&name) => "node",
                (None, _) | (_, None) => "",
                (_, Some(group)) if group.contains_key(&name) => "node_group",
                _ => "cluster",
            };
            parameter("ndparams", "", &name, Some(value), origin)
        })
        .collect()
}

/// Node parameters, policy and disk parameters of a node group.
pub(crate) fn of_group(said: &str) -> Vec<Parameter> {
    let said = fields_of(said);
    let mut out = Vec::new();
    let origin = |own: &Map<String, Value>, name: &String| {
        if own.contains_key(name) { "node_group" } else { "cluster" }
    };
    for (kind, custom) in [("ndparams", "custom_ndparams"), ("ipolicy", "custom_ipolicy")] {
        let own = objects(&said, custom);
        for (name, value) in objects(&said, kind) {
            out.push(parameter(kind, "", &name, Some(value), origin(&own, &name)));
        }
    }
    let own = objects(&said, "custom_diskparams");
    for (template, values) in objects(&said, "diskparams") {
        let own = objects(&own, &template);
        for (name, value) in values.as_object().cloned().unwrap_or_default() {
            let origin = origin(&own, &name);
            out.push(parameter("diskparams", &template, &name, Some(value), origin));
        }
    }
    out
}

fn objects(said: &Map<String, Value>, field: &str) -> Map<String, Value> {
    said.get(field).and_then(Value::as_object).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn origins(parameters: &[Parameter], kind: &str) -> Vec<(String, &'static str)> {
        let of = parameters.iter().filter(|p| p.kind == kind);
        of.map(|p| (format!("{}{}", p.part, p.name), p.origin)).collect()
    }

    #[test]
    fn a_value_comes_from_the_nearest_that_sets_it() {
        let json = r#"{"uuid": "9d6a8a4e-9a52-4cbf-9f0f-3f1c6f9c2a11", "name": "w", "os": "noop+x",
            "hvparams": {"acpi": true, "kernel_path": "/k", "vga": ""}, "custom_hvparams": {"acpi": true},
            "beparams": {"maxmem": 512, "memory": 512, "vcpus": 1}, "custom_beparams": {"maxmem": 512},
            "nic.macs": ["aa"], "nic.modes": ["bridged"], "nic.links": ["br1"],
            "custom_nicparams": [{"link": "br1"}]}"#;
        let said: gwm_rapi::Instance = serde_json::from_str(json).unwrap();
        let mut instance = InstanceRecord::of(&said, 0, DateTime::UNIX_EPOCH);
        instance.hypervisor = "kvm".to_owned();
        let info = r#"{"uuid": "9d6a8a4e-9a52-4cbf-9f0f-3f1c6f9c2a11",
            "os_hvp": {"noop+x": {"kvm": {"acpi": false, "kernel_path": "/k"}, "lxc": {"vga": ""}}},
            "nicparams": {"default": {"mode": "bridged", "link": "br0", "vlan": ".7"}}}"#;
        let info: ClusterInfo = serde_json::from_str(info).unwrap();
        let os = BTreeMap::from([("motd".to_owned(), true), ("size".to_owned(), false)]);
        let all = of_instance(&instance, &info, &os);
        let named = |list: &[(&str, &'static str)]| {
            list.iter().map(|(n, o)| ((*n).to_owned(), *o)).collect::<Vec<_>>()
        };
        let hv = [("acpi", "instance"), ("kernel_path", "os"), ("vga", "cluster")];
        assert_eq!(origins(&all, "hvparams"), named(&hv));
        let be = [("maxmem", "instance"), ("memory", "instance"), ("vcpus", "cluster")];
        assert_eq!(origins(&all, "beparams"), named(&be));
        let nic = [("0mode", "cluster"), ("0link", "instance"), ("0vlan", "cluster")];
        assert_eq!(origins(&all, "nicparams"), named(&nic));
        assert_eq!(origins(&all, "osparams"), named(&[("motd", "instance"), ("size", "cluster")]));
        assert!(all.iter().all(|p| p.kind != "osparams" || p.value.is_none()));
    }

    #[test]
    fn a_node_takes_from_its_group_before_the_cluster() {
        let node = r#"{"ndparams": {"a": 1, "b": 2, "c": 3}}"#;
        let group = r#"{"custom_ndparams": {"a": 9, "b": 2}}"#;
        let own = fields_of(r#"{"a": 1}"#);
        let all = of_node(node, Some(&own), Some(group));
        let words: Vec<_> = all.iter().map(|p| p.origin).collect();
        assert_eq!(words, ["node", "node_group", "cluster"]);
        assert!(of_node(node, None, Some(group)).iter().all(|p| p.origin.is_empty()));
    }
}
