//! How people sign in to this installation.

use gwm_authz::Mode;
use gwm_proto::auth::sign_in_server::SignIn;
use gwm_proto::auth::{GetSignInPolicyRequest, SetSignInPolicyRequest, SignInPolicy};
use tonic::{Request, Response, Status, async_trait};

use super::Rpcs;
use crate::app::{On, require_admin, set_policy};
use crate::store::{commit, policy};

#[async_trait]
impl SignIn for Rpcs {
    async fn get_sign_in_policy(
        &self,
        request: Request<GetSignInPolicyRequest>,
    ) -> Result<Response<SignInPolicy>, Status> {
        let principal = self.authz.principal(&request, Mode::Read)?;
        require_admin(&self.authz, &self.store, &principal, "sign_in.read", On::All("sign_in"))
            .await?;
        let mut tx = self.store.begin().await?;
        let found = policy::fetch(&mut tx).await?;
        commit(tx).await?;
        Ok(Response::new(document(&found)))
    }

    async fn set_sign_in_policy(
        &self,
        request: Request<SetSignInPolicyRequest>,
    ) -> Result<Response<SignInPolicy>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        require_admin(&self.authz, &self.store, &principal, "sign_in.change", On::All("sign_in"))
            .await?;
        let wanted = request.into_inner();
        let set = set_policy(&self.store, &principal, &wanted.second_factor, wanted.revision);
        Ok(Response::new(document(&set.await?)))
    }
}

fn document(policy: &policy::Policy) -> SignInPolicy {
    let count = |number: i64| u32::try_from(number).unwrap_or_default();
    SignInPolicy {
        second_factor: policy.second_factor.word().to_owned(),
        revision: policy.revision,
        without: count(policy.without),
        administrators_without: count(policy.administrators_without),
    }
}
