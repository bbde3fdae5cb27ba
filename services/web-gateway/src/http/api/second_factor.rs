//! `/me/second-factor`: codes of an authenticator beside the password.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use gwm_proto::auth::{
    BeginSecondFactorRequest, BeginSecondFactorResponse, ConfirmSecondFactorRequest,
    GetSecondFactorRequest, RemoveSecondFactorRequest,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::Body;
use crate::http::AppState;
use crate::http::model::time;
use crate::http::person::{Person, SettingUp};
use crate::http::problem::{Problem, ProblemDocument};

/// Whether codes are asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecondFactorDocument {
    pub(crate) on: bool,
    pub(crate) since: Option<DateTime<Utc>>,
    pub(crate) recovery_codes_left: u32,
}

/// What the authenticator is fed with; it counts once a code of it was given.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewSecondFactor {
    /// Base32, for typing it in.
    secret: String,
    /// `otpauth://…`, for a picture of it.
    uri: String,
}

/// To begin with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BeginSecondFactor {
    password: String,
}

/// What the authenticator shows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmSecondFactor {
    code: String,
}

/// For when the authenticator is lost.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    /// Each good for one login. Shown this once.
    recovery_codes: Vec<String>,
}

/// To take it away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveSecondFactor {
    password: String,
    /// Of the authenticator, or a recovery code.
    code: String,
}

/// The second factor of the person who asks.
#[utoipa::path(get, path = "/me/second-factor", tag = "me",
    responses((status = 200, body = SecondFactorDocument)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    SettingUp(person): SettingUp,
) -> Result<Json<SecondFactorDocument>, Problem> {
    Ok(Json(read(&state, &person).await?))
}

/// What page and API share.
pub(crate) async fn read(
    state: &AppState,
    person: &Person,
) -> Result<SecondFactorDocument, Problem> {
    let request = person.ask(GetSecondFactorRequest {});
    let answer = state.clients.second_factor().get_second_factor(request).await?.into_inner();
    Ok(SecondFactorDocument {
        on: answer.on,
        since: time(answer.since),
        recovery_codes_left: answer.recovery_codes_left,
    })
}

/// Makes a secret for an authenticator. Not with an API token.
#[utoipa::path(post, path = "/me/second-factor", tag = "me", request_body = BeginSecondFactor,
    responses((status = 201, body = NewSecondFactor), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn begin(
    State(state): State<AppState>,
    SettingUp(person): SettingUp,
    Body(body): Body<BeginSecondFactor>,
) -> Result<(StatusCode, Json<NewSecondFactor>), Problem> {
    let begun = make(&state, &person, body.password).await?;
    let made = NewSecondFactor { secret: begun.secret, uri: begun.uri };
    Ok((StatusCode::CREATED, Json(made)))
}

/// What page and API share.
pub(crate) async fn make(
    state: &AppState,
    person: &Person,
    password: String,
) -> Result<BeginSecondFactorResponse, Problem> {
    let request = person.ask(BeginSecondFactorRequest { password });
    Ok(state.clients.second_factor().begin_second_factor(request).await?.into_inner())
}

/// Asks for codes from now on; the recovery codes are in this answer and never again.
#[utoipa::path(post, path = "/me/second-factor/confirm", tag = "me",
    request_body = ConfirmSecondFactor, responses((status = 200, body = RecoveryCodes),
    (status = 400, body = ProblemDocument), (status = 403, body = ProblemDocument),
    (status = 409, body = ProblemDocument)))]
pub(crate) async fn confirm(
    State(state): State<AppState>,
    SettingUp(person): SettingUp,
    Body(body): Body<ConfirmSecondFactor>,
) -> Result<Json<RecoveryCodes>, Problem> {
    Ok(Json(RecoveryCodes { recovery_codes: turn_on(&state, &person, body.code).await? }))
}

/// What page and API share.
pub(crate) async fn turn_on(
    state: &AppState,
    person: &Person,
    code: String,
) -> Result<Vec<String>, Problem> {
    let request = person.ask(ConfirmSecondFactorRequest { code });
    let answer = state.clients.second_factor().confirm_second_factor(request).await?;
    Ok(answer.into_inner().recovery_codes)
}

/// Asks for codes no more. Not with an API token.
#[utoipa::path(post, path = "/me/second-factor/remove", tag = "me",
    request_body = RemoveSecondFactor, responses((status = 204), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument)))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<RemoveSecondFactor>,
) -> Result<StatusCode, Problem> {
    turn_off(&state, &person, body.password, body.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What page and API share.
pub(crate) async fn turn_off(
    state: &AppState,
    person: &Person,
    password: String,
    code: String,
) -> Result<(), Problem> {
    let request = person.ask(RemoveSecondFactorRequest { password, code });
    state.clients.second_factor().remove_second_factor(request).await?;
    Ok(())
}
