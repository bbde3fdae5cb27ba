//! Bodies and queries whose refusals are problem documents.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use gwm_kernel::{ErrorCode, Fault};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::http::problem::Problem;

/// A JSON body; unknown fields are refused by the type.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Fault::new(
                ErrorCode::InvalidArgument,
                "unsupported_media_type",
                "the body must be JSON: send Content-Type: application/json",
            )
            .into()),
            Err(JsonRejection::BytesRejection(error)) if error.status() == 413 => Err(Fault::new(
                ErrorCode::InvalidArgument,
                "too_large",
                "the body is larger than this API takes (256 KiB)",
            )
            .into()),
            // serde's text names the field and what it wants there.
            Err(error) => Err(Fault::invalid("", error.body_text()).into()),
        }
    }
}

/// The query of a URL.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => {
                Err(Fault::invalid("", error.body_text()).into())
            }
            Err(error) => Err(Fault::invalid("", error.body_text()).into()),
        }
    }
}

/// An optional header as text.
///
/// # Errors
/// One that is not ASCII or longer than `longest`.
pub(crate) fn header(
    headers: &http::HeaderMap,
    name: &str,
    longest: usize,
) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    match value.to_str() {
        Ok(text) if text.len() <= longest && !text.is_empty() => Ok(Some(text.to_owned())),
        _ => {
            Err(Fault::invalid(name, format!("{name} takes 1 to {longest} ASCII characters"))
                .into())
        }
    }
}
