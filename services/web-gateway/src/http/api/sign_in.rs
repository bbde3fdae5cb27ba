//! `/sign-in`: what administrators set about signing in.

use axum::Json;
use axum::extract::State;
use gwm_proto::auth::{GetSignInPolicyRequest, SetSignInPolicyRequest, SignInPolicy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::Body;
use crate::http::AppState;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// How people sign in to this installation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignInDocument {
    /// Who needs a second factor: `nobody`, `administrators` or `everybody`.
    pub(crate) second_factor: String,
    /// Grows with each change.
    pub(crate) revision: i64,
    /// Enabled users who have no second factor.
    pub(crate) without: u32,
    /// Those of them who are administrators.
    pub(crate) administrators_without: u32,
}

/// What shall be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeSignIn {
    /// `nobody`, `administrators` or `everybody`.
    pub(crate) second_factor: String,
    /// What was read; 0 or absent for whatever it is now.
    #[serde(default)]
    pub(crate) revision: i64,
}

impl From<SignInPolicy> for SignInDocument {
    fn from(policy: SignInPolicy) -> Self {
        Self {
            second_factor: policy.second_factor,
            revision: policy.revision,
            without: policy.without,
            administrators_without: policy.administrators_without,
        }
    }
}

/// How people sign in.
#[utoipa::path(get, path = "/sign-in", tag = "users", responses(
    (status = 200, body = SignInDocument), (status = 403, body = ProblemDocument)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    person: Person,
) -> Result<Json<SignInDocument>, Problem> {
    Ok(Json(read(&state, &person).await?))
}

/// What page and API share.
pub(crate) async fn read(state: &AppState, person: &Person) -> Result<SignInDocument, Problem> {
    let request = person.ask(GetSignInPolicyRequest {});
    Ok(state.clients.sign_in().get_sign_in_policy(request).await?.into_inner().into())
}

/// Sets who needs a second factor. Whoever needs one then and has none is signed out, and can do nothing
/// but set it up (`403 second_factor_missing`).
#[utoipa::path(put, path = "/sign-in", tag = "users", request_body = ChangeSignIn, responses(
    (status = 200, body = SignInDocument), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 409, body = ProblemDocument),
    (status = 412, body = ProblemDocument)))]
pub(crate) async fn set(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<ChangeSignIn>,
) -> Result<Json<SignInDocument>, Problem> {
    Ok(Json(change(&state, &person, body).await?))
}

/// What page and API share.
pub(crate) async fn change(
    state: &AppState,
    person: &Person,
    body: ChangeSignIn,
) -> Result<SignInDocument, Problem> {
    let request = person
        .ask(SetSignInPolicyRequest { second_factor: body.second_factor, revision: body.revision });
    Ok(state.clients.sign_in().set_sign_in_policy(request).await?.into_inner().into())
}
