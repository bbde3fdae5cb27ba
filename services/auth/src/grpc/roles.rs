//! Roles: named sets of permissions, which grants give.

use std::collections::BTreeMap;

use gwm_authz::{Mode, Principal};
use gwm_events::types::access::{ROLE_CHANGED, ROLE_CREATED, ROLE_DELETED};
use gwm_events::types::audit::RecordObject;
use gwm_proto::auth::roles_server::Roles;
use gwm_proto::auth::{
    CreateRoleRequest, DeleteRoleRequest, DeleteRoleResponse, ListRolesRequest, ListRolesResponse,
    Role, UpdateRoleRequest,
};
use gwm_types::{Permission, PermissionSet, Username};
use serde_json::Value;
use tonic::{Request, Response, Status, async_trait};

use super::{Rpcs, timestamp};
use crate::app::{On, person, require_admin};
use crate::domain::permissions;
use crate::error::{Error, Result};
use crate::store::audit::Entry;
use crate::store::change::Touched;
use crate::store::role::RoleRow;
use crate::store::{audit, change, commit, event, role, token};

const MOST_ROLES: i64 = 500;
const LONGEST_DESCRIPTION: usize = 500;

#[async_trait]
impl Roles for Rpcs {
    async fn list_roles(
        &self,
        request: Request<ListRolesRequest>,
    ) -> Result<Response<ListRolesResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Read)?;
        let admin = self.authz.is_admin(&principal);
        let mut tx = self.store.begin().await?;
        let rows = role::list(&mut tx).await?;
        commit(tx).await?;
        let roles = rows
            .into_iter()
            .map(|row| Role {
                grants: if admin { u32::try_from(row.grants).unwrap_or(u32::MAX) } else { 0 },
                ..message(row.role)
            })
            .collect();
        Ok(Response::new(ListRolesResponse { roles }))
    }

    async fn create_role(
        &self,
        request: Request<CreateRoleRequest>,
    ) -> Result<Response<Role>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let request = request.into_inner();
        let on = On::Role(request.name.clone());
        require_admin(&self.authz, &self.store, &principal, "role.create", on).await?;
        let name = name(&request.name)?;
        let description = description(&request.description)?;
        let chosen = chosen(&request.permissions)?;
        let mut tx = self.store.begin().await?;
        if role::count_locked(&mut tx).await? >= MOST_ROLES {
            return Err(Error::TooManyRoles(MOST_ROLES).into());
        }
        let row = role::insert(&mut tx, name.as_str(), description, &chosen).await?;
        event::role(&mut tx, ROLE_CREATED, &row, BTreeMap::new(), by(&principal)).await?;
        audit::append_all(&mut tx, vec![act("role.create", &row, &principal)]).await?;
        commit(tx).await?;
        Ok(Response::new(message(row)))
    }

    async fn update_role(
        &self,
        request: Request<UpdateRoleRequest>,
    ) -> Result<Response<Role>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let request = request.into_inner();
        let on = On::Role(request.name.clone());
        require_admin(&self.authz, &self.store, &principal, "role.update", on).await?;
        let description = description(&request.description)?;
        let chosen = chosen(&request.permissions)?;
        let mut tx = self.store.begin().await?;
        let was = role::lock(&mut tx, &request.name).await?.ok_or(Error::NotFound("role"))?;
        if was.builtin {
            return Err(Error::RoleBuiltIn.into());
        }
        if request.revision != 0 && request.revision != was.revision {
            return Err(Error::RoleChanged.into());
        }
        let mut changed = BTreeMap::new();
        if was.description != description {
            changed.insert("description".to_owned(), Value::from(was.description.clone()));
        }
        let other = was.permissions != chosen;
        if other {
            changed.insert("permissions".to_owned(), Value::from(was.permissions.clone()));
        }
        if changed.is_empty() {
            return Ok(Response::new(message(was)));
        }
        let row = role::update(&mut tx, &was.name, description, &chosen).await?;
        if other {
            let holders = role::holders(&mut tx, &row).await?;
            change::record(&mut tx, &holders).await?;
        }
        let mut entry = act("role.update", &row, &principal);
        entry.details.extend(other.then(|| ("before".to_owned(), was.permissions.into())));
        event::role(&mut tx, ROLE_CHANGED, &row, changed, by(&principal)).await?;
        audit::append_all(&mut tx, vec![entry]).await?;
        commit(tx).await?;
        Ok(Response::new(message(row)))
    }

    async fn delete_role(
        &self,
        request: Request<DeleteRoleRequest>,
    ) -> Result<Response<DeleteRoleResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let on = On::Role(request.get_ref().name.clone());
        require_admin(&self.authz, &self.store, &principal, "role.delete", on).await?;
        let mut tx = self.store.begin().await?;
        let row = role::lock(&mut tx, &request.get_ref().name).await?;
        let row = row.ok_or(Error::NotFound("role"))?;
        if row.builtin {
            return Err(Error::RoleBuiltIn.into());
        }
        let grants = role::grants(&mut tx, &row.name).await?;
        if grants > 0 {
            return Err(Error::RoleInUse(grants).into());
        }
        // Tokens that only do what it allows do nothing from now on.
        let users = token::owners_by_role(&mut tx, row.role_id).await?;
        role::delete(&mut tx, &row.name).await?;
        if !users.is_empty() {
            change::record(&mut tx, &Touched { users, ..Touched::default() }).await?;
        }
        let last = RoleRow { revision: row.revision + 1, ..row };
        event::role(&mut tx, ROLE_DELETED, &last, BTreeMap::new(), by(&principal)).await?;
        audit::append_all(&mut tx, vec![act("role.delete", &last, &principal)]).await?;
        commit(tx).await?;
        Ok(Response::new(DeleteRoleResponse {}))
    }
}

