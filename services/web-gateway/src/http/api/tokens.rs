//! `/me/tokens`, `/users/{id}/tokens`: API tokens of the person who asks, and of others for administrators.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use gwm_proto::auth::{
    CreateTokenRequest, CreateTokenResponse, ListTokensRequest, RevokeTokenRequest,
    Token as WireToken, TokenObject as WireObject,
};
use http::StatusCode;
use prost_types::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::Body;
use super::grants::{self, Where};
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
    /// Where it was used from last.
    pub(crate) last_address: Option<String>,
    /// `null`: never.
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// CIDR; empty: from anywhere.
    pub(crate) networks: Vec<String>,
    /// It may do less than its owner: only what `persona`, `roles` and `objects` leave, even where these are gone.
    pub(crate) restricted: bool,
    /// `user/NAME` or `group/NAME`: only what that holds itself counts, and it alone is acted as.
    pub(crate) persona: Option<String>,
    /// Only what these allow counts; empty: everything.
    pub(crate) roles: Vec<String>,
    /// Only what is on or in these counts; empty: everything.
    pub(crate) objects: Vec<TokenObject>,
}

/// What a token is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TokenObject {
    /// True: everything there is; then neither `cluster` nor `instance`.
    pub(crate) fleet: bool,
    /// Slug.
    pub(crate) cluster: String,
    /// Name or UUID; absent: the cluster and all in it.
    pub(crate) instance: Option<String>,
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

/// What to call it, and what to limit it to. Nothing gives it more than its owner has.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateToken {
    pub(crate) name: String,
    /// Absent: never.
    #[serde(default)]
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// CIDR or single addresses, at most 20; empty: from anywhere.
    #[serde(default)]
    pub(crate) networks: Vec<String>,
    /// `user/NAME` of oneself or `group/NAME` of one's group: only what that holds itself counts, and it alone is acted as.
    #[serde(default)]
    pub(crate) persona: String,
    /// Names of roles, at most 20: only what they allow counts; empty: everything.
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    /// At most 100: only what is on or in these counts; empty: everything.
    #[serde(default)]
    pub(crate) objects: Vec<TokenObject>,
}

impl From<WireToken> for TokenDocument {
    fn from(token: WireToken) -> Self {
        Self {
            id: token.token_id,
            name: token.name,
            prefix: token.prefix,
            created_at: time_or_epoch(token.created_at),
            last_used_at: time(token.last_used_at),
            last_address: Some(token.last_address).filter(|a| !a.is_empty()),
            expires_at: time(token.expires_at),
            networks: token.networks,
            restricted: token.restricted,
            persona: Some(token.persona).filter(|p| !p.is_empty()),
            roles: token.roles,
            objects: token.objects.into_iter().map(object).collect(),
        }
    }
}

fn object(of: WireObject) -> TokenObject {
    let kind = of.object.map(|object| object.kind).unwrap_or_default();
    TokenObject {
        fleet: kind == "fleet",
        cluster: of.cluster,
        instance: (kind == "instance").then_some(of.name),
    }
}

/// Makes one, of names as people say them.
pub(crate) async fn create(
    state: &AppState,
    person: &Person,
    asked: CreateToken,
) -> Result<CreateTokenResponse, Problem> {
    let mut objects = Vec::with_capacity(asked.objects.len().min(101));
    // One more than auth takes is enough for it to refuse them.
    for of in asked.objects.into_iter().take(101) {
        let wanted = Where {
            fleet: of.fleet,
            cluster: &of.cluster,
            instance: of.instance.as_deref(),
            ..Where::default()
        };
        let named = grants::scope(state, person, wanted).await?;
        objects.push(WireObject {
            object: Some(named.object),
            cluster: named.slug,
            name: named.name,
        });
    }
    let request = CreateTokenRequest {
        name: asked.name,
        expires_at: asked.expires_at.map(|at| Timestamp {
            seconds: at.timestamp(),
            nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default(),
        }),
        networks: asked.networks,
        persona: asked.persona,
        roles: asked.roles,
        objects,
    };
    Ok(state.clients.tokens().create_token(person.ask(request)).await?.into_inner())
}

/// The API tokens of the person who asks.
#[utoipa::path(get, path = "/me/tokens", tag = "me", responses((status = 200, body = TokenList)))]
pub(crate) async fn tokens(
    State(state): State<AppState>,
    person: Person,
) -> Result<Json<TokenList>, Problem> {
    Ok(Json(TokenList { items: read(&state, &person, "").await? }))
}

/// What page and API share: those of a user by id or login name; empty: of who asks.
pub(crate) async fn read(
    state: &AppState,
    person: &Person,
    user: &str,
) -> Result<Vec<TokenDocument>, Problem> {
    let request = person.ask(ListTokensRequest { user: user.to_owned() });
    let answer = state.clients.tokens().list_tokens(request).await?.into_inner();
    Ok(answer.tokens.into_iter().map(Into::into).collect())
}

/// A user's API tokens, without their secrets. For administrators, and of oneself.
#[utoipa::path(get, path = "/users/{id}/tokens", tag = "users",
    params(("id" = String, Path, description = "name or id")), responses(
    (status = 200, body = TokenList), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument)))]
pub(crate) async fn of_user(
    State(state): State<AppState>,
    person: Person,
    Path(user): Path<String>,
) -> Result<Json<TokenList>, Problem> {
    Ok(Json(TokenList { items: read(&state, &person, &user).await? }))
}

/// Revokes an API token of a user's; it stops working within two seconds. For administrators, who make none for others.
#[utoipa::path(delete, path = "/users/{id}/tokens/{token}", tag = "users",
    params(("id" = String, Path, description = "name or id"), ("token" = String, Path)), responses(
    (status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn revoke_of_user(
    State(state): State<AppState>,
    person: Person,
    Path((user, token_id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let request = RevokeTokenRequest { token_id, user };
    state.clients.tokens().revoke_token(person.ask(request)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes an API token; its secret is in this answer and never again.
#[utoipa::path(post, path = "/me/tokens", tag = "me", request_body = CreateToken, responses(
    (status = 201, body = NewToken), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn create_token(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<CreateToken>,
) -> Result<(StatusCode, Json<NewToken>), Problem> {
    let answer = create(&state, &person, body).await?;
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
    let request = RevokeTokenRequest { token_id, user: String::new() };
    state.clients.tokens().revoke_token(person.ask(request)).await?;
    Ok(StatusCode::NO_CONTENT)
}
