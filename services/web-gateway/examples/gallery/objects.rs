//! Node groups, networks, OSes.

use gwm_web_gateway::http::views::objects::{
    ConnectionLine, NetworkInstance, NetworkPage, NetworkRow, NetworksPage, NodeGroupPage,
    NodeGroupRow, NodeGroupsPage, OsRow, OsesPage,
};
use gwm_web_gateway::http::views::parts::{Link, Parameter, ParameterGroup};
use gwm_web_gateway::http::views::shell::Section;

use crate::fleet::node_row;
use crate::machines::rows;
use crate::made_up::{around, choosing, head, list, uuid, when};

pub(crate) fn parameters() -> Vec<ParameterGroup> {
    let p = |name: &str, value: &str, origin: &str| Parameter {
        name: name.to_owned(),
        value: value.to_owned(),
        origin: origin.to_owned(),
        field: String::new(),
    };
    let group = |title: &str, parameters, folded| ParameterGroup {
        title: title.to_owned(),
        parameters,
        folded,
    };
    vec![
        group(
            "Node (ndparams)",
            vec![p("ssh_port", "2222", "node group"), p("oob_program", "", "cluster")],
            false,
        ),
        group(
            "Instance policy (ipolicy)",
            vec![
                p("minmax.0.max.memory-size", "32768", "cluster"),
                p("disk-templates", "drbd, plain, diskless", "node group"),
            ],
            false,
        ),
        group("Disk template drbd (diskparams)", vec![p("metavg", "xenvg", "cluster")], true),
        group("What else Ganeti says", vec![p("serial_no", "4", "")], false),
    ]
}

fn group_row(n: u64) -> NodeGroupRow {
    NodeGroupRow {
        uuid: uuid(600 + n),
        name: if n == 0 { "default".to_owned() } else { format!("rack{n}") },
        cluster: "fra1".to_owned(),
        alloc_policy: if n == 2 { "last resort" } else { "preferred" }.to_owned(),
        nodes: Some(4),
        tags: vec!["site:a".to_owned()],
        stale: false,
    }
}

pub(crate) fn node_groups() -> NodeGroupsPage {
    let rows: Vec<_> = (0..4).map(group_row).collect();
    let heads = vec![
        head("Name", "", "ascending"),
        head("Cluster", "", ""),
        head("Allocation policy", "", ""),
        head("Nodes", "n", ""),
        head("Tags", "low", ""),
    ];
    NodeGroupsPage {
        shell: around("Node groups", Section::NodeGroups, &[]),
        list: choosing(
            list("/node-groups", "node groups", heads, rows.len(), 4),
            &[
                ("cluster", "Cluster"),
                ("policy", "Allocation policy"),
                ("nodes", "Nodes"),
                ("tags", "Tags"),
                ("uuid", "UUID"),
            ],
        ),
        rows,
    }
}

fn connection(name: &str) -> ConnectionLine {
    ConnectionLine {
        link: Link::new(name, "/clusters/fra1/networks/lan"),
        mode: "bridged".to_owned(),
        bridge: "br0".to_owned(),
        vlan: String::new(),
    }
}

pub(crate) fn node_group() -> NodeGroupPage {
    NodeGroupPage {
        shell: around(
            "rack1",
            Section::NodeGroups,
            &[("Node groups", "/node-groups"), ("fra1", "/clusters/fra1"), ("rack1", "")],
        ),
        row: group_row(1),
        created: Some(when(8_000_000)),
        modified: Some(when(4_000)),
        nodes: (0..4).map(node_row).collect(),
        connections: vec![connection("lan"), connection("dmz")],
        instances: 14,
        parameters: parameters(),
    }
}

fn network_row(n: u64) -> NetworkRow {
    NetworkRow {
        uuid: uuid(700 + n),
        name: ["lan", "dmz", "storage"][usize::try_from(n).unwrap_or(0)].to_owned(),
        cluster: "fra1".to_owned(),
        network: if n == 2 {
            vec![]
        } else {
            vec![format!("10.5{n}.0.0/24"), "fd50::/64".to_owned()]
        },
        gateway: vec![format!("10.5{n}.0.1")],
        free: (n != 2).then_some(120),
        reserved: (n != 2).then_some(136),
        node_groups: vec!["default".to_owned(), "rack1".to_owned()],
        tags: vec!["vlan50".to_owned()],
        stale: n == 1,
    }
}

pub(crate) fn networks(none: bool) -> NetworksPage {
    let rows: Vec<_> = if none { vec![] } else { (0..3).map(network_row).collect() };
    let heads = vec![
        head("Name", "", "ascending"),
        head("Cluster", "", ""),
        head("Addresses", "", ""),
        head("Gateway", "mid", ""),
        head("Free", "n", ""),
        head("Taken", "n mid", ""),
        head("Node groups", "low", ""),
        head("Tags", "low", ""),
    ];
    let total = rows.len() as u64;
    NetworksPage {
        shell: around("Networks", Section::Networks, &[]),
        list: choosing(
            list("/networks", "networks", heads, rows.len(), total),
            &[
                ("cluster", "Cluster"),
                ("network", "Addresses"),
                ("gateway", "Gateway"),
                ("free", "Free"),
                ("taken", "Taken"),
                ("groups", "Node groups"),
                ("tags", "Tags"),
                ("uuid", "UUID"),
            ],
        ),
        rows,
    }
}

pub(crate) fn network() -> NetworkPage {
    NetworkPage {
        shell: around(
            "lan",
            Section::Networks,
            &[("Networks", "/networks"), ("fra1", "/clusters/fra1"), ("lan", "")],
        ),
        row: network_row(0),
        subnets: ("10.50.0.0/24".to_owned(), "fd50::/64".to_owned()),
        gateways: ("10.50.0.1".to_owned(), String::new()),
        mac_prefix: "aa:50:01".to_owned(),
        by_hand: 6,
        reserved: "10.50.0.0, 10.50.0.1, 10.50.0.2, 10.50.0.255".to_owned(),
        used: Some(130),
        taken: "10.50.0.0 – 10.50.0.4, 10.50.0.15 – 10.50.0.140, 10.50.0.255".to_owned(),
        created: Some(when(8_000_000)),
        modified: Some(when(4_000)),
        connections: vec![connection("default"), connection("rack1")],
        instances: rows()
            .into_iter()
            .take(4)
            .map(|r| NetworkInstance {
                uuid: r.uuid.clone(),
                link: Link::new(r.name.clone(), r.href()),
                status: r.status,
                addresses: vec!["10.50.0.17".to_owned()],
            })
            .collect(),
        instances_total: 130,
        parameters: vec![parameters().remove(3)],
    }
}

pub(crate) fn oses() -> OsesPage {
    let row = |name: &str, offered| OsRow {
        name: name.to_owned(),
        cluster: "fra1".to_owned(),
        offered,
        instances: 12,
        read: Some(when(1_200)),
        stale: false,
    };
    let rows = vec![row("debootstrap+default", "yes"), row("windows+2019", "no: hidden")];
    let heads = vec![
        head("Name", "", "ascending"),
        head("Cluster", "", ""),
        head("Offered", "", ""),
        head("Instances", "n", ""),
        head("Read", "n mid", ""),
    ];
    OsesPage {
        shell: around("OSes", Section::Oses, &[]),
        list: choosing(
            list("/oses", "OSes", heads, rows.len(), 2),
            &[
                ("cluster", "Cluster"),
                ("offered", "Offered"),
                ("instances", "Instances"),
                ("read", "Read"),
            ],
        ),
        rows,
    }
}
