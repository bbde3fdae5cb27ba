//! `/users`: who can sign in. For administrators.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use gwm_kernel::Fault;
use gwm_proto::auth::{
    ChangeUserRequest, CreateUserRequest, GetUserRequest, ListUsersRequest,
    ResetSecondFactorRequest, SetPasswordRequest, User,
};
use gwm_proto::common::{PageInfo, PageRequest};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{self, Body, Params};
use super::listing::{ListQuery, Page, answer};
use crate::http::AppState;
use crate::http::model::{some, time, time_or_epoch};
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserDocument {
    pub(crate) id: String,
    pub(crate) username: String,
    /// Everything is allowed.
    pub(crate) is_admin: bool,
    /// May not sign in, and has no rights meanwhile.
    pub(crate) disabled: bool,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_login_at: Option<DateTime<Utc>>,
    /// A code of an authenticator is asked for at the login.
    pub(crate) second_factor: bool,
    /// Where the user comes from and the password is kept: `ldap/NAME`; null: here.
    pub(crate) origin: Option<String>,
    /// Grows with each change; it is the `ETag`, too.
    pub(crate) revision: i64,
}

impl From<User> for UserDocument {
    fn from(user: User) -> Self {
        Self {
            id: user.user_id,
            username: user.username,
            is_admin: user.is_admin,
            disabled: user.disabled,
            created_at: time_or_epoch(user.created_at),
            last_login_at: time(user.last_login_at),
            second_factor: user.second_factor,
            origin: some(user.origin),
            revision: user.revision,
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
    let columns = &[
        "id",
        "username",
        "is_admin",
        "disabled",
        "created_at",
        "last_login_at",
        "second_factor",
        "origin",
        "revision",
    ];
    answer(&headers, &query, columns, move |page| {
        let (state, person) = (state.clone(), person.clone());
        async move {
            let (users, page) = read(&state, &person, page).await?;
            Ok(Page::new(users, page))
        }
    })
    .await
}

/// What page and API share.
pub(crate) async fn read(
    state: &AppState,
    person: &Person,
    page: PageRequest,
) -> Result<(Vec<UserDocument>, Option<PageInfo>), Problem> {
    let request = person.ask(ListUsersRequest { page: Some(page) });
    let answer = state.clients.users().list_users(request).await?.into_inner();
    Ok((answer.users.into_iter().map(Into::into).collect(), answer.page))
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

/// What a user shall be; what is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeUser {
    is_admin: Option<bool>,
    /// Ends all sessions, tokens and consoles at once; enabled again, the user has the rights they had.
    disabled: Option<bool>,
}

/// Somebody's new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetPassword {
    password: String,
    /// False: their API tokens go on. Whoever had the account may have made one.
    #[serde(default = "yes")]
    end_tokens: bool,
}

fn yes() -> bool {
    true
}

fn with_etag(user: User) -> Response {
    let etag = HeaderValue::from_str(&format!("\"{}\"", user.revision));
    let mut response = Json(UserDocument::from(user)).into_response();
    if let Ok(etag) = etag {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// One user.
#[utoipa::path(get, path = "/users/{user}", tag = "users",
    params(("user" = String, Path, description = "name or id")), responses(
    (status = 200, body = UserDocument), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    person: Person,
    Path(user): Path<String>,
) -> Result<Response, Problem> {
    let request = person.ask(GetUserRequest { user });
    Ok(with_etag(state.clients.people().get_user(request).await?.into_inner()))
}

/// Makes a user an administrator or none, disables or enables one. The last administrator stays (409).
#[utoipa::path(patch, path = "/users/{user}", tag = "users", request_body = ChangeUser,
    params(("user" = String, Path, description = "name or id"),
           ("If-Match" = Option<String>, Header, description = "ETag of what was read")),
    responses((status = 200, body = UserDocument), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument),
    (status = 412, body = ProblemDocument)))]
pub(crate) async fn change(
    State(state): State<AppState>,
    person: Person,
    Path(user): Path<String>,
    headers: HeaderMap,
    Body(body): Body<ChangeUser>,
) -> Result<Response, Problem> {
    let revision = match extract::header(&headers, "if-match", 128)? {
        None => 0,
        Some(etag) => etag.trim_matches('"').parse().map_err(|_| {
            Fault::invalid("if-match", "If-Match takes the ETag that came with the user")
        })?,
    };
    let request = person.ask(ChangeUserRequest {
        user,
        revision,
        is_admin: body.is_admin,
        disabled: body.disabled,
    });
    Ok(with_etag(state.clients.people().change_user(request).await?.into_inner()))
}

/// Gives somebody else a new password; all their sessions end, and their API tokens unless `end_tokens` is false.
#[utoipa::path(post, path = "/users/{user}/password", tag = "users", request_body = SetPassword,
    params(("user" = String, Path, description = "name or id")), responses(
    (status = 204), (status = 400, body = ProblemDocument), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn set_password(
    State(state): State<AppState>,
    person: Person,
    Path(user): Path<String>,
    Body(body): Body<SetPassword>,
) -> Result<StatusCode, Problem> {
    let request = person.ask(SetPasswordRequest {
        user,
        password: body.password,
        keep_tokens: !body.end_tokens,
    });
    state.clients.people().set_password(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes away the second factor of somebody who has lost it.
#[utoipa::path(delete, path = "/users/{user}/second-factor", tag = "users",
    params(("user" = String, Path, description = "name or id")), responses(
    (status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument)))]
pub(crate) async fn reset_second_factor(
    State(state): State<AppState>,
    person: Person,
    Path(user): Path<String>,
) -> Result<StatusCode, Problem> {
    let request = person.ask(ResetSecondFactorRequest { user });
    state.clients.second_factor().reset_second_factor(request).await?;
    Ok(StatusCode::NO_CONTENT)
}
