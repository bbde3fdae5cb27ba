//! `/node-groups`, `/networks`, `/oses`.

use std::collections::HashMap;

use axum::extract::{RawQuery, State};
use axum_extra::extract::Query;
use chrono::{DateTime, Utc};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache::{ClusterFreshness, ListObjectsRequest};
use tonic::Status;

use super::common::{self, Page, PageError, Viewer};
use super::instances::healths;
use super::listing::{About, ListState, column, extra, fixed};
use super::views;
use crate::http::AppState;
use crate::http::model::{HealthDocument, time};
use crate::http::views::objects::{
    NetworkRow, NetworksPage, NodeGroupRow, NodeGroupsPage, OsRow, OsesPage,
};
use crate::http::views::parts::When;
use crate::http::views::shell::{Section, Shell};

const NODE_GROUPS: About = About {
    path: "/node-groups",
    kind: "node_group",
    noun: "node groups",
    q_hint: "name, or cluster:fra1 policy:preferred",
    own_sort: "name",
    columns: &[
        fixed("Name", "name", ""),
        column("cluster", "Cluster", "cluster", ""),
        column("policy", "Allocation policy", "alloc_policy", ""),
        column("nodes", "Nodes", "nodes", "n"),
        column("tags", "Tags", "", "low"),
        extra("uuid", "UUID", "", "low"),
    ],
};

const NETWORKS: About = About {
    path: "/networks",
    kind: "network",
    noun: "networks",
    q_hint: "name, or cluster:fra1 free>10",
    own_sort: "name",
    columns: &[
        fixed("Name", "name", ""),
        column("cluster", "Cluster", "cluster", ""),
        column("network", "Addresses", "network", ""),
        column("gateway", "Gateway", "", "mid"),
        column("free", "Free", "addresses_free", "n"),
        column("taken", "Taken", "addresses_reserved", "n mid"),
        column("groups", "Node groups", "", "low"),
        column("tags", "Tags", "", "low"),
        extra("uuid", "UUID", "", "low"),
    ],
};

const OSES: About = About {
    path: "/oses",
    kind: "os",
    noun: "OSes",
    q_hint: "name, or cluster:fra1 hidden:no",
    own_sort: "name",
    columns: &[
        fixed("Name", "name", ""),
        column("cluster", "Cluster", "cluster", ""),
        column("offered", "Offered", "", ""),
        column("instances", "Instances", "", "n"),
        column("read", "Read", "", "n mid"),
    ],
};

/// Freshness around the rows.
struct Around {
    healths: HashMap<String, HealthDocument>,
    now: DateTime<Utc>,
}

impl Around {
    fn of(shell: &mut Shell, clusters: &[ClusterFreshness]) -> Self {
        let now = Utc::now();
        let healths = healths(clusters);
        shell.as_of = common::as_of(healths.iter().map(|(s, h)| (s.as_str(), h)), now);
        for (slug, health) in healths.iter().filter(|(_, h)| !h.reachable) {
            shell.notices.push(common::dead_cluster(slug, health, now));
        }
        Self { healths, now }
    }

    fn stale(&self, slug: &str) -> bool {
        self.healths.get(slug).is_some_and(|h| !h.reachable)
    }
}

/// Who is not signed in any more goes to the login; any other trouble stands where the rows would.
fn trouble(status: &Status) -> Result<Fault, PageError> {
    let fault = Fault::from_status(status);
    if fault.code == ErrorCode::Unauthenticated { Err(fault.into()) } else { Ok(fault) }
}

pub(crate) async fn node_groups(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(list): Query<ListState>,
    query: RawQuery,
) -> Page {
    let title = "Node groups";
    let shell = common::shell(&state, &viewer, Section::NodeGroups, title, Vec::new());
    let request = viewer.person.ask(ListObjectsRequest { page: Some(list.request()) });
    let mut objects = state.clients.objects();
    let (mut shell, answer, views) = tokio::join!(
        shell,
        objects.list_node_groups(request),
        views::of(&state, &viewer, &NODE_GROUPS)
    );
    if let Some(elsewhere) = views::opens_at(&views, &NODE_GROUPS, &query) {
        return Ok(elsewhere);
    }
    let answer = match answer {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let mut failed = list.failed(&NODE_GROUPS, &trouble(&status)?);
            views::tabs(views, &list, &NODE_GROUPS, &mut failed);
            return common::ok(&NodeGroupsPage { shell, list: failed, rows: Vec::new() });
        }
    };
    let around = Around::of(&mut shell, &answer.clusters);
    let row = |group: gwm_proto::cache::NodeGroup| NodeGroupRow {
        stale: around.stale(&group.cluster),
        uuid: group.uuid,
        name: group.name,
        cluster: group.cluster,
        alloc_policy: group.alloc_policy.replace('_', " "),
        nodes: group.nodes,
        tags: group.tags,
    };
    let rows: Vec<NodeGroupRow> = answer.node_groups.into_iter().map(row).collect();
    let mut listing = list.listing(&NODE_GROUPS, rows.len(), answer.page.as_ref());
    views::tabs(views, &list, &NODE_GROUPS, &mut listing);
    common::ok(&NodeGroupsPage { shell, list: listing, rows })
}

