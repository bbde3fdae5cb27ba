//! One node group, one network.

use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use gwm_proto::cache::{ClusterFreshness, GetObjectRequest};
use serde_json::{Map, Value};

use super::common::{self, Page, Viewer};
use super::{addresses, facts, nodes};
use crate::http::AppState;
use crate::http::model::{from_struct, health, time};
use crate::http::views::objects::{
    ConnectionLine, NetworkInstance, NetworkPage, NetworkRow, NodeGroupPage, NodeGroupRow,
};
use crate::http::views::parts::{Link, Status, When};
use crate::http::views::shell::{Section, Shell};

async fn around(
    state: &AppState,
    viewer: &Viewer,
    section: Section,
    place: (Link, &str, &str),
    freshness: Option<ClusterFreshness>,
    now: DateTime<Utc>,
) -> (Shell, bool) {
    let (list, cluster, name) = place;
    let crumbs =
        vec![list, Link::new(cluster, format!("/clusters/{cluster}")), Link::new(name, "")];
    let mut shell = common::shell(state, viewer, section, name, crumbs).await;
    let health = health(freshness.unwrap_or_default().health);
    shell.as_of = common::as_of(std::iter::once((cluster, &health)), now);
    if !health.reachable {
        shell.notices.push(common::dead_cluster(cluster, &health, now));
    }
    (shell, !health.reachable)
}

pub(crate) async fn node_group(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((cluster, object)): Path<(String, String)>,
) -> Page {
    let request = viewer.person.ask(GetObjectRequest { cluster, object });
    let found = state.clients.objects().get_node_group(request).await?.into_inner();
    let group = found.node_group.unwrap_or_default();
    let now = Utc::now();
    let list = Link::new("Node groups", "/node-groups");
    let place = (list, group.cluster.as_str(), group.name.as_str());
    let (shell, stale) =
        around(&state, &viewer, Section::NodeGroups, place, found.cluster, now).await;
    let said = from_struct(found.said.unwrap_or_default());
    let mut parameters = facts::parameters(found.parameters);
    let elsewhere = [
        "ndparams",
        "custom_ndparams",
        "ipolicy",
        "custom_ipolicy",
        "diskparams",
        "custom_diskparams",
        "name",
        "alloc_policy",
        "node_cnt",
        "node_list",
        "tags",
    ];
    parameters.push(facts::rest(&said, &elsewhere));
    let line = |c: gwm_proto::cache::Connection| ConnectionLine {
        link: Link::new(&c.network, format!("/clusters/{}/networks/{}", group.cluster, c.network)),
        mode: c.mode,
        bridge: c.link,
        vlan: c.vlan,
    };
    let page = NodeGroupPage {
        connections: found.connections.into_iter().map(line).collect(),
        nodes: found.nodes.into_iter().map(|node| nodes::row(node, stale)).collect(),
        instances: found.instances,
        created: time(group.created_at).map(|at| When::new(at, now)),
        modified: time(group.modified_at).map(|at| When::new(at, now)),
        parameters,
        row: NodeGroupRow {
            uuid: group.uuid,
            name: group.name,
            cluster: group.cluster,
            alloc_policy: group.alloc_policy,
            nodes: group.nodes,
            tags: group.tags,
            stale,
        },
        shell,
    };
    common::ok(&page)
}

pub(crate) async fn network(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((cluster, object)): Path<(String, String)>,
) -> Page {
    let request = viewer.person.ask(GetObjectRequest { cluster, object });
    let found = state.clients.objects().get_network(request).await?.into_inner();
    let network = found.network.unwrap_or_default();
    let now = Utc::now();
    let list = Link::new("Networks", "/networks");
    let place = (list, network.cluster.as_str(), network.name.as_str());
    let (shell, stale) =
        around(&state, &viewer, Section::Networks, place, found.cluster, now).await;
    let said: Map<String, Value> = from_struct(found.said.unwrap_or_default());
    let text = |field: &str| said.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let reserved = text("external_reservations");
    let elsewhere = [
        "name",
        "network",
        "network6",
        "gateway",
        "gateway6",
        "mac_prefix",
        "free_count",
        "reserved_count",
        "map",
        "external_reservations",
        "group_list",
        "inst_list",
        "tags",
    ];
    let line = |c: gwm_proto::cache::Connection| ConnectionLine {
        link: Link::new(
            &c.node_group,
            format!("/clusters/{}/node-groups/{}", network.cluster, c.node_group),
        ),
        mode: c.mode,
        bridge: c.link,
        vlan: c.vlan,
    };
    let instance = |i: gwm_proto::cache::Instance| NetworkInstance {
        addresses: i
            .nics
            .iter()
            .filter(|nic| nic.network == network.name && !nic.ip.is_empty())
            .map(|nic| nic.ip.clone())
            .collect(),
        link: Link::new(&i.name, format!("/clusters/{}/instances/{}", i.cluster, i.name)),
        status: Status::instance(&i.status),
        uuid: i.uuid,
    };
    let by_hand = reserved.split(',').filter(|address| !address.trim().is_empty()).count() as u64;
    let page = NetworkPage {
        taken: addresses::taken(&network.network, &text("map")),
        by_hand,
        used: network.addresses_reserved.map(|all| all.saturating_sub(by_hand)),
        reserved,
        gateways: (network.gateway.clone(), network.gateway6.clone()),
        subnets: (network.network.clone(), network.network6.clone()),
        mac_prefix: network.mac_prefix.clone(),
        created: time(network.created_at).map(|at| When::new(at, now)),
        modified: time(network.modified_at).map(|at| When::new(at, now)),
        connections: network.connections.iter().cloned().map(line).collect(),
        instances: found.instances.into_iter().map(instance).collect(),
        instances_total: found.instances_total,
        parameters: vec![facts::rest(&said, &elsewhere)],
        row: NetworkRow {
            uuid: network.uuid,
            name: network.name,
            cluster: network.cluster,
            network: Vec::new(),
            gateway: Vec::new(),
            free: network.addresses_free,
            reserved: network.addresses_reserved,
            node_groups: Vec::new(),
            tags: network.tags,
            stale,
        },
        shell,
    };
    common::ok(&page)
}
