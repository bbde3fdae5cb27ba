//! Who is asking: a bearer token, or the session cookie.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use gwm_authz::{Authz, Mode, Principal, SignedAssertion};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::ResolveRequest;
use gwm_proto::auth::resolve_request::Credential;
use http::HeaderMap;
use http::request::Parts;
use sha2::{Digest, Sha256};

use super::api::header;
use super::problem::Problem;
use super::state::AppState;
use super::views::aged::Aged;
use crate::kept::Reader;

/// The session cookie. The prefix makes browsers refuse it from anywhere but this very host.
pub(crate) const COOKIE: &str = "__Host-gwm-session";

/// As whom the request is made: `group/NAME`, or `user/NAME` of oneself.
pub(crate) const ACT_AS: &str = "Gwm-Act-As";

/// Assertions are asked for anew this long before they expire, in seconds: what is in use is good for a
/// slow call and for leaving the request behind when nobody answers that call.
const RENEW_BEFORE: i64 = 25;

/// The person of a request, verified; and, when it only reads, what notes how old its answers are.
#[derive(Debug, Clone)]
pub(crate) struct Person(pub(crate) Principal, pub(crate) Option<Aged>);

impl Person {
    /// A call to a peer in this person's name.
    pub(crate) fn ask<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = self.0.signed.attach(message);
        if let Some(aged) = self.1.clone() {
            request.extensions_mut().insert(Reader { user: self.0.holder(), aged });
        }
        request
    }
}

/// The cookie of a new session; it ends with the browser.
pub(crate) fn session_cookie(token: String) -> Cookie<'static> {
    Cookie::build((COOKIE, token))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax)
        .build()
}

/// Says only that the persona was switched, and is another one each time: what is known of the session under
/// another value was known before the switch. As whom the session acts is in auth.
const PERSONA_COOKIE: &str = "__Host-gwm-persona";
const LONGEST_PERSONA: usize = 80;

/// The cookie of a switched persona.
pub(crate) fn persona_cookie() -> Cookie<'static> {
    Cookie::build((PERSONA_COOKIE, uuid::Uuid::now_v7().to_string()))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax)
        .build()
}

/// The session token of the cookie, if there is one.
pub(crate) fn session_token(jar: &CookieJar) -> Option<String> {
    jar.get(COOKIE).map(|c| c.value().to_owned()).filter(|v| !v.is_empty() && v.len() <= 128)
}

/// Where the request came from: the connection's other end, or what the proxy in front says.
pub(crate) fn client_address(parts: &Parts, state: &AppState) -> String {
    let peer = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or_else(String::new, |c| c.0.ip().to_string());
    if !state.http.behind_tls_proxy {
        return peer;
    }
    let forwarded = parts.headers.get("x-forwarded-for").and_then(|v| v.to_str().ok());
    // The last one is what our own proxy added; those before it are anybody's word.
    forwarded
        .and_then(|v| v.rsplit(',').next()?.trim().parse::<std::net::IpAddr>().ok())
        .map_or(peer, |ip| ip.to_string())
}

/// The person of a request, also one who has to set up a second factor and may do nothing else: for that alone.
pub(crate) struct SettingUp(pub(crate) Person);

impl FromRequestParts<AppState> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        resolve(parts, state, Authz::verify).await?.ok_or_else(nobody)
    }
}

impl FromRequestParts<AppState> for SettingUp {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let person = resolve(parts, state, Authz::verify_setting_up).await?;
        person.map(Self).ok_or_else(nobody)
    }
}

fn nobody() -> Problem {
    let why = "nobody is signed in, or the sign-in has ended; sign in and try again";
    Problem(Fault::new(ErrorCode::Unauthenticated, "unauthenticated", why))
}

impl OptionalFromRequestParts<AppState> for Person {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Option<Self>, Problem> {
        match resolve(parts, state, Authz::verify).await {
            Err(Problem(fault)) if fault.code == ErrorCode::Unauthenticated => Ok(None),
            other => other,
        }
    }
}

