//! Signing in at providers.

use gwm_proto::auth::oidc_server::Oidc;
use gwm_proto::auth::{
    FinishOidcRequest, FinishOidcResponse, ListProvidersRequest, ListProvidersResponse, Provider,
    StartOidcRequest, StartOidcResponse,
};
use tonic::{Request, Response, Status, async_trait};

use super::{Rpcs, convert};
use crate::app::{Place, Returned};

#[async_trait]
impl Oidc for Rpcs {
    async fn list_providers(
        &self,
        _request: Request<ListProvidersRequest>,
    ) -> Result<Response<ListProvidersResponse>, Status> {
        let labels = self.login.providers.labels();
        let named = labels.map(|(name, label)| (name.to_owned(), label.to_owned()));
        let providers = named.map(|(name, label)| Provider { name, label }).collect();
        Ok(Response::new(ListProvidersResponse { providers }))
    }

    async fn start_oidc(
        &self,
        request: Request<StartOidcRequest>,
    ) -> Result<Response<StartOidcResponse>, Status> {
        let StartOidcRequest { provider, redirect_uri, next, client_address } =
            request.into_inner();
        let sent =
            self.login.send_to_provider(&provider, redirect_uri, next, &client_address).await?;
        let browser_secret = sent.browser.expose();
        Ok(Response::new(StartOidcResponse { url: sent.url, browser_secret }))
    }

    async fn finish_oidc(
        &self,
        request: Request<FinishOidcRequest>,
    ) -> Result<Response<FinishOidcResponse>, Status> {
        let request = request.into_inner();
        let place =
            Place { client_address: request.client_address, user_agent: request.user_agent };
        let returned = Returned {
            provider: request.provider,
            state: request.state,
            code: request.code,
            issuer: request.issuer,
            browser: request.browser_secret,
            error: request.error,
        };
        let (outcome, next) = self.login.return_from_provider(returned, &place).await?;
        let login = Some(convert::login(outcome));
        Ok(Response::new(FinishOidcResponse { login, next }))
    }
}
