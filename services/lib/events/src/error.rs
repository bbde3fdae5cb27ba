//! What can go wrong with the bus.

use std::fmt;

use gwm_kernel::{ErrorCode, Fault};

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the bus, or of what went over it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// NATS can't be reached, or did not acknowledge in time. What was sent may have been stored.
    #[error("the message bus is unavailable: {0}")]
    Unavailable(String),
    /// The server is older than gwm can work with.
    #[error("nats-server {found} is too old: 2.10 or later is needed")]
    ServerTooOld {
        /// The version that the server says.
        found: String,
    },
    /// The server refused something: permissions, a stream that can't be updated.
    #[error("the message bus refused {what}: {why}")]
    Refused {
        /// What was asked for.
        what: String,
        /// What the server said.
        why: String,
    },
    /// A setting can't be used as it is.
    #[error("message bus settings: {0}")]
    Settings(String),
    /// A part of a subject holds what a subject can't.
    #[error("{part} {value:?} can't be part of a subject")]
    Subject {
        /// Which part.
        part: &'static str,
        /// Its beginning.
        value: String,
    },
    /// A message that is not the event it should be.
    #[error("not a valid event: {0}")]
    Decode(String),
    /// The database behind the outbox.
    #[cfg(feature = "outbox")]
    #[error(transparent)]
    Database(#[from] gwm_pg::Error),
}

impl Error {
    pub(crate) fn unavailable(error: &impl fmt::Display) -> Self {
        Self::Unavailable(error.to_string())
    }

    /// Whether the same call may succeed later.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::ServerTooOld { .. }
            | Self::Refused { .. }
            | Self::Settings(_)
            | Self::Subject { .. }
            | Self::Decode(_) => false,
            #[cfg(feature = "outbox")]
            Self::Database(error) => error.kind() == gwm_pg::Kind::Unavailable,
        }
    }
}

impl Error {
    /// The code of this error at a service's edge.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unavailable(_) | Self::ServerTooOld { .. } | Self::Refused { .. } => {
                ErrorCode::Unavailable
            }
            Self::Settings(_) | Self::Subject { .. } | Self::Decode(_) => ErrorCode::Internal,
            #[cfg(feature = "outbox")]
            Self::Database(error) => error.code(),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(_) | Error::ServerTooOld { .. } | Error::Refused { .. } => {
                tracing::warn!(error = %error, "message bus");
                Self::unavailable("the message bus does not answer; try again")
            }
            Error::Settings(_) | Error::Subject { .. } | Error::Decode(_) => Self::internal(error),
            #[cfg(feature = "outbox")]
            Error::Database(error) => error.into(),
        }
    }
}
