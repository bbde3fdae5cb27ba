//! `/groups`: groups of people. They hold rights and own instances; acting for one is not needed for either.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use gwm_events::types::access::GroupMember;
use gwm_proto::auth::{
    CreateGroupRequest, DeleteGroupRequest, GetGroupRequest, Group, ListGroupsRequest, Member,
    RemoveMemberRequest, SetMemberRequest, UpdateGroupRequest,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::Body;
use crate::http::AppState;
use crate::http::model::time_or_epoch;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// A group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupDocument {
    id: String,
    /// Never changed.
    name: String,
    description: String,
    members: u32,
    /// Whether who asks may choose its members.
    administered: bool,
    created_at: DateTime<Utc>,
    /// Grows with each change.
    revision: i64,
}

/// A group and who belongs to it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupDetail {
    #[serde(flatten)]
    group: GroupDocument,
    /// By name.
    people: Vec<GroupMember>,
}

/// Groups by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupList {
    items: Vec<GroupDocument>,
}

/// A group to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateGroup {
    /// As login names: `[a-z0-9._-]{1,64}`, beginning with a letter or digit.
    name: String,
    /// One line, at most 500 characters.
    #[serde(default)]
    description: String,
}

/// What can be changed of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeGroup {
    /// One line, at most 500 characters.
    description: String,
}

/// How somebody belongs to it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SetMember {
    /// Chooses the group's members.
    is_admin: bool,
}

impl From<Group> for GroupDocument {
    fn from(group: Group) -> Self {
        Self {
            id: group.group_id,
            name: group.name,
            description: group.description,
            members: group.member_count,
            administered: group.administered,
            created_at: time_or_epoch(group.created_at),
            revision: group.revision,
        }
    }
}

fn member(member: Member) -> GroupMember {
    GroupMember {
        user_id: member.user_id,
        username: member.username,
        is_admin: member.is_admin,
        added_at: time_or_epoch(member.added_at),
    }
}

fn detail(mut group: Group) -> Json<GroupDetail> {
    let people = std::mem::take(&mut group.members).into_iter().map(member).collect();
    Json(GroupDetail { group: group.into(), people })
}

/// Groups that one belongs to; for administrators all of them.
#[utoipa::path(get, path = "/groups", tag = "groups", responses((status = 200, body = GroupList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    person: Person,
) -> Result<Json<GroupList>, Problem> {
    let request = person.ask(ListGroupsRequest::default());
    let groups = state.clients.groups().list_groups(request).await?.into_inner().groups;
    Ok(Json(GroupList { items: groups.into_iter().map(Into::into).collect() }))
}

/// Makes a group without members.
#[utoipa::path(post, path = "/groups", tag = "groups", request_body = CreateGroup, responses(
    (status = 201, body = GroupDetail), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<CreateGroup>,
) -> Result<(StatusCode, Json<GroupDetail>), Problem> {
    let request = person.ask(CreateGroupRequest { name: body.name, description: body.description });
    let made = state.clients.groups().create_group(request).await?.into_inner();
    Ok((StatusCode::CREATED, detail(made)))
}

/// A group with its members; to others than them and administrators it isn't there.
#[utoipa::path(get, path = "/groups/{g}", tag = "groups", params(("g" = String, Path)), responses(
    (status = 200, body = GroupDetail), (status = 404, body = ProblemDocument)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    person: Person,
    Path(group): Path<String>,
) -> Result<Json<GroupDetail>, Problem> {
    let request = person.ask(GetGroupRequest { group });
    Ok(detail(state.clients.groups().get_group(request).await?.into_inner()))
}

/// Changes its description.
#[utoipa::path(patch, path = "/groups/{g}", tag = "groups", params(("g" = String, Path)),
    request_body = ChangeGroup, responses(
    (status = 200, body = GroupDetail), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn change(
    State(state): State<AppState>,
    person: Person,
    Path(group): Path<String>,
    Body(body): Body<ChangeGroup>,
) -> Result<Json<GroupDetail>, Problem> {
    let request = person.ask(UpdateGroupRequest { group, description: body.description });
    Ok(detail(state.clients.groups().update_group(request).await?.into_inner()))
}

/// Deletes it with all rights that it holds; refused while it owns instances.
#[utoipa::path(delete, path = "/groups/{g}", tag = "groups", params(("g" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument)))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    person: Person,
    Path(group): Path<String>,
) -> Result<StatusCode, Problem> {
    state.clients.groups().delete_group(person.ask(DeleteGroupRequest { group })).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Adds a member, or changes whether one administers the group; the same again changes nothing.
#[utoipa::path(put, path = "/groups/{g}/members/{u}", tag = "groups",
    params(("g" = String, Path), ("u" = String, Path, description = "login name")),
    request_body = SetMember, responses(
    (status = 200, body = GroupDetail), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn set_member(
    State(state): State<AppState>,
    person: Person,
    Path((group, username)): Path<(String, String)>,
    Body(body): Body<SetMember>,
) -> Result<Json<GroupDetail>, Problem> {
    let request = person.ask(SetMemberRequest { group, username, is_admin: body.is_admin });
    Ok(detail(state.clients.groups().set_member(request).await?.into_inner()))
}

/// Takes a member out; what came by the group is gone everywhere within two seconds. Everybody may leave.
#[utoipa::path(delete, path = "/groups/{g}/members/{u}", tag = "groups",
    params(("g" = String, Path), ("u" = String, Path, description = "login name")),
    responses((status = 204), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument)))]
pub(crate) async fn remove_member(
    State(state): State<AppState>,
    person: Person,
    Path((group, username)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let request = person.ask(RemoveMemberRequest { group, username });
    state.clients.groups().remove_member(request).await?;
    Ok(StatusCode::NO_CONTENT)
}
