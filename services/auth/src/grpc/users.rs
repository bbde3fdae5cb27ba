//! People.

use gwm_authz::Mode;
use gwm_events::types::audit::{Outcome, RecordObject};
use gwm_proto::auth::users_server::Users;
use gwm_proto::auth::{CreateUserRequest, GetMeRequest, ListUsersRequest, ListUsersResponse, User};
use gwm_proto::common::PageInfo;
use gwm_query::Sort;
use gwm_types::Username;
use tonic::{Request, Response, Status, async_trait};
use zeroize::Zeroizing;

use super::audit::{fault, refused};
use super::{Rpcs, convert};
use crate::app::{On, person, require_admin};
use crate::error::Error;
use crate::store::user_list::{self, TABLE, Wanted};
use crate::store::{audit, change, commit, event, user};

#[async_trait]
impl Users for Rpcs {
    async fn get_me(&self, request: Request<GetMeRequest>) -> Result<Response<User>, Status> {
        let principal = self.authz.principal(&request, Mode::Read)?;
        let mut tx = self.store.begin().await?;
        let row = user::fetch(&mut tx, principal.user_id.0).await?.ok_or(Error::NotSignedIn)?;
        commit(tx).await?;
        Ok(Response::new(convert::user(row)))
    }

    async fn create_user(
        &self,
        request: Request<CreateUserRequest>,
    ) -> Result<Response<User>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let request = request.into_inner();
        let on = On::User(request.username.clone());
        require_admin(&self.authz, &self.store, &principal, "user.create", on).await?;
        let password = Zeroizing::new(request.password);
        let name: Username =
            request.username.parse().map_err(|e| Error::invalid("username", format!("{e}")))?;
        // Hashed outside: a transaction does not wait for it.
        let hash = self.passwords.hash_new("password", password, name.as_str()).await?;
        let mut tx = self.store.begin().await?;
        let row = user::insert(&mut tx, name.as_str(), &hash, request.is_admin).await?;
        change::record(&mut tx, &change::Touched::user(row.user_id)).await?;
        let actor = event::actor_of(&principal);
        event::user_created(&mut tx, &row, Some(actor)).await?;
        let act = audit::Act {
            action: "user.create",
            outcome: Outcome::Succeeded,
            reason: None,
            person: person(&principal),
            cluster: None,
            object: Some(RecordObject {
                kind: "user".to_owned(),
                id: Some(row.user_id.to_string()),
                name: Some(row.username.clone()),
            }),
        };
        audit::append(&mut tx, act).await?;
        commit(tx).await?;
        Ok(Response::new(convert::user(row)))
    }

    async fn list_users(
        &self,
        request: Request<ListUsersRequest>,
    ) -> Result<Response<ListUsersResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Read)?;
        require_admin(&self.authz, &self.store, &principal, "user.list", On::All("user")).await?;
        let page = request.into_inner().page.unwrap_or_default();
        let filter = gwm_query::parse(&page.q).map_err(refused)?;
        let sort = if page.sort.is_empty() { TABLE.default_sort } else { &page.sort };
        let sort = Sort::parse(&TABLE, sort).map_err(refused)?;
        let limit = gwm_query::limit(page.limit).map_err(refused)?;
        let audience = principal.user_id.to_string();
        let key = self.cursor_key().await?;
        let cursor = key.open(&TABLE, &sort, &page.q, &audience, &page.cursor).map_err(refused)?;
        let wanted = Wanted { filter: &filter, sort: &sort, limit, cursor: cursor.as_ref() };
        let found = user_list::page(&self.store, &wanted).await.map_err(fault)?;
        let next = found.next.map(|next| key.seal(&TABLE, &sort, &page.q, &audience, &next));
        let info = PageInfo {
            next_cursor: next.unwrap_or_default(),
            total: found.total,
            total_exact: found.total_exact,
            stream_sequence: found.stream_sequence,
        };
        let users = found.users.into_iter().map(convert::user).collect();
        Ok(Response::new(ListUsersResponse { users, page: Some(info) }))
    }
}
