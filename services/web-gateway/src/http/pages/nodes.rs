//! `/nodes` and one node.

use axum::extract::{Path, RawQuery, State};
use axum_extra::extract::Query;
use chrono::Utc;
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache::{GetObjectRequest, Instance, ListNodesRequest, Node};

use super::common::{self, Page, Viewer};
use super::facts;
use super::instances::healths;
use super::listing::{About, ListState, column, extra, fixed};
use super::views;
use crate::http::AppState;
use crate::http::model::{from_struct, health};
use crate::http::views::nodes::{Flag, NodeInstance, NodePage, NodeRow, NodesPage};
use crate::http::views::parts::{Link, Mark, Notice, Status, Tone, Usage};
use crate::http::views::shell::Section;

const ABOUT: About = About {
    path: "/nodes",
    kind: "node",
    noun: "nodes",
    q_hint: "name, or role:offline cluster:fra1",
    own_sort: "name",
    columns: &[
        fixed("Name", "name", ""),
        fixed("Status", "", ""),
        column("cluster", "Cluster", "cluster", ""),
        column("role", "Role", "role", "low"),
        column("node_group", "Node group", "node_group", "low"),
        column("instances", "Instances", "instances", "n mid"),
        column("cpus", "CPUs", "cpus", "n low"),
        column("memory", "Memory", "memory", ""),
        extra("memory_free", "Memory free", "memory_free", "n"),
        column("disk", "Disk", "disk", "mid"),
        extra("disk_free", "Disk free", "disk_free", "n"),
    ],
};

pub(crate) async fn list(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(list): Query<ListState>,
    query: RawQuery,
) -> Page {
    let shell = common::shell(&state, &viewer, Section::Nodes, "Nodes", Vec::new());
    let request = viewer.person.ask(ListNodesRequest { page: Some(list.request()) });
    let mut inventory = state.clients.inventory();
    let (mut shell, answer, views) =
        tokio::join!(shell, inventory.list_nodes(request), views::of(&state, &viewer, &ABOUT));
    if let Some(elsewhere) = views::opens_at(&views, &ABOUT, &query) {
        return Ok(elsewhere);
    }
    let answer = match answer {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let fault = Fault::from_status(&status);
            if fault.code == ErrorCode::Unauthenticated {
                return Err(fault.into());
            }
            let mut failed = list.failed(&ABOUT, &fault);
            views::tabs(views, &list, &ABOUT, &mut failed);
            let list = failed;
            return common::ok(&NodesPage { shell, list, rows: Vec::new() });
        }
    };
    let now = Utc::now();
    let healths = healths(&answer.clusters);
    shell.as_of = common::as_of(healths.iter().map(|(s, h)| (s.as_str(), h)), now);
    for (slug, health) in healths.iter().filter(|(_, h)| !h.reachable) {
        shell.notices.push(common::dead_cluster(slug, health, now));
    }
    let stale = |slug: &str| healths.get(slug).is_some_and(|h| !h.reachable);
    let rows: Vec<NodeRow> = answer
        .nodes
        .into_iter()
        .map(|node| {
            let old = stale(&node.cluster);
            row(node, old)
        })
        .collect();
    let mut listing = list.listing(&ABOUT, rows.len(), answer.page.as_ref());
    views::tabs(views, &list, &ABOUT, &mut listing);
    common::ok(&NodesPage { shell, list: listing, rows })
}

