//! What can go wrong with a call, and what that says about a submission.

mod classify;
mod kind;
mod message;

use std::borrow::Cow;
use std::fmt;

pub(crate) use classify::{kind_of_tls_error, kind_of_transport_error};
pub use kind::{ErrorKind, Phase};
pub(crate) use message::{clean, unescape};

/// What an error says about whether the request reached Ganeti.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Ganeti surely started nothing; the same submission may be sent again.
    NotSent,
    /// Ganeti may have started it: only a search for the op can tell. Never send again on this.
    Unknown,
    /// Ganeti understood and refused; sending it again changes nothing.
    Final,
}

/// A failed call.
#[derive(Clone, Debug)]
pub struct Error {
    call: Cow<'static, str>,
    class: Class,
    kind: Box<ErrorKind>,
}

impl Error {
    /// An error whose class follows from `sent` (whether bytes may have left) and the kind.
    pub(crate) fn new(call: impl Into<Cow<'static, str>>, sent: bool, kind: ErrorKind) -> Self {
        let class = if sent { kind.class_after_send() } else { kind.class_before_send() };
        Self { call: call.into(), class, kind: Box::new(kind) }
    }

    /// What this says about a submission.
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// A stable word for metrics, events and interfaces, like `rapi_unauthorized`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// Method and path of the call, for the log.
    #[must_use]
    pub fn call(&self) -> &str {
        &self.call
    }

    /// Whether the object asked for isn't there, said by Ganeti itself.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(*self.kind, ErrorKind::NotFound { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.kind, f)
    }
}

impl std::error::Error for Error {}
