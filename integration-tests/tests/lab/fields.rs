//! Every field of instances and nodes, against what Ganeti's own command line says.

use std::collections::BTreeMap;

use gwm_integration_tests::Api;
use gwm_testkit::wait_for;
use serde_json::{Value, json};

use crate::ganeti::{run_beside, table, try_run};
use crate::stage::{CLUSTERS, PATIENCE};

const INSTANCE: &str = "name,uuid,status,admin_state,pnode,snodes,pnode.group,hypervisor,os,\
    be/vcpus,be/maxmem,disk_usage,disk_template,disk.sizes,disk.uuids,nic.macs,nic.ips,nic.modes,\
    nic.links,nic.networks.names,tags,ctime,mtime";
const NODE: &str =
    "name,uuid,role,group,mtotal,mfree,dtotal,dfree,ctotal,pinst_cnt,sinst_cnt,offline,drained";

/// Each name that clients rely on, by DESIGN.md section 4.
const INSTANCE_NAMES: &str = "uuid name cluster status admin_state primary_node secondary_nodes node_group \
    hypervisor os vcpus memory_mib disk_mib disk_template nics disks tags owner revision config_version \
    created_at modified_at seen_at";
const NODE_NAMES: &str = "uuid name cluster role node_group memory_total_mib memory_free_mib disk_total_mib \
    disk_free_mib cpus_total instances_primary instances_secondary offline drained revision seen_at";
/// Those of them of which Ganeti knows nothing.
const OWN: [&str; 3] = ["revision", "config_version", "seen_at"];

/// Free memory and disk space move from one look to the next.
const LIVE: [&str; 2] = ["memory_free_mib", "disk_free_mib"];
/// The command line shows whole seconds.
const TIMES: [&str; 2] = ["created_at", "modified_at"];
const LIVE_SLACK_MIB: u64 = 2048;

/// All of them, on both clusters. Looked at again when they differ: things move meanwhile.
pub(crate) async fn are_those_of_ganeti(api: &Api) {
    let mut compared = 0;
    for cluster in CLUSTERS {
        for (path, names, ours) in [
            ("/instances", INSTANCE_NAMES, instances as fn(&str) -> _),
            ("/nodes", NODE_NAMES, nodes),
        ] {
            let what = format!("{path} of {cluster} to be as Ganeti says");
            compared += wait_for(&what, PATIENCE, async || {
                let theirs: BTreeMap<String, Value> = ours(cluster);
                let seen = api.get(&format!("{path}?limit=200")).await.accepted();
                let items = &seen.map_err(|error| error.to_string())?["items"];
                same(cluster, names, &theirs, items)
            })
            .await;
        }
    }
    assert!(compared >= 21, "8 instances and some nodes each: {compared}");
}

/// The last node of alpha, on which nothing runs: drained, offline, and back again.
pub(crate) async fn follow_a_node(api: &Api) {
    let back = Back;
    for change in ["--drained=yes", "--offline=yes"] {
        run_beside("alpha", &["gnt-node", "modify", "--auto-promote", change, NODE_3]).await;
        are_those_of_ganeti(api).await;
    }
    drop(back);
    are_those_of_ganeti(api).await;
}

const NODE_3: &str = "node3.alpha.lab.test";

/// Makes the node a full one again, whatever the test came to.
struct Back;

impl Drop for Back {
    fn drop(&mut self) {
        // Ganeti asks back otherwise: the node was never added anew.
        let change = ["gnt-node", "modify", "--force", "--offline=no", NODE_3];
        if let Err(error) = try_run("alpha", &change) {
            eprintln!("{NODE_3} stays offline: {error}");
        }
    }
}

fn same(
    cluster: &str,
    names: &str,
    theirs: &BTreeMap<String, Value>,
    items: &Value,
) -> Result<usize, String> {
    let items = items.as_array().ok_or("no items")?;
    let items: Vec<_> = items.iter().filter(|item| item["cluster"] == cluster).collect();
    if items.len() != theirs.len() {
        return Err(format!("{} of {}", items.len(), theirs.len()));
    }
    for item in items {
        let name = item["name"].as_str().ok_or("no name")?;
        let wanted = theirs.get(name).ok_or_else(|| format!("{name} is unknown to Ganeti"))?;
        for field in names.split_whitespace() {
            let compared = wanted.get(field).is_some() || ["name", "cluster"].contains(&field);
            assert!(compared || OWN.contains(&field), "nobody looks at {field}");
            if !compared && item[field].is_null() {
                return Err(format!("{name}: there is no {field}"));
            }
        }
        let [seen, modified] = ["seen_at", "modified_at"].map(|field| to_seconds(&item[field]));
        if item["modified_at"].is_string() && seen.as_str() < modified.as_str() {
            return Err(format!("{name} changed after it was seen: {item}"));
        }
        for (field, wanted) in wanted.as_object().into_iter().flatten() {
            let seen = if TIMES.contains(&field.as_str()) {
                &to_seconds(&item[field])
            } else {
                &item[field]
            };
            let equal = match (LIVE.contains(&field.as_str()), seen.as_u64(), wanted.as_u64()) {
                (true, Some(seen), Some(wanted)) => seen.abs_diff(wanted) <= LIVE_SLACK_MIB,
                _ => seen == wanted,
            };
            if !equal {
                return Err(format!("{name}: {field} is {seen}, Ganeti says {wanted}"));
            }
        }
    }
    Ok(theirs.len())
}

