//! `/invites`: one-time ways to an account. For administrators, but for who has a code.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use gwm_proto::auth::{
    CreateInviteRequest, Invite, ListInvitesRequest, RedeemInviteRequest, WithdrawInviteRequest,
};
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::Body;
use super::users::UserDocument;
use crate::http::AppState;
use crate::http::model::{some, time, time_or_epoch};
use crate::http::person::{Person, client_address};
use crate::http::problem::{Problem, ProblemDocument};

/// An invite, without its code.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InviteDocument {
    pub(crate) id: String,
    /// Null: whoever has the code chooses.
    pub(crate) username: Option<String>,
    /// Makes an administrator.
    pub(crate) is_admin: bool,
    pub(crate) created_by: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    /// `open`, `used`, `withdrawn`, `expired`, or `void`: who made it is no administrator any more.
    pub(crate) state: String,
    /// The user that was made with it.
    pub(crate) used_by: Option<String>,
    pub(crate) used_at: Option<DateTime<Utc>>,
}

/// A new invite.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewInvite {
    /// Shown this once.
    pub(crate) code: String,
    /// Where the invited person goes. The code stands behind the `#`, which no browser sends anywhere.
    pub(crate) link: String,
    #[serde(flatten)]
    pub(crate) document: InviteDocument,
}

/// All that are open or of the last 30 days, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InviteList {
    items: Vec<InviteDocument>,
}

/// Whom to invite.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CreateInvite {
    /// Absent: whoever has the code chooses.
    pub(crate) username: Option<String>,
    pub(crate) is_admin: bool,
    /// 1 to 720; 168 if absent.
    pub(crate) valid_hours: Option<u32>,
}

/// What the invited person gives.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedeemInvite {
    pub(crate) code: String,
    /// Needed where the invite names nobody.
    #[serde(default)]
    pub(crate) username: String,
    pub(crate) password: String,
}

impl From<Invite> for InviteDocument {
    fn from(invite: Invite) -> Self {
        Self {
            id: invite.invite_id,
            username: some(invite.username),
            is_admin: invite.is_admin,
            created_by: invite.created_by,
            created_at: time_or_epoch(invite.created_at),
            expires_at: time_or_epoch(invite.expires_at),
            state: invite.state,
            used_by: some(invite.used_by),
            used_at: time(invite.used_at),
        }
    }
}

/// The invites.
#[utoipa::path(get, path = "/invites", tag = "users", responses(
    (status = 200, body = InviteList), (status = 403, body = ProblemDocument)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    person: Person,
) -> Result<Json<InviteList>, Problem> {
    Ok(Json(InviteList { items: read(&state, &person).await? }))
}

/// What page and API share.
pub(crate) async fn read(
    state: &AppState,
    person: &Person,
) -> Result<Vec<InviteDocument>, Problem> {
    let request = person.ask(ListInvitesRequest {});
    let answer = state.clients.invites().list_invites(request).await?.into_inner();
    Ok(answer.invites.into_iter().map(Into::into).collect())
}

/// Makes an invite; its code is in this answer and never again.
#[utoipa::path(post, path = "/invites", tag = "users", request_body = CreateInvite, responses(
    (status = 201, body = NewInvite), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<CreateInvite>,
) -> Result<(StatusCode, Json<NewInvite>), Problem> {
    Ok((StatusCode::CREATED, Json(make(&state, &person, body).await?)))
}

/// What page and API share.
pub(crate) async fn make(
    state: &AppState,
    person: &Person,
    body: CreateInvite,
) -> Result<NewInvite, Problem> {
    let request = person.ask(CreateInviteRequest {
        username: body.username.unwrap_or_default(),
        is_admin: body.is_admin,
        valid_hours: body.valid_hours.unwrap_or_default(),
    });
    let answer = state.clients.invites().create_invite(request).await?.into_inner();
    let document: InviteDocument = answer.invite.unwrap_or_default().into();
    let site = state.http.public_url.trim_end_matches('/');
    let name = document.username.as_ref().map(|n| format!("?username={n}")).unwrap_or_default();
    let link = format!("{site}/invite{name}#{}", answer.code);
    Ok(NewInvite { code: answer.code, link, document })
}

/// Withdraws an invite.
#[utoipa::path(delete, path = "/invites/{id}", tag = "users", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument)))]
pub(crate) async fn withdraw(
    State(state): State<AppState>,
    person: Person,
    Path(invite_id): Path<String>,
) -> Result<StatusCode, Problem> {
    let request = person.ask(WithdrawInviteRequest { invite_id });
    state.clients.invites().withdraw_invite(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes an account with an invite's code. Needs no sign-in.
#[utoipa::path(post, path = "/invites/redeem", tag = "session", request_body = RedeemInvite,
    responses((status = 201, body = UserDocument), (status = 400, body = ProblemDocument),
    (status = 401, description = "not valid, or not any more", body = ProblemDocument),
    (status = 409, body = ProblemDocument), (status = 429, body = ProblemDocument)))]
pub(crate) async fn redeem(
    State(state): State<AppState>,
    parts: Parts,
    Body(body): Body<RedeemInvite>,
) -> Result<(StatusCode, Json<UserDocument>), Problem> {
    Ok((StatusCode::CREATED, Json(take(&state, &parts, body).await?)))
}

/// What page and API share.
pub(crate) async fn take(
    state: &AppState,
    parts: &Parts,
    given: RedeemInvite,
) -> Result<UserDocument, Problem> {
    let request = RedeemInviteRequest {
        code: given.code,
        username: given.username,
        password: given.password,
        client_address: client_address(parts, state),
    };
    Ok(state.clients.invites().redeem_invite(request).await?.into_inner().into())
}