fn name(text: &str) -> Result<Username> {
    text.trim().parse().map_err(|_| {
        let rule = "a role's name has 1 to 64 of the characters a-z, 0-9, '.', '_' and '-', and starts \
                    with a letter or digit";
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

/// The words in the order of the table, each once.
fn chosen(words: &[String]) -> Result<Vec<&'static str>> {
    let mut set = PermissionSet::EMPTY;
    for word in words.iter().take(Permission::ALL.len() + 1) {
        let permission: Permission =
            word.parse().map_err(|error| Error::invalid("permissions", format!("{error}")))?;
        set = set.with(permission);
    }
    if set == PermissionSet::EMPTY {
        return Err(Error::invalid("permissions", "choose at least one permission"));
    }
    Ok(set.iter().map(Permission::as_str).collect())
}

fn words(set: PermissionSet) -> Vec<String> {
    set.iter().map(|permission| permission.as_str().to_owned()).collect()
}

fn message(row: RoleRow) -> Role {
    let allows = permissions(&row.permissions);
    Role {
        role_id: row.role_id.to_string(),
        name: row.name,
        description: row.description,
        permissions: row.permissions,
        allows: words(allows),
        allows_on_instance: words(allows.within(PermissionSet::ON_INSTANCE)),
        builtin: row.builtin,
        revision: row.revision,
        created_at: Some(timestamp(row.created_at)),
        grants: 0,
    }
}

fn by(principal: &Principal) -> gwm_events::Actor {
    event::actor(&principal.user_id.to_string(), &principal.username)
}

fn act(action: &'static str, row: &RoleRow, principal: &Principal) -> Entry {
    Entry {
        action,
        person: Some(person(principal)),
        cluster: None,
        object: Some(RecordObject {
            kind: "role".to_owned(),
            id: Some(row.role_id.to_string()),
            name: Some(row.name.clone()),
        }),
        details: BTreeMap::from([("permissions".to_owned(), row.permissions.clone().into())]),
    }
}
