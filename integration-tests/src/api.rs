//! The HTTP API as a script or a browser uses it.

use anyhow::Context;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, ORIGIN, SET_COOKIE};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// Somebody who uses the API: anonymous, signed in, or with a token.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    cookie: Option<String>,
    bearer: Option<String>,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked, for the text of a failure.
    pub asked: String,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
}

impl Answer {
    /// The body as JSON; `null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The problem's stable word, or nothing.
    #[must_use]
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The body if the request was accepted.
    ///
    /// # Errors
    /// It was refused; the text says what was asked and answered.
    pub fn accepted(self) -> anyhow::Result<Value> {
        anyhow::ensure!(
            self.status.is_success(),
            "{} was answered {}: {}",
            self.asked,
            self.status,
            self.text
        );
        Ok(self.json())
    }

    /// The body of an accepted request.
    ///
    /// # Panics
    /// It was refused.
    #[must_use]
    pub fn ok(self) -> Value {
        self.accepted().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Itself, if it was answered so.
    ///
    /// # Panics
    /// It was answered otherwise.
    #[must_use]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.asked, self.text);
        self
    }
}

impl Api {
    /// Somebody anonymous at `http://HOST:PORT`.
    #[must_use]
    pub fn anonymous(http: &reqwest::Client, base: &str) -> Self {
        Self { http: http.clone(), base: base.to_owned(), cookie: None, bearer: None }
    }

    /// The same as somebody with an API token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { cookie: None, bearer: Some(token.to_owned()), ..self.clone() }
    }

    /// Signs in and yields who is signed in.
    ///
    /// # Errors
    /// Wrong name or password, or nobody answers.
    pub async fn login(&self, username: &str, password: &str) -> anyhow::Result<Self> {
        let body = json!({ "username": username, "password": password });
        let answer = self.post("/session", &body).await;
        let cookie = answer.headers.get(SET_COOKIE).and_then(|value| value.to_str().ok());
        let cookie = cookie.and_then(|value| value.split(';').next()).map(str::to_owned);
        answer.accepted()?;
        let cookie = Some(cookie.context("no cookie was set")?);
        Ok(Self { cookie, bearer: None, ..self.clone() })
    }

    /// Where pages are.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The session cookie as `name=value`.
    #[must_use]
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// A request to `/api/v1` + `path`, with who asks.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.raw(method, &format!("/api/v1{path}"))
    }

    /// A request to any path, with who asks.
    pub fn raw(&self, method: Method, path: &str) -> RequestBuilder {
        let is_safe = method.is_safe();
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, format!("Bearer {bearer}"));
        } else if !is_safe {
            request = request.header(ORIGIN, &self.base);
        }
        request
    }

    /// Sends a request; nobody answering shows as status 599.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let asked = request.try_clone().and_then(|r| r.build().ok());
        let asked = asked.map_or_else(String::new, |r| format!("{} {}", r.method(), r.url()));
        match request.send().await {
            Ok(response) => {
                let (status, headers) = (response.status(), response.headers().clone());
                let text = response.text().await.unwrap_or_default();
                Answer { asked, status, headers, text }
            }
            Err(error) => Answer {
                asked,
                status: StatusCode::from_u16(599).expect("599 is a status"),
                headers: HeaderMap::new(),
                text: format!("{error:?}"),
            },
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }
}
