//! `/node-groups`, `/networks`, `/oses`, of all clusters and of one; and what a cluster says of itself.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use gwm_events::types::inventory::{Instance, Network, Node, NodeGroup};
use gwm_proto::cache::{GetClusterRequest, GetObjectRequest, ListObjectsRequest};
use http::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::extract::Params;
use super::listing::{ListQuery, Page, answer};
use crate::http::AppState;
use crate::http::model::{
    ClusterDocument, ConnectionDocument, HealthDocument, ParameterDocument, cluster, connections,
    from_struct, health, instance, network, node, node_group, parameters, time,
};
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// A node group with what is in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeGroupDetailDocument {
    #[serde(flatten)]
    node_group: NodeGroup,
    /// Node parameters, instance policy and disk parameters in force, each with its origin.
    parameters: Vec<ParameterDocument>,
    /// Its nodes, at most 200; the list of nodes has all.
    nodes_shown: Vec<Node>,
    /// Networks connected to it.
    networks: Vec<ConnectionDocument>,
    /// How many instances are in it.
    instances: u32,
    /// All that Ganeti says of it, in Ganeti's words.
    #[schema(value_type = Object)]
    said: Map<String, Value>,
    /// How well gwm knows its cluster.
    health: HealthDocument,
}

/// A network with what is in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NetworkDetailDocument {
    #[serde(flatten)]
    network: Network,
    /// Its instances, at most 200; the list of instances has all.
    instances_shown: Vec<Instance>,
    /// How many there are.
    instances: u32,
    /// All that Ganeti says of it, in Ganeti's words.
    #[schema(value_type = Object)]
    said: Map<String, Value>,
    /// How well gwm knows its cluster.
    health: HealthDocument,
}

/// An operating system that instances can be made with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OsDocument {
    /// With its variant: `debootstrap+default`.
    name: String,
    /// The cluster's slug.
    cluster: String,
    /// Not offered when an instance is made.
    hidden: bool,
    /// May not be used.
    blacklisted: bool,
    /// How many instances have it.
    instances: u32,
    /// When the cluster's OSes were last read: at most hourly, because that costs Ganeti a job.
    read_at: Option<DateTime<Utc>>,
}

/// What a cluster says of itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClusterInfoDocument {
    cluster: ClusterDocument,
    node_groups: u32,
    networks: u32,
    oses: u32,
    /// Nodes that may become master, the master included.
    master_candidates: u32,
    /// What instances that should run were given.
    memory_allocated_mib: u64,
    /// What all instances were given.
    disk_allocated_mib: u64,
    /// Ganeti's `/2/info`. Of OS parameters it has the names: values may be passwords of guests.
    #[schema(value_type = Object)]
    info: Map<String, Value>,
}

/// The query within one cluster, which must be one that the person sees the whole of.
async fn within(
    state: &AppState,
    person: &Person,
    slug: &str,
    query: ListQuery,
) -> Result<ListQuery, Problem> {
    let asked = person.ask(GetClusterRequest { cluster: slug.to_owned() });
    let found = state.clients.objects().get_cluster_detail(asked).await?.into_inner();
    let slug = found.cluster.unwrap_or_default().slug;
    // Checked by itself, so that a mistake is told of what was typed.
    let _ = query.page()?;
    let q = if query.q.trim().is_empty() {
        format!("cluster:{slug}")
    } else {
        format!("cluster:{slug} ({})", query.q)
    };
    Ok(ListQuery { q, ..query })
}

const GROUP_COLUMNS: &[&str] = &[
    "cluster",
    "name",
    "uuid",
    "alloc_policy",
    "nodes",
    "tags",
    "created_at",
    "modified_at",
    "seen_at",
];

/// The node groups of all clusters that one may see whole.
#[utoipa::path(get, path = "/node-groups", tag = "node groups", params(ListQuery), responses(
    (status = 200, body = Page<NodeGroup>), (status = 400, body = ProblemDocument)))]
pub(crate) async fn list_node_groups(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answer(&headers, &query, GROUP_COLUMNS, move |page| {
        let (state, person) = (state.clone(), person.clone());
        async move {
            let request = person.ask(ListObjectsRequest { page: Some(page) });
            let answer = state.clients.objects().list_node_groups(request).await?.into_inner();
            Ok(Page::new(answer.node_groups.into_iter().map(node_group).collect(), answer.page))
        }
    })
    .await
}

/// The node groups of one cluster.
#[utoipa::path(get, path = "/clusters/{c}/node-groups", tag = "node groups",
    params(("c" = String, Path, description = "slug"), ListQuery), responses(
    (status = 200, body = Page<NodeGroup>), (status = 404, body = ProblemDocument)))]
pub(crate) async fn cluster_node_groups(
    State(state): State<AppState>,
    person: Person,
    Path(c): Path<String>,
    Params(query): Params<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = within(&state, &person, &c, query).await?;
    list_node_groups(State(state), person, Params(query), headers).await
}

/// One node group.
#[utoipa::path(get, path = "/clusters/{c}/node-groups/{g}", tag = "node groups",
    params(("c" = String, Path, description = "slug"),
           ("g" = String, Path, description = "name or UUID")),
    responses((status = 200, body = NodeGroupDetailDocument),
              (status = 404, body = ProblemDocument)))]
