//! `/groups`: groups of people, who belongs to them and what they may do by them.

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum_extra::extract::Form;
use chrono::Utc;
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::{
    CreateGroupRequest, DeleteGroupRequest, GetGroupRequest, Group, ListGroupsRequest,
    RemoveMemberRequest, SetMemberRequest, UpdateGroupRequest,
};
use serde::Deserialize;

use super::common::{self, Page, PageError, Viewer, escape};
use super::held;
use super::login::see_other;
use super::quotas;
use super::typed::Typed;
use crate::http::AppState;
use crate::http::model::time_or_epoch;
use crate::http::views::groups::{GroupPage, GroupRow, GroupsPage, MemberRow};
use crate::http::views::parts::{Link, When};
use crate::http::views::shell::Section;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct GroupForm {
    name: String,
    description: String,
}

pub(crate) async fn list(State(state): State<AppState>, viewer: Viewer) -> Page {
    let shell = common::shell(&state, &viewer, Section::Groups, "Groups", Vec::new()).await;
    let request = viewer.person.ask(ListGroupsRequest::default());
    let groups = state.clients.groups().list_groups(request).await?.into_inner().groups;
    let now = Utc::now();
    let row = |group: Group| GroupRow {
        name: group.name,
        description: group.description,
        members: group.member_count,
        administered: group.administered,
        created: When::new(time_or_epoch(group.created_at), now),
    };
    let typed = viewer.typed.as_ref();
    let form = typed.and_then(|typed| typed.form::<GroupForm>("/groups")).unwrap_or_default();
    common::ok(&GroupsPage {
        shell,
        rows: groups.into_iter().map(row).collect(),
        errors: typed.map(|typed| typed.errors("/groups")).unwrap_or_default(),
        name: form.name,
        description: form.description,
    })
}

pub(crate) async fn create(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<GroupForm>,
) -> Page {
    let name = form.name.trim().to_owned();
    let asked = CreateGroupRequest { name, description: form.description.clone() };
    let made = state.clients.groups().create_group(viewer.person.ask(asked)).await;
    match made.map_err(|status| Fault::from_status(&status)) {
        Ok(made) => Ok(see_other(&href(&made.into_inner().name)).into_response()),
        Err(mut fault) if correctable(&fault) => {
            if fault.code == ErrorCode::AlreadyExists {
                fault.field = Some("name".to_owned());
            }
            let typed = [("name", form.name.as_str()), ("description", &form.description)];
            Ok(Typed::refused("/groups", "/groups", &typed, &fault))
        }
        Err(fault) => Err(fault.into()),
    }
}

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(group): Path<String>,
) -> Page {
    let request = viewer.person.ask(GetGroupRequest { group });
    let group = state.clients.groups().get_group(request).await?.into_inner();
    let crumbs = vec![Link::new("Groups", "/groups"), Link::new(&group.name, "")];
    let (persona, back) = (format!("group/{}", group.name), href(&group.name));
    let (shell, held, quotas) = tokio::join!(
        common::shell(&state, &viewer, Section::Groups, &group.name, crumbs),
        held::of(
            &state,
            &viewer,
            held::Of {
                id: &group.group_id,
                name: &persona,
                page: &back,
                all: format!("/api/v1/grants?group={}", group.name),
            },
        ),
        quotas::of(&state, &viewer, &persona, &back),
    );
    let now = Utc::now();
    let (to_members, to_description) =
        (format!("{}/members", href(&group.name)), format!("{}/description", href(&group.name)));
    let typed = viewer.typed.as_ref();
    let member = typed.and_then(|typed| typed.form::<MemberForm>(&to_members)).unwrap_or_default();
    let about = typed.and_then(|typed| typed.form::<DescriptionForm>(&to_description));
    let own = &viewer.person.0.username;
    common::ok(&GroupPage {
        shell,
        members: group
            .members
            .into_iter()
            .map(|member| MemberRow {
                own: member.username == *own,
                username: member.username,
                is_admin: member.is_admin,
                added: When::new(time_or_epoch(member.added_at), now),
            })
            .collect(),
        name: group.name,
        description: about.map_or(group.description, |form| form.description),
        created: When::new(time_or_epoch(group.created_at), now),
        administered: group.administered,
        held: held?,
        quotas,
        member_errors: typed.map(|typed| typed.errors(&to_members)).unwrap_or_default(),
        username: member.username,
        member_is_admin: member.is_admin,
        description_errors: typed.map(|typed| typed.errors(&to_description)).unwrap_or_default(),
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct DescriptionForm {
    description: String,
}

pub(crate) async fn describe(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(group): Path<String>,
    Form(form): Form<DescriptionForm>,
) -> Page {
    let description = form.description.clone();
    let asked = UpdateGroupRequest { group: group.clone(), description };
    let done = state.clients.groups().update_group(viewer.person.ask(asked)).await;
    let typed = [("description", form.description.as_str())];
    back_to(&group, "description", &typed, done.map(drop))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct MemberForm {
    username: String,
    is_admin: bool,
}

pub(crate) async fn set_member(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(group): Path<String>,
    Form(form): Form<MemberForm>,
) -> Page {
    let username = form.username.trim().to_owned();
    let asked = SetMemberRequest { group: group.clone(), username, is_admin: form.is_admin };
    let done = state.clients.groups().set_member(viewer.person.ask(asked)).await;
    let is_admin = if form.is_admin { "true" } else { "false" };
    let typed = [("username", form.username.as_str()), ("is_admin", is_admin)];
    back_to(&group, "members", &typed, done.map(drop))
}

pub(crate) async fn remove_member(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((group, username)): Path<(String, String)>,
) -> Page {
    let own = username == viewer.person.0.username && !viewer.admin;
    let asked = RemoveMemberRequest { group: group.clone(), username };
    state.clients.groups().remove_member(viewer.person.ask(asked)).await?;
    // Who has left does not see it any more.
    let next = if own { "/groups".to_owned() } else { href(&group) };
    Ok(see_other(&next).into_response())
}

pub(crate) async fn delete(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(group): Path<String>,
) -> Page {
    state.clients.groups().delete_group(viewer.person.ask(DeleteGroupRequest { group })).await?;
    Ok(see_other("/groups").into_response())
}

fn href(group: &str) -> String {
    format!("/groups/{}", escape(group))
}

/// What was typed can be made right.
fn correctable(fault: &Fault) -> bool {
    [ErrorCode::InvalidArgument, ErrorCode::AlreadyExists].contains(&fault.code)
}

/// The group's page, with what was wrong with a form of it.
fn back_to(
    group: &str,
    form: &str,
    typed: &[(&str, &str)],
    done: Result<(), tonic::Status>,
) -> Page {
    let page = href(group);
    match done.map_err(|status| Fault::from_status(&status)) {
        Ok(()) => Ok(see_other(&page).into_response()),
        Err(fault) if correctable(&fault) => {
            Ok(Typed::refused(&page, &format!("{page}/{form}"), typed, &fault))
        }
        Err(fault) => Err(PageError::from(fault)),
    }
}
