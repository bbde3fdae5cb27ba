//! `/access`: what somebody may do to something, and why. Of oneself, or by who holds `admin` on the object.

use axum::Json;
use axum::extract::State;
use gwm_events::types::access::Grant;
use gwm_kernel::Fault;
use gwm_proto::auth::{ExplainRequest, ExplainResponse};
use gwm_types::Permission;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::Params;
use super::grants;
use crate::http::AppState;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// Who, and on what.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExplainQuery {
    /// Login name; absent: oneself.
    pub(crate) user: String,
    /// On everything there is.
    pub(crate) fleet: bool,
    /// Slug.
    pub(crate) cluster: String,
    /// Name or UUID.
    pub(crate) instance: String,
    /// Name or UUID, of the cluster.
    pub(crate) node_group: String,
}

/// Who, what, and on what.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CheckQuery {
    /// Login name; absent: oneself.
    user: String,
    /// `view`, `console`, `power`, ..
    #[param(required = true)]
    permission: String,
    /// On everything there is.
    fleet: bool,
    /// Slug.
    cluster: String,
    /// Name or UUID.
    instance: String,
    /// Name or UUID, of the cluster.
    node_group: String,
}

/// Whether it is allowed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Checked {
    user: String,
    permission: String,
    allowed: bool,
}

/// What somebody may do to something.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Explained {
    user_id: String,
    user: String,
    /// An administrator may do everything, whatever is granted.
    is_admin: bool,
    /// One who is disabled may do nothing, whatever is granted.
    disabled: bool,
    /// All that is allowed.
    allowed: Vec<String>,
    /// Every grant that counts there.
    reasons: Vec<ReasonDocument>,
}

/// A grant that counts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReasonDocument {
    /// Whose it is says whether it comes by a group; its role is what was given, and its object where.
    grant: Grant,
    /// What it allows on the object that was asked about.
    allows: Vec<String>,
}

/// What page and API share.
pub(crate) async fn explained(
    state: &AppState,
    person: &Person,
    query: ExplainQuery,
) -> Result<ExplainResponse, Problem> {
    let wanted = grants::Where {
        fleet: query.fleet,
        cluster: &query.cluster,
        node_group: grants::given(&query.node_group),
        instance: grants::given(&query.instance),
    };
    let object = grants::scope(state, person, wanted).await?.object;
    let request = person.ask(ExplainRequest { username: query.user, object: Some(object) });
    Ok(state.clients.effective().explain(request).await?.into_inner())
}

/// What somebody may do to something, and why: each grant that counts.
#[utoipa::path(get, path = "/access/explain", tag = "access", params(ExplainQuery), responses(
    (status = 200, body = Explained), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn explain(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<ExplainQuery>,
) -> Result<Json<Explained>, Problem> {
    let answer = explained(&state, &person, query).await?;
    let reason = |reason: gwm_proto::auth::Reason| ReasonDocument {
        grant: grants::document(reason.grant.unwrap_or_default()),
        allows: reason.allows,
    };
    Ok(Json(Explained {
        user_id: answer.user_id,
        user: answer.username,
        is_admin: answer.is_admin,
        disabled: answer.disabled,
        allowed: answer.allowed,
        reasons: answer.reasons.into_iter().map(reason).collect(),
    }))
}

/// Whether somebody may do one thing.
#[utoipa::path(get, path = "/access/check", tag = "access", params(CheckQuery), responses(
    (status = 200, body = Checked), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn check(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<CheckQuery>,
) -> Result<Json<Checked>, Problem> {
    let CheckQuery { user, permission, fleet, cluster, instance, node_group } = query;
    let wanted: Permission = permission
        .parse()
        .map_err(|error| Problem(Fault::invalid("permission", format!("{error}"))))?;
    let query = ExplainQuery { user, fleet, cluster, instance, node_group };
    let answer = explained(&state, &person, query).await?;
    let allowed = answer.allowed.iter().any(|word| word == wanted.as_str());
    Ok(Json(Checked { user: answer.username, permission, allowed }))
}
