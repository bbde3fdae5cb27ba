//! Public SSH keys on `/me` and on the page of a user.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use gwm_kernel::Fault;
use gwm_proto::auth::{AddSshKeyRequest, RemoveSshKeyRequest};
use serde::Deserialize;

use super::common::{self, Page, PageError, Viewer, escape, sentence};
use super::login::see_other;
use super::me;
use crate::http::AppState;
use crate::http::api::ssh_keys::{SshKeyDocument, read};
use crate::http::problem::Problem;
use crate::http::views::form::{FieldError, FormErrors};
use crate::http::views::me::{KeyFields, KeyRow};
use crate::http::views::parts::When;

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct KeyForm {
    key_name: String,
    public_key: String,
}

/// Those of a user; empty: of who looks.
pub(super) async fn rows(
    state: &AppState,
    viewer: &Viewer,
    user: &str,
) -> Result<Vec<KeyRow>, PageError> {
    let now = Utc::now();
    let keys = read(state, &viewer.person, user).await?;
    Ok(keys.into_iter().map(|key| row(key, user, now)).collect())
}

fn row(key: SshKeyDocument, user: &str, now: DateTime<Utc>) -> KeyRow {
    let remove = match user {
        "" => format!("/me/ssh-keys/{}/remove", key.id),
        user => format!("/users/{}/ssh-keys/{}/remove", escape(user), key.id),
    };
    KeyRow {
        remove,
        name: key.name,
        algorithm: key.algorithm,
        fingerprint: key.fingerprint,
        created: When::new(key.created_at, now),
    }
}

/// What was typed before the sign-in had ended.
pub(super) fn typed(viewer: &Viewer) -> KeyFields {
    let typed = viewer.typed.as_ref().and_then(|typed| typed.form::<KeyForm>("/me/ssh-keys"));
    fields(typed.unwrap_or_default())
}

fn fields(form: KeyForm) -> KeyFields {
    KeyFields { name: form.key_name, public_key: form.public_key }
}

pub(crate) async fn add(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<KeyForm>,
) -> Page {
    let (name, public_key) = (form.key_name.clone(), form.public_key.clone());
    let request = viewer.person.ask(AddSshKeyRequest { name, public_key });
    let Err(status) = state.clients.ssh_keys().add_ssh_key(request).await else {
        return Ok(see_other("/me#ssh-keys").into_response());
    };
    let fault = Fault::from_status(&status);
    let field = if fault.field.as_deref() == Some("name") { "key_name" } else { "public_key" };
    let mut page = me::draw(&state, &viewer).await?;
    page.key = fields(form);
    let message = sentence(&fault.message);
    page.errors = FormErrors(vec![FieldError { field: field.to_owned(), message }]);
    Ok(common::render(Problem::status(&fault), &page))
}

pub(crate) async fn remove(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(key_id): Path<String>,
) -> Page {
    let request = viewer.person.ask(RemoveSshKeyRequest { user: String::new(), key_id });
    state.clients.ssh_keys().remove_ssh_key(request).await?;
    Ok(see_other("/me#ssh-keys").into_response())
}

pub(crate) async fn remove_of_user(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((user, key_id)): Path<(String, String)>,
) -> Page {
    let back = format!("/users/{}#ssh-keys", escape(&user));
    let request = viewer.person.ask(RemoveSshKeyRequest { user, key_id });
    state.clients.ssh_keys().remove_ssh_key(request).await?;
    Ok(see_other(&back).into_response())
}
