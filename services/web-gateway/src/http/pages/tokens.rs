//! API tokens on `/me` and on the page of a user.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use chrono::{DateTime, Duration, Utc};
use gwm_proto::auth::{ListRolesRequest, RevokeTokenRequest};
use serde::Deserialize;

use super::common::{self, Page, PageError, Viewer, escape, sentence};
use super::login::see_other;
use super::me;
use crate::http::AppState;
use crate::http::api::tokens::{CreateToken, TokenDocument, TokenObject, create, read};
use crate::http::problem::Problem;
use crate::http::views::form::{Choice, FieldError, FormErrors};
use crate::http::views::me::{TokenFields, TokenRow};
use crate::http::views::parts::{Code, When};

/// Days, and how people say it.
const LIFETIMES: [(&str, &str); 5] =
    [("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "for ever")];

#[derive(Clone, Deserialize)]
#[serde(default)]
pub(crate) struct TokenForm {
    name: String,
    /// Empty: never.
    days: String,
    networks: String,
    /// Empty: whoever is asked for.
    acts_as: String,
    /// Empty: everything.
    role: String,
    /// `cluster` or `cluster/instance`, several of them; empty: everything.
    on: String,
}

impl Default for TokenForm {
    fn default() -> Self {
        let empty = String::new;
        Self {
            name: empty(),
            days: "90".to_owned(),
            networks: empty(),
            acts_as: empty(),
            role: empty(),
            on: empty(),
        }
    }
}

impl TokenForm {
    fn asked(&self, now: DateTime<Utc>) -> Result<CreateToken, FieldError> {
        let words = |text: &str| -> Vec<String> {
            text.split([',', ' ', '\n', '\r', '\t'])
                .filter(|w| !w.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let expires_at = match self.days.as_str() {
            "" => None,
            days => {
                let days = days.parse().ok().filter(|days| (1..=3650).contains(days));
                let Some(days) = days else {
                    let message = "Choose how long it is good for".to_owned();
                    return Err(FieldError { field: "days".to_owned(), message });
                };
                Some(now + Duration::days(days))
            }
        };
        let objects = words(&self.on).into_iter().map(|word| match word.split_once('/') {
            None => TokenObject { cluster: word, ..TokenObject::default() },
            Some((cluster, instance)) => TokenObject {
                cluster: cluster.to_owned(),
                instance: Some(instance.to_owned()),
                ..TokenObject::default()
            },
        });
        Ok(CreateToken {
            name: self.name.clone(),
            expires_at,
            networks: words(&self.networks),
            persona: self.acts_as.clone(),
            roles: Some(self.role.clone()).into_iter().filter(|r| !r.is_empty()).collect(),
            objects: objects.collect(),
        })
    }

    fn narrows(&self) -> bool {
        [&self.networks, &self.acts_as, &self.role, &self.on].iter().any(|text| !text.is_empty())
    }
}

/// What was typed before the sign-in had ended.
pub(super) fn typed(viewer: &Viewer) -> TokenForm {
    let typed = viewer.typed.as_ref().and_then(|typed| typed.form::<TokenForm>("/me/tokens"));
    typed.unwrap_or_default()
}

/// Those of a user; empty: of who looks.
pub(super) async fn rows(
    state: &AppState,
    viewer: &Viewer,
    user: &str,
) -> Result<Vec<TokenRow>, PageError> {
    let tokens = read(state, &viewer.person, user).await?;
    let now = Utc::now();
    Ok(tokens.into_iter().map(|token| row(token, user, now)).collect())
}

fn row(token: TokenDocument, user: &str, now: DateTime<Utc>) -> TokenRow {
    let mut limits = Vec::new();
    if let Some(persona) = &token.persona {
        limits.push(format!("as {persona}"));
    }
    if !token.roles.is_empty() {
        limits.push(token.roles.join(", "));
    }
    if !token.objects.is_empty() {
        let names: Vec<String> = token.objects.iter().map(called).collect();
        limits.push(format!("on {}", names.join(", ")));
    }
    if token.restricted && limits.is_empty() {
        // Its role or its group is gone.
        limits.push("nothing any more".to_owned());
    }
    if !token.networks.is_empty() {
        limits.push(format!("from {}", token.networks.join(", ")));
    }
    TokenRow {
        name: format!("{} ({}…)", token.name, token.prefix),
        created: When::new(token.created_at, now),
        last_used: token.last_used_at.map(|at| When::new(at, now)),
        last_address: token.last_address.unwrap_or_default(),
        expires: token.expires_at.map(|at| When::to_come(at, now)),
        limits,
        revoke: match user {
            "" => format!("/me/tokens/{}/revoke", token.id),
            user => format!("/users/{}/tokens/{}/revoke", escape(user), token.id),
        },
    }
}

fn called(object: &TokenObject) -> String {
    match (&object.instance, object.fleet) {
        (_, true) => "everything".to_owned(),
        (Some(instance), _) => format!("{}/{instance}", object.cluster),
        (None, _) => object.cluster.clone(),
    }
}

/// The form, with what was typed.
pub(super) async fn fields(state: &AppState, viewer: &Viewer, form: &TokenForm) -> TokenFields {
    let request = viewer.person.ask(ListRolesRequest {});
    // Without the list of roles a token can still be made: only not one that is limited to some.
    let roles = state.clients.roles().list_roles(request).await;
    let roles = roles.map(|answer| answer.into_inner().roles).unwrap_or_default();
    let choice = |value: &str, label: &str, chosen: &str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        selected: value == chosen,
    };
    let own = format!("user/{}", viewer.person.0.username);
    let groups = state.authz.groups(&viewer.person.0).into_values().map(|g| format!("group/{g}"));
    let mut personas: Vec<String> = groups.collect();
    personas.sort();
    let one = |persona: &str| choice(persona, &format!("only {persona}"), &form.acts_as);
    TokenFields {
        name: form.name.clone(),
        days: LIFETIMES.iter().map(|(days, label)| choice(days, label, &form.days)).collect(),
        networks: form.networks.clone(),
        personas: match personas.is_empty() {
            true => Vec::new(),
            false => [choice("", "yourself and your groups", &form.acts_as), one(&own)]
                .into_iter()
                .chain(personas.iter().map(|group| one(group)))
                .collect(),
        },
        roles: std::iter::once(choice("", "everything that you may", &form.role))
            .chain(roles.iter().map(|role| choice(&role.name, &role.name, &form.role)))
            .collect(),
        on: form.on.clone(),
        open: form.narrows(),
    }
}

pub(crate) async fn create_token(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<TokenForm>,
) -> Page {
    let made = match form.asked(Utc::now()) {
        Ok(asked) => create(&state, &viewer.person, asked).await.map_err(|Problem(fault)| {
            let field = match fault.field.as_deref() {
                Some("expires_at") => "days",
                Some("persona") => "acts_as",
                Some("roles") => "role",
                Some("objects" | "cluster" | "instance") => "on",
                Some("networks") => "networks",
                // It was looked for by the name typed there.
                None if fault.code == gwm_kernel::ErrorCode::NotFound => "on",
                _ => "name",
            };
            (
                Problem::status(&fault),
                FieldError { field: field.to_owned(), message: sentence(&fault.message) },
            )
        }),
        Err(wrong) => Err((http::StatusCode::BAD_REQUEST, wrong)),
    };
    let mut page = me::draw(&state, &viewer).await?;
    match made {
        Ok(made) => {
            page.fresh = Some(Code { what: "the new token", text: made.secret });
            common::ok(&page)
        }
        Err((status, wrong)) => {
            page.token = fields(&state, &viewer, &form).await;
            page.token.open |= wrong.field != "name";
            page.errors = FormErrors(vec![wrong]);
            Ok(common::render(status, &page))
        }
    }
}

pub(crate) async fn revoke_token(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(token_id): Path<String>,
) -> Page {
    let request = viewer.person.ask(RevokeTokenRequest { token_id, user: String::new() });
    state.clients.tokens().revoke_token(request).await?;
    Ok(see_other("/me#tokens").into_response())
}

pub(crate) async fn revoke_of_user(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((user, token_id)): Path<(String, String)>,
) -> Page {
    let back = format!("/users/{}#tokens", escape(&user));
    let request = viewer.person.ask(RevokeTokenRequest { token_id, user });
    state.clients.tokens().revoke_token(request).await?;
    Ok(see_other(&back).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_what_is_asked_for() {
        let form = TokenForm {
            name: "backup".to_owned(),
            days: "30".to_owned(),
            networks: "10.0.0.0/8, 192.0.2.7".to_owned(),
            on: "fra1/web1.example.org,\n ams1".to_owned(),
            role: "power".to_owned(),
            ..TokenForm::default()
        };
        let now = Utc::now();
        let asked = form.asked(now).unwrap();
        assert_eq!(asked.expires_at, Some(now + Duration::days(30)));
        assert_eq!(asked.networks, ["10.0.0.0/8", "192.0.2.7"]);
        assert_eq!(asked.roles, ["power"]);
        let on: Vec<String> = asked.objects.iter().map(called).collect();
        assert_eq!(on, ["fra1/web1.example.org", "ams1"]);
        assert!(form.narrows() && !TokenForm::default().narrows());
        assert!(TokenForm { days: "0".to_owned(), ..TokenForm::default() }.asked(now).is_err());
        let ever = TokenForm { days: String::new(), ..TokenForm::default() }.asked(now).unwrap();
        assert!(ever.expires_at.is_none() && ever.roles.is_empty() && ever.objects.is_empty());
    }
}