async fn resolve(
    parts: &Parts,
    state: &AppState,
    verify: fn(&Authz, &SignedAssertion, Mode) -> Result<Principal, Fault>,
) -> Result<Option<Person>, Problem> {
    let mode = if parts.method.is_safe() { Mode::Read } else { Mode::Write };
    let Some(credential) = credential(parts)? else { return Ok(None) };
    let aged = parts.extensions.get::<Aged>().cloned();
    let act_as = header(&parts.headers, ACT_AS, LONGEST_PERSONA)?.unwrap_or_default();
    let client_address = client_address(parts, state);
    let key = key(&credential, &act_as, &parts.headers, &client_address);
    let now = chrono::Utc::now().timestamp();
    if let Some(known) = state.people.get(&key).filter(|p| p.expires_at - RENEW_BEFORE > now) {
        state.authz.fresh(mode)?;
        if state.authz.still_valid(&known) {
            if state.authz.require_persona(&known).is_ok() {
                return Ok(Some(Person(known, aged)));
            }
            // Who has left the group acts as themself, or is told that they can't act as it: auth knows.
            state.people.invalidate(&key);
        } else {
            state.people.invalidate(&key);
            return Ok(None);
        }
    }
    let request = ResolveRequest { credential: Some(credential), client_address, act_as };
    let answer = match state.clients.sessions().resolve(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            // Reads go on while auth is silent, for as long as the watch's grace allows.
            let known = state.people.get(&key).filter(|_| mode == Mode::Read);
            return match known.filter(|p| state.authz.still_valid(p)) {
                Some(known) if status.code() == tonic::Code::Unavailable => {
                    state.authz.fresh(Mode::Read)?;
                    Ok(Some(Person(known, aged)))
                }
                _ => {
                    let mut fault = Fault::from_status(&status);
                    if fault.field.as_deref() == Some("persona") {
                        fault.field = Some(ACT_AS.to_owned());
                    }
                    Err(fault.into())
                }
            };
        }
    };
    let signed = SignedAssertion { assertion: answer.assertion, signature: answer.signature };
    let person = verify(&state.authz, &signed, mode)?;
    // Not who is only setting up a second factor: when it is done, they may do more.
    if state.authz.verify(&signed, mode).is_ok() {
        state.people.insert(key, person.clone());
    }
    Ok(Some(Person(person, aged)))
}

/// What a person is known by: what they showed, and as whom they act; of a token also where from, because it may
/// count from some networks only.
fn key(credential: &Credential, act_as: &str, headers: &HeaderMap, address: &str) -> [u8; 32] {
    let (Credential::SessionToken(secret) | Credential::BearerToken(secret)) = credential;
    let mut hash = Sha256::new_with_prefix(secret);
    hash.update([0]);
    hash.update(act_as);
    if matches!(credential, Credential::BearerToken(_)) {
        hash.update([0]);
        hash.update(address);
    }
    if let (Credential::SessionToken(_), Some(switched)) =
        (credential, CookieJar::from_headers(headers).get(PERSONA_COOKIE))
    {
        hash.update([0]);
        hash.update(switched.value());
    }
    hash.finalize().into()
}

fn credential(parts: &Parts) -> Result<Option<Credential>, Problem> {
    if let Some(header) = parts.headers.get(http::header::AUTHORIZATION) {
        let token = header
            .to_str()
            .ok()
            .and_then(|v| v.strip_prefix("Bearer ").or_else(|| v.strip_prefix("bearer ")))
            .map(str::trim)
            .filter(|t| !t.is_empty() && t.len() <= 256);
        let Some(token) = token else {
            let why = "the Authorization header must be \"Bearer TOKEN\"";
            return Err(Fault::new(ErrorCode::Unauthenticated, "unauthenticated", why).into());
        };
        return Ok(Some(Credential::BearerToken(token.to_owned())));
    }
    let jar = CookieJar::from_headers(&parts.headers);
    Ok(session_token(&jar).map(Credential::SessionToken))
}
