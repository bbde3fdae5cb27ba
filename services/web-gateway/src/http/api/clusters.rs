//! `/clusters`: the registry.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use gwm_proto::cache::{
    AddClusterRequest, Cluster as WireCluster, ConsoleSettings, CreateOptions, Credential,
    CredentialReport, GetClusterRequest, GetCreateOptionsRequest, ListClustersRequest,
    ProbeClusterRequest, ProbeClusterResponse, RefreshClusterRequest, RemoveClusterRequest,
    UpdateClusterRequest,
};
use gwm_proto::common::PageRequest;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{self, Body, Params};
use super::listing::{ListQuery, Page, answer};
use crate::http::AppState;
use crate::http::model::{ClusterDocument, cluster, some, time};
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// A RAPI user.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialBody {
    pub(crate) username: String,
    pub(crate) password: String,
}

impl From<CredentialBody> for Credential {
    fn from(body: CredentialBody) -> Self {
        Self { username: body.username, password: body.password }
    }
}

/// All that the person sees something of, however many.
pub(crate) async fn all(state: &AppState, person: &Person) -> Result<Vec<WireCluster>, Problem> {
    let mut all = Vec::new();
    let mut page = PageRequest { limit: 200, ..Default::default() };
    loop {
        let request = person.ask(ListClustersRequest { page: Some(page.clone()) });
        let answer = state.clients.clusters().list_clusters(request).await?.into_inner();
        all.extend(answer.clusters);
        page.cursor = answer.page.unwrap_or_default().next_cursor;
        if page.cursor.is_empty() {
            return Ok(all);
        }
    }
}

/// What to look at before anything is stored.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProbeBody {
    /// `HOST`, `HOST:PORT` or `https://HOST:PORT`.
    #[serde(default)]
    pub(crate) endpoints: Vec<String>,
    #[serde(default)]
    pub(crate) read: Option<CredentialBody>,
    #[serde(default)]
    pub(crate) write: Option<CredentialBody>,
    /// The fingerprint that was confirmed; credentials are sent only with it, or with a CA.
    #[serde(default)]
    pub(crate) fingerprint: Option<String>,
    /// PEM.
    #[serde(default)]
    pub(crate) ca: Option<String>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProbeDocument {
    pub(crate) endpoint: Option<String>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) certificate_subject: Option<String>,
    pub(crate) certificate_not_after: Option<DateTime<Utc>>,
    pub(crate) ganeti_version: Option<String>,
    pub(crate) cluster_uuid: Option<String>,
    pub(crate) cluster_name: Option<String>,
    pub(crate) nodes: u32,
    pub(crate) instances: u32,
    pub(crate) read: Option<CredentialDocument>,
    pub(crate) write: Option<CredentialDocument>,
    pub(crate) problems: Vec<ProbeProblem>,
}

/// What a credential may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CredentialDocument {
    /// `ok`, `unauthorized`, `forbidden` or `not_tested`.
    pub(crate) state: String,
    /// In words.
    pub(crate) text: String,
}

/// What is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProbeProblem {
    /// Stable.
    pub(crate) code: String,
    /// In words, with what to do.
    pub(crate) text: String,
}

/// How consoles are reached.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsoleBody {
    #[serde(default)]
    pub(crate) enabled: Option<bool>,
    /// Write-only.
    #[serde(default)]
    pub(crate) vnc_password: Option<String>,
    /// In an edit: from now on consoles ask for none.
    #[serde(default)]
    pub(crate) remove_vnc_password: bool,
}

impl From<ConsoleBody> for ConsoleSettings {
    fn from(body: ConsoleBody) -> Self {
        Self {
            enabled: body.enabled.unwrap_or(true),
            vnc_password: body.vnc_password.unwrap_or_default(),
            remove_vnc_password: body.remove_vnc_password,
        }
    }
}

/// A cluster to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddCluster {
    /// `[a-z0-9-]{1,40}`, never changed.
    pub(crate) slug: String,
    pub(crate) endpoints: Vec<String>,
    pub(crate) read: CredentialBody,
    /// Without it the cluster is read-only in gwm.
    #[serde(default)]
    pub(crate) write: Option<CredentialBody>,
    #[serde(default)]
    pub(crate) fingerprint: Option<String>,
    /// PEM; instead of a fingerprint.
    #[serde(default)]
    pub(crate) ca: Option<String>,
    #[serde(default)]
    pub(crate) console: ConsoleBody,
}

