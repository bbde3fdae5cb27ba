//! `/instances`, and what is done to one.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use gwm_events::types::inventory::Instance;
use gwm_events::types::jobs::Job;
use gwm_kernel::Fault;
use gwm_proto::cache::{GetObjectRequest, InstanceDetail, ListInstancesRequest};
use gwm_proto::jobs::SubmitJobRequest;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::extract::{Body, Params, header as text_header};
use super::listing::{ListQuery, Page, answer};
use super::notes::NotesDocument;
use crate::http::AppState;
use crate::http::model::{
    HealthDocument, ParameterDocument, from_struct, health, instance, job, parameters, some,
    to_struct,
};
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};
use crate::waiting::job_id;

/// An instance with all that its page shows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InstanceDetailDocument {
    #[serde(flatten)]
    pub(crate) instance: Instance,
    /// Each parameter in force with its origin. Of OS parameters administrators see the names. Without `view_placement`
    /// on the cluster beparams only.
    pub(crate) parameters: Vec<ParameterDocument>,
    /// Where it breaks the policy of its node group; empty without `view_placement` on the cluster.
    pub(crate) violations: Vec<String>,
    /// The rest of what Ganeti says, in Ganeti's words; empty without `view_placement` on the cluster.
    #[schema(value_type = Object)]
    pub(crate) said: Map<String, Value>,
    /// Filled with the defaults of OS and cluster; empty without `view_placement` on the cluster.
    #[schema(value_type = Object)]
    pub(crate) hvparams: Map<String, Value>,
    /// Filled with the defaults of the cluster.
    #[schema(value_type = Object)]
    pub(crate) beparams: Map<String, Value>,
    /// What its console speaks; empty when there is none.
    pub(crate) console_kinds: Vec<String>,
    /// Why its console does not open, and what to change.
    pub(crate) console_problem: Option<String>,
    /// What the asking person may do: `view`, `console`, `power`, …
    pub(crate) permissions: Vec<String>,
    /// What people wrote down about it; null: nothing ever.
    pub(crate) notes: Option<NotesDocument>,
    /// How well gwm knows its cluster.
    pub(crate) health: HealthDocument,
}

/// A create: where, what, and the parameters as job-runner's README lists them.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CreateInstance {
    /// Slug.
    pub(crate) cluster: String,
    /// The new instance's full name.
    pub(crate) name: String,
    /// `os`, `disk_template`, `disks`, `memory_mib`, `vcpus`, `nics`, …
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub(crate) parameters: Map<String, Value>,
}

/// RAPI's parameters of a shutdown.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ShutdownBody {
    /// Seconds that the guest has, before it is cut off.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<u32>,
    /// Cut it off at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    force: Option<bool>,
}

/// RAPI's parameters of a reboot.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RebootBody {
    /// `hard` (default), `soft` or `full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
}

/// A startup takes no parameters.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StartupBody {}

/// The instances of all clusters that one may see.
#[utoipa::path(get, path = "/instances", tag = "instances", params(ListQuery), responses(
    (status = 200, body = Page<Instance>), (status = 400, body = ProblemDocument)))]
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
        "status",
        "admin_state",
        "primary_node",
        "secondary_nodes",
        "node_group",
        "hypervisor",
        "os",
        "vcpus",
        "memory_mib",
        "disk_mib",
        "disk_template",
        "tags",
        "owner",
        "created_at",
        "modified_at",
        "seen_at",
    ];
    answer(&headers, &query, columns, move |page| {
        let (state, person) = (state.clone(), person.clone());
        async move {
            let request = person.ask(ListInstancesRequest { page: Some(page) });
            let answer = state.clients.inventory().list_instances(request).await?.into_inner();
            let items: Vec<_> = answer.instances.into_iter().map(instance).collect();
            Ok(Page::new(items, answer.page))
        }
    })
    .await
}

