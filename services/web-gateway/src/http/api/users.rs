//! `/users`: who can sign in. For administrators.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use gwm_proto::auth::{CreateUserRequest, ListUsersRequest, User};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Body, Params};
use super::listing::{ListQuery, Page, answer};
use crate::http::AppState;
use crate::http::model::time_or_epoch;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserDocument {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) is_admin: bool,
    pub(crate) created_at: DateTime<Utc>,
}

impl From<User> for UserDocument {
    fn from(user: User) -> Self {
        Self {
            id: user.user_id,
            username: user.username,
            is_admin: user.is_admin,
            created_at: time_or_epoch(user.created_at),
        }
    }
}

/// A user to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateUser {
    username: String,
    password: String,
    #[serde(default)]
    is_admin: bool,
}

/// All users.
#[utoipa::path(get, path = "/users", tag = "users", params(ListQuery), responses(
    (status = 200, body = Page<UserDocument>), (status = 403, body = ProblemDocument)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let columns = &["id", "username", "is_admin", "created_at"];
    answer(&headers, &query, columns, move |page| {
        let (state, person) = (state.clone(), person.clone());
        async move {
            let request = person.ask(ListUsersRequest { page: Some(page) });
            let answer = state.clients.users().list_users(request).await?.into_inner();
            let items: Vec<UserDocument> = answer.users.into_iter().map(Into::into).collect();
            Ok(Page::new(items, answer.page))
        }
    })
    .await
}

/// Makes a user with a password.
#[utoipa::path(post, path = "/users", tag = "users", request_body = CreateUser, responses(
    (status = 201, body = UserDocument), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<CreateUser>,
) -> Result<(StatusCode, Json<UserDocument>), Problem> {
    let request = person.ask(CreateUserRequest {
        username: body.username,
        password: body.password,
        is_admin: body.is_admin,
    });
    let user = state.clients.users().create_user(request).await?.into_inner();
    Ok((StatusCode::CREATED, Json(user.into())))
}
