//! Groups of people and who belongs to them.

use gwm_authz::{Mode, Principal};
use gwm_events::types::access::{GROUP_CHANGED, GROUP_CREATED, GROUP_DELETED};
use gwm_events::types::audit::Outcome;
use gwm_proto::auth::groups_server::Groups;
use gwm_proto::auth::{
    CreateGroupRequest, DeleteGroupRequest, DeleteGroupResponse, GetGroupRequest, Group,
    ListGroupsRequest, ListGroupsResponse, Member, RemoveMemberRequest, RemoveMemberResponse,
    SetMemberRequest, UpdateGroupRequest,
};
use gwm_types::Username;
use tonic::{Request, Response, Status, async_trait};

use super::{Rpcs, timestamp};
use crate::app::{On, group_object, member_act, person, refuse, release, require_admin};
use crate::error::{Error, Result};
use crate::store::change::Touched;
use crate::store::group::{GroupRow, MemberRow};
use crate::store::{PgConnection, audit, change, commit, event, grant, group, owner, user};

const MOST_GROUPS: i64 = 1000;
const LONGEST_DESCRIPTION: usize = 500;

#[async_trait]
impl Groups for Rpcs {
    async fn create_group(
        &self,
        request: Request<CreateGroupRequest>,
    ) -> Result<Response<Group>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let request = request.into_inner();
        let on = On::Group(request.name.clone());
        require_admin(&self.authz, &self.store, &principal, "group.create", on).await?;
        let name = name(&request.name)?;
        let description = description(&request.description)?;
        let mut tx = self.store.begin().await?;
        if group::count_locked(&mut tx).await? >= MOST_GROUPS {
            return Err(Error::TooManyGroups(MOST_GROUPS).into());
        }
        let row = group::insert(&mut tx, name.as_str(), description).await?;
        event::group(&mut tx, GROUP_CREATED, &row, &[], by(&principal)).await?;
        audit::append_all(
            &mut tx,
            vec![member_act("group.create", &row, person(&principal), None)],
        )
        .await?;
        commit(tx).await?;
        Ok(Response::new(message(row, Vec::new(), true)))
    }

    async fn list_groups(
        &self,
        request: Request<ListGroupsRequest>,
    ) -> Result<Response<ListGroupsResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Read)?;
        let all = self.authz.is_admin(&principal);
        let mut tx = self.store.begin().await?;
        let rows =
            group::list(&mut tx, principal.user_id.0, all, &request.get_ref().member).await?;
        commit(tx).await?;
        let groups = rows
            .into_iter()
            .map(|row| Group {
                member_count: u32::try_from(row.members).unwrap_or(u32::MAX),
                ..message(row.group, Vec::new(), all || row.administered)
            })
            .collect();
        Ok(Response::new(ListGroupsResponse { groups }))
    }

    async fn get_group(
        &self,
        request: Request<GetGroupRequest>,
    ) -> Result<Response<Group>, Status> {
        let principal = self.authz.account(&request, Mode::Read)?;
        let mut tx = self.store.begin_snapshot().await?;
        let (row, may) = self.seen(&mut tx, &principal, &request.get_ref().group).await?;
        let members = group::members(&mut tx, row.group_id).await?;
        commit(tx).await?;
        Ok(Response::new(message(row, members, may)))
    }

    async fn update_group(
        &self,
        request: Request<UpdateGroupRequest>,
    ) -> Result<Response<Group>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let request = request.into_inner();
        let row = self.administered(&principal, &request.group, "group.update").await?;
        let description = description(&request.description)?;
        let mut tx = self.store.begin().await?;
        let was = group::lock(&mut tx, row.group_id).await?.ok_or(Error::NotFound("group"))?;
        let members = group::members(&mut tx, row.group_id).await?;
        if was.description == description {
            return Ok(Response::new(message(was, members, true)));
        }
        let row = group::change(&mut tx, row.group_id, Some(description)).await?;
        event::group(&mut tx, GROUP_CHANGED, &row, &members, by(&principal)).await?;
        audit::append_all(
            &mut tx,
            vec![member_act("group.update", &row, person(&principal), None)],
        )
        .await?;
        commit(tx).await?;
        Ok(Response::new(message(row, members, true)))
    }

    async fn delete_group(
        &self,
        request: Request<DeleteGroupRequest>,
    ) -> Result<Response<DeleteGroupResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let on = On::Group(request.get_ref().group.clone());
        require_admin(&self.authz, &self.store, &principal, "group.delete", on).await?;
        let mut tx = self.store.begin().await?;
        // First, as whoever changes owners: nobody gives it an instance meanwhile.
        let revision = owner::next(&mut tx).await?;
        let found = group::fetch(&mut tx, &request.get_ref().group).await?;
        let id = found.ok_or(Error::NotFound("group"))?.group_id;
        let row = group::lock(&mut tx, id).await?.ok_or(Error::NotFound("group"))?;
        let (owned, gone) = owner::of_persona(&mut tx, id).await?;
        if owned > 0 {
            drop(tx);
            return Err(self.refuse_owning(&principal, &row, owned).await?.into());
        }
        let members = group::members(&mut tx, id).await?;
        release(&mut tx, &gone, revision).await?;
        let removed = grant::strip_all(&mut tx, id).await?;
        let mut touched = Touched::holders(&removed);
        touched.groups.push(id);
        change::record(&mut tx, &touched).await?;
        group::delete(&mut tx, id).await?;
        event::grants(&mut tx, &[], &removed, by(&principal).as_ref()).await?;
        let last = GroupRow { revision: row.revision + 1, ..row };
        event::group(&mut tx, GROUP_DELETED, &last, &members, by(&principal)).await?;
        audit::append_all(
            &mut tx,
            vec![member_act("group.delete", &last, person(&principal), None)],
        )
        .await?;
        commit(tx).await?;
        Ok(Response::new(DeleteGroupResponse {}))
    }

    async fn set_member(
        &self,
        request: Request<SetMemberRequest>,
    ) -> Result<Response<Group>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let request = request.into_inner();
        let row = self.administered(&principal, &request.group, "group.set_member").await?;
        let mut tx = self.store.begin().await?;
        let row = group::lock(&mut tx, row.group_id).await?.ok_or(Error::NotFound("group"))?;
        let whom = user::fetch_by_name(&mut tx, request.username.trim()).await?;
        let whom = whom.ok_or_else(|| Error::invalid("username", "there is no such user"))?;
        let before = group::membership(&mut tx, row.group_id, whom.user_id).await?;
        if before == Some(request.is_admin) {
            let members = group::members(&mut tx, row.group_id).await?;
            return Ok(Response::new(message(row, members, true)));
        }
        group::set_member(&mut tx, row.group_id, whom.user_id, request.is_admin).await?;
        let row = group::change(&mut tx, row.group_id, None).await?;
        let members = group::members(&mut tx, row.group_id).await?;
        change::record(&mut tx, &Touched::user(whom.user_id)).await?;
        event::group(&mut tx, GROUP_CHANGED, &row, &members, by(&principal)).await?;
        let member = Some((whom.username.as_str(), whom.user_id, Some(request.is_admin)));
        audit::append_all(
            &mut tx,
            vec![member_act("group.set_member", &row, person(&principal), member)],
        )
        .await?;
        commit(tx).await?;
        Ok(Response::new(message(row, members, true)))
    }

    async fn remove_member(
        &self,
        request: Request<RemoveMemberRequest>,
    ) -> Result<Response<RemoveMemberResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let request = request.into_inner();
        let action = "group.remove_member";
        let row = if request.username == principal.username {
            let mut tx = self.store.begin().await?;
            let (row, _) = self.seen(&mut tx, &principal, &request.group).await?;
            commit(tx).await?;
            row
        } else {
            self.administered(&principal, &request.group, action).await?
        };
        let mut tx = self.store.begin().await?;
        let row = group::lock(&mut tx, row.group_id).await?.ok_or(Error::NotFound("group"))?;
        let members = group::members(&mut tx, row.group_id).await?;
        let whom = members.iter().find(|member| member.username == request.username);
        let whom = whom.ok_or(Error::NotFound("member"))?.clone();
        group::remove_member(&mut tx, row.group_id, whom.user_id).await?;
        let row = group::change(&mut tx, row.group_id, None).await?;
        let left = group::members(&mut tx, row.group_id).await?;
        change::record(&mut tx, &Touched::user(whom.user_id)).await?;
        event::group(&mut tx, GROUP_CHANGED, &row, &left, by(&principal)).await?;
        let member = Some((whom.username.as_str(), whom.user_id, None));
        audit::append_all(&mut tx, vec![member_act(action, &row, person(&principal), member)])
            .await?;
        commit(tx).await?;
        Ok(Response::new(RemoveMemberResponse {}))
    }
}

