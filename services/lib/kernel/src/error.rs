//! One closed set of error codes, with one map to gRPC and one to HTTP.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// What kind of failure it is; decides status codes and whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The request can never succeed as it is.
    InvalidArgument,
    /// Nobody is signed in, or the sign-in has ended.
    Unauthenticated,
    /// Known, but not permitted.
    PermissionDenied,
    /// Absent, or hidden from this person.
    NotFound,
    /// A name or key that exists.
    AlreadyExists,
    /// Wrong state, or changed meanwhile.
    Conflict,
    /// An `If-Match` that doesn't.
    FailedPrecondition,
    /// A limit was reached.
    ResourceExhausted,
    /// No answer in time.
    Timeout,
    /// A part that is needed is down.
    Unavailable,
    /// Our fault; the text stays in the log.
    Internal,
}

impl ErrorCode {
    /// Whether the same request may succeed later, if it is idempotent.
    #[must_use]
    pub fn retryable(self) -> bool {
        matches!(self, Self::Timeout | Self::Unavailable)
    }

    /// The gRPC code.
    #[must_use]
    pub fn grpc(self) -> Code {
        match self {
            Self::InvalidArgument => Code::InvalidArgument,
            Self::Unauthenticated => Code::Unauthenticated,
            Self::PermissionDenied => Code::PermissionDenied,
            Self::NotFound => Code::NotFound,
            Self::AlreadyExists => Code::AlreadyExists,
            Self::Conflict => Code::Aborted,
            Self::FailedPrecondition => Code::FailedPrecondition,
            Self::ResourceExhausted => Code::ResourceExhausted,
            Self::Timeout => Code::DeadlineExceeded,
            Self::Unavailable => Code::Unavailable,
            Self::Internal => Code::Internal,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn http(self) -> ::http::StatusCode {
        use ::http::StatusCode;
        match self {
            Self::InvalidArgument => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::PermissionDenied => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::AlreadyExists | Self::Conflict => StatusCode::CONFLICT,
            Self::FailedPrecondition => StatusCode::PRECONDITION_FAILED,
            Self::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Self::Timeout | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn from_grpc(code: Code) -> Self {
        match code {
            Code::InvalidArgument | Code::OutOfRange => Self::InvalidArgument,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::PermissionDenied => Self::PermissionDenied,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::Aborted => Self::Conflict,
            Code::FailedPrecondition => Self::FailedPrecondition,
            Code::ResourceExhausted => Self::ResourceExhausted,
            Code::DeadlineExceeded | Code::Cancelled => Self::Timeout,
            Code::Unavailable => Self::Unavailable,
            Code::Ok | Code::Unknown | Code::Unimplemented | Code::Internal | Code::DataLoss => {
                Self::Internal
            }
        }
    }
}

/// A failure as it crosses a service's edge.
///
/// `reason` is part of the API (snake case, never changed); `message` is for the person, and says
/// what happened to what and what to do. What only operators may see is given to
/// [`Fault::internal`], which logs it and keeps it out of the message.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What kind of failure.
    pub code: ErrorCode,
    /// The stable word, `code` in a problem document.
    pub reason: Cow<'static, str>,
    /// For the person.
    pub message: String,
    /// The request's field that is at fault.
    pub field: Option<String>,
    /// Where in that field, in characters from 1.
    pub position: Option<u32>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// More about it for programs, as JSON: its shape goes with the reason.
    pub details: Option<Box<str>>,
}

const DOMAIN: &str = "gwm";

impl Fault {
    /// A failure with a stable reason and a text for the person.
    pub fn new(
        code: ErrorCode,
        reason: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            reason: reason.into(),
            message: message.into(),
            field: None,
            position: None,
            retry_after: None,
            details: None,
        }
    }

    /// Bad input in one field.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        let mut fault = Self::new(ErrorCode::InvalidArgument, "invalid_argument", message);
        fault.field = Some(field.to_owned());
        fault
    }

    /// Absent, or hidden.
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, "not_found", format!("there is no such {what}"))
    }

    /// A part that is down; the text names it.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unavailable, "unavailable", message)
    }

    /// Our own fault: logs `error` and answers only that something went wrong.
    pub fn internal(error: impl fmt::Display) -> Self {
        tracing::error!(error = %error, "internal error");
        Self::new(
            ErrorCode::Internal,
            "internal",
            "something went wrong inside gwm; the log has it under this request's id",
        )
    }

    /// Says when trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Reads what a peer answered.
    #[must_use]
    pub fn from_status(status: &Status) -> Self {
        let code = ErrorCode::from_grpc(status.code());
        let details = status.get_error_details();
        let info = details.error_info();
        let reason = info.map_or_else(|| default_reason(code), |i| Cow::Owned(i.reason.clone()));
        // Without our own details the text is a library's or a stranger's: it is not shown.
        let message = match (info, code) {
            (Some(_), _) => status.message().to_owned(),
            (None, ErrorCode::Unavailable | ErrorCode::Timeout) => {
                "a part of gwm that is needed for this does not answer; try again".to_owned()
            }
            (None, _) => {
                tracing::error!(code = ?status.code(), message = status.message(), "peer failed");
                "something went wrong inside gwm; the log has it under this request's id".to_owned()
            }
        };
        Self {
            code,
            reason,
            message,
            field: info.and_then(|i| i.metadata.get("field").cloned()),
            position: info.and_then(|i| i.metadata.get("position")?.parse().ok()),
            retry_after: details.retry_info().and_then(|r| r.retry_delay),
            details: info.and_then(|i| Some(i.metadata.get("details")?.as_str().into())),
        }
    }
}