/// One instance.
#[utoipa::path(get, path = "/clusters/{c}/instances/{i}", tag = "instances",
    params(("c" = String, Path, description = "slug"),
           ("i" = String, Path, description = "name or UUID")),
    responses((status = 200, body = InstanceDetailDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    person: Person,
    Path((c, i)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let document = detail_document(detail(&state, &person, c, i).await?);
    let etag = HeaderValue::from_str(&format!("\"{}\"", document.instance.config_version));
    let mut response = Json(document).into_response();
    if let Ok(etag) = etag {
        response.headers_mut().insert(header::ETAG, etag);
    }
    Ok(response)
}

/// What page and API share.
pub(crate) async fn detail(
    state: &AppState,
    person: &Person,
    cluster: String,
    object: String,
) -> Result<InstanceDetail, Problem> {
    let request = person.ask(GetObjectRequest { cluster, object });
    Ok(state.clients.inventory().get_instance(request).await?.into_inner())
}

fn detail_document(detail: InstanceDetail) -> InstanceDetailDocument {
    let console = detail.console.unwrap_or_default();
    InstanceDetailDocument {
        instance: instance(detail.instance.unwrap_or_default()),
        parameters: parameters(detail.parameters),
        violations: detail.violations,
        said: from_struct(detail.said.unwrap_or_default()),
        hvparams: from_struct(detail.hvparams.unwrap_or_default()),
        beparams: from_struct(detail.beparams.unwrap_or_default()),
        console_kinds: console.kinds,
        console_problem: some(console.problem),
        permissions: detail.permissions,
        notes: detail.notes.map(Into::into),
        health: health(detail.cluster.unwrap_or_default().health),
    }
}

/// Creates an instance: a job.
#[utoipa::path(post, path = "/instances", tag = "instances", request_body = CreateInstance,
    params(("Idempotency-Key" = Option<String>, Header)), responses(
    (status = 202, body = Job), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    person: Person,
    headers: HeaderMap,
    Body(body): Body<CreateInstance>,
) -> Result<Response, Problem> {
    let job = Submit { kind: "create", cluster: body.cluster, instance: body.name };
    accepted(job.send(&state, &person, &headers, body.parameters).await?)
}

/// Removes an instance and its disks: a job.
#[utoipa::path(delete, path = "/clusters/{c}/instances/{i}", tag = "instances",
    params(("c" = String, Path, description = "slug"),
           ("i" = String, Path, description = "name or UUID"),
           ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = Job), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    person: Person,
    Path((cluster, instance)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = Submit { kind: "remove", cluster, instance };
    accepted(job.send(&state, &person, &headers, Map::new()).await?)
}

/// Starts an instance: a job.
#[utoipa::path(post, path = "/clusters/{c}/instances/{i}/startup", tag = "instances",
    request_body = Option<StartupBody>,
    params(("c" = String, Path, description = "slug"),
           ("i" = String, Path, description = "name or UUID"),
           ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = Job), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn startup(
    State(state): State<AppState>,
    person: Person,
    Path((cluster, instance)): Path<(String, String)>,
    headers: HeaderMap,
    body: OptionalBody<StartupBody>,
) -> Result<Response, Problem> {
    let job = Submit { kind: "startup", cluster, instance };
    accepted(job.send(&state, &person, &headers, body.parameters()?).await?)
}

/// Stops an instance: a job.
#[utoipa::path(post, path = "/clusters/{c}/instances/{i}/shutdown", tag = "instances",
    request_body = Option<ShutdownBody>,
    params(("c" = String, Path, description = "slug"),
           ("i" = String, Path, description = "name or UUID"),
           ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = Job), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn shutdown(
    State(state): State<AppState>,
    person: Person,
    Path((cluster, instance)): Path<(String, String)>,
    headers: HeaderMap,
    body: OptionalBody<ShutdownBody>,
) -> Result<Response, Problem> {
    let job = Submit { kind: "shutdown", cluster, instance };
    accepted(job.send(&state, &person, &headers, body.parameters()?).await?)
}

/// Reboots an instance: a job.
#[utoipa::path(post, path = "/clusters/{c}/instances/{i}/reboot", tag = "instances",
    request_body = Option<RebootBody>,
    params(("c" = String, Path, description = "slug"),
           ("i" = String, Path, description = "name or UUID"),
           ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = Job), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn reboot(
    State(state): State<AppState>,
    person: Person,
    Path((cluster, instance)): Path<(String, String)>,
    headers: HeaderMap,
    body: OptionalBody<RebootBody>,
) -> Result<Response, Problem> {
    let job = Submit { kind: "reboot", cluster, instance };
    accepted(job.send(&state, &person, &headers, body.parameters()?).await?)
}

/// A body that may be absent.
pub(crate) struct OptionalBody<T>(Option<T>);

impl<T: Serialize> OptionalBody<T> {
    fn parameters(self) -> Result<Map<String, Value>, Problem> {
        let Some(body) = self.0 else { return Ok(Map::new()) };
        match serde_json::to_value(body) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) => Ok(Map::new()),
            Err(error) => Err(Fault::internal(error).into()),
        }
    }
}

impl<S: Send + Sync, T: serde::de::DeserializeOwned> axum::extract::FromRequest<S>
    for OptionalBody<T>
{
    type Rejection = Problem;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self, Problem> {
        let empty = match request.headers().get(header::CONTENT_LENGTH) {
            Some(length) => length == "0",
            None => {
                !request.headers().contains_key(header::TRANSFER_ENCODING)
                    && !request.headers().contains_key(header::CONTENT_TYPE)
            }
        };
        if empty {
            return Ok(Self(None));
        }
        let Body(body) = Body::<T>::from_request(request, state).await?;
        Ok(Self(Some(body)))
    }
}

/// A request that becomes a job.
pub(crate) struct Submit {
    pub(crate) kind: &'static str,
    pub(crate) cluster: String,
    pub(crate) instance: String,
}

impl Submit {
    /// What page and API share.
    pub(crate) async fn send(
        self,
        state: &AppState,
        person: &Person,
        headers: &HeaderMap,
        parameters: Map<String, Value>,
    ) -> Result<Job, Problem> {
        let mut request = SubmitJobRequest {
            kind: self.kind.to_owned(),
            cluster: self.cluster,
            instance: self.instance,
            parameters: Some(to_struct(parameters)),
            idempotency_key: text_header(headers, "idempotency-key", 64)?.unwrap_or_default(),
            job_id: String::new(),
        };
        request.job_id = job_id(&person.0, &request);
        let accepted = match state.clients.jobs().submit_job(person.ask(request.clone())).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => {
                let fault = Fault::from_status(&status);
                state.waiting.leave(&state.clients, person, request, fault).await?
            }
        };
        Ok(job(accepted))
    }
}

fn accepted(job: Job) -> Result<Response, Problem> {
    let location = format!("/api/v1/jobs/{}", job.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(job)).into_response())
}