/// What to change; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditCluster {
    #[serde(default)]
    pub(crate) endpoints: Vec<String>,
    #[serde(default)]
    pub(crate) read: Option<CredentialBody>,
    #[serde(default)]
    pub(crate) write: Option<CredentialBody>,
    /// Makes it read-only in gwm.
    #[serde(default)]
    pub(crate) remove_write: bool,
    /// Pins this certificate from now on.
    #[serde(default)]
    pub(crate) fingerprint: Option<String>,
    /// PEM; trusts this CA from now on, instead of a pinned certificate.
    #[serde(default)]
    pub(crate) ca: Option<String>,
    #[serde(default)]
    pub(crate) console: Option<ConsoleBody>,
    /// Leaves it alone: nothing is read and no new job is sent; what Ganeti runs is followed.
    #[serde(default)]
    pub(crate) paused: Option<bool>,
    /// Read-only by choice, whatever credential is stored; jobs that were not sent fail.
    #[serde(default)]
    pub(crate) read_only: Option<bool>,
    /// Seconds between looks, 5 to 3600; 0: as gwm is configured. Never less than 20 times the last
    /// bulk read.
    #[serde(default)]
    pub(crate) poll_interval_seconds: Option<u32>,
    /// `write`: owners are written as tags on instances, for people at Ganeti's command line; `remove`:
    /// such tags of this gwm are taken away; `off`: they stay as they are.
    #[serde(default)]
    pub(crate) owner_tags: Option<String>,
}

/// What the create form offers on a cluster.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreateOptionsDocument {
    oses: Vec<String>,
    hypervisors: Vec<String>,
    disk_templates: Vec<String>,
    nodes: Vec<String>,
    node_groups: Vec<String>,
    networks: Vec<String>,
    default_iallocator: Option<String>,
    default_hypervisor: Option<String>,
    default_nic_mode: Option<String>,
    default_nic_link: Option<String>,
    default_vcpus: u32,
    default_memory_mib: u64,
}

impl From<CreateOptions> for CreateOptionsDocument {
    fn from(options: CreateOptions) -> Self {
        Self {
            oses: options.oses,
            hypervisors: options.hypervisors,
            disk_templates: options.disk_templates,
            nodes: options.nodes,
            node_groups: options.node_groups,
            networks: options.networks,
            default_iallocator: some(options.default_iallocator),
            default_hypervisor: some(options.default_hypervisor),
            default_nic_mode: some(options.default_nic_mode),
            default_nic_link: some(options.default_nic_link),
            default_vcpus: options.default_vcpus,
            default_memory_mib: options.default_memory_mib,
        }
    }
}

/// The clusters of which one may see something.
#[utoipa::path(get, path = "/clusters", tag = "clusters", params(ListQuery), responses(
    (status = 200, body = Page<ClusterDocument>)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let columns = &[
        "slug",
        "name",
        "ganeti_version",
        "nodes_online",
        "nodes_total",
        "instances_running",
        "instances_total",
        "memory_total_mib",
        "memory_free_mib",
        "disk_total_mib",
        "disk_free_mib",
        "read_only",
    ];
    answer(&headers, &query, columns, move |page| {
        let (state, person) = (state.clone(), person.clone());
        async move {
            let request = person.ask(ListClustersRequest { page: Some(page) });
            let answer = state.clients.clusters().list_clusters(request).await?.into_inner();
            let items: Vec<_> = answer.clusters.into_iter().map(cluster).collect();
            Ok(Page::new(items, answer.page))
        }
    })
    .await
}

/// Adds a cluster and imports what it holds.
#[utoipa::path(post, path = "/clusters", tag = "clusters", request_body = AddCluster, responses(
    (status = 201, body = ClusterDocument), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn add(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<AddCluster>,
) -> Result<Response, Problem> {
    let added = add_cluster(&state, &person, body).await?;
    let location = format!("/api/v1/clusters/{}", added.slug);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(added)).into_response())
}

/// What page and API share.
pub(crate) async fn add_cluster(
    state: &AppState,
    person: &Person,
    body: AddCluster,
) -> Result<ClusterDocument, Problem> {
    let mut request = person.ask(AddClusterRequest {
        slug: body.slug,
        endpoints: body.endpoints,
        read: Some(body.read.into()),
        write: body.write.map(Into::into),
        fingerprint: body.fingerprint.unwrap_or_default(),
        ca_pem: body.ca.unwrap_or_default(),
        console: Some(body.console.into()),
    });
    // A large cluster's first import takes its time.
    request.set_timeout(std::time::Duration::from_secs(90));
    Ok(cluster(state.clients.clusters().add_cluster(request).await?.into_inner()))
}

/// Looks at a cluster without storing anything.
#[utoipa::path(post, path = "/clusters/probe", tag = "clusters", request_body = ProbeBody,
    responses((status = 200, body = ProbeDocument), (status = 403, body = ProblemDocument)))]
pub(crate) async fn probe(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<ProbeBody>,
) -> Result<Json<ProbeDocument>, Problem> {
    let mut request = person.ask(ProbeClusterRequest {
        endpoints: body.endpoints,
        read: body.read.map(Into::into),
        write: body.write.map(Into::into),
        fingerprint: body.fingerprint.unwrap_or_default(),
        ca_pem: body.ca.unwrap_or_default(),
    });
    request.set_timeout(std::time::Duration::from_secs(45));
    let found = state.clients.clusters().probe_cluster(request).await?.into_inner();
    Ok(Json(probe_document(found)))
}

