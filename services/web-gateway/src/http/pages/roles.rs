//! `/roles`: named sets of permissions. Everybody reads them; administrators make them.

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum_extra::extract::{Form, Query};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::{
    CreateRoleRequest, DeleteRoleRequest, ListRolesRequest, Role, UpdateRoleRequest,
};
use gwm_types::{Permission, PermissionSet};
use http::StatusCode;
use serde::Deserialize;

use super::common::{self, Page, PageError, Viewer, sentence};
use super::login::see_other;
use crate::http::AppState;
use crate::http::views::form::{FieldError, FormErrors};
use crate::http::views::parts::Link;
use crate::http::views::roles::{PermissionBox, RolePage, RoleRow, RolesPage};
use crate::http::views::shell::Section;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct RoleForm {
    name: String,
    description: String,
    permissions: Vec<String>,
    revision: i64,
}

/// `?copy=NAME`: begin with what that one allows.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct CopyQuery {
    copy: String,
}

async fn all(state: &AppState, viewer: &Viewer) -> Result<Vec<Role>, PageError> {
    let request = viewer.person.ask(ListRolesRequest {});
    Ok(state.clients.roles().list_roles(request).await?.into_inner().roles)
}

async fn one(state: &AppState, viewer: &Viewer, name: &str) -> Result<Role, PageError> {
    let found = all(state, viewer).await?.into_iter().find(|role| role.name == name);
    found.ok_or_else(|| Fault::not_found("role").into())
}

pub(crate) async fn list(State(state): State<AppState>, viewer: Viewer) -> Page {
    let (shell, roles) = tokio::join!(
        common::shell(&state, &viewer, Section::Roles, "Roles", Vec::new()),
        all(&state, &viewer),
    );
    let row = |role: Role| RoleRow {
        brings: role.allows.into_iter().filter(|word| !role.permissions.contains(word)).collect(),
        name: role.name,
        description: role.description,
        permissions: role.permissions,
        builtin: role.builtin,
        grants: role.grants,
    };
    let (builtin, own) = roles?.into_iter().map(row).partition(|row: &RoleRow| row.builtin);
    common::ok(&RolesPage { shell, own, builtin })
}

pub(crate) async fn fresh(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(query): Query<CopyQuery>,
) -> Page {
    administrator(&viewer)?;
    let mut form = RoleForm::default();
    if !query.copy.is_empty() {
        let role = one(&state, &viewer, &query.copy).await?;
        form.description = role.description;
        form.permissions = role.permissions;
    }
    let page = draw(&state, &viewer, form, None, FormErrors::default()).await;
    common::ok(&page)
}

pub(crate) async fn create(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<RoleForm>,
) -> Page {
    administrator(&viewer)?;
    let request = viewer.person.ask(CreateRoleRequest {
        name: form.name.clone(),
        description: form.description.clone(),
        permissions: form.permissions.clone(),
    });
    match state.clients.roles().create_role(request).await {
        Ok(_) => Ok(see_other("/roles").into_response()),
        Err(status) => again(&state, &viewer, form, None, &Fault::from_status(&status)).await,
    }
}

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Page {
    let role = one(&state, &viewer, &name).await?;
    let form = RoleForm {
        name,
        description: role.description.clone(),
        permissions: role.permissions.clone(),
        revision: role.revision,
    };
    let page = draw(&state, &viewer, form, Some(role), FormErrors::default()).await;
    common::ok(&page)
}

pub(crate) async fn save(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(name): Path<String>,
    Form(form): Form<RoleForm>,
) -> Page {
    let request = viewer.person.ask(UpdateRoleRequest {
        name: name.clone(),
        description: form.description.clone(),
        permissions: form.permissions.clone(),
        revision: form.revision,
    });
    match state.clients.roles().update_role(request).await {
        Ok(_) => Ok(see_other("/roles").into_response()),
        Err(status) => {
            let fault = Fault::from_status(&status);
            let role = one(&state, &viewer, &name).await?;
            again(&state, &viewer, RoleForm { name, ..form }, Some(role), &fault).await
        }
    }
}

pub(crate) async fn delete(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Page {
    state.clients.roles().delete_role(viewer.person.ask(DeleteRoleRequest { name })).await?;
    Ok(see_other("/roles").into_response())
}

/// The form is for administrators; for others it is not there.
fn administrator(viewer: &Viewer) -> Result<(), PageError> {
    if viewer.admin { Ok(()) } else { Err(Fault::not_found("page").into()) }
}

/// The form once more, with what was typed and what is wrong with it.
async fn again(
    state: &AppState,
    viewer: &Viewer,
    form: RoleForm,
    role: Option<Role>,
    fault: &Fault,
) -> Page {
    let correctable =
        [ErrorCode::InvalidArgument, ErrorCode::AlreadyExists, ErrorCode::FailedPrecondition];
    if !correctable.contains(&fault.code) {
        return Err(PageError::from(fault.clone()));
    }
    let field = match (fault.code, fault.field.as_deref()) {
        (ErrorCode::AlreadyExists, _) => "name",
        (_, Some(field)) => field,
        (_, None) => "",
    };
    let error = FieldError { field: field.to_owned(), message: sentence(&fault.message) };
    // Who saves once more after somebody else did has been told, and means it.
    let revision = role.as_ref().map_or(0, |role| role.revision);
    let form = RoleForm { revision, ..form };
    let page = draw(state, viewer, form, role, FormErrors(vec![error])).await;
    Ok(common::render(StatusCode::BAD_REQUEST, &page))
}

async fn draw(
    state: &AppState,
    viewer: &Viewer,
    form: RoleForm,
    role: Option<Role>,
    errors: FormErrors,
) -> RolePage {
    let title = if role.is_some() { form.name.as_str() } else { "New role" };
    let crumbs = vec![Link::new("Roles", "/roles"), Link::new(title, "")];
    let builtin = role.as_ref().is_some_and(|role| role.builtin);
    RolePage {
        shell: common::shell(state, viewer, Section::Roles, title, crumbs).await,
        stored: role.is_some(),
        boxes: boxes(&form.permissions),
        name: form.name,
        description: form.description,
        may_edit: viewer.admin && !builtin,
        builtin,
        grants: role.map_or(0, |role| role.grants),
        revision: form.revision,
        errors,
    }
}

/// All permissions, with what each allows.
fn boxes(ticked: &[String]) -> Vec<PermissionBox> {
    Permission::ALL
        .into_iter()
        .map(|permission| PermissionBox {
            word: permission.as_str(),
            allows: allows(permission),
            ticked: ticked.iter().any(|word| word == permission.as_str()),
            on_instance: PermissionSet::ON_INSTANCE.contains(permission),
        })
        .collect()
}

fn allows(permission: Permission) -> &'static str {
    match permission {
        Permission::View => "see it, its jobs and events",
        Permission::Console => "open its console, and see it",
        Permission::Power => "start, stop and reboot it, and its console",
        Permission::Modify => "change its settings and notes, and see it",
        Permission::Tags => "change its tags, and see it",
        Permission::Remove => "remove it, and see it",
        Permission::CreateVm => "make instances, and see what there is to choose from",
        Permission::Migrate => "move instances and empty nodes, and see both",
        Permission::ReplaceDisks => "move the mirrors of disks, and see instances and nodes",
        Permission::Export => "export instances, and see them",
        Permission::ViewPlacement => "see nodes, node groups and storage",
        Permission::ManageNodes => "change nodes and node groups, and see them",
        Permission::ManageNetworks => "change networks",
        Permission::ReadKeys => "read the SSH keys of those who may log in, and see it",
        Permission::Admin => "everything, and give roles to others",
    }
}
