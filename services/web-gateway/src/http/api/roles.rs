//! `/roles`: named sets of permissions, which grants give.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use gwm_kernel::Fault;
use gwm_proto::auth::{
    CreateRoleRequest, DeleteRoleRequest, ListRolesRequest, Role, UpdateRoleRequest,
};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{self, Body};
use crate::http::AppState;
use crate::http::model::time_or_epoch;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// A role.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleDocument {
    id: String,
    /// Never changed.
    name: String,
    description: String,
    /// As chosen.
    permissions: Vec<String>,
    /// With all that these bring along.
    allows: Vec<String>,
    /// Comes with gwm, and is never changed.
    builtin: bool,
    /// How many grants give it; null for others than administrators.
    grants: Option<u32>,
    created_at: DateTime<Utc>,
    /// Grows with each change.
    revision: i64,
}

/// Roles: those that come with gwm first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleList {
    items: Vec<RoleDocument>,
}

/// A role to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateRole {
    /// As login names: `[a-z0-9._-]{1,64}`, beginning with a letter or digit.
    name: String,
    /// One line, at most 500 characters.
    #[serde(default)]
    description: String,
    /// `view`, `console`, `power`, `modify`, `tags`, `remove`, `create_vm`, `migrate`, `replace_disks`, `export`,
    /// `view_placement`, `manage_nodes`, `manage_networks`, `admin`.
    permissions: Vec<String>,
}

/// What a role is to be from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeRole {
    /// One line, at most 500 characters.
    #[serde(default)]
    description: String,
    /// All of them: those that are left out are taken from everybody who holds the role.
    permissions: Vec<String>,
}

fn document(role: Role, admin: bool) -> RoleDocument {
    RoleDocument {
        id: role.role_id,
        name: role.name,
        description: role.description,
        permissions: role.permissions,
        allows: role.allows,
        builtin: role.builtin,
        grants: admin.then_some(role.grants),
        created_at: time_or_epoch(role.created_at),
        revision: role.revision,
    }
}

fn with_etag(status: StatusCode, role: Role) -> Response {
    let etag = format!("\"{}\"", role.revision);
    (status, [(header::ETAG, etag)], Json(document(role, false))).into_response()
}

/// All roles.
#[utoipa::path(get, path = "/roles", tag = "roles", responses((status = 200, body = RoleList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    person: Person,
) -> Result<Json<RoleList>, Problem> {
    let request = person.ask(ListRolesRequest {});
    let roles = state.clients.roles().list_roles(request).await?.into_inner().roles;
    let admin = state.authz.is_admin(&person.0);
    Ok(Json(RoleList { items: roles.into_iter().map(|r| document(r, admin)).collect() }))
}

/// Makes a role.
#[utoipa::path(post, path = "/roles", tag = "roles", request_body = CreateRole, responses(
    (status = 201, body = RoleDocument), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<CreateRole>,
) -> Result<Response, Problem> {
    let CreateRole { name, description, permissions } = body;
    let request = person.ask(CreateRoleRequest { name, description, permissions });
    let made = state.clients.roles().create_role(request).await?.into_inner();
    Ok(with_etag(StatusCode::CREATED, made))
}

/// Makes it allow other things; whoever holds it has these permissions within two seconds. One that comes with gwm
/// stays as it is (409).
#[utoipa::path(put, path = "/roles/{r}", tag = "roles", request_body = ChangeRole,
    params(("r" = String, Path, description = "name"),
           ("If-Match" = Option<String>, Header, description = "ETag: the role's revision in quotes")),
    responses((status = 200, body = RoleDocument), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument), (status = 412, body = ProblemDocument)))]
pub(crate) async fn change(
    State(state): State<AppState>,
    person: Person,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(body): Body<ChangeRole>,
) -> Result<Response, Problem> {
    let revision = match extract::header(&headers, "if-match", 128)? {
        None => 0,
        Some(etag) => etag.trim_matches('"').parse().map_err(|_| {
            Fault::invalid("if-match", "If-Match takes the role's revision in quotes")
        })?,
    };
    let ChangeRole { description, permissions } = body;
    let request = person.ask(UpdateRoleRequest { name, description, permissions, revision });
    let role = state.clients.roles().update_role(request).await?.into_inner();
    Ok(with_etag(StatusCode::OK, role))
}

/// Deletes a role that nobody holds.
#[utoipa::path(delete, path = "/roles/{r}", tag = "roles",
    params(("r" = String, Path, description = "name")), responses((status = 204),
    (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument)))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    person: Person,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    state.clients.roles().delete_role(person.ask(DeleteRoleRequest { name })).await?;
    Ok(StatusCode::NO_CONTENT)
}
