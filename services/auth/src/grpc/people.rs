//! Other people's accounts, for administrators.

use gwm_authz::Mode;
use gwm_proto::auth::people_server::People;
use gwm_proto::auth::{ChangeUserRequest, GetUserRequest, SetPasswordRequest, User};
use gwm_proto::common::{CompleteRequest, CompleteResponse, Suggestion};
use gwm_query::About;
use tonic::{Request, Response, Status, async_trait};
use zeroize::Zeroizing;

use super::{Rpcs, audit, convert};
use crate::app::{ChangeUser, On, change_user, require_admin, set_password};
use crate::error::Error;
use crate::store::user_list::{self, TABLE};
use crate::store::{commit, user};

#[async_trait]
impl People for Rpcs {
    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<User>, Status> {
        let principal = self.authz.principal(&request, Mode::Read)?;
        let on = On::User(request.get_ref().user.clone());
        require_admin(&self.authz, &self.store, &principal, "user.list", on).await?;
        let mut tx = self.store.begin().await?;
        let row = user::find(&mut tx, &request.get_ref().user).await?;
        commit(tx).await?;
        Ok(Response::new(convert::user(row.ok_or(Error::NotFound("user"))?)))
    }

    async fn change_user(
        &self,
        request: Request<ChangeUserRequest>,
    ) -> Result<Response<User>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let request = request.into_inner();
        let on = On::User(request.user.clone());
        require_admin(&self.authz, &self.store, &principal, "user.change", on).await?;
        let wanted = ChangeUser {
            revision: request.revision,
            is_admin: request.is_admin,
            disabled: request.disabled,
        };
        let row = change_user(&self.store, &principal, &request.user, &wanted).await?;
        Ok(Response::new(convert::user(row)))
    }

    async fn set_password(
        &self,
        request: Request<SetPasswordRequest>,
    ) -> Result<Response<User>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let request = request.into_inner();
        let on = On::User(request.user.clone());
        require_admin(&self.authz, &self.store, &principal, "user.set_password", on).await?;
        let password = Zeroizing::new(request.password);
        let (whom, keep) = (&request.user, request.keep_tokens);
        let row = set_password(&self.store, &self.passwords, &principal, whom, password, keep);
        Ok(Response::new(convert::user(row.await?)))
    }

    async fn complete_users(
        &self,
        request: Request<CompleteRequest>,
    ) -> Result<Response<CompleteResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Read)?;
        require_admin(&self.authz, &self.store, &principal, "user.list", On::All("user")).await?;
        let asked = request.into_inner();
        let at = usize::try_from(asked.at).unwrap_or(usize::MAX);
        let completion = gwm_query::complete(&TABLE, &asked.q, at);
        let suggestions = match &completion.about {
            About::Field(_) => completion.suggest_fields(&TABLE),
            About::Value(field, prefix) => {
                let values = user_list::values(&self.store, field, prefix).await;
                gwm_query::suggest_values(values.map_err(audit::fault)?, prefix)
            }
            About::Nothing => Vec::new(),
        };
        let suggestion = |s: gwm_query::Suggestion| Suggestion {
            kind: s.kind.to_owned(),
            text: s.text,
            detail: s.detail.to_owned(),
        };
        Ok(Response::new(CompleteResponse {
            from: u32::try_from(completion.from).unwrap_or(u32::MAX),
            to: u32::try_from(completion.to).unwrap_or(u32::MAX),
            suggestions: suggestions.into_iter().map(suggestion).collect(),
        }))
    }
}
