//! Objects as RAPI shows them in bulk and single answers.

use serde_json::{Map, Value, json};

use super::{Cluster, Group, Instance, Network, Nic, Node};
use crate::templates;

/// An instance, as in `/2/instances?bulk=1`.
#[must_use]
pub(crate) fn instance_view(cluster: &Cluster, i: &Instance) -> Value {
    let oper = cluster.oper_state(i);
    let running = oper == Some(true);
    let live = |value: Value| if running { value } else { Value::Null };
    let nics = |field: &dyn Fn(&Nic) -> Value| i.nics.iter().map(field).collect::<Vec<_>>();
    let network_uuid = |n: &Nic| {
        n.network.as_ref().and_then(|name| cluster.networks.get(name)).map(|net| net.uuid.clone())
    };
    json!({
        "name": i.name,
        "admin_state": i.admin.word(),
        "os": i.os,
        "pnode": i.pnode,
        "snodes": i.snodes,
        "disk_template": i.disk_template,
        "nic.ips": nics(&|n| json!(n.ip)),
        "nic.macs": nics(&|n| json!(n.mac)),
        "nic.modes": nics(&|_| json!("bridged")),
        "nic.uuids": nics(&|n| json!(n.uuid)),
        "nic.names": nics(&|_| Value::Null),
        "nic.links": nics(&|n| json!(n.link)),
        "nic.networks": nics(&|n| json!(network_uuid(n))),
        "nic.networks.names": nics(&|n| json!(n.network)),
        "nic.bridges": nics(&|n| json!(n.link)),
        "network_port": i.network_port,
        "disk.sizes": i.disks.iter().map(|d| d.size).collect::<Vec<_>>(),
        "disk.spindles": i.disks.iter().map(|_| Value::Null).collect::<Vec<_>>(),
        "disk_usage": i.disk_usage(),
        "disk.uuids": i.disks.iter().map(|d| d.uuid.as_str()).collect::<Vec<_>>(),
        "disk.names": i.disks.iter().map(|_| Value::Null).collect::<Vec<_>>(),
        "beparams": i.filled_beparams(),
        "hvparams": i.filled_hvparams(),
        "oper_state": oper,
        "oper_ram": live(json!(i.memory())),
        "oper_vcpus": live(i.be("vcpus")),
        "status": cluster.status(i),
        "custom_hvparams": i.hvparams,
        "custom_beparams": i.beparams,
        "custom_nicparams": nics(&|_| json!({})),
        "ctime": i.ctime,
        "mtime": i.mtime,
        "uuid": i.uuid,
        "serial_no": i.serial_no,
        "tags": i.tags,
    })
}

/// A node, as in `/2/nodes?bulk=1`.
#[must_use]
pub(crate) fn node_view(cluster: &Cluster, n: &Node) -> Value {
    let live = |value: u64| if n.reachable() { json!(value) } else { Value::Null };
    let names = |it: &mut dyn Iterator<Item = &Instance>| {
        it.map(|i| i.name.clone()).collect::<Vec<String>>()
    };
    let primaries = names(&mut cluster.primaries(&n.name));
    let secondaries = names(&mut cluster.secondaries(&n.name));
    json!({
        "name": n.name,
        "offline": n.offline,
        "master_candidate": n.candidate,
        "drained": n.drained,
        "dtotal": live(n.dtotal),
        "dfree": live(cluster.free_disk(n)),
        "sptotal": null,
        "spfree": null,
        "mtotal": live(n.mtotal),
        "mnode": live(1024),
        "mfree": live(cluster.free_memory(n)),
        "pinst_cnt": primaries.len(),
        "sinst_cnt": secondaries.len(),
        "ctotal": live(n.ctotal),
        "cnos": live(n.ctotal),
        "cnodes": live(1),
        "csockets": live(1),
        "pip": n.pip,
        "sip": n.pip,
        "role": cluster.role(n),
        "pinst_list": primaries,
        "sinst_list": secondaries,
        "master_capable": true,
        "vm_capable": true,
        "ndparams": templates::info()["ndparams"],
        "group.uuid": n.group,
        "ctime": n.ctime,
        "mtime": n.mtime,
        "uuid": n.uuid,
        "serial_no": n.serial_no,
        "tags": n.tags,
    })
}

