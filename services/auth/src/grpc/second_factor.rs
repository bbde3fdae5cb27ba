//! The second factor.

use gwm_authz::{Mode, Principal, SignedAssertion};
use gwm_kernel::Fault;
use gwm_proto::auth::second_factor_server::SecondFactor;
use gwm_proto::auth::{
    BeginSecondFactorRequest, BeginSecondFactorResponse, ConfirmSecondFactorRequest,
    ConfirmSecondFactorResponse, FinishLoginRequest, GetSecondFactorRequest, LoginResponse,
    RemoveSecondFactorRequest, RemoveSecondFactorResponse, ResetSecondFactorRequest,
    SecondFactorState, User,
};
use tonic::{Request, Response, Status, async_trait};
use zeroize::Zeroizing;

use super::{Rpcs, convert};
use crate::app::{
    On, Place, begin_second_factor, confirm_second_factor, finish_login, remove_second_factor,
    require_admin, reset_second_factor,
};
use crate::store::{commit, second_factor};

impl Rpcs {
    /// The person behind a call, also one who may do nothing but this.
    fn setting_up<T>(&self, request: &Request<T>, mode: Mode) -> Result<Principal, Fault> {
        self.authz.verify_setting_up(&SignedAssertion::of(request)?, mode)?.unrestricted()
    }
}

#[async_trait]
impl SecondFactor for Rpcs {
    async fn get_second_factor(
        &self,
        request: Request<GetSecondFactorRequest>,
    ) -> Result<Response<SecondFactorState>, Status> {
        let principal = self.setting_up(&request, Mode::Read)?;
        let mut tx = self.store.begin().await?;
        let found = second_factor::fetch(&mut tx, principal.user_id.0).await?;
        let left = second_factor::recovery_left(&mut tx, principal.user_id.0).await?;
        commit(tx).await?;
        let since = found.and_then(|found| found.confirmed_at);
        Ok(Response::new(SecondFactorState {
            on: since.is_some(),
            since: since.map(convert::timestamp),
            recovery_codes_left: u32::try_from(left).unwrap_or_default(),
        }))
    }

    async fn begin_second_factor(
        &self,
        request: Request<BeginSecondFactorRequest>,
    ) -> Result<Response<BeginSecondFactorResponse>, Status> {
        let principal = self.setting_up(&request, Mode::Write)?;
        let password = Zeroizing::new(request.into_inner().password);
        let begun = begin_second_factor(&self.login, &principal, password).await?;
        Ok(Response::new(BeginSecondFactorResponse { secret: begun.secret, uri: begun.uri }))
    }

    async fn confirm_second_factor(
        &self,
        request: Request<ConfirmSecondFactorRequest>,
    ) -> Result<Response<ConfirmSecondFactorResponse>, Status> {
        let principal = self.setting_up(&request, Mode::Write)?;
        let code = request.into_inner().code;
        let recovery_codes = confirm_second_factor(&self.login, &principal, &code).await?;
        Ok(Response::new(ConfirmSecondFactorResponse { recovery_codes }))
    }

    async fn remove_second_factor(
        &self,
        request: Request<RemoveSecondFactorRequest>,
    ) -> Result<Response<RemoveSecondFactorResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let given = request.into_inner();
        let password = Zeroizing::new(given.password);
        remove_second_factor(&self.login, &principal, password, &given.code).await?;
        Ok(Response::new(RemoveSecondFactorResponse {}))
    }

    async fn reset_second_factor(
        &self,
        request: Request<ResetSecondFactorRequest>,
    ) -> Result<Response<User>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let on = On::User(request.get_ref().user.clone());
        require_admin(&self.authz, &self.store, &principal, "second_factor.reset", on).await?;
        let row = reset_second_factor(&self.store, &principal, &request.get_ref().user).await?;
        Ok(Response::new(convert::user(row)))
    }

    async fn finish_login(
        &self,
        request: Request<FinishLoginRequest>,
    ) -> Result<Response<LoginResponse>, Status> {
        let given = request.into_inner();
        let place = Place { client_address: given.client_address, user_agent: given.user_agent };
        let session = finish_login(&self.login, given.challenge, &given.code, &place).await?;
        Ok(Response::new(LoginResponse {
            session_token: session.token.expose(),
            expires_at: Some(session.expires_at),
            user: Some(convert::user(session.user)),
            challenge: String::new(),
        }))
    }
}
