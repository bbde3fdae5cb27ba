//! The account of the person who asks; administrators see and end sessions of others.

use gwm_authz::Mode;
use gwm_proto::auth::account_server::Account;
use gwm_proto::auth::{
    ChangePasswordRequest, ChangePasswordResponse, EndOtherSessionsRequest,
    EndOtherSessionsResponse, EndSessionRequest, EndSessionResponse, ListSessionsRequest,
    ListSessionsResponse, OwnSession,
};
use tonic::{Request, Response, Status, async_trait};
use zeroize::Zeroizing;

use super::{Rpcs, convert};
use crate::app::{change_password, end_other_sessions, end_session};
use crate::error::Error;
use crate::store::{commit, session};

#[async_trait]
impl Account for Rpcs {
    async fn change_password(
        &self,
        request: Request<ChangePasswordRequest>,
    ) -> Result<Response<ChangePasswordResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let request = request.into_inner();
        let old = Zeroizing::new(request.old_password);
        let new = Zeroizing::new(request.new_password);
        let ended = change_password(&self.login, &principal, old, new).await?;
        Ok(Response::new(ChangePasswordResponse { ended_sessions: count(ended) }))
    }

    async fn list_sessions(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Read)?;
        let whose = self.whose(&principal, &request.get_ref().user, "session.list").await?;
        let mut tx = self.store.begin().await?;
        let rows = session::list(&mut tx, whose, &self.session).await?;
        commit(tx).await?;
        let current = principal.session_id.map(|s| s.0);
        let own = |row: session::OpenRow| OwnSession {
            session_id: row.session_id.to_string(),
            created_at: Some(convert::timestamp(row.created_at)),
            last_seen_at: Some(convert::timestamp(row.last_seen_at)),
            client_address: row.client_address,
            user_agent: row.user_agent,
            current: Some(row.session_id) == current,
        };
        Ok(Response::new(ListSessionsResponse { sessions: rows.into_iter().map(own).collect() }))
    }

    async fn end_session(
        &self,
        request: Request<EndSessionRequest>,
    ) -> Result<Response<EndSessionResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let request = request.into_inner();
        let whose = self.whose(&principal, &request.user, "session.end").await?;
        let which = request.session_id.parse().map_err(|_| Error::NotFound("session"))?;
        end_session(&self.store, &principal, whose, which).await?;
        Ok(Response::new(EndSessionResponse {}))
    }

    async fn end_other_sessions(
        &self,
        request: Request<EndOtherSessionsRequest>,
    ) -> Result<Response<EndOtherSessionsResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let whose = self.whose(&principal, &request.get_ref().user, "session.end").await?;
        let ended = end_other_sessions(&self.store, &principal, whose).await?;
        Ok(Response::new(EndOtherSessionsResponse { ended: count(ended) }))
    }
}

fn count(ended: usize) -> u32 {
    u32::try_from(ended).unwrap_or(u32::MAX)
}
