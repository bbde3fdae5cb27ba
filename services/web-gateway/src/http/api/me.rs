//! `/me`: the person who asks.

use axum::Json;
use axum::extract::State;
use gwm_proto::auth::GetMeRequest;
use serde::Serialize;
use utoipa::ToSchema;

use super::users::UserDocument;
use crate::http::AppState;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

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
