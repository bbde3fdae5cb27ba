//! `/imports`: what appeared in Ganeti, or vanished from it, without gwm.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use gwm_events::types::inventory::Instance;
use gwm_kernel::Fault;
use gwm_proto::auth::{ListOwnersRequest, RestoreRightsRequest, RestoreRightsResponse};
use gwm_proto::cache::{
    ConfirmMissingRequest, ListInstancesRequest, ListMissingRequest, PurgeMissingRequest,
    RestoreNotesRequest, Vanished,
};
use gwm_proto::common::{ObjectRef, PageInfo, PageRequest};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::adopt::{self, AdoptRun};
use super::extract::{Body, Params};
use super::listing::{ListQuery, Page, answer};
use crate::http::AppState;
use crate::http::model::{ClusterDocument, cluster, instance, time};
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// What an administrator takes for gone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmMissing {
    /// Slug.
    pub(crate) cluster: String,
    /// How many objects `health.missing` of the cluster said; another number by now is refused.
    pub(crate) objects: u32,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfirmedMissing {
    /// Nodes and instances that are removed from the inventory now.
    pub(crate) removed: u32,
    pub(crate) cluster: Option<ClusterDocument>,
}

/// Believes that the nodes and instances marked `missing` are gone, after one more look at the cluster.
#[utoipa::path(post, path = "/imports/missing/confirm", tag = "imports", request_body = ConfirmMissing,
    responses((status = 200, body = ConfirmedMissing), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn confirm_missing(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<ConfirmMissing>,
) -> Result<Json<ConfirmedMissing>, Problem> {
    Ok(Json(confirm(&state, &person, body).await?))
}

/// What page and API share.
pub(crate) async fn confirm(
    state: &AppState,
    person: &Person,
    body: ConfirmMissing,
) -> Result<ConfirmedMissing, Problem> {
    let ConfirmMissing { cluster: slug, objects } = body;
    let mut request = person.ask(ConfirmMissingRequest { cluster: slug, objects });
    request.set_timeout(std::time::Duration::from_secs(60));
    let answer = state.clients.clusters().confirm_missing(request).await?.into_inner();
    Ok(ConfirmedMissing { removed: answer.removed, cluster: answer.cluster.map(cluster) })
}

/// Instances of no owner, one way or another, for one.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Adopt {
    /// `cluster,instance,owner,role`, one line each, at most 10,000; an instance by name or UUID. The first
    /// line may be just these words. No role: `admin`.
    pub(crate) csv: Option<String>,
    /// All orphans that this query finds.
    pub(crate) q: Option<String>,
    /// These.
    pub(crate) instances: Option<Vec<AdoptInstance>>,
    /// With `q` and `instances`: the new owner, `NAME`, `user/NAME` or `group/NAME`.
    pub(crate) owner: Option<String>,
    /// With `q` and `instances`: `admin` (if absent), `power`, `console`, `view` or `none`.
    pub(crate) role: Option<String>,
    /// Without it nothing is done, and the answer says what would be.
    pub(crate) confirm: bool,
}

/// One of a selection.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdoptInstance {
    /// Slug.
    pub(crate) cluster: String,
    /// Name or UUID.
    pub(crate) instance: String,
}

/// Instances without an owner.
#[utoipa::path(get, path = "/imports/orphans", tag = "imports", params(ListQuery), responses(
    (status = 200, body = Page<Instance>), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument)))]
pub(crate) async fn orphans(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let columns =
        &["cluster", "name", "uuid", "status", "primary_node", "os", "tags", "created_at"];
    answer(&headers, &query, columns, move |page| {
        let (state, person) = (state.clone(), person.clone());
        async move {
            let request = person.ask(ListInstancesRequest { page: Some(page) });
            let answer = state.clients.imports().list_orphans(request).await?.into_inner();
            Ok(Page::new(answer.instances.into_iter().map(instance).collect(), answer.page))
        }
    })
    .await
}

/// Gives orphans their owner: all lines or none. Not confirmed, it says of each line what would happen.
#[utoipa::path(post, path = "/imports/orphans/adopt", tag = "imports", request_body = Adopt,
    responses((status = 200, body = AdoptRun), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 413, body = ProblemDocument)))]
pub(crate) async fn adopt(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<Adopt>,
) -> Result<Json<AdoptRun>, Problem> {
    state.authz.require_admin(&person.0)?;
    let (confirm, (lines, source)) = (body.confirm, lines(&state, &person, body).await?);
    Ok(Json(adopt::run(&state, &person, lines, source, confirm).await?))
}

