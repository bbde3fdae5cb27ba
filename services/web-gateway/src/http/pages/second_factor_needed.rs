//! `/second-factor`: setting one up, for who can do nothing else before.

use axum::Form;
use axum::extract::State;
use axum::response::IntoResponse;
use gwm_kernel::{ErrorCode, Fault};
use http::StatusCode;

use super::common::{self, Page, render};
use super::login::see_other;
use super::second_factor::{BeginForm, ConfirmForm, in_fours, picture};
use super::users::wrong;
use crate::http::AppState;
use crate::http::api::second_factor::{make, read, turn_on};
use crate::http::person::SettingUp;
use crate::http::problem::Problem;
use crate::http::views::form::FormErrors;
use crate::http::views::parts::Code;
use crate::http::views::sign_in::SecondFactorNeededPage;

pub(crate) async fn page(
    State(state): State<AppState>,
    person: Result<SettingUp, Problem>,
) -> Page {
    let SettingUp(person) = person?;
    if read(&state, &person).await?.on {
        return Ok(see_other("/").into_response());
    }
    common::ok(&draw(&person.0.username))
}

fn draw(username: &str) -> SecondFactorNeededPage {
    SecondFactorNeededPage {
        username: username.to_owned(),
        begun: false,
        secret: String::new(),
        picture: String::new(),
        recovery: None,
        errors: FormErrors::default(),
    }
}

pub(crate) async fn begin(
    State(state): State<AppState>,
    person: Result<SettingUp, Problem>,
    Form(form): Form<BeginForm>,
) -> Page {
    let SettingUp(person) = person?;
    let mut page = draw(&person.0.username);
    match make(&state, &person, form.password).await {
        Ok(begun) => {
            page.begun = true;
            page.picture = picture(&begun.uri);
            page.secret = in_fours(&begun.secret);
            common::ok(&page)
        }
        Err(Problem(fault)) => refused(fault, page),
    }
}

pub(crate) async fn confirm(
    State(state): State<AppState>,
    person: Result<SettingUp, Problem>,
    Form(form): Form<ConfirmForm>,
) -> Page {
    let SettingUp(person) = person?;
    let mut page = draw(&person.0.username);
    page.begun = true;
    match turn_on(&state, &person, form.code).await {
        Ok(codes) => {
            page.recovery = Some(Code { what: "the recovery codes", text: codes.join("\n") });
            common::ok(&page)
        }
        Err(Problem(fault)) => refused(fault, page),
    }
}

fn refused(fault: Fault, mut page: SecondFactorNeededPage) -> Page {
    if fault.code == ErrorCode::Unauthenticated || fault.code.retryable() {
        return Err(fault.into());
    }
    // Done already, in another window.
    if fault.reason == "second_factor_on" {
        return Ok(see_other("/").into_response());
    }
    page.errors = wrong(&fault);
    let status = Problem::status(&fault);
    Ok(render(if status.is_client_error() { status } else { StatusCode::BAD_REQUEST }, &page))
}
