//! `/me`: own account and API tokens.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use chrono::Utc;
use gwm_kernel::Fault;
use gwm_proto::auth::{CreateTokenRequest, ListTokensRequest, RevokeTokenRequest};
use http::StatusCode;
use serde::Deserialize;

use super::common::{self, Page, PageError, Viewer, sentence};
use super::login::see_other;
use crate::http::AppState;
use crate::http::model::{time, time_or_epoch};
use crate::http::views::form::{FieldError, FormErrors};
use crate::http::views::me::{MePage, TokenRow};
use crate::http::views::parts::{Code, When};
use crate::http::views::shell::Section;

pub(crate) async fn page(State(state): State<AppState>, viewer: Viewer) -> Page {
    let mut page = draw(&state, &viewer).await?;
    let typed = viewer.typed.as_ref().and_then(|typed| typed.form::<TokenForm>("/me/tokens"));
    page.token_name = typed.map_or_else(String::new, |form| form.name);
    common::ok(&page)
}

async fn draw(state: &AppState, viewer: &Viewer) -> Result<MePage, PageError> {
    let shell = common::shell(state, viewer, Section::Other, "Your account", Vec::new()).await;
    let request = viewer.person.ask(ListTokensRequest {});
    let tokens = state.clients.tokens().list_tokens(request).await?.into_inner().tokens;
    let now = Utc::now();
    Ok(MePage {
        shell,
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
