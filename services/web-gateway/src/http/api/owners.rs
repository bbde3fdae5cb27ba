//! `/clusters/{c}/instances/{i}/owner`: who is charged for an instance.

use axum::Json;
use axum::extract::{Path, State};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::{OwnerLine, SetOwnersRequest};
use gwm_proto::cache::Instance;
use gwm_proto::common::ObjectRef;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::adopt::ROLE;
use super::extract::Body;
use super::instances::detail;
use crate::http::AppState;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// Another owner.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetOwner {
    /// `NAME`, `user/NAME` or `group/NAME`; null: nobody.
    pub(crate) owner: Option<String>,
    /// What the new owner may do: `admin` (if absent), `power`, `console`, `view` or `none`.
    #[serde(default)]
    pub(crate) role: Option<String>,
    /// What becomes of the former owner's grants on it: `keep` (if absent) or `remove`.
    #[serde(default)]
    pub(crate) former_grants: Option<String>,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnerSet {
    /// Whether anything changed.
    pub(crate) changed: bool,
    /// `user/NAME` as it was.
    pub(crate) former_owner: Option<String>,
}

/// Sets who owns the instance. Owning it gives nothing by itself: the role does.
#[utoipa::path(post, path = "/clusters/{c}/instances/{i}/owner", tag = "instances",
    params(("c" = String, Path, description = "slug"),
           ("i" = String, Path, description = "name or UUID")),
    request_body = SetOwner, responses((status = 200, body = OwnerSet),
    (status = 400, body = ProblemDocument), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument)))]
pub(crate) async fn set(
    State(state): State<AppState>,
    person: Person,
    Path((c, i)): Path<(String, String)>,
    Body(body): Body<SetOwner>,
) -> Result<Json<OwnerSet>, Problem> {
    let found = detail(&state, &person, c, i).await?;
    Ok(Json(give(&state, &person, found.instance.unwrap_or_default(), body, "api").await?))
}

/// What page and API share.
pub(crate) async fn give(
    state: &AppState,
    person: &Person,
    instance: Instance,
    body: SetOwner,
    source: &str,
) -> Result<OwnerSet, Problem> {
    state.authz.require_admin(&person.0)?;
    let remove_former_grants = match body.former_grants.as_deref().unwrap_or("keep") {
        "keep" => false,
        "remove" => true,
        _ => return Err(Fault::invalid("former_grants", "former_grants is keep or remove").into()),
    };
    let owner = body.owner.unwrap_or_default().trim().to_owned();
    let role = match body.role.as_deref() {
        _ if owner.is_empty() => "",
        None => ROLE,
        Some("none") => "",
        Some(role) => role,
    };
    let line = OwnerLine {
        instance: Some(ObjectRef {
            kind: "instance".to_owned(),
            cluster_id: instance.cluster_id,
            uuid: instance.uuid,
        }),
        cluster: instance.cluster,
        name: instance.name,
        owner,
        role: role.to_owned(),
        remove_former_grants,
    };
    let request =
        SetOwnersRequest { lines: vec![line], source: source.to_owned(), ..Default::default() };
    let answer = state.clients.owners().set_owners(person.ask(request)).await?.into_inner();
    let outcome = answer.outcomes.into_iter().next().unwrap_or_default();
    if outcome.outcome == "refused" {
        let field = if outcome.code == "bad_role" { "role" } else { "owner" };
        let mut fault = Fault::new(ErrorCode::InvalidArgument, outcome.code, outcome.text);
        fault.field = Some(field.to_owned());
        return Err(fault.into());
    }
    Ok(OwnerSet {
        changed: outcome.outcome == "set",
        former_owner: Some(outcome.former).filter(|f| !f.is_empty()),
    })
}
