//! What somebody may do to something, and why.

use gwm_authz::Mode;
use gwm_proto::auth::effective_server::Effective;
use gwm_proto::auth::{ExplainRequest, ExplainResponse, Reason};
use gwm_types::{Object, PermissionSet};
use tonic::{Request, Response, Status, async_trait};

use super::grants::around;
use super::{Rpcs, convert};
use crate::app::{On, require_admin_of};
use crate::domain::{parse_object, permissions};
use crate::error::Error;
use crate::store::{commit, grant, role, user};

#[async_trait]
impl Effective for Rpcs {
    async fn explain(
        &self,
        request: Request<ExplainRequest>,
    ) -> Result<Response<ExplainResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Read)?;
        let request = request.into_inner();
        let object =
            parse_object(request.object.as_ref()).map_err(|why| Error::invalid("object", why))?;
        let name = request.username.trim();
        let own = name.is_empty() || name == principal.username;
        if !own {
            let (action, on) = ("access.explain", On::object(object));
            require_admin_of(&self.authz, &self.store, &principal, action, object, on).await?;
        } else if object != Object::Fleet && !self.authz.sees(&principal, object) {
            // Of what one may not know of, nothing is said: not even that one has no right on it.
            return Err(Error::NotFound(object.kind()).into());
        }
        let name = if own { principal.username.as_str() } else { name };
        let mut tx = self.store.begin_snapshot().await?;
        let found = user::fetch_by_name(&mut tx, name).await?;
        let found = found.ok_or_else(|| {
            let shown: String = name.chars().take(64).collect();
            Error::invalid("user", format!("there is no user {shown:?}"))
        })?;
        let places = around(&mut tx, object, true).await?;
        let mut rows = grant::list(&mut tx, Some(&places), Some(found.user_id)).await?;
        if !matches!(object, Object::Instance(..)) {
            // What is given on parts of it is not given on the whole.
            rows.retain(|row| object.and_around().any(|whole| whole == row.object()));
        }
        let mut reasons = Vec::new();
        let mut allowed = PermissionSet::EMPTY;
        let names: Vec<String> = rows.iter().map(|row| row.role.clone()).collect();
        let roles = role::named(&mut tx, &names).await?;
        for row in rows {
            // As the decisions have it: what a role brings, as far as it can be held where it was given.
            let of = roles.get(&row.role).map(Vec::as_slice).unwrap_or_default();
            let mut allows = permissions(of).within(row.object().may_hold());
            if let (Object::Instance(..), Object::NodeGroup(..)) = (object, row.object()) {
                // The rest of it is on the nodes.
                allows = allows.within(object.may_hold());
            }
            allowed = allowed.and(allows);
            let grant = Some(convert::grant_for(&self.authz, &principal, row));
            reasons.push(Reason { grant, allows: words(allows) });
        }
        commit(tx).await?;
        reasons.sort_by_key(|r| r.grant.as_ref().is_some_and(|g| g.persona_kind == "group"));
        if found.is_admin {
            allowed = PermissionSet::ALL;
        }
        if found.disabled {
            allowed = PermissionSet::EMPTY;
        }
        Ok(Response::new(ExplainResponse {
            user_id: found.user_id.to_string(),
            username: found.username,
            is_admin: found.is_admin,
            disabled: found.disabled,
            allowed: words(allowed),
            reasons,
        }))
    }
}

fn words(set: PermissionSet) -> Vec<String> {
    set.iter().map(|permission| permission.as_str().to_owned()).collect()
}
