//! What can go wrong with a request, with a stable reason each.

use std::borrow::Cow;

use gwm_kernel::{ErrorCode, Fault};

use crate::domain::parameters::Invalid;
use crate::store::list::ListError;

/// A refused request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A field that can't be used.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// gwm has no write credential.
    #[error(
        "gwm has no credential to change anything on cluster {0}; an administrator can add one on \
         the cluster's page"
    )]
    ReadOnly(String),
    /// The key was used for something else.
    #[error("this idempotency key was used for another request in the last 24 hours")]
    KeyReused,
    /// The same request is being worked on.
    #[error("the same request is being worked on at this moment; try again")]
    InProgress,
    /// The id belongs to another request.
    #[error("there is a job with this id that was asked for by somebody else, or in other words")]
    IdTaken,
    /// Waited for too long.
    #[error(
        "this waited for more than a day for the job service and was not done; ask again if it is \
         still wanted"
    )]
    Expired,
    /// Gone while the request waited.
    #[error("{0} may not do this any more: the account or token was taken away meanwhile")]
    NoPerson(String),
    /// The database.
    #[error(transparent)]
    Database(#[from] gwm_pg::Error),
    /// A list that can't be made.
    #[error(transparent)]
    List(#[from] gwm_query::Error),
}

impl Error {
    /// The kind of failure.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) | Self::KeyReused | Self::List(_) => ErrorCode::InvalidArgument,
            Self::ReadOnly(_) | Self::InProgress | Self::IdTaken | Self::Expired => {
                ErrorCode::Conflict
            }
            Self::NoPerson(_) => ErrorCode::PermissionDenied,
            Self::Database(error) => error.code(),
        }
    }

    /// The stable word.
    fn reason(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::List(gwm_query::Error::Cursor) => "invalid_cursor",
            Self::Invalid(_) | Self::List(_) => "invalid_argument",
            Self::ReadOnly(_) => "read_only",
            Self::KeyReused => "idempotency_key_reused",
            Self::InProgress => "idempotency_in_progress",
            Self::IdTaken => "job_id_taken",
            Self::Expired => "expired",
            Self::NoPerson(_) => "permission_denied",
            Self::Database(_) => "unavailable",
        })
    }
}

impl From<ListError> for Error {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Query(error) => Self::List(error),
            ListError::Database(error) => Self::Database(error),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let field = match &error {
            Error::Invalid(invalid) => Some(invalid.field.clone()),
            Error::List(list) => Some(list.field().to_owned()),
            Error::ReadOnly(_)
            | Error::KeyReused
            | Error::InProgress
            | Error::IdTaken
            | Error::Expired
            | Error::NoPerson(_)
            | Error::Database(_) => None,
        };
        let position = if let Error::List(list) = &error { list.position() } else { None };
        let (code, reason, message) = (error.code(), error.reason(), error.to_string());
        match error {
            Error::Database(error) => error.into(),
            Error::Invalid(_)
            | Error::ReadOnly(_)
            | Error::KeyReused
            | Error::InProgress
            | Error::IdTaken
            | Error::Expired
            | Error::NoPerson(_)
            | Error::List(_) => {
                let mut fault = Self::new(code, reason, message);
                fault.field = field;
                fault.position = position;
                fault
            }
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        Fault::from(error).into()
    }
}
