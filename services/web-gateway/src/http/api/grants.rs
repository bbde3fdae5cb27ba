//! `/grants`: who may do what. For those who hold `admin` on the object.

use axum::Json;
use axum::extract::{Path, State};
use gwm_events::types::access::{Grant, GrantObject};
use gwm_kernel::Fault;
use gwm_proto::auth::{
    AddGrantRequest, GetGroupRequest, Grant as WireGrant, ListGrantsRequest, RemoveGrantRequest,
    Selector,
};
use gwm_proto::cache::{GetClusterRequest, GetObjectRequest};
use gwm_proto::common::ObjectRef;
use gwm_types::{Object, Permission, SelectorText};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::extract::{Body, Params};
use crate::http::AppState;
use crate::http::model::time_or_epoch;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// Whose grants, or on what.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GrantQuery {
    /// Grants on everything.
    fleet: bool,
    /// Slug: grants on this cluster, or with `instance`, on that instance.
    cluster: String,
    /// Name or UUID.
    instance: String,
    /// Name or UUID: grants on this node group of the cluster, and by selectors in it.
    node_group: String,
    /// Also those that count there because they are on the cluster, on everything, or on a selector, as far as one administers these;
    /// of a cluster also those on parts of it.
    inherited: bool,
    /// User id: what that user holds, also by groups.
    user: String,
    /// Name of a group: what that group holds.
    group: String,
}

/// A right to be given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddGrant {
    /// Login name; or give `persona`.
    #[serde(default)]
    pub(crate) username: String,
    /// `user/NAME` or `group/NAME`; or give `username`.
    #[serde(default)]
    pub(crate) persona: String,
    /// Name of a role; `GET /roles` has them all. Each permission is also a role of its own.
    pub(crate) role: String,
    /// True: it is for everything there is; then none of the others.
    #[serde(default)]
    pub(crate) fleet: bool,
    /// Slug.
    #[serde(default)]
    pub(crate) cluster: String,
    /// Name or UUID; absent: the cluster and all in it.
    #[serde(default)]
    pub(crate) instance: Option<String>,
    /// Name or UUID of a node group of the cluster: on the instances whose primary node is in it.
    #[serde(default)]
    pub(crate) node_group: Option<String>,
    /// Instead of all of these: on the instances for which all is so that this says, for as long as it is, like
    /// `cluster:fra1 node_group:default owner:group/shop tag:gwm:access:web`. An owner or a tag is needed; tags begin with `gwm:access:`.
    #[serde(default)]
    pub(crate) selector: Option<String>,
}

/// Grants.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GrantList {
    pub(crate) items: Vec<Grant>,
}

pub(crate) fn document(grant: WireGrant) -> Grant {
    let object = grant.object.unwrap_or_default();
    let of_user = grant.persona_kind == "user";
    Grant {
        id: grant.grant_id,
        persona: format!("{}/{}", grant.persona_kind, grant.persona_name),
        user_id: of_user.then(|| grant.persona_id.clone()),
        username: of_user.then_some(grant.persona_name),
        persona_id: grant.persona_id,
        role: grant.role,
        object: GrantObject {
            kind: object.kind,
            cluster_id: Some(object.cluster_id).filter(|id| !id.is_empty()),
            cluster: Some(grant.cluster).filter(|slug| !slug.is_empty()),
            uuid: Some(object.uuid).filter(|u| !u.is_empty()),
            selector: Some(grant.selector).filter(|s| !s.is_empty()),
        },
        created_at: time_or_epoch(grant.created_at),
        created_by: Some(grant.created_by).filter(|c| !c.is_empty()),
        revision: 1,
    }
}

/// An object, and what it is called.
pub(crate) struct Named {
    pub(crate) object: ObjectRef,
    /// Slug of its cluster; empty for the fleet.
    pub(crate) slug: String,
    /// Of an instance or a node group.
    pub(crate) name: String,
}

/// What people say that something is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Where<'a> {
    pub(crate) fleet: bool,
    pub(crate) cluster: &'a str,
    pub(crate) node_group: Option<&'a str>,
    pub(crate) instance: Option<&'a str>,
}

