//! `/me/second-factor`: setting up codes of an authenticator, and taking them away.

use axum::Form;
use axum::extract::State;
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gwm_kernel::{ErrorCode, Fault};
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Deserialize;

use super::common::{self, Page, PageError, Viewer, render};
use super::login::see_other;
use super::me;
use super::users::wrong;
use crate::http::AppState;
use crate::http::api::second_factor::{make, turn_off, turn_on};
use crate::http::problem::Problem;
use crate::http::views::form::FormErrors;
use crate::http::views::parts::{Code, Link};
use crate::http::views::second_factor::SecondFactorPage;
use crate::http::views::shell::Section;

#[derive(Deserialize)]
pub(crate) struct BeginForm {
    pub(super) password: String,
}

pub(crate) async fn begin(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<BeginForm>,
) -> Page {
    match make(&state, &viewer.person, form.password).await {
        Ok(begun) => {
            let mut page = draw(&state, &viewer).await;
            page.picture = picture(&begun.uri);
            page.secret = in_fours(&begun.secret);
            common::ok(&page)
        }
        // Its page has two fields for passwords: this one has another name there.
        Err(Problem(fault)) => refused(&state, &viewer, fault, "begin_password").await,
    }
}

#[derive(Deserialize)]
pub(crate) struct ConfirmForm {
    pub(super) code: String,
}

pub(crate) async fn confirm(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<ConfirmForm>,
) -> Page {
    let mut page = draw(&state, &viewer).await;
    match turn_on(&state, &viewer.person, form.code).await {
        Ok(codes) => {
            page.recovery = Some(Code { what: "the recovery codes", text: codes.join("\n") });
            common::ok(&page)
        }
        Err(Problem(fault)) if fault.code == ErrorCode::InvalidArgument => {
            page.errors = wrong(&fault);
            Ok(render(Problem::status(&fault), &page))
        }
        Err(problem) => Err(problem.into()),
    }
}

#[derive(Deserialize)]
pub(crate) struct RemoveForm {
    password: String,
    code: String,
}

pub(crate) async fn remove(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<RemoveForm>,
) -> Page {
    match turn_off(&state, &viewer.person, form.password, form.code).await {
        Ok(()) => Ok(see_other("/me#second-factor").into_response()),
        Err(Problem(fault)) => refused(&state, &viewer, fault, "begin_password").await,
    }
}

/// The account's page with what is wrong.
async fn refused(
    state: &AppState,
    viewer: &Viewer,
    mut fault: Fault,
    password_field: &str,
) -> Page {
    if fault.code == ErrorCode::Unauthenticated || fault.field.is_none() {
        return Err(PageError::Refused(fault));
    }
    if fault.field.as_deref() == Some("password") {
        fault.field = Some(password_field.to_owned());
    }
    let mut page = me::draw(state, viewer).await?;
    page.errors = wrong(&fault);
    Ok(render(Problem::status(&fault), &page))
}

async fn draw(state: &AppState, viewer: &Viewer) -> SecondFactorPage {
    let crumbs = vec![Link::new("Your account", "/me"), Link::new("Second factor", "")];
    SecondFactorPage {
        shell: common::shell(state, viewer, Section::Other, "Second factor", crumbs).await,
        secret: String::new(),
        picture: String::new(),
        recovery: None,
        errors: FormErrors::default(),
    }
}

/// A text that is too long for a picture does without.
pub(super) fn picture(uri: &str) -> String {
    let Ok(code) = QrCode::new(uri) else { return String::new() };
    let svg = code.render::<svg::Color<'_>>().min_dimensions(220, 220).build();
    format!("data:image/svg+xml;base64,{}", STANDARD.encode(svg))
}

pub(super) fn in_fours(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|c| c.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_readable_and_has_a_picture() {
        assert_eq!(in_fours("GEZDGNBVGY"), "GEZD GNBV GY");
        assert!(picture("otpauth://totp/x?secret=GEZD").starts_with("data:image/svg+xml;base64,"));
        assert_eq!(picture(&"x".repeat(9000)), "");
    }
}
