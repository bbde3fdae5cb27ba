//! API tokens of the person who asks.

use gwm_authz::Mode;
use gwm_events::types::audit::{Outcome, RecordObject};
use gwm_proto::auth::tokens_server::Tokens;
use gwm_proto::auth::{
    CreateTokenRequest, CreateTokenResponse, ListTokensRequest, ListTokensResponse,
    RevokeTokenRequest, RevokeTokenResponse,
};
use gwm_types::TokenId;
use tonic::{Request, Response, Status, async_trait};

use super::{Rpcs, convert};
use crate::app::person;
use crate::domain::{PAT_PREFIX, Secret};
use crate::error::{Error, Result};
use crate::store::token::TokenRow;
use crate::store::{audit, change, commit, event, token};

const LONGEST_NAME: usize = 100;
const MOST_TOKENS: i64 = 100;

#[async_trait]
impl Tokens for Rpcs {
    async fn create_token(
        &self,
        request: Request<CreateTokenRequest>,
    ) -> Result<Response<CreateTokenResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let name = check_name(&request.get_ref().name)?;
        let secret = Secret::generate(PAT_PREFIX);
        let user_id = principal.user_id.0;
        let mut tx = self.store.begin().await?;
        let count = token::count_locked(&mut tx, user_id).await?.ok_or(Error::NotSignedIn)?;
        if count >= MOST_TOKENS {
            return Err(Error::TooManyTokens(MOST_TOKENS).into());
        }
        let row = token::insert(&mut tx, user_id, &name, &secret.prefix(), &secret.hash()).await?;
        let actor = event::actor_of(&principal);
        event::token_created(&mut tx, &row, Some(actor)).await?;
        audit::append(&mut tx, act("token.create", &row, &principal)).await?;
        commit(tx).await?;
        Ok(Response::new(CreateTokenResponse {
            token: Some(convert::token(row)),
            secret: secret.expose(),
        }))
    }

    async fn list_tokens(
        &self,
        request: Request<ListTokensRequest>,
    ) -> Result<Response<ListTokensResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Read)?;
        let mut tx = self.store.begin().await?;
        let rows = token::list(&mut tx, principal.user_id.0).await?;
        commit(tx).await?;
        let tokens = rows.into_iter().map(convert::token).collect();
        Ok(Response::new(ListTokensResponse { tokens }))
    }

    async fn revoke_token(
        &self,
        request: Request<RevokeTokenRequest>,
    ) -> Result<Response<RevokeTokenResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let user_id = principal.user_id.0;
        let token_id: TokenId =
            request.into_inner().token_id.parse().map_err(|_| Error::NotFound("API token"))?;
        let mut tx = self.store.begin().await?;
        if !token::is_of(&mut tx, token_id.0, user_id).await? {
            return Err(Error::NotFound("API token").into());
        }
        // None: revoked already, and that is what was asked for.
        if let Some(row) = token::revoke(&mut tx, user_id, Some(token_id.0)).await?.pop() {
            let revoked = vec![row.token_id];
            let touched = change::Touched { revoked_tokens: revoked, ..Default::default() };
            change::record(&mut tx, &touched).await?;
            let actor = event::actor_of(&principal);
            event::token_revoked(&mut tx, &row, Some(actor)).await?;
            audit::append(&mut tx, act("token.revoke", &row, &principal)).await?;
        }
        commit(tx).await?;
        Ok(Response::new(RevokeTokenResponse {}))
    }
}

fn check_name(name: &str) -> Result<String> {
    let name = name.trim();
    let length = name.chars().count();
    if !(1..=LONGEST_NAME).contains(&length) || name.chars().any(char::is_control) {
        let message = format!("a token's name has 1 to {LONGEST_NAME} printable characters");
        return Err(Error::invalid("name", message));
    }
    Ok(name.to_owned())
}

fn act<'a>(action: &'a str, row: &TokenRow, principal: &gwm_authz::Principal) -> audit::Act<'a> {
    let object = RecordObject {
        kind: "token".to_owned(),
        id: Some(row.token_id.to_string()),
        name: Some(row.name.clone()),
    };
    audit::Act {
        action,
        outcome: Outcome::Succeeded,
        reason: None,
        person: person(principal),
        object: Some(object),
    }
}
