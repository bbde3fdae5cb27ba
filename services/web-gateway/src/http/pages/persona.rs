//! As whom the session acts: switched in the head of every page, and compared with what a form was drawn for.

use axum::extract::{OptionalFromRequestParts, State};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::{CookieJar, Form};
use gwm_proto::auth::SwitchPersonaRequest;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::common::{Page, Viewer};
use super::login::see_other;
use super::typed::{self, Typed};
use crate::http::AppState;
use crate::http::person::{self, Person};
use crate::http::views::outside::ErrorPage;

/// Where the switch goes.
pub(super) const SWITCH: &str = "/session/persona";

#[derive(Deserialize)]
pub(crate) struct SwitchForm {
    #[serde(default)]
    persona: String,
}

/// The session acts as this from now on, in all of its tabs.
pub(crate) async fn switch(
    State(state): State<AppState>,
    viewer: Viewer,
    headers: HeaderMap,
    jar: CookieJar,
    Form(form): Form<SwitchForm>,
) -> Page {
    let request = viewer.person.ask(SwitchPersonaRequest { persona: form.persona.clone() });
    state.clients.personas().switch_persona(request).await?;
    // This replica knows the session under another name from here on, and so does every other.
    let jar = jar.add(person::persona_cookie());
    Ok((jar, see_other(&typed::page_of(&headers, SWITCH))).into_response())
}

/// What a form says that it was drawn for.
pub(super) fn drawn_for(body: &[u8]) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(body).ok()?;
    pairs.into_iter().find(|(name, _)| name == "persona").map(|(_, persona)| persona)
}

/// The answer to a form that was drawn for another persona than the one that would send it now.
pub(super) async fn changed(state: &AppState, parts: &mut Parts, body: &[u8]) -> Option<Response> {
    let drawn_for = drawn_for(body).filter(|_| parts.uri.path() != SWITCH)?;
    // Whoever isn't signed in any more is led to the login, with what was typed.
    let asker = <Person as OptionalFromRequestParts<AppState>>::from_request_parts(parts, state);
    let now = asker.await.ok()??.0.group().unwrap_or_default();
    if now == drawn_for {
        return None;
    }
    let name = |persona: &str| match persona {
        "" => "yourself".to_owned(),
        group => group.to_owned(),
    };
    let detail = format!(
        "You act as {} now; this form was filled in as {}. Nothing was done. What you typed is kept: look it \
         over and send it again, or switch back first.",
        name(&now),
        name(&drawn_for),
    );
    let page = ErrorPage {
        status: StatusCode::CONFLICT.as_u16(),
        title: "You act as somebody else by now".to_owned(),
        request_id: gwm_kernel::current_request_id().unwrap_or_default(),
        retry_seconds: 0,
        signed_in: true,
        code: "persona_changed",
        back: Typed::page(&parts.headers, parts.uri.path(), body),
        detail,
    };
    let why = "This was filled in as another persona; look it over and send it again.";
    let kept = Typed::kept(&parts.headers, parts.uri.path(), body, why);
    Some(kept.with(super::common::render(StatusCode::CONFLICT, &page)))
}
