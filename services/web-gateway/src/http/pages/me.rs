//! `/me`: own account, password, sign-ins and API tokens.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::{
    CreateTokenRequest, EndOtherSessionsRequest, EndSessionRequest, GetMeRequest,
    ListTokensRequest, RevokeTokenRequest,
};
use http::StatusCode;
use serde::Deserialize;

use super::common::{self, Page, PageError, Viewer, sentence};
use super::login::see_other;
use crate::http::AppState;
use crate::http::api::account::{self, SessionDocument};
use crate::http::api::second_factor;
use crate::http::model::{time, time_or_epoch};
use crate::http::problem::Problem;
use crate::http::views::form::{FieldError, FormErrors};
use crate::http::views::me::{MePage, SecondFactor, SessionRow, TokenRow};
use crate::http::views::parts::{Code, When};
use crate::http::views::shell::Section;
use crate::http::views::text;

pub(crate) async fn page(State(state): State<AppState>, viewer: Viewer) -> Page {
    let mut page = draw(&state, &viewer).await?;
    let typed = viewer.typed.as_ref().and_then(|typed| typed.form::<TokenForm>("/me/tokens"));
    page.token_name = typed.map_or_else(String::new, |form| form.name);
    common::ok(&page)
}

pub(super) async fn draw(state: &AppState, viewer: &Viewer) -> Result<MePage, PageError> {
    let shell = common::shell(state, viewer, Section::Other, "Your account", Vec::new()).await;
    let request = viewer.person.ask(ListTokensRequest {});
    let tokens = state.clients.tokens().list_tokens(request).await?.into_inner().tokens;
    let user = state.clients.users().get_me(viewer.person.ask(GetMeRequest {})).await?.into_inner();
    let now = Utc::now();
    let (sessions, sessions_failed) = match account::read(state, &viewer.person).await {
        Ok(sessions) => {
            (sessions.into_iter().map(|s| session_row(s, now)).collect(), String::new())
        }
        Err(Problem(fault)) => (Vec::new(), sentence(&fault.message)),
    };
    Ok(MePage {
        shell,
        done: String::new(),
        second_factor: match second_factor::read(state, &viewer.person).await {
            Ok(read) => Some(SecondFactor {
                since: read.since.map(|at| When::new(at, now)),
                recovery_codes_left: read.recovery_codes_left,
            }),
            Err(_) => None,
        },
        sessions,
        sessions_failed,
        origin: user.origin,
        username: viewer.person.0.username.clone(),
        tokens: tokens
            .into_iter()
            .map(|token| TokenRow {
                id: token.token_id,
                name: format!("{} ({}…)", token.name, token.prefix),
                created: When::new(time_or_epoch(token.created_at), now),
                last_used: time(token.last_used_at).map(|at| When::new(at, now)),
            })
            .collect(),
        fresh: None,
        errors: FormErrors::default(),
        token_name: String::new(),
    })
}

fn session_row(session: SessionDocument, now: DateTime<Utc>) -> SessionRow {
    let agent_exact = session.user_agent.unwrap_or_default();
    SessionRow {
        id: session.id,
        agent: text::browser(&agent_exact),
        agent_exact,
        address: session.client_address.unwrap_or_default(),
        created: When::new(session.created_at, now),
        last_seen: When::new(session.last_seen_at, now),
        current: session.current,
    }
}

#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    old_password: String,
    new_password: String,
    new_password_again: String,
}

pub(crate) async fn change_password(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<PasswordForm>,
) -> Page {
    let changed = if form.new_password == form.new_password_again {
        account::change(&state, &viewer.person, form.old_password, form.new_password).await
    } else {
        let why = "this is not what you typed above";
        Err(Fault::invalid("new_password_again", why).into())
    };
    let mut page = draw(&state, &viewer).await?;
    match changed {
        Ok(ended) => {
            let others = match ended {
                0 => "You had no other sign-ins.".to_owned(),
                1 => "Your other sign-in has ended.".to_owned(),
                more => format!("Your {more} other sign-ins have ended."),
            };
            page.done = format!("Your password is changed. {others}");
            common::ok(&page)
        }
        Err(Problem(fault)) if fault.code == ErrorCode::Unauthenticated => Err(fault.into()),
        Err(Problem(fault)) => {
            let field = fault.field.clone().unwrap_or_else(|| "old_password".to_owned());
            let message = sentence(&fault.message);
            page.errors = FormErrors(vec![FieldError { field, message }]);
            Ok(common::render(Problem::status(&fault), &page))
        }
    }
}

pub(crate) async fn end_session(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(session_id): Path<String>,
) -> Page {
    let request = viewer.person.ask(EndSessionRequest { session_id });
    state.clients.account().end_session(request).await?;
    Ok(see_other("/me#sessions").into_response())
}

pub(crate) async fn end_other_sessions(State(state): State<AppState>, viewer: Viewer) -> Page {
    let request = viewer.person.ask(EndOtherSessionsRequest {});
    state.clients.account().end_other_sessions(request).await?;
    Ok(see_other("/me#sessions").into_response())
}

#[derive(Deserialize)]
pub(crate) struct TokenForm {
    name: String,
}

pub(crate) async fn create_token(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<TokenForm>,
) -> Page {
    let request = viewer.person.ask(CreateTokenRequest { name: form.name.clone() });
    let made = state.clients.tokens().create_token(request).await;
    let mut page = draw(&state, &viewer).await?;
    match made {
        Ok(made) => {
            let text = made.into_inner().secret;
            page.fresh = Some(Code { what: "the new token", text });
            common::ok(&page)
        }
        Err(status) => {
            let fault = Fault::from_status(&status);
            let message = sentence(&fault.message);
            page.errors = FormErrors(vec![FieldError { field: "name".to_owned(), message }]);
            page.token_name = form.name;
            Ok(common::render(StatusCode::BAD_REQUEST, &page))
        }
    }
}

pub(crate) async fn revoke_token(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(token_id): Path<String>,
) -> Page {
    let request = viewer.person.ask(RevokeTokenRequest { token_id });
    state.clients.tokens().revoke_token(request).await?;
    Ok(see_other("/me").into_response())
}
