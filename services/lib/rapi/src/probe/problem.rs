//! What a probe found wrong, each with a sentence that says what to do.

use crate::endpoint::EndpointError;
use crate::error::{Error, ErrorKind};

/// What a probe found wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The address itself.
    #[error(transparent)]
    Address(#[from] EndpointError),
    /// Something answers over TLS, but not RAPI.
    #[error(
        "the server speaks TLS, but it is not Ganeti's RAPI: check host and port (usually 5080)"
    )]
    NotRapi,
    /// A Ganeti that gwm doesn't work with.
    #[error("this is Ganeti {version}; at least 3.0 is needed")]
    TooOld {
        /// Its version.
        version: String,
    },
    /// The user exists, but has neither `read` nor `write`.
    #[error(
        "user {username} may not read consoles and queries (403): add the option read to its line in /var/lib/ganeti/rapi/users"
    )]
    LacksRead {
        /// The user.
        username: String,
    },
    /// The user exists, but hasn't `write`.
    #[error(
        "write: 403, this user lacks write: add the option write to the line of {username} in /var/lib/ganeti/rapi/users"
    )]
    LacksWrite {
        /// The user.
        username: String,
    },
    /// Any failure of a call: DNS, refused, time-out, not TLS, certificate, 401, master daemon down, ...
    #[error("{0}")]
    Call(ErrorKind),
}

impl Problem {
    /// A stable word for interfaces.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address(_) => "rapi_address",
            Self::NotRapi => "rapi_not_rapi",
            Self::TooOld { .. } => "rapi_too_old",
            Self::LacksRead { .. } => "rapi_lacks_read",
            Self::LacksWrite { .. } => "rapi_lacks_write",
            Self::Call(kind) => kind.code(),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        if matches!(error.kind(), ErrorKind::Protocol { .. }) {
            return Self::NotRapi;
        }
        Self::Call(error.kind().clone())
    }
}