fn default_reason(code: ErrorCode) -> Cow<'static, str> {
    Cow::Borrowed(match code {
        ErrorCode::InvalidArgument => "invalid_argument",
        ErrorCode::Unauthenticated => "unauthenticated",
        ErrorCode::PermissionDenied => "permission_denied",
        ErrorCode::NotFound => "not_found",
        ErrorCode::AlreadyExists => "already_exists",
        ErrorCode::Conflict => "conflict",
        ErrorCode::FailedPrecondition => "failed_precondition",
        ErrorCode::ResourceExhausted => "resource_exhausted",
        ErrorCode::Timeout | ErrorCode::Unavailable => "unavailable",
        ErrorCode::Internal => "internal",
    })
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        let mut metadata = std::collections::HashMap::new();
        if let Some(field) = fault.field {
            metadata.insert("field".to_owned(), field);
        }
        if let Some(position) = fault.position {
            metadata.insert("position".to_owned(), position.to_string());
        }
        if let Some(details) = fault.details {
            metadata.insert("details".to_owned(), details.into());
        }
        let mut details = ErrorDetails::with_error_info(fault.reason, DOMAIN, metadata);
        if let Some(after) = fault.retry_after {
            details.set_retry_info(Some(after));
        }
        Self::with_error_details(fault.code.grpc(), fault.message, details)
    }
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        Self::from_status(&status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_survives_the_wire() {
        let mut sent =
            Fault::invalid("name", "a name has no spaces").retry_after(Duration::from_secs(3));
        sent.position = Some(7);
        let got = Fault::from_status(&Status::from(sent));
        assert_eq!(got.code, ErrorCode::InvalidArgument);
        assert_eq!(got.reason, "invalid_argument");
        assert_eq!(got.message, "a name has no spaces");
        assert_eq!(got.field.as_deref(), Some("name"));
        assert_eq!(got.position, Some(7));
        assert_eq!(got.retry_after, Some(Duration::from_secs(3)));
    }

    #[test]
    fn a_text_that_is_not_ours_is_not_shown() {
        let got = Fault::from_status(&Status::unknown("h2 protocol error: secret"));
        assert!(!got.message.contains("secret"));
    }
}
