//! `/imports`: what appeared in Ganeti, or vanished from it, without gwm.

use axum::Json;
use axum::extract::State;
use gwm_proto::cache::ConfirmMissingRequest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::Body;
use crate::http::AppState;
use crate::http::model::{ClusterDocument, cluster};
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// What an administrator takes for gone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmMissing {
    /// Slug.
    pub(crate) cluster: String,
    /// How many objects `health.missing` of the cluster said; another number by now is refused.
    pub(crate) objects: u32,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfirmedMissing {
    /// Nodes and instances that are removed from the inventory now.
    pub(crate) removed: u32,
    pub(crate) cluster: Option<ClusterDocument>,
}

/// Believes that the nodes and instances marked `missing` are gone, after one more look at the cluster.
#[utoipa::path(post, path = "/imports/missing/confirm", tag = "imports", request_body = ConfirmMissing,
    responses((status = 200, body = ConfirmedMissing), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn confirm_missing(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<ConfirmMissing>,
) -> Result<Json<ConfirmedMissing>, Problem> {
    Ok(Json(confirm(&state, &person, body).await?))
}

/// What page and API share.
pub(crate) async fn confirm(
    state: &AppState,
    person: &Person,
    body: ConfirmMissing,
) -> Result<ConfirmedMissing, Problem> {
    let ConfirmMissing { cluster: slug, objects } = body;
    let mut request = person.ask(ConfirmMissingRequest { cluster: slug, objects });
    request.set_timeout(std::time::Duration::from_secs(60));
    let answer = state.clients.clusters().confirm_missing(request).await?.into_inner();
    Ok(ConfirmedMissing { removed: answer.removed, cluster: answer.cluster.map(cluster) })
}
