//! Logging in, being recognised, logging out.

use gwm_proto::auth::resolve_request::Credential as Shown;
use gwm_proto::auth::sessions_server::Sessions;
use gwm_proto::auth::{
    LoginRequest, LoginResponse, LogoutRequest, LogoutResponse, ResolveRequest, ResolveResponse,
    User,
};
use prost_types::Timestamp;
use tonic::{Request, Response, Status, async_trait};
use zeroize::Zeroizing;

use super::{Rpcs, convert};
use crate::app::{self, Credential, Place};
use crate::domain::{PAT_PREFIX, Secret};
use crate::error::{Error, Result};

#[async_trait]
impl Sessions for Rpcs {
    async fn login(
        &self,
        request: Request<LoginRequest>,
    ) -> Result<Response<LoginResponse>, Status> {
        let request = request.into_inner();
        let given = app::LoginRequest {
            username: request.username,
            password: Zeroizing::new(request.password),
            place: Place { client_address: request.client_address, user_agent: request.user_agent },
        };
        Ok(Response::new(convert::login(self.login.login(given).await?)))
    }

    async fn resolve(
        &self,
        request: Request<ResolveRequest>,
    ) -> Result<Response<ResolveResponse>, Status> {
        let request = request.into_inner();
        let credential = credential(request.credential)?;
        let vouched = app::resolve(
            &self.store,
            &self.signer,
            &self.session,
            credential,
            request.client_address,
            request.act_as.trim(),
        )
        .await?;
        let person = vouched.person;
        let text = |id: Option<uuid::Uuid>| id.map(|i| i.to_string()).unwrap_or_default();
        Ok(Response::new(ResolveResponse {
            user: Some(User {
                user_id: person.user_id.to_string(),
                username: person.username,
                is_admin: person.is_admin,
                created_at: Some(convert::timestamp(vouched.created_at)),
                ..User::default()
            }),
            assertion: vouched.signed.assertion,
            signature: vouched.signed.signature,
            assertion_expires_at: Some(Timestamp { seconds: vouched.expires_at, nanos: 0 }),
            session_id: text(person.session_id),
            token_id: text(person.token_id),
        }))
    }

    async fn logout(
        &self,
        request: Request<LogoutRequest>,
    ) -> Result<Response<LogoutResponse>, Status> {
        if let Some(token) = Secret::shown(request.into_inner().session_token) {
            app::logout(&self.store, &token).await?;
        }
        Ok(Response::new(LogoutResponse {}))
    }
}

fn credential(shown: Option<Shown>) -> Result<Credential> {
    match shown {
        Some(Shown::SessionToken(text)) => Secret::shown(text).map(Credential::Session),
        Some(Shown::BearerToken(text)) if text.starts_with(PAT_PREFIX) => {
            Secret::shown(text).map(Credential::Token)
        }
        Some(Shown::BearerToken(_)) | None => None,
    }
    .ok_or(Error::NotSignedIn)
}
