//! What was typed in a form that could not be sent: it comes back, with scripts and without.
//!
//! A form that is posted after the login has ended leads to the login and then back to its page, with what was
//! typed in a cookie of one use. The same cookie brings back what was refused, with the reason, where a form
//! stands on a page that shows something else. Passwords never go into it, and nothing is sent by itself.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, SameSite};
use axum_extra::extract::{CookieJar, Query};
use gwm_kernel::{ErrorCode, Fault};
use http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::common::{escape, own_path, sentence};
use super::{persona, sure};
use crate::http::AppState;
use crate::http::api::adopt;
use crate::http::problem::Problem;
use crate::http::router::LARGEST_BODY;
use crate::http::views::form::{FieldError, FormErrors};

const COOKIE: &str = "__Host-gwm-typed";
/// Its lists are larger than any other form.
const ADOPT: &str = "/imports/orphans/adopt";
/// Browsers keep cookies of 4096 bytes, name and attributes included.
const LARGEST: usize = 3800;
/// Time to find one's password.
const KEPT_FOR: Duration = Duration::from_mins(15);

/// What was typed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    /// The page that has the form, with its query.
    page: String,
    /// Where the form goes.
    action: String,
    /// Its fields as they were sent, without passwords.
    fields: String,
    /// There was more: passwords, or a text too long.
    more: bool,
    /// What was wrong with it: field and message; none when only the login had ended.
    errors: Vec<(String, String)>,
}

impl Typed {
    /// What came with a request for the page of the form.
    pub(crate) fn of(headers: &HeaderMap, path: &str) -> Option<Self> {
        let typed = Self::read(&CookieJar::from_headers(headers))?;
        (typed.page.split('?').next() == Some(path)).then_some(typed)
    }

    fn read(jar: &CookieJar) -> Option<Self> {
        let text = format!("v={}", jar.get(COOKIE)?.value());
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(&text).ok()?;
        serde_json::from_str(&pairs.first()?.1).ok()
    }

    /// A form with what may be kept of its fields.
    fn new(headers: &HeaderMap, action: &str, typed: &[u8]) -> Self {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(typed).unwrap_or_default();
        let named = pairs.iter().find(|(name, _)| name == "back").map(|(_, page)| own_path(page));
        let page = named.map_or_else(|| page_of(headers, action), str::to_owned);
        let secret = |name: &str| name.contains("password") && !name.starts_with("remove_");
        let more = pairs.iter().any(|(name, _)| secret(name));
        let rest: Vec<_> = pairs.into_iter().filter(|(name, _)| !secret(name)).collect();
        let fields = serde_urlencoded::to_string(rest).unwrap_or_default();
        Self { page, action: action.to_owned(), fields, more, errors: Vec::new() }
    }

    /// The answer to a form that is refused: back to its page, which says why.
    pub(crate) fn refused(
        page: &str,
        action: &str,
        typed: &[(&str, &str)],
        fault: &Fault,
    ) -> Response {
        let kept = Self {
            page: own_path(page).to_owned(),
            action: action.to_owned(),
            fields: serde_urlencoded::to_string(typed).unwrap_or_default(),
            more: false,
            errors: vec![(fault.field.clone().unwrap_or_default(), sentence(&fault.message))],
        };
        kept.with(Redirect::to(&kept.page))
    }

    /// The page of a form.
    pub(crate) fn page(headers: &HeaderMap, action: &str, typed: &[u8]) -> String {
        Self::new(headers, action, typed).page
    }

    /// What was typed, with why it was not done.
    pub(crate) fn kept(headers: &HeaderMap, action: &str, typed: &[u8], why: &str) -> Self {
        let errors = vec![(String::new(), why.to_owned())];
        Self { errors, ..Self::new(headers, action, typed) }
    }

