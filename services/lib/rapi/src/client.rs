//! The client of one cluster's RAPI.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bulk::{Bulk, json_words};
use crate::credentials::Credentials;
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::model::GanetiJobId;
use crate::reason::Reason;
use crate::transport::{Answer, Call, Timing, exchange, path_of, query_string};
use crate::trust::{Trust, client_config};

/// What makes a call a submission: the tag to find its job by, and until when it may be sent.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Committed by the caller before the call.
    pub reason: Reason,
    /// Shorter than the rest of the caller's lease.
    pub deadline: Deadline,
}

/// A client of one endpoint with one trust and one user. Cheap to clone; opens a connection for each call.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    endpoint: Endpoint,
    tls: rustls::ClientConfig,
    credentials: Option<Credentials>,
    limits: Limits,
    certificate_not_after: Mutex<Option<DateTime<Utc>>>,
}

/// Credentials must never go to a server that nobody vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("credentials are only used with a pinned certificate or a CA")]
pub struct UntrustedCredentials;

impl Client {
    /// Makes a client; nothing is sent yet.
    pub fn new(
        endpoint: Endpoint,
        trust: &Trust,
        credentials: Option<Credentials>,
        limits: Limits,
    ) -> Result<Self, UntrustedCredentials> {
        if matches!(trust, Trust::Observe) && credentials.is_some() {
            return Err(UntrustedCredentials);
        }
        let tls = client_config(trust);
        let certificate_not_after = Mutex::default();
        let inner = Inner { endpoint, tls, credentials, limits, certificate_not_after };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Where it connects to.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    pub(crate) async fn send(&self, call: Call, any_status: bool) -> Result<Answer, Error> {
        let inner = &*self.inner;
        let credentials = inner.credentials.as_ref();
        let answer =
            exchange(&inner.endpoint, inner.tls.clone(), credentials, call, any_status).await?;
        if answer.certificate_not_after.is_some() {
            let mut seen =
                inner.certificate_not_after.lock().unwrap_or_else(PoisonError::into_inner);
            *seen = answer.certificate_not_after;
        }
        Ok(answer)
    }

    /// When the certificate that the server showed last ends; none before the first answer.
    #[must_use]
    pub fn certificate_not_after(&self) -> Option<DateTime<Utc>> {
        *self.inner.certificate_not_after.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reading(&self, method: Method, path: String, query: &[(&str, &str)]) -> Call {
        let limits = self.limits();
        Call {
            method,
            path,
            query: query_string(query),
            body: None,
            limit: limits.answer_bytes,
            timing: Timing { connect: limits.connect, deadline: Deadline::after(limits.read) },
        }
    }

    /// A plain GET of one object or short list.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Error> {
        let path = checked_path(segments)?;
        let answer = self.send(self.reading(Method::GET, path, query), false).await?;
        decode(&answer.body, || name_of("GET", segments))
    }

    /// A bulk GET, kept as bytes.
    pub(crate) async fn get_bulk(
        &self,
        name: &'static str,
        segments: &[&str],
    ) -> Result<Bulk, Error> {
        let mut call = self.reading(Method::GET, checked_path(segments)?, &[("bulk", "1")]);
        call.limit = self.limits().bulk_bytes;
        call.timing.deadline = Deadline::after(self.limits().bulk_read);
        Ok(Bulk::new(name, self.send(call, false).await?.body))
    }

    /// A read or an idempotent call with a JSON body, no job; `bulk` chooses the larger limits.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        segments: &[&str],
        query: &[(&str, &str)],
        body: Option<&impl Serialize>,
        bulk: bool,
    ) -> Result<T, Error> {
        let name = name_of(method.as_str(), segments);
        let mut call = self.reading(method, checked_path(segments)?, query);
        call.body = body.map(to_body);
        if bulk {
            call.limit = self.limits().bulk_bytes;
            call.timing.deadline = Deadline::after(self.limits().bulk_read);
        }
        let answer = self.send(call, false).await?;
        decode(&answer.body, || name)
    }

    /// A call that makes a job. Always with a body, since the body is the last gate before the wire.
    pub(crate) async fn submit(
        &self,
        method: Method,
        segments: &[&str],
        query: &[(&str, &str)],
        body: &impl Serialize,
        submission: &Submission,
    ) -> Result<GanetiJobId, Error> {
        let name = name_of(method.as_str(), segments);
        let mut pairs = query.to_vec();
        pairs.push(("reason", submission.reason.as_str()));
        let call = Call {
            method,
            path: checked_path(segments)?,
            query: query_string(&pairs),
            body: Some(to_body(body)),
            limit: 64 * 1024,
            timing: Timing { connect: self.limits().connect, deadline: submission.deadline },
        };
        let answer = self.send(call, false).await?;
        decode(&answer.body, || name)
    }
}

fn name_of(method: &str, segments: &[&str]) -> String {
    format!("{method} /{}", segments.join("/").escape_debug())
}

fn checked_path(segments: &[&str]) -> Result<String, Error> {
    path_of(segments).map_err(|kind| Error::new(name_of("-", segments), false, kind))
}

fn to_body(body: &impl Serialize) -> Bytes {
    serde_json::to_vec(body).expect("request bodies have text keys and finite numbers").into()
}

/// An answer of another shape came from something that isn't Ganeti, or isn't the Ganeti we know: what it did is unknown.
fn decode<T: DeserializeOwned>(body: &[u8], name: impl FnOnce() -> String) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| {
        Error::new(name(), true, ErrorKind::Protocol { detail: json_words(&error) })
    })
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.inner.endpoint)
            .field("credentials", &self.inner.credentials)
            .finish_non_exhaustive()
    }
}