fn probe_document(found: ProbeClusterResponse) -> ProbeDocument {
    let report = |r: Option<CredentialReport>| {
        r.map(|r| CredentialDocument { state: r.state, text: r.text })
    };
    ProbeDocument {
        endpoint: some(found.endpoint),
        fingerprint: some(found.fingerprint),
        certificate_subject: some(found.certificate_subject),
        certificate_not_after: time(found.certificate_not_after),
        ganeti_version: some(found.ganeti_version),
        cluster_uuid: some(found.cluster_uuid),
        cluster_name: some(found.cluster_name),
        nodes: found.nodes,
        instances: found.instances,
        read: report(found.read),
        write: report(found.write),
        problems: found
            .problems
            .into_iter()
            .map(|p| ProbeProblem { code: p.code, text: p.text })
            .collect(),
    }
}

/// One cluster.
#[utoipa::path(get, path = "/clusters/{c}", tag = "clusters",
    params(("c" = String, Path, description = "slug")), responses(
    (status = 200, body = ClusterDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    person: Person,
    Path(c): Path<String>,
) -> Result<Response, Problem> {
    let request = person.ask(GetClusterRequest { cluster: c });
    Ok(with_etag(cluster(state.clients.clusters().get_cluster(request).await?.into_inner())))
}

fn with_etag(document: ClusterDocument) -> Response {
    let etag = HeaderValue::from_str(&format!("\"{}\"", document.config_version));
    let mut response = Json(document).into_response();
    if let Ok(etag) = etag {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// Changes endpoints, credentials, the pinned certificate, the console, or how gwm treats it.
#[utoipa::path(patch, path = "/clusters/{c}", tag = "clusters", request_body = EditCluster,
    params(("c" = String, Path, description = "slug"),
           ("If-Match" = Option<String>, Header, description = "ETag of what was read")),
    responses((status = 200, body = ClusterDocument), (status = 403, body = ProblemDocument),
    (status = 412, body = ProblemDocument)))]
pub(crate) async fn edit(
    State(state): State<AppState>,
    person: Person,
    Path(c): Path<String>,
    headers: HeaderMap,
    Body(body): Body<EditCluster>,
) -> Result<Response, Problem> {
    let if_match = extract::header(&headers, "if-match", 128)?.unwrap_or_default();
    let mut request = person.ask(UpdateClusterRequest {
        cluster: c,
        endpoints: body.endpoints,
        read: body.read.map(Into::into),
        write: body.write.map(Into::into),
        remove_write: body.remove_write,
        fingerprint: body.fingerprint.unwrap_or_default(),
        console: body.console.map(Into::into),
        config_version: if_match.trim_matches('"').to_owned(),
        ca_pem: body.ca.unwrap_or_default(),
        paused: body.paused,
        read_only: body.read_only,
        poll_interval_seconds: body.poll_interval_seconds,
        owner_tags: body.owner_tags.unwrap_or_default(),
    });
    request.set_timeout(std::time::Duration::from_secs(45));
    Ok(with_etag(cluster(state.clients.clusters().update_cluster(request).await?.into_inner())))
}

/// Removes a cluster's record; nothing happens to the cluster.
#[utoipa::path(delete, path = "/clusters/{c}", tag = "clusters",
    params(("c" = String, Path, description = "slug")), responses(
    (status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    person: Person,
    Path(c): Path<String>,
) -> Result<StatusCode, Problem> {
    let request = person.ask(RemoveClusterRequest { cluster: c });
    state.clients.clusters().remove_cluster(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads the cluster now.
#[utoipa::path(post, path = "/clusters/{c}/refresh", tag = "clusters",
    params(("c" = String, Path, description = "slug")), responses(
    (status = 200, body = ClusterDocument), (status = 403, body = ProblemDocument)))]
pub(crate) async fn refresh(
    State(state): State<AppState>,
    person: Person,
    Path(c): Path<String>,
) -> Result<Json<ClusterDocument>, Problem> {
    let mut request = person.ask(RefreshClusterRequest { cluster: c });
    request.set_timeout(std::time::Duration::from_secs(60));
    Ok(Json(cluster(state.clients.clusters().refresh_cluster(request).await?.into_inner())))
}

/// What the create form offers.
#[utoipa::path(get, path = "/clusters/{c}/create-options", tag = "clusters",
    params(("c" = String, Path, description = "slug")), responses(
    (status = 200, body = CreateOptionsDocument), (status = 403, body = ProblemDocument)))]
pub(crate) async fn create_options(
    State(state): State<AppState>,
    person: Person,
    Path(c): Path<String>,
) -> Result<Json<CreateOptionsDocument>, Problem> {
    let mut request = person.ask(GetCreateOptionsRequest { cluster: c });
    request.set_timeout(std::time::Duration::from_secs(30));
    let options = state.clients.inventory().get_create_options(request).await?.into_inner();
    Ok(Json(options.into()))
}