pub(crate) fn row(node: Node, stale: bool) -> NodeRow {
    let status = if node.offline {
        Status::new(Mark::Bad, "offline", "marked offline in Ganeti")
    } else if node.memory_total_mib.is_none() {
        Status::new(Mark::Bad, "does not answer", "Ganeti has no figures of it now")
    } else if node.drained {
        Status::new(Mark::Warn, "drained", "takes no new instances")
    } else {
        Status::new(Mark::Ok, "online", "")
    };
    let usage = |what, total: Option<u64>, free: Option<u64>| Usage {
        what,
        used_mib: total.zip(free).map(|(t, f)| t.saturating_sub(f)),
        total_mib: total,
    };
    NodeRow {
        status,
        memory: usage("memory", node.memory_total_mib, node.memory_free_mib),
        disk: usage("disk", node.disk_total_mib, node.disk_free_mib),
        uuid: node.uuid,
        name: node.name,
        cluster: node.cluster,
        role: node.role.replace('-', " "),
        node_group: node.node_group,
        cpus: node.cpus_total,
        instances_primary: node.instances_primary.into(),
        instances_secondary: node.instances_secondary.into(),
        stale,
    }
}

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((cluster, object)): Path<(String, String)>,
) -> Page {
    let request = viewer.person.ask(GetObjectRequest { cluster, object });
    let found = state.clients.inventory().get_node(request).await?.into_inner();
    let node = found.node.unwrap_or_default();
    let health = health(found.cluster.unwrap_or_default().health);
    let crumbs = vec![
        Link::new("Nodes", "/nodes"),
        Link::new(&node.cluster, format!("/clusters/{}", node.cluster)),
        Link::new(&node.name, ""),
    ];
    let mut shell = common::shell(&state, &viewer, Section::Nodes, &node.name, crumbs).await;
    let now = Utc::now();
    shell.as_of = common::as_of(std::iter::once((node.cluster.as_str(), &health)), now);
    if !health.reachable {
        shell.notices.push(common::dead_cluster(&node.cluster, &health, now));
    }
    let line = |role: &'static str| {
        move |instance: Instance| NodeInstance {
            link: Link::new(
                &instance.name,
                format!("/clusters/{}/instances/{}", instance.cluster, instance.name),
            ),
            uuid: instance.uuid,
            status: Status::instance(&instance.status),
            role,
            memory_mib: instance.memory_mib,
        }
    };
    let primary = found.primary_instances.into_iter().map(line("primary"));
    let instances =
        primary.chain(found.secondary_instances.into_iter().map(line("secondary"))).collect();
    let said = from_struct(found.said.unwrap_or_default());
    let flag = |(label, field): (&'static str, &'static str)| Flag {
        label,
        value: said.get(field).map(facts::words).unwrap_or_default(),
        field,
    };
    let mut parameters = facts::parameters(found.parameters);
    parameters.push(facts::rest(&said, &ELSEWHERE));
    let broken = |text: String| Notice::new(Tone::Warn, "It breaks its node group’s policy", text);
    let page = NodePage {
        shell,
        memory_allocated: Usage {
            what: "memory given",
            used_mib: Some(found.memory_allocated_mib),
            total_mib: node.memory_total_mib,
        },
        disk_allocated_mib: Some(found.disk_allocated_mib),
        vcpus_allocated: found.vcpus_allocated,
        memory_free_mib: node.memory_free_mib,
        disk_free_mib: node.disk_free_mib,
        memory_node_mib: said.get("mnode").and_then(serde_json::Value::as_u64),
        flags: FLAGS.into_iter().map(flag).collect(),
        hardware: HARDWARE.into_iter().map(flag).collect(),
        primary_ip: found.primary_ip,
        secondary_ip: found.secondary_ip,
        findings: found.violations.into_iter().map(|v| broken(common::sentence(&v))).collect(),
        row: row(node, !health.reachable),
        tags: found.tags,
        instances,
        parameters,
    };
    common::ok(&page)
}

const FLAGS: [(&str, &str); 6] = [
    ("Master candidate", "master_candidate"),
    ("May become master", "master_capable"),
    ("May hold instances", "vm_capable"),
    ("Drained", "drained"),
    ("Offline", "offline"),
    ("Powered", "powered"),
];

const HARDWARE: [(&str, &str); 5] = [
    ("CPU sockets", "csockets"),
    ("NUMA nodes", "cnodes"),
    ("CPUs of the node itself", "cnos"),
    ("Spindles", "sptotal"),
    ("Spindles free", "spfree"),
];

/// What stands elsewhere on the page than in the last table.
const ELSEWHERE: [&str; 25] = [
    "name",
    "role",
    "tags",
    "mtotal",
    "mfree",
    "mnode",
    "dtotal",
    "dfree",
    "ctotal",
    "pinst_cnt",
    "sinst_cnt",
    "pip",
    "sip",
    "ndparams",
    "master_candidate",
    "master_capable",
    "vm_capable",
    "drained",
    "offline",
    "powered",
    "csockets",
    "cnodes",
    "cnos",
    "sptotal",
    "spfree",
];
