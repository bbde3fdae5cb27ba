//! One cluster from its configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use crate::config::ClusterConfig;
use crate::rng::Rng;
use crate::state::{Admin, Cluster, Disk, Group, Instance, Network, Nic, Node, Os};

/// What a machine does: name, vCPUs, memory, disks, all in MiB.
const ROLES: &[(&str, u64, u64, &[u64])] = &[
    ("web", 2, 2048, &[20_480]),
    ("db", 4, 8192, &[20_480, 102_400]),
    ("app", 4, 4096, &[30_720]),
    ("cache", 2, 4096, &[10_240]),
    ("mail", 2, 2048, &[20_480, 51_200]),
    ("build", 8, 8192, &[81_920]),
    ("mon", 2, 4096, &[40_960]),
    ("dns", 1, 1024, &[10_240]),
    ("git", 2, 4096, &[61_440]),
    ("proxy", 1, 1024, &[10_240]),
];
const OWNERS: &[&str] = &["owner:platform", "owner:shop", "owner:data", "owner:office"];
const OSES: &[(&str, &[&str])] = &[
    ("debootstrap", &["default", "bookworm", "trixie"]),
    ("ubuntu", &["jammy", "noble"]),
    ("noop", &["default", "minimal"]),
];

/// Builds the cluster; the same configuration gives the same cluster, times apart.
#[must_use]
pub(crate) fn build(config: &ClusterConfig, network: [u8; 3], now: f64) -> Cluster {
    let mut rng = Rng::new(config.seed ^ fingerprint(&config.name));
    let born = now.floor() - 200.0 * 86_400.0;
    let mut cluster = Cluster {
        name: config.name.clone(),
        uuid: rng.uuid(),
        master: format!("node1.{}", config.name),
        ctime: born,
        mtime: born + 3600.0,
        tags: BTreeSet::from(["env:demo".to_owned()]),
        nodes: BTreeMap::new(),
        instances: BTreeMap::new(),
        groups: BTreeMap::new(),
        networks: BTreeMap::new(),
        oses: OSES
            .iter()
            .map(|(name, variants)| Os {
                name: (*name).to_owned(),
                variants: variants.iter().map(|v| (*v).to_owned()).collect(),
            })
            .collect(),
        hypervisors: vec!["kvm".to_owned(), "fake".to_owned()],
        disk_templates: ["drbd", "plain", "file", "sharedfile", "diskless"]
            .map(str::to_owned)
            .into(),
        free_ports: BTreeSet::new(),
        next_port: 11_000,
        console_patched: config.console_patched,
        vnc_password: config.vnc_password.clone(),
        rng: rng.clone(),
    };
    add_groups(&mut cluster, config, &mut rng, born);
    add_nodes(&mut cluster, config, network, &mut rng, born);
    add_networks(&mut cluster, config, &mut rng, born);
    let mut counts = BTreeMap::new();
    for index in 0..config.instances {
        let instance = make_instance(&mut cluster, index, &mut counts, &mut rng, born);
        cluster.instances.insert(instance.name.clone(), instance);
    }
    if config.trouble {
        add_trouble(&mut cluster);
    }
    cluster.rng = rng;
    cluster
}

