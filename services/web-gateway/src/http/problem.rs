//! Errors as RFC 9457 problem documents.

use axum::Json;
use axum::response::{IntoResponse, Response};
use gwm_kernel::{ErrorCode, Fault, current_request_id};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

/// What every refused request is answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemDocument {
    /// `urn:gwm:problem:` and the code.
    pub(crate) r#type: String,
    /// The status in words.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The stable word to tell problems apart by.
    pub(crate) code: String,
    /// What happened to what, why, and what to do.
    pub(crate) detail: String,
    /// The field of the request that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// Where in that field, in characters from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<u32>,
    /// Of `quota_exceeded`: each limit that is in the way, with `resource`, `place` (`cluster`, `fleet` or `instance`),
    /// `limit`, `used`, `asked` and `missing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub(crate) exceeded: Option<serde_json::Value>,
    /// To find it in the logs.
    pub(crate) request_id: Option<String>,
}

/// A refusal on its way to the client of the API.
#[derive(Debug, Clone)]
pub(crate) struct Problem(pub(crate) Fault);

impl Problem {
    pub(crate) fn status(fault: &Fault) -> StatusCode {
        match (fault.code, fault.reason.as_ref()) {
            (_, "idempotency_key_reused") => StatusCode::UNPROCESSABLE_ENTITY,
            (_, "misdirected") => StatusCode::MISDIRECTED_REQUEST,
            (_, "too_large") => StatusCode::PAYLOAD_TOO_LARGE,
            (_, "unsupported_media_type") => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            (ErrorCode::ResourceExhausted, "quota_exceeded") => StatusCode::CONFLICT,
            (code, _) => code.http(),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl From<tonic::Status> for Problem {
    fn from(status: tonic::Status) -> Self {
        Self(Fault::from_status(&status))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = Self::status(&self.0);
        let Self(fault) = self;
        let document = ProblemDocument {
            r#type: format!("urn:gwm:problem:{}", fault.reason),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            code: fault.reason.to_string(),
            detail: fault.message,
            field: fault.field,
            position: fault.position,
            exceeded: fault.details.and_then(|details| serde_json::from_str(&details).ok()),
            request_id: current_request_id(),
        };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let retry = fault.retry_after.map_or(2, |after| after.as_secs().max(1));
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry));
        }
        response
    }
}