/// What was given, if anything was.
pub(crate) fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// What a right is on, as people say it. Rights are on ids.
///
/// # Errors
/// Neither or both of the fleet and a cluster; or what cache-updater says of the names.
pub(crate) async fn scope(
    state: &AppState,
    person: &Person,
    wanted: Where<'_>,
) -> Result<Named, Problem> {
    match (wanted.fleet, wanted.cluster.is_empty()) {
        (true, true) if wanted.instance.is_none() && wanted.node_group.is_none() => {
            let object = ObjectRef { kind: "fleet".to_owned(), ..ObjectRef::default() };
            Ok(Named { object, slug: String::new(), name: String::new() })
        }
        (true, _) => {
            Err(Problem(Fault::invalid("fleet", "give either fleet or cluster, not both")))
        }
        (false, true) => Err(Problem(Fault::invalid("cluster", "give cluster, or fleet: true"))),
        (false, false) => object(state, person, wanted).await,
    }
}

/// Names are for people; rights are on ids.
pub(crate) async fn object(
    state: &AppState,
    person: &Person,
    wanted: Where<'_>,
) -> Result<Named, Problem> {
    let cluster = wanted.cluster.to_owned();
    if let Some(instance) = wanted.instance {
        if wanted.node_group.is_some() {
            let text = "give either instance or node_group, not both";
            return Err(Problem(Fault::invalid("node_group", text)));
        }
        let request = GetObjectRequest { cluster, object: instance.to_owned() };
        let detail =
            state.clients.inventory().get_instance(person.ask(request)).await?.into_inner();
        let found = detail.instance.unwrap_or_default();
        let object = ObjectRef {
            kind: "instance".to_owned(),
            cluster_id: found.cluster_id,
            uuid: found.uuid,
        };
        return Ok(Named { object, slug: found.cluster, name: found.name });
    }
    let request = GetClusterRequest { cluster };
    let found = state.clients.clusters().get_cluster(person.ask(request)).await?.into_inner();
    let (cluster_id, slug) = (found.cluster_id, found.slug);
    let Some(group) = wanted.node_group else {
        let (kind, uuid) = ("cluster".to_owned(), String::new());
        return Ok(Named {
            object: ObjectRef { kind, cluster_id, uuid },
            slug,
            name: String::new(),
        });
    };
    let (uuid, name) = node_group(state, person, &cluster_id, &slug, group).await?;
    let object = ObjectRef { kind: "node_group".to_owned(), cluster_id, uuid };
    Ok(Named { object, slug, name })
}

/// A node group's UUID and name. Whoever may not see node groups can still name one by its UUID, as it stands in
/// their rights.
async fn node_group(
    state: &AppState,
    person: &Person,
    cluster_id: &str,
    slug: &str,
    group: &str,
) -> Result<(String, String), Problem> {
    let placed = |on| state.authz.allows(&person.0, Permission::ViewPlacement, on);
    let sees = cluster_id.parse().is_ok_and(|cluster| {
        let named = group.parse().is_ok_and(|group| placed(Object::NodeGroup(cluster, group)));
        placed(Object::Cluster(cluster)) || named
    });
    if !sees && Uuid::try_parse(group).is_ok() {
        return Ok((group.to_owned(), String::new()));
    }
    let request = GetObjectRequest { cluster: slug.to_owned(), object: group.to_owned() };
    let detail = state.clients.objects().get_node_group(person.ask(request)).await?.into_inner();
    let found = detail.node_group.unwrap_or_default();
    Ok((found.uuid, found.name))
}

/// A selector by ids, and the slug of its cluster.
async fn selector(
    state: &AppState,
    person: &Person,
    text: &str,
) -> Result<(Selector, String), Problem> {
    let read: SelectorText =
        text.parse().map_err(|error| Problem(Fault::invalid("selector", format!("{error}"))))?;
    let mut asked =
        Selector { owner: read.owner.unwrap_or_default(), tags: read.tags, ..Selector::default() };
    let Some(cluster) = &read.cluster else { return Ok((asked, String::new())) };
    let wanted = Where { cluster, node_group: read.node_group.as_deref(), ..Where::default() };
    let named = object(state, person, wanted).await.map_err(|Problem(mut fault)| {
        fault.field = Some("selector".to_owned());
        Problem(fault)
    })?;
    asked.cluster_id = named.object.cluster_id;
    asked.node_group = named.object.uuid;
    asked.node_group_name = named.name;
    Ok((asked, named.slug))
}

