//! Who may use a cluster or an instance: the section on their pages, and its forms.

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum_extra::extract::Form;
use chrono::Utc;
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::{
    AddGrantRequest, Grant, ListGrantsRequest, ListRolesRequest, RemoveGrantRequest, Role,
};
use gwm_proto::common::ObjectRef;
use gwm_types::Permission;
use serde::Deserialize;

use super::common::{self, Page, Viewer, own_path};
use super::login::see_other;
use super::typed::Typed;
use crate::http::AppState;
use crate::http::api::grants::{Where, given, request};
use crate::http::model::time_or_epoch;
use crate::http::problem::Problem;
use crate::http::views::access::{AccessSection, GrantRow};
use crate::http::views::form::Choice;
use crate::http::views::held::GiveForm;
use crate::http::views::parts::{Link, When};

/// The section for an object; `None` for those who may not change it, and while auth is away.
pub(crate) async fn section(
    state: &AppState,
    viewer: &Viewer,
    object: ObjectRef,
    cluster: &str,
    back: &str,
) -> Option<AccessSection> {
    let held = gwm_authz::parse_object(&object)?;
    if !state.authz.allows(&viewer.person.0, Permission::Admin, held) {
        return None;
    }
    let here = object.clone();
    let asked = ListGrantsRequest { object: Some(object), inherited: true, ..Default::default() };
    let mut clients = (state.clients.grants(), state.clients.roles());
    let (grants, roles) = tokio::join!(
        clients.0.list_grants(viewer.person.ask(asked)),
        clients.1.list_roles(viewer.person.ask(ListRolesRequest {})),
    );
    let (grants, roles) = (grants.ok()?.into_inner().grants, roles.ok()?.into_inner().roles);
    let now = Utc::now();
    let rows = grants
        .into_iter()
        .map(|grant| GrantRow {
            here: grant.object.as_ref() == Some(&here)
                || (here.kind == "cluster" && grant.selector.starts_with("cluster:")),
            scope: match grant.object.as_ref().map(|o| o.kind.as_str()) {
                Some("node_group" | "selector") => grant.selector.clone(),
                Some("cluster") if here.kind == "instance" => format!("cluster {cluster}"),
                Some("fleet") => "everything".to_owned(),
                _ => format!("this {}", here.kind),
            },
            principal: persona(&grant, viewer.admin),
            id: grant.grant_id,
            role: grant.role,
            created: When::new(time_or_epoch(grant.created_at), now),
        })
        .collect();
    let typed = viewer.typed.as_ref();
    let form = typed.and_then(|typed| typed.form::<GrantForm>("/grants"));
    let (principal, role, only) =
        form.map_or_else(Default::default, |f| (f.principal, f.role, f.only));
    let here_kind = here.kind.clone();
    Some(AccessSection {
        kind: if here.kind == "cluster" { "cluster" } else { "instance" },
        cluster: cluster.to_owned(),
        instance: here.uuid,
        back: back.to_owned(),
        persona: viewer.persona(),
        grants: rows,
        may_edit: true,
        errors: typed.map(|typed| typed.errors("/grants")).unwrap_or_default(),
        principal,
        roles: choices(roles, &here_kind, &role),
        only,
    })
}

/// The form that gives a right to somebody from their own page; for those who administer a cluster, or all.
pub(crate) async fn give_form(
    state: &AppState,
    viewer: &Viewer,
    principal: &str,
    back: &str,
) -> Option<GiveForm> {
    if !viewer.admin && !common::holds_somewhere(state, viewer, Permission::Admin) {
        return None;
    }
    let asked = viewer.person.ask(ListRolesRequest {});
    let roles = state.clients.roles().list_roles(asked).await.ok()?.into_inner().roles;
    let typed = viewer.typed.as_ref();
    let form = typed.and_then(|typed| typed.form::<GrantForm>("/grants"));
    let (cluster, only, role) =
        form.map_or_else(Default::default, |form| (form.cluster, form.only, form.role));
    Some(GiveForm {
        principal: principal.to_owned(),
        persona: viewer.persona(),
        back: back.to_owned(),
        anywhere: viewer.admin,
        cluster,
        only,
        roles: choices(roles, "cluster", &role),
        errors: typed.map(|typed| typed.errors("/grants")).unwrap_or_default(),
    })
}

