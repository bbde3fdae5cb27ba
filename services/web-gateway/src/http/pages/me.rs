//! `/me`: own account, password and sign-ins.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::{EndOtherSessionsRequest, EndSessionRequest, GetMeRequest};
use serde::Deserialize;

use super::common::{self, Page, PageError, Viewer, escape, sentence};
use super::login::see_other;
use super::{ssh_keys, tokens};
use crate::http::AppState;
use crate::http::api::account::{self, SessionDocument};
use crate::http::api::second_factor;
use crate::http::problem::Problem;
use crate::http::views::form::{FieldError, FormErrors};
use crate::http::views::me::{MePage, SecondFactor, SessionRow};
use crate::http::views::parts::When;
use crate::http::views::shell::Section;
use crate::http::views::text;

pub(crate) async fn page(State(state): State<AppState>, viewer: Viewer) -> Page {
    common::ok(&draw(&state, &viewer).await?)
}

pub(super) async fn draw(state: &AppState, viewer: &Viewer) -> Result<MePage, PageError> {
    let shell = common::shell(state, viewer, Section::Other, "Your account", Vec::new()).await;
    let tokens = tokens::rows(state, viewer, "").await?;
    let user = state.clients.users().get_me(viewer.person.ask(GetMeRequest {})).await?.into_inner();
    let now = Utc::now();
    let (sessions, sessions_failed) = match sessions(state, viewer, "").await {
        Ok(sessions) => (sessions, String::new()),
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
        tokens,
        keys: ssh_keys::rows(state, viewer, "").await?,
        here: "/me".to_owned(),
        key: ssh_keys::typed(viewer),
        fresh: None,
        errors: FormErrors::default(),
        token: tokens::fields(state, viewer, &tokens::typed(viewer)).await,
    })
}

/// Open sign-ins of a user; empty: of who looks.
pub(super) async fn sessions(
    state: &AppState,
    viewer: &Viewer,
    user: &str,
) -> Result<Vec<SessionRow>, Problem> {
    let now = Utc::now();
    let sessions = account::read(state, &viewer.person, user).await?;
    Ok(sessions.into_iter().map(|session| session_row(session, user, now)).collect())
}

fn session_row(session: SessionDocument, user: &str, now: DateTime<Utc>) -> SessionRow {
    let agent_exact = session.user_agent.unwrap_or_default();
    SessionRow {
        end: match user {
            "" => format!("/me/sessions/{}/end", session.id),
            user => format!("/users/{}/sessions/{}/end", escape(user), session.id),
        },
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
    let request = viewer.person.ask(EndSessionRequest { session_id, user: String::new() });
    state.clients.account().end_session(request).await?;
    Ok(see_other("/me#sessions").into_response())
}

pub(crate) async fn end_other_sessions(State(state): State<AppState>, viewer: Viewer) -> Page {
    let request = viewer.person.ask(EndOtherSessionsRequest { user: String::new() });
    state.clients.account().end_other_sessions(request).await?;
    Ok(see_other("/me#sessions").into_response())
}

pub(crate) async fn end_session_of(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((user, session_id)): Path<(String, String)>,
) -> Page {
    let back = format!("/users/{}#sessions", escape(&user));
    let request = viewer.person.ask(EndSessionRequest { session_id, user });
    state.clients.account().end_session(request).await?;
    Ok(see_other(&back).into_response())
}

pub(crate) async fn end_sessions_of(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(user): Path<String>,
) -> Page {
    let back = format!("/users/{}#sessions", escape(&user));
    let request = viewer.person.ask(EndOtherSessionsRequest { user });
    state.clients.account().end_other_sessions(request).await?;
    Ok(see_other(&back).into_response())
}