    /// An answer that brings it along.
    pub(crate) fn with(&self, answer: impl IntoResponse) -> Response {
        let text = serde_json::to_string(self).map(|text| escape(&text)).unwrap_or_default();
        if text.len() > LARGEST {
            return match self.shorter() {
                Some(shorter) => shorter.with(answer.into_response()),
                None => answer.into_response(),
            };
        }
        let mut cookie = cookie(text);
        cookie.set_max_age(KEPT_FOR.try_into().ok());
        (CookieJar::new().add(cookie), answer).into_response()
    }

    /// Without its longest field; nothing when there is none left.
    fn shorter(&self) -> Option<Self> {
        let mut fields: Vec<&str> = self.fields.split('&').filter(|f| !f.is_empty()).collect();
        let longest = (0..fields.len()).max_by_key(|&at| fields[at].len())?;
        fields.remove(longest);
        Some(Self { fields: fields.join("&"), more: true, ..self.clone() })
    }

    /// The fields of the form that goes there.
    pub(crate) fn form<T: DeserializeOwned>(&self, action: &str) -> Option<T> {
        let uri: Uri = format!("/?{}", self.fields).parse().ok()?;
        let form = Query::try_from_uri(&uri).ok().map(|Query(form)| form);
        form.filter(|_| self.action == action)
    }

    /// What was wrong with the form that goes there.
    pub(crate) fn errors(&self, action: &str) -> FormErrors {
        let errors = self.errors.iter().filter(|_| self.action == action);
        let error = |(field, message): &(String, String)| FieldError {
            field: field.clone(),
            message: message.clone(),
        };
        FormErrors(errors.map(error).collect())
    }

    /// For the page after the login, which looks as if the form had gone through: it did not.
    pub(crate) fn notice(&self) -> Option<(&'static str, &'static str)> {
        let what = "You are signed in again; what you sent before that was not done";
        let typed = self.fields.split('&').any(|f| !f.starts_with("persona=") && !f.is_empty());
        match (self.errors.is_empty(), self.more, typed) {
            (false, ..) => None,
            (_, true, _) => {
                let how = "What you typed is back, but for passwords and very long texts: those are not kept.";
                Some((what, how))
            }
            (_, _, true) => Some((what, "What you typed is back. Look it over and send it again.")),
            _ => Some((what, "Do it again, if it is still what you want.")),
        }
    }
}

/// Where the form of an unsafe request stands.
pub(super) fn page_of(headers: &HeaderMap, action: &str) -> String {
    // These are pages too, and draw what was sent to them.
    if ["/new", "/add", "/edit", "/delete"].iter().any(|end| action.ends_with(end)) {
        return action.to_owned();
    }
    let from = headers.get(header::REFERER).and_then(|v| v.to_str().ok());
    let from = from.and_then(|from| from.parse::<Uri>().ok());
    let path = from.as_ref().and_then(Uri::path_and_query).map(ToString::to_string);
    path.filter(|path| path != action).map_or_else(|| "/".to_owned(), |p| own_path(&p).to_owned())
}

fn cookie(value: String) -> Cookie<'static> {
    Cookie::build((COOKIE, value))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Strict)
        .build()
}

/// The same jar without it: another person may sign in next.
pub(crate) fn forget(jar: CookieJar) -> CookieJar {
    jar.remove(cookie(String::new()))
}

/// Something waits to be brought back.
pub(crate) fn waits(jar: &CookieJar) -> bool {
    Typed::read(jar).is_some()
}