/// The roles that can be given on such an object; `view` is chosen at first.
fn choices(roles: Vec<Role>, kind: &str, chosen: &str) -> Vec<Choice> {
    let chosen = if chosen.is_empty() { "view" } else { chosen };
    let fits = |role: &Role| {
        let possible = if kind == "instance" { &role.allows_on_instance } else { &role.allows };
        role.permissions.iter().all(|word| possible.contains(word))
    };
    let choice = |role: Role| Choice {
        selected: role.name == chosen,
        label: if role.description.is_empty() {
            role.name.clone()
        } else {
            format!("{}: {}", role.name, role.description)
        },
        value: role.name,
    };
    roles.into_iter().filter(fits).map(choice).collect()
}

/// A user by name, a group as `group/NAME`: what is typed to give a right is what is shown.
fn persona(grant: &Grant, admin: bool) -> Link {
    if grant.persona_kind == "group" {
        let name = &grant.persona_name;
        return Link::new(format!("group/{name}"), format!("/groups/{name}"));
    }
    let name = &grant.persona_name;
    // Only administrators have pages of people.
    Link::new(name, if admin { format!("/users/{name}") } else { String::new() })
}

#[derive(Deserialize)]
pub(crate) struct GrantForm {
    principal: String,
    #[serde(default)]
    role: String,
    cluster: String,
    #[serde(default)]
    instance: String,
    /// Of a cluster: the rest of a selector; empty: all of it.
    #[serde(default)]
    only: String,
    #[serde(default)]
    back: String,
}

pub(crate) async fn add(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<GrantForm>,
) -> Page {
    match give(&state, &viewer, &form).await {
        Ok(()) => Ok(see_other(own_path(&form.back)).into_response()),
        Err(fault) if fault.code == ErrorCode::Unauthenticated => Err(fault.into()),
        Err(mut fault) => {
            let field = match fault.field.as_deref().unwrap_or_default() {
                "persona" => "principal",
                "role" => "role",
                "selector" | "selector.node_group" | "node_group" => "only",
                "cluster" => "cluster",
                // On the page of a person or a group it is typed.
                _ if fault.code == ErrorCode::NotFound && form.instance.is_empty() => "cluster",
                _ => "",
            };
            fault.field = Some(field.to_owned());
            let mut typed = vec![("principal", form.principal.as_str())];
            let place = [("cluster", form.cluster.as_str()), ("instance", form.instance.as_str())];
            typed.extend(place);
            typed.push(("role", form.role.as_str()));
            typed.push(("only", form.only.as_str()));
            Ok(Typed::refused(&form.back, "/grants", &typed, &fault))
        }
    }
}

async fn give(state: &AppState, viewer: &Viewer, form: &GrantForm) -> Result<(), Fault> {
    let (only, cluster) = (form.only.trim(), form.cluster.trim());
    if only.is_empty() && cluster.is_empty() {
        let text = "name a cluster, or say on which instances of all clusters";
        return Err(Fault::invalid("cluster", text));
    }
    let group = only.strip_prefix("node_group:").filter(|rest| !rest.contains(char::is_whitespace));
    let here = Where { cluster, instance: given(&form.instance), ..Where::default() };
    let asked = match (only, group) {
        ("", _) => request(state, &viewer.person, here, None).await,
        (_, Some(group)) if !cluster.is_empty() => {
            let wanted = Where { node_group: Some(group), ..here };
            request(state, &viewer.person, wanted, None).await.map_err(|Problem(mut fault)| {
                fault.field = Some("node_group".to_owned());
                Problem(fault)
            })
        }
        (only, _) => {
            let text = match cluster {
                "" => only.to_owned(),
                cluster => format!("cluster:{cluster} {only}"),
            };
            request(state, &viewer.person, Where::default(), Some(&text)).await
        }
    };
    let request = viewer.person.ask(AddGrantRequest {
        persona: form.principal.trim().to_owned(),
        role: form.role.clone(),
        ..asked.map_err(|p| p.0)?
    });
    let answer = state.clients.grants().add_grant(request).await;
    answer.map(drop).map_err(|status| Fault::from_status(&status))
}

#[derive(Deserialize)]
pub(crate) struct RevokeForm {
    #[serde(default)]
    back: String,
}

pub(crate) async fn revoke(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(grant_id): Path<String>,
    Form(form): Form<RevokeForm>,
) -> Page {
    let request = viewer.person.ask(RemoveGrantRequest { grant_id });
    state.clients.grants().remove_grant(request).await?;
    Ok(see_other(own_path(&form.back)).into_response())
}