/// What page and API share: the lines of a request, and where they come from.
pub(crate) async fn lines(
    state: &AppState,
    person: &Person,
    body: Adopt,
) -> Result<(Vec<adopt::Line>, &'static str), Problem> {
    adopt::only_one([body.csv.is_some(), body.q.is_some(), body.instances.is_some()])?;
    if let Some(csv) = &body.csv {
        return Ok((adopt::read_csv(csv)?, "csv"));
    }
    let owner = body.owner.as_deref().unwrap_or_default().trim().to_owned();
    if owner.is_empty() {
        return Err(Fault::invalid("owner", "give the new owner's user name").into());
    }
    let role = body.role.as_deref().filter(|r| !r.is_empty()).unwrap_or(adopt::ROLE).to_owned();
    if let Some(q) = &body.q {
        return Ok((adopt::by_query(state, person, q, &owner, &role).await?, "query"));
    }
    let instances = body.instances.unwrap_or_default();
    if instances.is_empty() || instances.len() > adopt::MOST_LINES {
        let text = format!("choose 1 to {} instances", adopt::MOST_LINES);
        return Err(Fault::invalid("instances", text).into());
    }
    let line = |(at, one): (usize, AdoptInstance)| adopt::Line {
        number: at as u64 + 1,
        cluster: one.cluster,
        instance: one.instance,
        owner: owner.clone(),
        role: role.clone(),
        broken: false,
    };
    Ok((instances.into_iter().enumerate().map(line).collect(), "selection"))
}

/// Something that vanished.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct VanishedDocument {
    /// `instance`, `node`, or `cluster` (removed from gwm, with all in it).
    pub(crate) kind: String,
    pub(crate) uuid: String,
    pub(crate) name: String,
    /// Slug; of a removed cluster its last one.
    pub(crate) cluster: String,
    pub(crate) cluster_id: String,
    /// `missing` (not believed yet), `removed` or `forgotten` (with its cluster).
    pub(crate) state: String,
    /// When it was seen last, or removed.
    pub(crate) at: Option<DateTime<Utc>>,
    /// `user/NAME`, the last one.
    pub(crate) owner: Option<String>,
    /// Rights that are kept of it, or in force where it is only missing.
    pub(crate) grants: Vec<KeptGrant>,
    /// An instance of the same name that is there now: rights can be restored to it.
    pub(crate) successor_uuid: Option<String>,
    /// Notes are kept of it that its successor, if there is one, can get.
    pub(crate) notes: bool,
}

/// A right of something that vanished.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct KeptGrant {
    pub(crate) persona: String,
    pub(crate) role: String,
}

/// What vanished: marked missing, or removed in the last 30 days.
#[utoipa::path(get, path = "/imports/missing", tag = "imports", params(ListQuery), responses(
    (status = 200, body = Page<VanishedDocument>), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument)))]
pub(crate) async fn missing(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let columns = &["kind", "cluster", "name", "uuid", "state", "at", "owner", "successor_uuid"];
    answer(&headers, &query, columns, move |page| {
        let (state, person) = (state.clone(), person.clone());
        async move {
            let (items, page) = vanished(&state, &person, page).await?;
            Ok(Page::new(items, page))
        }
    })
    .await
}

/// What page and API share: a page of what vanished, with the rights that are kept.
pub(crate) async fn vanished(
    state: &AppState,
    person: &Person,
    page: PageRequest,
) -> Result<(Vec<VanishedDocument>, Option<PageInfo>), Problem> {
    let request = person.ask(ListMissingRequest { page: Some(page) });
    let answer = state.clients.imports().list_missing(request).await?.into_inner();
    let reference = |v: &Vanished| ObjectRef {
        kind: "instance".to_owned(),
        cluster_id: v.cluster_id.clone(),
        uuid: v.uuid.clone(),
    };
    let instances: Vec<ObjectRef> =
        answer.objects.iter().filter(|v| v.kind == "instance").map(reference).collect();
    let mut kept = Vec::new();
    if !instances.is_empty() {
        let request = person.ask(ListOwnersRequest { instances });
        kept = state.clients.owners().list_owners(request).await?.into_inner().instances;
    }
    let grants = |v: &Vanished| -> Vec<KeptGrant> {
        let wanted = reference(v);
        let found =
            kept.iter().filter(|k| v.kind == "instance" && k.instance.as_ref() == Some(&wanted));
        found
            .flat_map(|k| k.kept.iter().chain(&k.grants))
            .map(|g| KeptGrant {
                persona: format!("{}/{}", g.persona_kind, g.persona_name),
                role: g.role.clone(),
            })
            .collect()
    };
    let some = |text: &String| Some(text.clone()).filter(|t| !t.is_empty());
    let items = answer
        .objects
        .iter()
        .map(|v| VanishedDocument {
            grants: grants(v),
            kind: v.kind.clone(),
            uuid: v.uuid.clone(),
            name: v.name.clone(),
            cluster: v.cluster.clone(),
            cluster_id: v.cluster_id.clone(),
            state: v.state.clone(),
            at: time(v.at),
            owner: some(&v.owner),
            successor_uuid: some(&v.successor_uuid),
            notes: v.notes,
        })
        .collect();
    Ok((items, answer.page))
}