fn ipolicy(cluster: &Cluster) -> Value {
    let mut policy = templates::info()["ipolicy"].clone();
    policy["disk-templates"] = json!(cluster.disk_templates);
    policy
}

/// A node group, as in `/2/groups?bulk=1`.
#[must_use]
pub(crate) fn group_view(cluster: &Cluster, g: &Group) -> Value {
    let nodes: Vec<&str> =
        cluster.nodes.values().filter(|n| n.group == g.uuid).map(|n| n.name.as_str()).collect();
    json!({
        "alloc_policy": g.alloc_policy,
        "name": g.name,
        "node_cnt": nodes.len(),
        "node_list": nodes,
        "ipolicy": ipolicy(cluster),
        "custom_ipolicy": {},
        "diskparams": templates::info()["diskparams"],
        "custom_diskparams": {},
        "ndparams": templates::info()["ndparams"],
        "custom_ndparams": {},
        "ctime": g.ctime,
        "mtime": g.mtime,
        "uuid": g.uuid,
        "serial_no": g.serial_no,
        "tags": g.tags,
    })
}

/// A network, as in `/2/networks?bulk=1`.
#[must_use]
pub(crate) fn network_view(cluster: &Cluster, n: &Network) -> Value {
    let used = cluster.used_addresses(n);
    let map: String = (0..n.size()).map(|p| if used.contains(&p) { 'X' } else { '.' }).collect();
    let instances: Vec<&str> = cluster
        .instances
        .values()
        .filter(|i| i.nics.iter().any(|nic| nic.network.as_deref() == Some(&n.name)))
        .map(|i| i.name.as_str())
        .collect();
    let reserved: Vec<String> = n.reserved().iter().map(|p| n.address(*p).to_string()).collect();
    let groups: Vec<Value> =
        cluster.groups.keys().map(|g| json!([g, "bridged", n.link, ""])).collect();
    json!({
        "name": n.name,
        "network": format!("{}/{}", n.base, n.prefix),
        "gateway": n.gateway,
        "network6": null,
        "gateway6": null,
        "mac_prefix": n.mac_prefix,
        "free_count": usize::try_from(n.size()).unwrap_or(0).saturating_sub(used.len()),
        "reserved_count": used.len(),
        "map": map,
        "group_list": groups,
        "inst_list": instances,
        "external_reservations": reserved.join(", "),
        "ctime": n.ctime,
        "mtime": n.mtime,
        "uuid": n.uuid,
        "serial_no": n.serial_no,
        "tags": n.tags,
    })
}

/// The cluster, as in `/2/info`.
#[must_use]
pub(crate) fn info_view(cluster: &Cluster) -> Value {
    let lvm = cluster.disk_templates.iter().any(|t| t == "drbd" || t == "plain");
    let volume_group = lvm.then_some("xenvg");
    let helper = cluster.disk_templates.iter().any(|t| t == "drbd").then_some("/bin/true");
    let own = json!({
        "name": cluster.name,
        "master": cluster.master,
        "default_hypervisor": cluster.hypervisors.first(),
        "enabled_hypervisors": cluster.hypervisors,
        "enabled_disk_templates": cluster.disk_templates,
        "ipolicy": ipolicy(cluster),
        "volume_group_name": volume_group,
        "vg_name": volume_group,
        "drbd_usermode_helper": helper,
        "drbd_helper": helper,
        "master_netdev": "lo",
        "ctime": cluster.ctime,
        "mtime": cluster.mtime,
        "uuid": cluster.uuid,
        "tags": cluster.tags,
    });
    let mut info: Map<String, Value> =
        templates::info().as_object().cloned().expect("recorded info is an object");
    if let Value::Object(own) = own {
        info.extend(own);
    }
    Value::Object(info)
}
