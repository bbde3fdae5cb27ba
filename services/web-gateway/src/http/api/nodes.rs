//! `/nodes`.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use gwm_events::types::inventory::{Instance, Node};
use gwm_proto::cache::{GetObjectRequest, ListNodesRequest};
use http::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::extract::Params;
use super::listing::{ListQuery, Page, answer};
use crate::http::AppState;
use crate::http::model::{
    HealthDocument, ParameterDocument, from_struct, health, instance, node, parameters, some,
};
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// A node with what is on it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeDetailDocument {
    #[serde(flatten)]
    node: Node,
    tags: Vec<String>,
    primary_ip: Option<String>,
    secondary_ip: Option<String>,
    /// What its primary instances were given.
    memory_allocated_mib: u64,
    disk_allocated_mib: u64,
    vcpus_allocated: u32,
    /// Node parameters in force, each with its origin.
    parameters: Vec<ParameterDocument>,
    /// Where it breaks the policy of its node group.
    violations: Vec<String>,
    /// All that Ganeti says of it, in Ganeti's words; without the instances.
    #[schema(value_type = Object)]
    said: Map<String, Value>,
    /// At most 50; the list of instances has all.
    primary_instances: Vec<Instance>,
    /// At most 50; the list of instances has all.
    secondary_instances: Vec<Instance>,
    /// How well gwm knows its cluster.
    health: HealthDocument,
}

/// The nodes of all clusters that one may see.
#[utoipa::path(get, path = "/nodes", tag = "nodes", params(ListQuery), responses(
    (status = 200, body = Page<Node>), (status = 400, body = ProblemDocument)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let columns = &[
        "cluster",
        "name",
        "uuid",
        "role",
        "node_group",
        "memory_total_mib",
        "memory_free_mib",
        "disk_total_mib",
        "disk_free_mib",
        "cpus_total",
        "instances_primary",
        "instances_secondary",
        "offline",
        "drained",
        "seen_at",
    ];
    answer(&headers, &query, columns, move |page| {
        let (state, person) = (state.clone(), person.clone());
        async move {
            let request = person.ask(ListNodesRequest { page: Some(page) });
            let answer = state.clients.inventory().list_nodes(request).await?.into_inner();
            let items: Vec<_> = answer.nodes.into_iter().map(node).collect();
            Ok(Page::new(items, answer.page))
        }
    })
    .await
}

/// One node.
#[utoipa::path(get, path = "/clusters/{c}/nodes/{n}", tag = "nodes",
    params(("c" = String, Path, description = "slug"),
           ("n" = String, Path, description = "name or UUID")),
    responses((status = 200, body = NodeDetailDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    person: Person,
    Path((cluster, object)): Path<(String, String)>,
) -> Result<Json<NodeDetailDocument>, Problem> {
    let request = person.ask(GetObjectRequest { cluster, object });
    let detail = state.clients.inventory().get_node(request).await?.into_inner();
    Ok(Json(NodeDetailDocument {
        node: node(detail.node.unwrap_or_default()),
        tags: detail.tags,
        primary_ip: some(detail.primary_ip),
        secondary_ip: some(detail.secondary_ip),
        memory_allocated_mib: detail.memory_allocated_mib,
        disk_allocated_mib: detail.disk_allocated_mib,
        vcpus_allocated: detail.vcpus_allocated,
        parameters: parameters(detail.parameters),
        violations: detail.violations,
        said: from_struct(detail.said.unwrap_or_default()),
        primary_instances: detail.primary_instances.into_iter().map(instance).collect(),
        secondary_instances: detail.secondary_instances.into_iter().map(instance).collect(),
        health: health(detail.cluster.unwrap_or_default().health),
    }))
}
