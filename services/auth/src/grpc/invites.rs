//! Invites.

use gwm_authz::Mode;
use gwm_proto::auth::invites_server::Invites;
use gwm_proto::auth::{
    CreateInviteRequest, CreateInviteResponse, Invite, ListInvitesRequest, ListInvitesResponse,
    RedeemInviteRequest, User, WithdrawInviteRequest, WithdrawInviteResponse,
};
use tonic::{Request, Response, Status, async_trait};
use zeroize::Zeroizing;

use super::{Rpcs, convert};
use crate::app::{On, create_invite, redeem_invite, require_admin, withdraw_invite};
use crate::error::Error;
use crate::store::invite::InviteRow;
use crate::store::{commit, invite};

#[async_trait]
impl Invites for Rpcs {
    async fn create_invite(
        &self,
        request: Request<CreateInviteRequest>,
    ) -> Result<Response<CreateInviteResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let asked = request.into_inner();
        let on = On::Invite(asked.username.clone());
        require_admin(&self.authz, &self.store, &principal, "invite.create", on).await?;
        let hours = asked.valid_hours;
        let (row, code) =
            create_invite(&self.store, &principal, &asked.username, asked.is_admin, hours).await?;
        Ok(Response::new(CreateInviteResponse { invite: Some(told(row)), code: code.expose() }))
    }

    async fn list_invites(
        &self,
        request: Request<ListInvitesRequest>,
    ) -> Result<Response<ListInvitesResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Read)?;
        require_admin(&self.authz, &self.store, &principal, "invite.list", On::All("invite"))
            .await?;
        let mut tx = self.store.begin().await?;
        let rows = invite::list(&mut tx).await?;
        commit(tx).await?;
        Ok(Response::new(ListInvitesResponse { invites: rows.into_iter().map(told).collect() }))
    }

    async fn withdraw_invite(
        &self,
        request: Request<WithdrawInviteRequest>,
    ) -> Result<Response<WithdrawInviteResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let on = On::Invite(request.get_ref().invite_id.clone());
        require_admin(&self.authz, &self.store, &principal, "invite.withdraw", on).await?;
        let id = request.get_ref().invite_id.parse().map_err(|_| Error::NotFound("invite"))?;
        withdraw_invite(&self.store, &principal, id).await?;
        Ok(Response::new(WithdrawInviteResponse {}))
    }

    async fn redeem_invite(
        &self,
        request: Request<RedeemInviteRequest>,
    ) -> Result<Response<User>, Status> {
        let given = request.into_inner();
        let password = Zeroizing::new(given.password);
        let (code, name, from) = (&given.code, &given.username, &given.client_address);
        let row = redeem_invite(&self.login, code, name, password, from).await?;
        Ok(Response::new(convert::user(row)))
    }
}

fn told(row: InviteRow) -> Invite {
    Invite {
        invite_id: row.invite_id.to_string(),
        username: row.username.unwrap_or_default(),
        is_admin: row.is_admin,
        created_by: row.created_by,
        created_at: Some(convert::timestamp(row.created_at)),
        expires_at: Some(convert::timestamp(row.expires_at)),
        state: row.state,
        used_by: row.used_by.unwrap_or_default(),
        used_at: row.used_at.map(convert::timestamp),
    }
}
