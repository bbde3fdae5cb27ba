//! `/clusters/{c}/instances/{i}/owner`: who owns an instance, and what its page tells of that.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache::Instance;
use gwm_proto::common::PageRequest;
use http::StatusCode;
use serde::Deserialize;

use super::common::{self, Page, PageError, Viewer, escape, sentence};
use super::imports::{roles, text};
use super::login::see_other;
use crate::http::AppState;
use crate::http::api::imports;
use crate::http::api::instances::detail;
use crate::http::api::owners::{SetOwner, give};
use crate::http::problem::Problem;
use crate::http::views::form::{FieldError, FormErrors};
use crate::http::views::imports::InstanceOwnerPage;
use crate::http::views::parts::{Link, Notice, Tone};
use crate::http::views::shell::Section;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OwnerForm {
    owner: String,
    role: String,
    former_grants: String,
}

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((c, i)): Path<(String, String)>,
) -> Page {
    let instance = own(&state, &viewer, c, i).await?;
    let action = format!("/clusters/{}/instances/{}/owner", instance.cluster, instance.name);
    let typed = viewer.typed.as_ref().and_then(|typed| typed.form::<OwnerForm>(&action));
    let errors = FormErrors::default();
    let page = draw(&state, &viewer, instance, typed.unwrap_or_default(), errors).await;
    common::ok(&page)
}

async fn own(
    state: &AppState,
    viewer: &Viewer,
    cluster: String,
    instance: String,
) -> Result<Instance, PageError> {
    let found = detail(state, &viewer.person, cluster, instance).await?;
    state.authz.require_admin(&viewer.person.0)?;
    Ok(found.instance.unwrap_or_default())
}

async fn draw(
    state: &AppState,
    viewer: &Viewer,
    instance: Instance,
    form: OwnerForm,
    errors: FormErrors,
) -> InstanceOwnerPage {
    let href = format!("/clusters/{}/instances/{}", instance.cluster, escape(&instance.name));
    let crumbs = vec![
        Link::new("Instances", "/instances"),
        Link::new(&instance.name, href),
        Link::new("Owner", ""),
    ];
    let title = format!("Owner of {}", instance.name);
    InstanceOwnerPage {
        shell: common::shell(state, viewer, Section::Instances, &title, crumbs).await,
        cluster: instance.cluster,
        name: instance.name,
        former: text(instance.owner),
        owner: form.owner,
        roles: roles(if form.role.is_empty() { "admin" } else { &form.role }),
        remove_former: form.former_grants == "remove",
        errors,
    }
}

pub(crate) async fn save(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((c, i)): Path<(String, String)>,
    Form(form): Form<OwnerForm>,
) -> Page {
    let instance = own(&state, &viewer, c, i).await?;
    let some = |text: &str| Some(text.to_owned()).filter(|t| !t.is_empty());
    let body = SetOwner {
        owner: some(form.owner.trim()),
        role: some(&form.role),
        former_grants: some(&form.former_grants),
    };
    let href = format!("/clusters/{}/instances/{}", instance.cluster, escape(&instance.name));
    match give(&state, &viewer.person, instance.clone(), body, "page").await {
        Ok(_) => Ok(see_other(&href).into_response()),
        Err(Problem(fault)) if fault.code == ErrorCode::InvalidArgument => {
            let page = draw(&state, &viewer, instance, form, wrong(&fault)).await;
            Ok(common::render(StatusCode::BAD_REQUEST, &page))
        }
        Err(problem) => Err(problem.into()),
    }
}

fn wrong(fault: &Fault) -> FormErrors {
    let field = fault.field.clone().unwrap_or_default();
    FormErrors(vec![FieldError { field, message: sentence(&fault.message) }])
}

/// What administrators are told on the page of an instance whose name another one had before.
pub(crate) async fn predecessor(
    state: &AppState,
    viewer: &Viewer,
    instance: &Instance,
) -> Option<Notice> {
    if !viewer.admin {
        return None;
    }
    let q = format!("kind:instance state:removed successor:{}", instance.uuid);
    let page = PageRequest { q, limit: 1, ..Default::default() };
    // The page is worth having without it.
    let (items, _) = imports::vanished(state, &viewer.person, page).await.ok()?;
    let former = items.into_iter().next()?;
    if former.owner.is_none() && former.grants.is_empty() && !former.notes {
        return None;
    }
    let mut notice = Notice::new(
        Tone::Info,
        "Another instance had this name before",
        "Its owner, its notes and the rights on it are kept for 30 days, and can be given to this one.",
    );
    let q = escape(&format!("uuid:{}", former.uuid));
    notice.link = Some(Link::new("See what is kept", format!("/imports/missing?q={q}")));
    Some(notice)
}
