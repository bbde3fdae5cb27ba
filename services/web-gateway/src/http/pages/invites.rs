//! `/invites`: one-time ways to an account; `/invite`: the page of who has one.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use chrono::{DateTime, Utc};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::WithdrawInviteRequest;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;

use super::common::{self, Page, PageError, Viewer, render};
use super::login::see_other;
use super::users::{refuses, wrong};
use crate::http::AppState;
use crate::http::api::invites::{CreateInvite, InviteDocument, RedeemInvite, make, read, take};
use crate::http::api::session::{SignedIn, sign_in};
use crate::http::person::session_cookie;
use crate::http::problem::Problem;
use crate::http::views::form::{Choice, FormErrors};
use crate::http::views::invites::{InvitePage, InviteRow, InvitesPage};
use crate::http::views::parts::{Code, Link, Mark, Status, When};
use crate::http::views::shell::Section;

const HOURS: [(&str, &str); 4] =
    [("24", "1 day"), ("72", "3 days"), ("168", "7 days"), ("720", "30 days")];
const OWN_HOURS: &str = "168";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InviteForm {
    username: String,
    is_admin: String,
    valid_hours: String,
}

fn row(invite: InviteDocument, now: DateTime<Utc>) -> InviteRow {
    let (mark, detail) = match invite.state.as_str() {
        "open" => (Mark::Busy, "not used yet"),
        "used" => (Mark::Ok, "the account is made"),
        "void" => (Mark::Idle, "who made it is no administrator any more"),
        _ => (Mark::Idle, ""),
    };
    InviteRow {
        id: invite.id,
        username: invite.username.unwrap_or_default(),
        is_admin: invite.is_admin,
        open: invite.state == "open",
        status: Status::new(mark, invite.state, detail),
        used_by: invite.used_by.unwrap_or_default(),
        by: invite.created_by,
        created: When::new(invite.created_at, now),
        expires: When::to_come(invite.expires_at, now),
    }
}

pub(crate) async fn list(State(state): State<AppState>, viewer: Viewer) -> Page {
    let typed = viewer.typed.as_ref().and_then(|typed| typed.form::<InviteForm>("/invites"));
    let form = typed.unwrap_or_default();
    common::ok(&draw(&state, &viewer, form, FormErrors::default()).await?)
}

async fn draw(
    state: &AppState,
    viewer: &Viewer,
    form: InviteForm,
    errors: FormErrors,
) -> Result<InvitesPage, PageError> {
    let now = Utc::now();
    let rows = read(state, &viewer.person).await?.into_iter().map(|i| row(i, now)).collect();
    let crumbs = vec![Link::new("Users", "/users"), Link::new("Invites", "")];
    let chosen = if form.valid_hours.is_empty() { OWN_HOURS } else { &form.valid_hours };
    let choice = |(value, label): (&str, &str)| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        selected: value == chosen,
    };
    Ok(InvitesPage {
        shell: common::shell(state, viewer, Section::Users, "Invites", crumbs).await,
        rows,
        fresh: None,
        hours: HOURS.into_iter().map(choice).collect(),
        username: form.username,
        is_admin: !form.is_admin.is_empty(),
        errors,
    })
}

pub(crate) async fn create(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<InviteForm>,
) -> Page {
    let body = CreateInvite {
        username: Some(form.username.trim().to_owned()),
        is_admin: !form.is_admin.is_empty(),
        valid_hours: form.valid_hours.parse().ok(),
    };
    match make(&state, &viewer.person, body).await {
        Ok(made) => {
            let none = FormErrors::default();
            let mut page = draw(&state, &viewer, InviteForm::default(), none).await?;
            page.fresh = Some(Code { what: "the invite’s link", text: made.link });
            common::ok(&page)
        }
        Err(Problem(fault)) if refuses(&fault) || fault.code.retryable() => Err(fault.into()),
        Err(Problem(fault)) => {
            let page = draw(&state, &viewer, form, wrong(&fault)).await?;
            Ok(render(Problem::status(&fault), &page))
        }
    }
}

pub(crate) async fn withdraw(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(invite_id): Path<String>,
) -> Page {
    let request = viewer.person.ask(WithdrawInviteRequest { invite_id });
    state.clients.invites().withdraw_invite(request).await?;
    Ok(see_other("/invites").into_response())
}

#[derive(Deserialize)]
pub(crate) struct OpenQuery {
    #[serde(default)]
    username: String,
}

/// Opening the link uses nothing up: mail programs open links, too.
pub(crate) async fn open(Query(query): Query<OpenQuery>) -> Response {
    let (code, errors) = (String::new(), FormErrors::default());
    let username = query.username.chars().take(64).collect();
    render(StatusCode::OK, &InvitePage { code, username, errors })
}

#[derive(Deserialize)]
pub(crate) struct RedeemForm {
    code: String,
    #[serde(default)]
    username: String,
    password: String,
    password_again: String,
}

pub(crate) async fn redeem(
    State(state): State<AppState>,
    jar: CookieJar,
    parts: Parts,
    Form(form): Form<RedeemForm>,
) -> Response {
    let (code, username) = (form.code.trim().to_owned(), form.username.trim().to_owned());
    let made = if form.password == form.password_again {
        let given = RedeemInvite {
            code: code.clone(),
            username: username.clone(),
            password: form.password.clone(),
        };
        take(&state, &parts, given).await
    } else {
        Err(Fault::invalid("password_again", "this is not what you typed above").into())
    };
    match made {
        // The account is made either way; who can't be signed in just now does it by hand.
        Ok(user) => match sign_in(&state, &parts, user.username, form.password).await {
            Ok(SignedIn::In(token)) => {
                (jar.add(session_cookie(token)), see_other("/")).into_response()
            }
            Ok(SignedIn::CodeNeeded(_)) | Err(_) => see_other("/login").into_response(),
        },
        Err(Problem(mut fault)) => {
            if fault.code == ErrorCode::Unauthenticated {
                fault.field = Some("code".to_owned());
            }
            let errors = wrong(&fault);
            render(Problem::status(&fault), &InvitePage { code, username, errors })
        }
    }
}