impl Rpcs {
    /// A group that the person may see, and whether the person chooses its members.
    async fn seen(
        &self,
        connection: &mut PgConnection,
        principal: &Principal,
        name: &str,
    ) -> Result<(GroupRow, bool)> {
        let row = group::fetch(connection, name).await?.ok_or(Error::NotFound("group"))?;
        if self.authz.is_admin(principal) {
            return Ok((row, true));
        }
        let member = group::membership(connection, row.group_id, principal.user_id.0).await?;
        Ok((row, member.ok_or(Error::NotFound("group"))?))
    }

    /// Puts on record that somebody wanted to delete a group that owns instances.
    async fn refuse_owning(
        &self,
        principal: &Principal,
        row: &GroupRow,
        owned: i64,
    ) -> Result<Error> {
        let error = Error::GroupOwns(owned);
        let refused = audit::Act {
            action: "group.delete",
            outcome: Outcome::Refused,
            reason: Some(error.reason()),
            person: person(principal),
            cluster: None,
            object: Some(group_object(row)),
        };
        let mut tx = self.store.begin().await?;
        audit::append(&mut tx, refused).await?;
        commit(tx).await?;
        Ok(error)
    }

    /// A group whose members the person chooses; a refusal is put on record.
    async fn administered(
        &self,
        principal: &Principal,
        name: &str,
        action: &'static str,
    ) -> Result<GroupRow> {
        let mut tx = self.store.begin().await?;
        let (row, may) = self.seen(&mut tx, principal, name).await?;
        commit(tx).await?;
        if !may {
            let text = "only who administers this group may do that";
            return Err(refuse(&self.store, principal, action, text, group_object(&row)).await?);
        }
        Ok(row)
    }
}

