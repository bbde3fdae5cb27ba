//! How far a cluster's owner tags are.

use axum::Json;
use axum::extract::{Path, State};
use gwm_proto::cache::GetClusterRequest;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::AppState;
use crate::http::model::some;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// Owners as tags in Ganeti.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnerTagsDocument {
    /// `off`, `write` or `remove`; set with `PATCH /clusters/{c}`.
    pub(crate) mode: String,
    /// What the tags of this gwm begin with. Others are never touched.
    pub(crate) prefix: String,
    /// Instances that have an owner.
    pub(crate) owned: u32,
    /// Instances that have a tag of this gwm.
    pub(crate) tagged: u32,
    /// Instances whose tags are to be changed, one after another.
    pub(crate) to_do: u32,
    /// Why that waits; null: it is being done.
    pub(crate) held_up: Option<String>,
}

/// How far the tags that say who owns what are.
#[utoipa::path(get, path = "/clusters/{c}/owner-tags", tag = "clusters",
    params(("c" = String, Path, description = "slug")), responses(
    (status = 200, body = OwnerTagsDocument), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument)))]
pub(crate) async fn state(
    State(state): State<AppState>,
    person: Person,
    Path(c): Path<String>,
) -> Result<Json<OwnerTagsDocument>, Problem> {
    Ok(Json(of(&state, &person, c).await?))
}

/// What page and API share.
pub(crate) async fn of(
    state: &AppState,
    person: &Person,
    c: String,
) -> Result<OwnerTagsDocument, Problem> {
    let request = person.ask(GetClusterRequest { cluster: c });
    let found = state.clients.owner_tags().get_owner_tags(request).await?.into_inner();
    Ok(OwnerTagsDocument {
        mode: found.mode,
        prefix: found.prefix,
        owned: found.owned,
        tagged: found.tagged,
        to_do: found.to_do,
        held_up: some(found.held_up),
    })
}
