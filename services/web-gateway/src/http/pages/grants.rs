//! Who may use a cluster or an instance: the section on their pages, and its forms.

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum_extra::extract::Form;
use chrono::Utc;
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::{AddGrantRequest, Grant, ListGrantsRequest, RemoveGrantRequest};
use gwm_proto::common::ObjectRef;
use gwm_types::Permission;
use serde::Deserialize;

use super::common::{Page, Viewer, own_path};
use super::login::see_other;
use super::typed::Typed;
use crate::http::AppState;
use crate::http::api::grants::object;
use crate::http::model::time_or_epoch;
use crate::http::views::access::{AccessSection, GrantRow};
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
    let request =
        viewer.person.ask(ListGrantsRequest { object: Some(object), ..Default::default() });
    let grants = state.clients.grants().list_grants(request).await.ok()?.into_inner().grants;
    let now = Utc::now();
    let rows = grants
        .into_iter()
        .map(|grant| GrantRow {
            here: grant.object.as_ref() == Some(&here),
            scope: match grant.object.as_ref().map(|o| o.kind.as_str()) {
                Some("cluster") if here.kind == "instance" => format!("cluster {cluster}"),
                _ => format!("this {}", here.kind),
            },
            principal: persona(&grant),
            id: grant.grant_id,
            permissions: vec![grant.permission],
            created: When::new(time_or_epoch(grant.created_at), now),
        })
        .collect();
    let typed = viewer.typed.as_ref();
    let form = typed.and_then(|typed| typed.form::<GrantForm>("/grants"));
    let (principal, ticked) = form
        .map_or_else(|| (String::new(), vec!["view".to_owned()]), |f| (f.principal, f.permissions));
    Some(AccessSection {
        kind: if here.kind == "cluster" { "cluster" } else { "instance" },
        cluster: cluster.to_owned(),
        instance: here.uuid,
        back: back.to_owned(),
        persona: String::new(),
        grants: rows,
        may_edit: true,
        errors: typed.map(|typed| typed.errors("/grants")).unwrap_or_default(),
        principal,
        ticked,
    })
}

/// A user by name, a group as `group/NAME`: what is typed to give a right is what is shown.
fn persona(grant: &Grant) -> Link {
    if grant.persona_kind == "group" {
        let name = &grant.persona_name;
        return Link::new(format!("group/{name}"), format!("/groups/{name}"));
    }
    Link::new(&grant.persona_name, "")
}

#[derive(Deserialize)]
pub(crate) struct GrantForm {
    principal: String,
    #[serde(default)]
    permissions: Vec<String>,
    cluster: String,
    #[serde(default)]
    instance: String,
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
                "permission" | "permissions" => "permissions",
                _ => "",
            };
            fault.field = Some(field.to_owned());
            let mut typed = vec![("principal", form.principal.as_str())];
            let place = [("cluster", form.cluster.as_str()), ("instance", form.instance.as_str())];
            typed.extend(place);
            typed.extend(form.permissions.iter().map(|p| ("permissions", p.as_str())));
            Ok(Typed::refused(&form.back, "/grants", &typed, &fault))
        }
    }
}

async fn give(state: &AppState, viewer: &Viewer, form: &GrantForm) -> Result<(), Fault> {
    let instance = Some(form.instance.as_str()).filter(|i| !i.is_empty());
    let object = object(state, &viewer.person, &form.cluster, instance).await.map_err(|p| p.0)?;
    if form.permissions.is_empty() {
        return Err(Fault::invalid("permissions", "choose at least one right"));
    }
    for permission in &form.permissions {
        let request = viewer.person.ask(AddGrantRequest {
            persona: form.principal.trim().to_owned(),
            permission: permission.clone(),
            object: Some(object.clone()),
        });
        let answer = state.clients.grants().add_grant(request).await;
        answer.map_err(|status| Fault::from_status(&status))?;
    }
    Ok(())
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