fn name(text: &str) -> Result<Username> {
    text.trim().parse().map_err(|_| {
        let rule = "a group name has 1 to 64 of the characters a-z, 0-9, '.', '_' and '-', \
                    and starts with a letter or digit";
        Error::invalid("name", rule)
    })
}

fn description(text: &str) -> Result<&str> {
    let text = text.trim();
    if text.chars().count() > LONGEST_DESCRIPTION || text.chars().any(char::is_control) {
        let rule = format!("one line of at most {LONGEST_DESCRIPTION} characters");
        return Err(Error::invalid("description", rule));
    }
    Ok(text)
}

fn by(principal: &Principal) -> Option<gwm_events::Actor> {
    Some(event::actor_of(principal))
}

fn message(row: GroupRow, members: Vec<MemberRow>, administered: bool) -> Group {
    Group {
        group_id: row.group_id.to_string(),
        name: row.name,
        description: row.description,
        created_at: Some(timestamp(row.created_at)),
        revision: row.revision,
        member_count: u32::try_from(members.len()).unwrap_or(u32::MAX),
        members: members
            .into_iter()
            .map(|member| Member {
                user_id: member.user_id.to_string(),
                username: member.username,
                is_admin: member.is_admin,
                added_at: Some(timestamp(member.added_at)),
            })
            .collect(),
        administered,
    }
}
