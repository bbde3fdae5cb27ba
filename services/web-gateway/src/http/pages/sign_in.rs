//! `/sign-in`: what administrators set about signing in.

use axum::Form;
use axum::extract::State;
use gwm_kernel::ErrorCode;
use serde::Deserialize;

use super::common::{self, Page, Viewer, render};
use super::users::{refuses, wrong};
use crate::http::AppState;
use crate::http::api::sign_in::{ChangeSignIn, SignInDocument, change, read};
use crate::http::problem::Problem;
use crate::http::views::form::{Choice, FormErrors};
use crate::http::views::parts::Link;
use crate::http::views::shell::Section;
use crate::http::views::sign_in::SignInPage;

const CHOICES: [(&str, &str); 3] = [
    ("nobody", "nobody: everybody chooses"),
    ("administrators", "administrators"),
    ("everybody", "everybody"),
];

pub(crate) async fn page(State(state): State<AppState>, viewer: Viewer) -> Page {
    let now = read(&state, &viewer.person).await?;
    common::ok(&draw(&state, &viewer, now).await)
}

async fn draw(state: &AppState, viewer: &Viewer, now: SignInDocument) -> SignInPage {
    let crumbs = vec![Link::new("Users", "/users"), Link::new("Signing in", "")];
    let choice = |(value, label): (&str, &str)| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        selected: value == now.second_factor,
    };
    SignInPage {
        shell: common::shell(state, viewer, Section::Users, "Signing in", crumbs).await,
        done: String::new(),
        choices: CHOICES.into_iter().map(choice).collect(),
        revision: now.revision,
        without: now.without,
        administrators_without: now.administrators_without,
        errors: FormErrors::default(),
    }
}

#[derive(Deserialize)]
pub(crate) struct SignInForm {
    second_factor: String,
    #[serde(default)]
    revision: i64,
}

pub(crate) async fn save(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<SignInForm>,
) -> Page {
    let wanted = form.second_factor.clone();
    let body = ChangeSignIn { second_factor: form.second_factor, revision: form.revision };
    match change(&state, &viewer.person, body).await {
        Ok(now) => {
            let mut page = draw(&state, &viewer, now).await;
            "It is saved.".clone_into(&mut page.done);
            common::ok(&page)
        }
        Err(Problem(fault)) if refuses(&fault) || fault.code.retryable() => Err(fault.into()),
        Err(Problem(mut fault)) => {
            if fault.code == ErrorCode::Conflict {
                fault.field = Some("second_factor".to_owned());
            }
            let now = read(&state, &viewer.person).await?;
            let mut page =
                draw(&state, &viewer, SignInDocument { second_factor: wanted, ..now }).await;
            page.errors = wrong(&fault);
            Ok(render(Problem::status(&fault), &page))
        }
    }
}