pub(crate) async fn get_node_group(
    State(state): State<AppState>,
    person: Person,
    Path((cluster, object)): Path<(String, String)>,
) -> Result<Json<NodeGroupDetailDocument>, Problem> {
    let request = person.ask(GetObjectRequest { cluster, object });
    let detail = state.clients.objects().get_node_group(request).await?.into_inner();
    Ok(Json(NodeGroupDetailDocument {
        node_group: node_group(detail.node_group.unwrap_or_default()),
        parameters: parameters(detail.parameters),
        nodes_shown: detail.nodes.into_iter().map(node).collect(),
        networks: connections(detail.connections),
        instances: detail.instances,
        said: from_struct(detail.said.unwrap_or_default()),
        health: health(detail.cluster.unwrap_or_default().health),
    }))
}

const NETWORK_COLUMNS: &[&str] = &[
    "cluster",
    "name",
    "uuid",
    "network",
    "gateway",
    "network6",
    "gateway6",
    "mac_prefix",
    "addresses_free",
    "addresses_reserved",
    "tags",
    "created_at",
    "modified_at",
    "seen_at",
];

/// The networks of all clusters that one may see whole.
#[utoipa::path(get, path = "/networks", tag = "networks", params(ListQuery), responses(
    (status = 200, body = Page<Network>), (status = 400, body = ProblemDocument)))]
pub(crate) async fn list_networks(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answer(&headers, &query, NETWORK_COLUMNS, move |page| {
        let (state, person) = (state.clone(), person.clone());
        async move {
            let request = person.ask(ListObjectsRequest { page: Some(page) });
            let answer = state.clients.objects().list_networks(request).await?.into_inner();
            Ok(Page::new(answer.networks.into_iter().map(network).collect(), answer.page))
        }
    })
    .await
}

/// The networks of one cluster.
#[utoipa::path(get, path = "/clusters/{c}/networks", tag = "networks",
    params(("c" = String, Path, description = "slug"), ListQuery), responses(
    (status = 200, body = Page<Network>), (status = 404, body = ProblemDocument)))]
pub(crate) async fn cluster_networks(
    State(state): State<AppState>,
    person: Person,
    Path(c): Path<String>,
    Params(query): Params<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = within(&state, &person, &c, query).await?;
    list_networks(State(state), person, Params(query), headers).await
}

/// One network.
#[utoipa::path(get, path = "/clusters/{c}/networks/{n}", tag = "networks",
    params(("c" = String, Path, description = "slug"),
           ("n" = String, Path, description = "name or UUID")),
    responses((status = 200, body = NetworkDetailDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn get_network(
    State(state): State<AppState>,
    person: Person,
    Path((cluster, object)): Path<(String, String)>,
) -> Result<Json<NetworkDetailDocument>, Problem> {
    let request = person.ask(GetObjectRequest { cluster, object });
    let detail = state.clients.objects().get_network(request).await?.into_inner();
    Ok(Json(NetworkDetailDocument {
        network: network(detail.network.unwrap_or_default()),
        instances_shown: detail.instances.into_iter().map(instance).collect(),
        instances: detail.instances_total,
        said: from_struct(detail.said.unwrap_or_default()),
        health: health(detail.cluster.unwrap_or_default().health),
    }))
}

const OS_COLUMNS: &[&str] = &["cluster", "name", "hidden", "blacklisted", "instances", "read_at"];

/// The OSes of all clusters that one may see whole, as they were last read.
#[utoipa::path(get, path = "/oses", tag = "OSes", params(ListQuery), responses(
    (status = 200, body = Page<OsDocument>), (status = 400, body = ProblemDocument)))]
pub(crate) async fn list_oses(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answer(&headers, &query, OS_COLUMNS, move |page| {
        let (state, person) = (state.clone(), person.clone());
        async move {
            let request = person.ask(ListObjectsRequest { page: Some(page) });
            let answer = state.clients.objects().list_oses(request).await?.into_inner();
            let document = |os: gwm_proto::cache::Os| OsDocument {
                name: os.name,
                cluster: os.cluster,
                hidden: os.hidden,
                blacklisted: os.blacklisted,
                instances: os.instances,
                read_at: time(os.read_at),
            };
            Ok(Page::new(answer.oses.into_iter().map(document).collect(), answer.page))
        }
    })
    .await
}

/// The OSes of one cluster.
#[utoipa::path(get, path = "/clusters/{c}/oses", tag = "OSes",
    params(("c" = String, Path, description = "slug"), ListQuery), responses(
    (status = 200, body = Page<OsDocument>), (status = 404, body = ProblemDocument)))]
pub(crate) async fn cluster_oses(
    State(state): State<AppState>,
    person: Person,
    Path(c): Path<String>,
    Params(query): Params<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = within(&state, &person, &c, query).await?;
    list_oses(State(state), person, Params(query), headers).await
}

/// What a cluster says of itself: version, defaults of all parameters, policy.
#[utoipa::path(get, path = "/clusters/{c}/info", tag = "clusters",
    params(("c" = String, Path, description = "slug")),
    responses((status = 200, body = ClusterInfoDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn cluster_info(
    State(state): State<AppState>,
    person: Person,
    Path(c): Path<String>,
) -> Result<Json<ClusterInfoDocument>, Problem> {
    let request = person.ask(GetClusterRequest { cluster: c });
    let detail = state.clients.objects().get_cluster_detail(request).await?.into_inner();
    Ok(Json(ClusterInfoDocument {
        cluster: cluster(detail.cluster.unwrap_or_default()),
        node_groups: detail.node_groups,
        networks: detail.networks,
        oses: detail.oses,
        master_candidates: detail.master_candidates,
        memory_allocated_mib: detail.memory_allocated_mib,
        disk_allocated_mib: detail.disk_allocated_mib,
        info: from_struct(detail.said.unwrap_or_default()),
    }))
}
