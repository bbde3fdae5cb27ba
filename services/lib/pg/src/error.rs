//! What can go wrong with the database, told apart by what the caller should do about it.

use std::time::Duration;

use gwm_kernel::{ErrorCode, Fault};
use sqlx::postgres::PgDatabaseError;

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A database failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database can't be reached or takes no more work; nothing was committed that was not
    /// already, and the same call may succeed later.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// Another transaction was in the way (serialization, deadlock, lock time-out): run the whole
    /// transaction again.
    #[error("the transaction must be run again")]
    Retry(#[source] sqlx::Error),
    /// A unique constraint, by its name.
    #[error("already exists ({constraint})")]
    AlreadyExists {
        /// The constraint's name, which migrations give on purpose.
        constraint: String,
        /// What Postgres said.
        #[source]
        source: sqlx::Error,
    },
    /// A foreign key, check or exclusion constraint, by its name.
    #[error("conflicts with {constraint}")]
    Conflict {
        /// The constraint's name, which migrations give on purpose.
        constraint: String,
        /// What Postgres said.
        #[source]
        source: sqlx::Error,
    },
    /// A conditional write matched another number of rows than it must: somebody was faster.
    #[error("{actual} rows were written where {expected} must be")]
    RowsAffected {
        /// How many rows the write must touch.
        expected: u64,
        /// How many it touched.
        actual: u64,
    },
    /// The lease that fences this write is held by nobody or by another.
    #[error("the lease {name} is lost")]
    LeaseLost {
        /// The lease's name.
        name: String,
    },
    /// A row that must be there is not.
    #[error("no such row")]
    NotFound,
    /// A setting can't be used as it is.
    #[error("database settings: {0}")]
    Settings(String),
    /// Anything else: our fault.
    #[error("the database refused a statement")]
    Internal(#[source] sqlx::Error),
    /// A migration failed.
    #[error("a migration failed")]
    Migration(#[source] Box<sqlx::migrate::MigrateError>),
}

/// The class of an [`Error`], for maps to other error sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Try later.
    Unavailable,
    /// Try the transaction again at once.
    Retry,
    /// A duplicate.
    AlreadyExists,
    /// Somebody else changed it, or it is still in use.
    Conflict,
    /// No such row.
    NotFound,
    /// Our fault.
    Internal,
}

impl Error {
    pub(crate) fn settings(message: &str) -> Self {
        Self::Settings(message.to_owned())
    }

    /// The class of this error.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unavailable(_) => Kind::Unavailable,
            Self::Retry(_) => Kind::Retry,
            Self::AlreadyExists { .. } => Kind::AlreadyExists,
            Self::Conflict { .. } | Self::RowsAffected { .. } | Self::LeaseLost { .. } => {
                Kind::Conflict
            }
            Self::NotFound => Kind::NotFound,
            Self::Settings(_) | Self::Internal(_) | Self::Migration(_) => Kind::Internal,
        }
    }

    /// The code of this error at a service's edge.
    pub fn code(&self) -> ErrorCode {
        match self.kind() {
            Kind::Unavailable | Kind::Retry => ErrorCode::Unavailable,
            Kind::AlreadyExists => ErrorCode::AlreadyExists,
            Kind::Conflict => ErrorCode::Conflict,
            Kind::NotFound => ErrorCode::NotFound,
            Kind::Internal => ErrorCode::Internal,
        }
    }

    /// The name of the violated constraint.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::AlreadyExists { constraint, .. } | Self::Conflict { constraint, .. } => {
                Some(constraint)
            }
            Self::Unavailable(_)
            | Self::Retry(_)
            | Self::RowsAffected { .. }
            | Self::LeaseLost { .. }
            | Self::NotFound
            | Self::Settings(_)
            | Self::Internal(_)
            | Self::Migration(_) => None,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::RowNotFound) {
            return Self::NotFound;
        }
        if let Some(database) = error.as_database_error() {
            let code =
                database.try_downcast_ref::<PgDatabaseError>().map_or("", PgDatabaseError::code);
            let constraint = database.constraint().unwrap_or_default().to_owned();
            return match code {
                "40001" | "40P01" | "55P03" => Self::Retry(error),
                "23505" => Self::AlreadyExists { constraint, source: error },
                "23503" | "23514" | "23P01" => Self::Conflict { constraint, source: error },
                // Shutting down, starting, no connections left, disk full, connection lost.
                "57P01" | "57P02" | "57P03" => Self::Unavailable(error),
                _ if code.starts_with("53") || code.starts_with("08") => Self::Unavailable(error),
                _ => Self::Internal(error),
            };
        }
        let unreachable = matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
        );
        if unreachable { Self::Unavailable(error) } else { Self::Internal(error) }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        if let sqlx::migrate::MigrateError::Execute(error) = error {
            return Self::from(error);
        }
        Self::Migration(Box::new(error))
    }
}

/// For what a service did not turn into an error of its own before.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error.kind() {
            Kind::Unavailable | Kind::Retry => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(error = %error, source, "database");
                Self::unavailable("the database does not answer; try again")
                    .retry_after(Duration::from_secs(2))
            }
            Kind::AlreadyExists => {
                Self::new(error.code(), "already_exists", "there is one like this already")
            }
            Kind::Conflict => {
                Self::new(error.code(), "conflict", "it was changed meanwhile; load it again")
            }
            Kind::NotFound => Self::new(error.code(), "not_found", "there is no such object"),
            Kind::Internal => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                Self::internal(format!("{error}: {}", source.unwrap_or_default()))
            }
        }
    }
}

/// Turns a named constraint into a domain error.
pub trait ResultExt<T> {
    /// Yields `to()` when this result failed on the constraint `name`; any other failure is
    /// converted as usual. For several constraints match on [`Error::constraint`].
    fn on_constraint<E: From<Error>>(self, name: &str, to: impl FnOnce() -> E) -> Result<T, E>;
}

impl<T, S: Into<Error>> ResultExt<T> for std::result::Result<T, S> {
    fn on_constraint<E: From<Error>>(self, name: &str, to: impl FnOnce() -> E) -> Result<T, E> {
        self.map_err(|error| {
            let error = error.into();
            if error.constraint() == Some(name) { to() } else { E::from(error) }
        })
    }
}