/// Around all pages: what was typed is kept when the answer is the way to the login, and when the form was drawn
/// for another persona.
pub(crate) async fn keep(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let headers = request.headers().clone();
    if request.method().is_safe() {
        let shown = Typed::of(&headers, &path).is_some() && !headers.contains_key("gwm-fragment");
        let response = next.run(request).await;
        return match login_of(&response) {
            // A part of a page can't be replaced by the login: the whole page goes there.
            Some(login) if headers.contains_key("hx-request") => {
                let go = [(HeaderName::from_static("hx-redirect"), login)];
                (StatusCode::OK, go).into_response()
            }
            None if shown && response.status().is_success() => {
                (forget(CookieJar::from_headers(&headers)), response).into_response()
            }
            _ => response,
        };
    }
    // The last ones carry what is as good as a password.
    if ["/login", "/logout", "/login/code", "/invite"].contains(&path.as_str()) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let most = if path == ADOPT { adopt::LARGEST } else { LARGEST_BODY };
    let Ok(typed) = to_bytes(body, most).await else {
        let why = "what was sent is too large, or was cut off on its way";
        return Problem(Fault::new(ErrorCode::InvalidArgument, "bad_body", why)).into_response();
    };
    if let Some(other) = Box::pin(persona::changed(&state, &mut parts, &typed)).await {
        return other;
    }
    if let Some(question) = sure::ask(&path, page_of(&headers, &path), &typed) {
        return question;
    }
    let response = next.run(Request::from_parts(parts, Body::from(typed.clone()))).await;
    if login_of(&response).is_none() {
        return response;
    }
    let typed = Typed::new(&headers, &path, &typed);
    let query = [("next", typed.page.as_str())];
    let query = serde_urlencoded::to_string(query).unwrap_or_default();
    typed.with(Redirect::to(&format!("/login?{query}")))
}

/// Where a response leads, if that is the login.
fn login_of(response: &Response) -> Option<String> {
    let to = response.headers().get(header::LOCATION)?.to_str().ok()?;
    (to == "/login" || to.starts_with("/login?")).then(|| to.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(referer: &str) -> HeaderMap {
        [(header::REFERER, referer.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn passwords_are_never_kept() {
        let typed =
            b"host=fra1.example.org&read_password=s3cret&write_password=s3cret&vnc_password=s3cret";
        let typed = Typed::new(&HeaderMap::new(), "/clusters/add", typed);
        assert_eq!((typed.fields.as_str(), typed.more), ("host=fra1.example.org", true));
        assert!(!format!("{typed:?}").contains("s3cret"));
        assert!(typed.notice().unwrap().1.contains("passwords"));
    }

    #[test]
    fn a_form_comes_back_to_the_page_it_stands_on() {
        let on = |from: &str, action: &str, typed: &str| {
            Typed::new(&headers(from), action, typed.as_bytes()).page
        };
        let list = "https://gwm.example.com/instances?q=web";
        assert_eq!(on(list, "/clusters/a/instances/b/startup", ""), "/instances?q=web");
        assert_eq!(
            on(list, "/clusters/a/instances/b/delete", ""),
            "/clusters/a/instances/b/delete"
        );
        assert_eq!(on(list, "/grants", "back=%2Fclusters%2Fa"), "/clusters/a");
        assert_eq!(on("https://gwm.example.com/grants", "/grants", ""), "/");
        assert_eq!(on(list, "/grants", "back=%2F%2Fevil.example"), "/");
    }

    #[test]
    fn a_text_too_long_for_a_cookie_is_left_out_and_the_rest_is_kept() {
        let typed = format!("name=web1&ca={}&os=noop", "x".repeat(9000));
        let typed = Typed::new(&HeaderMap::new(), "/clusters/a/edit", typed.as_bytes());
        let answer = typed.with(Redirect::to("/login"));
        let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
        assert!(
            cookie.contains("web1") && cookie.contains("noop") && cookie.len() < 4096,
            "{cookie}"
        );
    }

    #[test]
    fn what_was_typed_survives_being_a_cookie() {
        let typed =
            "principal=j%C3%B6rg+%22x%22&permissions=view&permissions=power&back=%2Fclusters%2Fa";
        let typed = Typed::new(&HeaderMap::new(), "/grants", typed.as_bytes());
        let answer = typed.with(Redirect::to("/login"));
        let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.split(';').next().unwrap().parse().unwrap());
        let back = Typed::of(&headers, "/clusters/a").unwrap();
        let fields: Vec<(String, String)> = back.form("/grants").unwrap();
        assert_eq!(fields[0].1, "jörg \"x\"");
        assert_eq!(fields.len(), 4);
        assert!(Typed::of(&headers, "/clusters/b").is_none(), "another page is not meant");
        assert!(back.form::<Vec<(String, String)>>("/me/tokens").is_none(), "another form");
    }
}