/// From which instance to which.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Restore {
    /// UUID of the one that is gone.
    pub(crate) from: String,
    /// UUID of the one of the same name in the same cluster.
    pub(crate) to: String,
}

/// What was restored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Restored {
    pub(crate) grants: u32,
    /// The owner it got; null when it had one, or there was none.
    pub(crate) owner: Option<String>,
    /// `restored`, `none` (nothing is kept), or `has_own`: the new one has notes of its own, which stay.
    pub(crate) notes: String,
}

/// Gives the rights and notes that are kept of a vanished instance to the one of the same name that is there now.
#[utoipa::path(post, path = "/imports/missing/restore", tag = "imports", request_body = Restore,
    responses((status = 200, body = Restored), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument)))]
pub(crate) async fn restore(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<Restore>,
) -> Result<Json<Restored>, Problem> {
    Ok(Json(restore_rights(&state, &person, &body).await?))
}

/// What page and API share.
pub(crate) async fn restore_rights(
    state: &AppState,
    person: &Person,
    body: &Restore,
) -> Result<Restored, Problem> {
    state.authz.require_admin(&person.0)?;
    let id =
        |text: &str| uuid::Uuid::try_parse(text).map_err(|_| Fault::not_found("vanished instance"));
    let (from, to) = (id(&body.from)?, id(&body.to)?);
    // Only where the name is the same: who is meant is decided here, not by what a form said.
    let q = format!("kind:instance state:removed uuid:{from} successor:{to}");
    let page = PageRequest { q, limit: 1, ..Default::default() };
    let request = person.ask(ListMissingRequest { page: Some(page) });
    let found = state.clients.imports().list_missing(request).await?.into_inner().objects;
    let found = found.into_iter().next().ok_or_else(|| Fault::not_found("vanished instance"))?;
    let object = |uuid: uuid::Uuid| ObjectRef {
        kind: "instance".to_owned(),
        cluster_id: found.cluster_id.clone(),
        uuid: uuid.to_string(),
    };
    // Notes first: what was given twice is said to be none, so that it may be asked for again.
    let request =
        person.ask(RestoreNotesRequest { from: Some(object(from)), to: Some(object(to)) });
    let notes = state.clients.imports().restore_notes(request).await?.into_inner().outcome;
    let request = person.ask(RestoreRightsRequest {
        from: Some(object(from)),
        to: Some(object(to)),
        cluster: found.cluster.clone(),
        name: found.name.clone(),
    });
    let answer = match state.clients.owners().restore_rights(request).await {
        Ok(answer) => answer.into_inner(),
        // There were notes only.
        Err(status) if status.code() == tonic::Code::NotFound && notes == "restored" => {
            RestoreRightsResponse::default()
        }
        Err(status) => return Err(status.into()),
    };
    let owner = Some(answer.owner).filter(|o| !o.is_empty());
    Ok(Restored { grants: answer.grants, owner, notes })
}

/// What to forget now.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Purge {
    /// `instance`, `node` or `cluster`.
    pub(crate) kind: String,
    pub(crate) cluster_id: String,
    /// Of a cluster the same as `cluster_id`.
    pub(crate) uuid: String,
}

/// Forgets a removed object now, with its owner and the rights that are kept of it.
#[utoipa::path(post, path = "/imports/missing/purge", tag = "imports", request_body = Purge,
    responses((status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn purge(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<Purge>,
) -> Result<StatusCode, Problem> {
    forget(&state, &person, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What page and API share.
pub(crate) async fn forget(state: &AppState, person: &Person, body: Purge) -> Result<(), Problem> {
    let Purge { kind, cluster_id, uuid } = body;
    let object = Some(ObjectRef { kind, cluster_id, uuid });
    state.clients.imports().purge_missing(person.ask(PurgeMissingRequest { object })).await?;
    Ok(())
}