/// The request that gives a right on what people say.
pub(crate) async fn request(
    state: &AppState,
    person: &Person,
    wanted: Where<'_>,
    selected: Option<&str>,
) -> Result<AddGrantRequest, Problem> {
    let Some(text) = selected else {
        let Named { object, slug, name } = scope(state, person, wanted).await?;
        let object = Some(object);
        return Ok(AddGrantRequest { object, slug, object_name: name, ..Default::default() });
    };
    let alone = !wanted.fleet && wanted.cluster.is_empty();
    if !alone || wanted.instance.is_some() || wanted.node_group.is_some() {
        let text = "give either selector or what else it is on, not both";
        return Err(Problem(Fault::invalid("selector", text)));
    }
    let (selector, slug) = selector(state, person, text).await?;
    Ok(AddGrantRequest { selector: Some(selector), slug, ..Default::default() })
}

/// Grants, all or on one object or of one user.
#[utoipa::path(get, path = "/grants", tag = "grants", params(GrantQuery), responses(
    (status = 200, body = GrantList), (status = 403, body = ProblemDocument)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<GrantQuery>,
) -> Result<Json<GrantList>, Problem> {
    let object = if query.cluster.is_empty() && !query.fleet {
        None
    } else {
        let wanted = Where {
            fleet: query.fleet,
            cluster: &query.cluster,
            node_group: given(&query.node_group),
            instance: given(&query.instance),
        };
        Some(scope(&state, &person, wanted).await?.object)
    };
    let persona_id = match (query.user, query.group) {
        (user, group) if group.is_empty() => user,
        (user, group) if user.is_empty() => {
            let request = person.ask(GetGroupRequest { group });
            state.clients.groups().get_group(request).await?.into_inner().group_id
        }
        _ => return Err(Problem(Fault::invalid("group", "give either user or group, not both"))),
    };
    let request = person.ask(ListGrantsRequest { object, persona_id, inherited: query.inherited });
    let answer = state.clients.grants().list_grants(request).await?.into_inner();
    Ok(Json(GrantList { items: answer.grants.into_iter().map(document).collect() }))
}

/// Gives a right; giving it twice is no error.
#[utoipa::path(post, path = "/grants", tag = "grants", request_body = AddGrant, responses(
    (status = 201, body = Grant), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn add(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<AddGrant>,
) -> Result<(StatusCode, Json<Grant>), Problem> {
    let wanted = Where {
        fleet: body.fleet,
        cluster: &body.cluster,
        node_group: body.node_group.as_deref(),
        instance: body.instance.as_deref(),
    };
    let asked = request(&state, &person, wanted, body.selector.as_deref()).await?;
    let (field, persona) = match (body.username, body.persona) {
        (username, persona) if persona.is_empty() => ("username", format!("user/{username}")),
        (username, persona) if username.is_empty() => ("persona", persona),
        _ => {
            let text = "give either username or persona, not both";
            return Err(Problem(Fault::invalid("persona", text)));
        }
    };
    let request = person.ask(AddGrantRequest { persona, role: body.role, ..asked });
    let grant = state.clients.grants().add_grant(request).await.map_err(|status| {
        let mut fault = Fault::from_status(&status);
        if fault.field.as_deref() == Some("persona") {
            fault.field = Some(field.to_owned());
        }
        Problem(fault)
    })?;
    let grant = grant.into_inner();
    Ok((StatusCode::CREATED, Json(document(grant))))
}

/// Takes a right away; it is gone everywhere within two seconds, open consoles included.
#[utoipa::path(delete, path = "/grants/{id}", tag = "grants", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    person: Person,
    Path(grant_id): Path<String>,
) -> Result<StatusCode, Problem> {
    state.clients.grants().remove_grant(person.ask(RemoveGrantRequest { grant_id })).await?;
    Ok(StatusCode::NO_CONTENT)
}