pub(crate) async fn networks(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(mut list): Query<ListState>,
    query: RawQuery,
) -> Page {
    if !common::sees_some_placement(&state, &viewer) {
        list.left_out = "groups";
    }
    let shell = common::shell(&state, &viewer, Section::Networks, "Networks", Vec::new());
    let request = viewer.person.ask(ListObjectsRequest { page: Some(list.request()) });
    let mut objects = state.clients.objects();
    let (mut shell, answer, views) =
        tokio::join!(shell, objects.list_networks(request), views::of(&state, &viewer, &NETWORKS));
    if let Some(elsewhere) = views::opens_at(&views, &NETWORKS, &query) {
        return Ok(elsewhere);
    }
    let answer = match answer {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let mut failed = list.failed(&NETWORKS, &trouble(&status)?);
            views::tabs(views, &list, &NETWORKS, &mut failed);
            return common::ok(&NetworksPage { shell, list: failed, rows: Vec::new() });
        }
    };
    let around = Around::of(&mut shell, &answer.clusters);
    let row = |network: gwm_proto::cache::Network| NetworkRow {
        stale: around.stale(&network.cluster),
        uuid: network.uuid,
        name: network.name,
        cluster: network.cluster,
        network: both(network.network, network.network6),
        gateway: both(network.gateway, network.gateway6),
        free: network.addresses_free,
        reserved: network.addresses_reserved,
        node_groups: network.connections.into_iter().map(|c| c.node_group).collect(),
        tags: network.tags,
    };
    let rows: Vec<NetworkRow> = answer.networks.into_iter().map(row).collect();
    let mut listing = list.listing(&NETWORKS, rows.len(), answer.page.as_ref());
    views::tabs(views, &list, &NETWORKS, &mut listing);
    common::ok(&NetworksPage { shell, list: listing, rows })
}

/// IPv4 and IPv6, what there is of them.
fn both(four: String, six: String) -> Vec<String> {
    [four, six].into_iter().filter(|text| !text.is_empty()).collect()
}

pub(crate) async fn oses(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(list): Query<ListState>,
    query: RawQuery,
) -> Page {
    let shell = common::shell(&state, &viewer, Section::Oses, "OSes", Vec::new());
    let request = viewer.person.ask(ListObjectsRequest { page: Some(list.request()) });
    let mut objects = state.clients.objects();
    let (mut shell, answer, views) =
        tokio::join!(shell, objects.list_oses(request), views::of(&state, &viewer, &OSES));
    if let Some(elsewhere) = views::opens_at(&views, &OSES, &query) {
        return Ok(elsewhere);
    }
    let answer = match answer {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let mut failed = list.failed(&OSES, &trouble(&status)?);
            views::tabs(views, &list, &OSES, &mut failed);
            return common::ok(&OsesPage { shell, list: failed, rows: Vec::new() });
        }
    };
    let around = Around::of(&mut shell, &answer.clusters);
    // The age of these is their own: they are read at most hourly.
    shell.as_of = None;
    let row = |os: gwm_proto::cache::Os| OsRow {
        stale: around.stale(&os.cluster),
        offered: match (os.blacklisted, os.hidden) {
            (true, _) => "no: blacklisted",
            (false, true) => "no: hidden",
            (false, false) => "yes",
        },
        name: os.name,
        cluster: os.cluster,
        instances: os.instances,
        read: time(os.read_at).map(|at| When::new(at, around.now)),
    };
    let rows: Vec<OsRow> = answer.oses.into_iter().map(row).collect();
    let mut listing = list.listing(&OSES, rows.len(), answer.page.as_ref());
    views::tabs(views, &list, &OSES, &mut listing);
    common::ok(&OsesPage { shell, list: listing, rows })
}