/// Text, or null for Ganeti's words for nothing.
pub(crate) fn text(cell: &str) -> Value {
    if ["", "-", "None"].contains(&cell) { Value::Null } else { cell.into() }
}

pub(crate) fn number(cell: &str) -> Value {
    cell.parse::<u64>().map_or(Value::Null, Value::from)
}

/// `a,b`, or `['a', None]` for what Ganeti has no format of its own.
fn list(cell: &str) -> Vec<&str> {
    let parts = cell.trim_matches(['[', ']']).split(',');
    parts.map(|part| part.trim_matches([' ', '\''])).filter(|part| !part.is_empty()).collect()
}

pub(crate) fn sorted(cell: &str) -> Value {
    let mut parts = list(cell);
    parts.sort_unstable();
    json!(parts)
}

/// `2026-11-22 18:59:13` as JSON has it.
pub(crate) fn moment(cell: &str) -> Value {
    format!("{}Z", cell.replacen(' ', "T", 1)).into()
}

/// A moment without fractions of a second.
pub(crate) fn to_seconds(moment: &Value) -> Value {
    let text = moment.as_str().unwrap_or_default().trim_end_matches('Z');
    format!("{}Z", text.split('.').next().unwrap_or_default()).into()
}

pub(crate) fn columns<'a>(cells: &'a [String], fields: &'a str) -> impl Fn(&str) -> &'a str {
    move |field| {
        let at = fields.split(',').position(|name| name == field);
        &cells[at.unwrap_or_else(|| panic!("{field} was not asked for"))]
    }
}

fn instances(cluster: &str) -> BTreeMap<String, Value> {
    let rows = table(cluster, "gnt-instance", INSTANCE);
    let object = |cells: Vec<String>| {
        let of = columns(&cells, INSTANCE);
        let each = |field: &str| list(of(field));
        let sizes = each("disk.sizes");
        let disks = sizes.iter().zip(each("disk.uuids"));
        let disks = disks.map(|(size, uuid)| {
            // Nobody named a disk or an interface in the lab.
            json!({"size_mib": number(size), "uuid": uuid, "name": null})
        });
        let (ips, modes, links) = (each("nic.ips"), each("nic.modes"), each("nic.links"));
        let networks = each("nic.networks.names");
        let nics = each("nic.macs").into_iter().enumerate().map(|(n, mac)| {
            let at = |of: &[&str]| text(of.get(n).copied().unwrap_or_default());
            json!({
                "mac": mac, "ip": at(&ips), "mode": at(&modes), "link": at(&links),
                "network": at(&networks), "name": null,
            })
        });
        // Ganeti knows no owners: what these tests ask for is the administrator's, the rest nobody's.
        let owner = of("name").starts_with("lab-").then_some("user/admin");
        let object = json!({
            "uuid": of("uuid"), "status": of("status"), "admin_state": of("admin_state"),
            "primary_node": of("pnode"), "secondary_nodes": list(of("snodes")),
            "node_group": of("pnode.group"), "hypervisor": of("hypervisor"), "os": of("os"),
            "vcpus": number(of("be/vcpus")), "memory_mib": number(of("be/maxmem")),
            "disk_mib": number(of("disk_usage")), "disk_template": of("disk_template"),
            "disks": disks.collect::<Vec<_>>(),
            "nics": nics.collect::<Vec<_>>(),
            "tags": sorted(of("tags")), "created_at": moment(of("ctime")),
            "modified_at": moment(of("mtime")), "owner": owner, "missing": false,
        });
        (of("name").to_owned(), object)
    };
    rows.into_iter().map(object).collect()
}

fn nodes(cluster: &str) -> BTreeMap<String, Value> {
    let rows = table(cluster, "gnt-node", NODE);
    let object = |cells: Vec<String>| {
        let of = columns(&cells, NODE);
        let role = match of("role") {
            "M" => "master",
            "C" => "master-candidate",
            "R" => "regular",
            "D" => "drained",
            "O" => "offline",
            other => panic!("role {other}"),
        };
        let object = json!({
            "uuid": of("uuid"), "role": role, "node_group": of("group"),
            "memory_total_mib": number(of("mtotal")), "memory_free_mib": number(of("mfree")),
            "disk_total_mib": number(of("dtotal")), "disk_free_mib": number(of("dfree")),
            "cpus_total": number(of("ctotal")), "instances_primary": number(of("pinst_cnt")),
            "instances_secondary": number(of("sinst_cnt")), "offline": of("offline") == "Y",
            "drained": of("drained") == "Y", "missing": false,
        });
        (of("name").to_owned(), object)
    };
    rows.into_iter().map(object).collect()
}