/// A number from a name, so that clusters of one seed differ.
pub(crate) fn fingerprint(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn add_groups(cluster: &mut Cluster, config: &ClusterConfig, rng: &mut Rng, born: f64) {
    let names: &[&str] = if config.nodes >= 4 { &["default", "rack2"] } else { &["default"] };
    for name in names {
        let group = Group {
            name: (*name).to_owned(),
            uuid: rng.uuid(),
            alloc_policy: "preferred".to_owned(),
            ctime: born,
            mtime: born + 60.0,
            serial_no: 1,
            tags: BTreeSet::new(),
        };
        cluster.groups.insert(group.name.clone(), group);
    }
}

fn add_nodes(
    cluster: &mut Cluster,
    config: &ClusterConfig,
    network: [u8; 3],
    rng: &mut Rng,
    born: f64,
) {
    let groups: Vec<String> = cluster.groups.values().map(|g| g.uuid.clone()).collect();
    let first_rack = config.nodes.div_ceil(groups.len().max(1));
    let [a, b, c] = network;
    for index in 0..config.nodes {
        let rack = index / first_rack.max(1);
        let last = u8::try_from(index % 250).unwrap_or(0) + 2;
        let third = c.wrapping_add(u8::try_from(index / 250).unwrap_or(0));
        let node = Node {
            name: format!("node{}.{}", index + 1, config.name),
            uuid: rng.uuid(),
            pip: Ipv4Addr::new(a, b, third, last),
            group: groups[rack].clone(),
            offline: false,
            drained: false,
            candidate: index < 10,
            down: false,
            mtotal: 131_072,
            dtotal: 3_814_697,
            ctotal: 32,
            ctime: born + 10.0,
            mtime: born + 10.0,
            serial_no: 1,
            tags: BTreeSet::from([format!("rack:r{}", rack + 1)]),
        };
        cluster.nodes.insert(node.name.clone(), node);
    }
}

fn add_networks(cluster: &mut Cluster, config: &ClusterConfig, rng: &mut Rng, born: f64) {
    let second = u8::try_from(fingerprint(&config.name) % 200).unwrap_or(0) + 20;
    for (name, third, gateway) in [("prod", 1, true), ("dmz", 2, false)] {
        let network = Network {
            name: name.to_owned(),
            uuid: rng.uuid(),
            base: Ipv4Addr::new(10, second, third, 0),
            prefix: 24,
            gateway: gateway.then(|| Ipv4Addr::new(10, second, third, 1)),
            mac_prefix: None,
            link: format!("br-{name}"),
            ctime: born + 100.0,
            mtime: born + 100.0,
            serial_no: 1,
            tags: BTreeSet::new(),
        };
        cluster.networks.insert(network.name.clone(), network);
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

fn make_instance(
    cluster: &mut Cluster,
    index: usize,
    counts: &mut BTreeMap<&'static str, usize>,
    rng: &mut Rng,
    born: f64,
) -> Instance {
    let (role, vcpus, memory, sizes) = ROLES[(index + rng.below(2)) % ROLES.len()];
    let number = counts.entry(role).and_modify(|n| *n += 1).or_insert(1);
    let name = format!("{role}{number}.{}", cluster.name);
    let nodes: Vec<(String, String)> =
        cluster.nodes.values().map(|n| (n.name.clone(), n.group.clone())).collect();
    let (pnode, group) = nodes[index % nodes.len().max(1)].clone();
    let peers: Vec<&String> =
        nodes.iter().filter(|(n, g)| *g == group && *n != pnode).map(|(n, _)| n).collect();
    let template = match index % 10 {
        5 => "plain",
        9 => "sharedfile",
        _ if peers.is_empty() => "plain",
        _ => "drbd",
    };
    let snodes = if template == "drbd" { vec![(*rng.pick(&peers)).clone()] } else { Vec::new() };
    let running = index % 7 != 6;
    let hvparams = match index % 13 {
        7 => json!({"vnc_bind_address": ""}),
        11 => json!({"vnc_bind_address": "127.0.0.1"}),
        _ => json!({}),
    };
    let ctime = born + 86_400.0 * (1.0 + rng.below(150_000) as f64 / 1000.0);
    let (os, variants) = OSES[rng.below(2)];
    let network = if role == "proxy" || role == "dns" { "dmz" } else { "prod" };
    let nic = make_nic(cluster, network, index, rng);
    let env = if index % 5 == 4 { "env:staging" } else { "env:prod" };
    Instance {
        uuid: rng.uuid(),
        admin: if running { Admin::Up } else { Admin::Down },
        running_on: running.then(|| pnode.clone()),
        boots: 0,
        os: format!("{os}+{}", rng.pick(variants)),
        snodes,
        disk_template: template.to_owned(),
        nics: vec![nic],
        disks: sizes.iter().map(|size| Disk { uuid: rng.uuid(), size: *size }).collect(),
        beparams: object(json!({"minmem": memory, "maxmem": memory, "vcpus": vcpus})),
        hypervisor: "kvm".to_owned(),
        hvparams: object(hvparams),
        osparams: Map::new(),
        network_port: Some(cluster.take_port()),
        ctime,
        mtime: ctime + 20.0 + rng.below(2_000_000) as f64,
        serial_no: 3 + rng.next() % 40,
        tags: [env, *rng.pick(OWNERS), &format!("service:{role}")]
            .into_iter()
            .map(str::to_owned)
            .collect(),
        name,
        pnode,
    }
}

fn make_nic(cluster: &Cluster, network: &str, index: usize, rng: &mut Rng) -> Nic {
    let place = u32::try_from(index % 240).unwrap_or(0) + 10;
    let known = cluster.networks.get(network);
    Nic {
        uuid: rng.uuid(),
        mac: rng.mac("aa:00:00"),
        ip: known.filter(|_| index < 240).map(|n| n.address(place).to_string()),
        link: known.map_or_else(|| "br0".to_owned(), |n| n.link.clone()),
        network: known.map(|n| n.name.clone()),
    }
}

/// One crashed instance, the last node offline and the one before drained.
fn add_trouble(cluster: &mut Cluster) {
    let last_two: Vec<String> = cluster.nodes.keys().rev().take(2).cloned().collect();
    if let [last, before] = last_two.as_slice() {
        let pnodes: Vec<String> =
            cluster.nodes.keys().filter(|n| *n != last && *n != before).cloned().collect();
        // What ran on the offline node was failed over, as an administrator would have done.
        let moved = pnodes.first().cloned().unwrap_or_else(|| before.clone());
        for instance in cluster.instances.values_mut().filter(|i| i.pnode == *last).skip(1) {
            let target = instance.snodes.first().cloned().unwrap_or_else(|| moved.clone());
            instance.running_on = instance.running_on.as_ref().map(|_| target.clone());
            if !instance.snodes.is_empty() {
                instance.snodes = vec![last.clone()];
            }
            instance.pnode = target;
        }
        if let Some(node) = cluster.nodes.get_mut(last) {
            node.offline = true;
            node.candidate = false;
            node.serial_no += 1;
        }
        if let Some(node) = cluster.nodes.get_mut(before) {
            node.drained = cluster.master != *before;
            node.candidate = cluster.master == *before;
        }
    }
    let crashed = cluster
        .instances
        .values()
        .find(|i| i.name.starts_with("app") && cluster.status(i) == "running")
        .map(|i| i.name.clone());
    if let Some(instance) = crashed.and_then(|name| cluster.instances.get_mut(&name)) {
        instance.running_on = None;
    }
    for instance in cluster.instances.values_mut() {
        if !cluster.nodes.get(&instance.pnode).is_some_and(Node::reachable) {
            instance.running_on = None;
        }
    }
}
