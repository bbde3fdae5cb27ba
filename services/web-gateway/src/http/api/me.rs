//! `/me`: the person who asks, and their API tokens.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use gwm_proto::auth::{
    CreateTokenRequest, GetMeRequest, ListTokensRequest, RevokeTokenRequest, Token as WireToken,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::Body;
use super::users::UserDocument;
use crate::http::AppState;
use crate::http::model::{time, time_or_epoch};
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// An API token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenDocument {
    pub(crate) id: String,
    pub(crate) name: String,
    /// How the secret begins, to recognise it by.
    pub(crate) prefix: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
}

/// A new API token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewToken {
    /// The secret: shown this once.
    pub(crate) token: String,
    #[serde(flatten)]
    pub(crate) document: TokenDocument,
}

/// All API tokens of a person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenList {
    items: Vec<TokenDocument>,
}

/// What to call it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateToken {
    name: String,
}

impl From<WireToken> for TokenDocument {
    fn from(token: WireToken) -> Self {
        Self {
            id: token.token_id,
            name: token.name,
            prefix: token.prefix,
            created_at: time_or_epoch(token.created_at),
            last_used_at: time(token.last_used_at),
        }
    }
}

/// The person who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeDocument {
    #[serde(flatten)]
    user: UserDocument,
    /// As whom this request is made: `user/NAME` or `group/NAME`.
    acting_as: String,
    /// What may be given as Gwm-Act-As.
    personas: Vec<String>,
}

/// The person who asks.
#[utoipa::path(get, path = "/me", tag = "me", responses(
    (status = 200, body = MeDocument), (status = 401, body = ProblemDocument)))]
pub(crate) async fn me(
    State(state): State<AppState>,
    person: Person,
) -> Result<Json<MeDocument>, Problem> {
    let user = state.clients.users().get_me(person.ask(GetMeRequest {})).await?.into_inner();
    let groups = state.authz.groups(&person.0).into_values().map(|name| format!("group/{name}"));
    let mut personas: Vec<String> = groups.collect();
    personas.sort();
    personas.insert(0, format!("user/{}", person.0.username));
    Ok(Json(MeDocument { user: user.into(), acting_as: person.0.persona(), personas }))
}

/// The API tokens of the person who asks.
#[utoipa::path(get, path = "/me/tokens", tag = "me", responses((status = 200, body = TokenList)))]
pub(crate) async fn tokens(
    State(state): State<AppState>,
    person: Person,
) -> Result<Json<TokenList>, Problem> {
    let answer = state.clients.tokens().list_tokens(person.ask(ListTokensRequest {})).await?;
    let items = answer.into_inner().tokens.into_iter().map(Into::into).collect();
    Ok(Json(TokenList { items }))
}

/// Makes an API token; its secret is in this answer and never again.
#[utoipa::path(post, path = "/me/tokens", tag = "me", request_body = CreateToken, responses(
    (status = 201, body = NewToken), (status = 400, body = ProblemDocument)))]
pub(crate) async fn create_token(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<CreateToken>,
) -> Result<(StatusCode, Json<NewToken>), Problem> {
    let request = person.ask(CreateTokenRequest { name: body.name });
    let answer = state.clients.tokens().create_token(request).await?.into_inner();
    let document = answer.token.unwrap_or_default().into();
    Ok((StatusCode::CREATED, Json(NewToken { token: answer.secret, document })))
}

/// Revokes an API token; it stops working within two seconds.
#[utoipa::path(delete, path = "/me/tokens/{id}", tag = "me", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub(crate) async fn revoke_token(
    State(state): State<AppState>,
    person: Person,
    Path(token_id): Path<String>,
) -> Result<StatusCode, Problem> {
    state.clients.tokens().revoke_token(person.ask(RevokeTokenRequest { token_id })).await?;
    Ok(StatusCode::NO_CONTENT)
}
