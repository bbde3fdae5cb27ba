//! What can go wrong, and what the person is told.

use std::time::Duration;

use gwm_kernel::{ErrorCode, Fault};

/// A failure of this service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The database.
    #[error(transparent)]
    Database(#[from] gwm_pg::Error),
    /// A call of Ganeti's.
    #[error("{0}")]
    Rapi(#[from] gwm_rapi::Error),
    /// A cluster answers, but it is not the one that was entered.
    #[error(
        "another cluster answers here: its UUID is {seen}, expected was {expected}; nothing was changed"
    )]
    OtherCluster { expected: uuid::Uuid, seen: uuid::Uuid },
    /// An answer of Ganeti's that can't be believed as a whole.
    #[error("{0}; nothing was changed")]
    Answer(String),
    /// The endpoint's address.
    #[error(transparent)]
    Address(#[from] crate::address::AddressError),
    /// Stored endpoints, fingerprints or CAs that can't be used.
    #[error("{0}")]
    Stored(String),
    /// Sealed secrets.
    #[error(transparent)]
    Vault(#[from] crate::vault::VaultError),
    /// An event that can't be made.
    #[error(transparent)]
    Event(#[from] gwm_events::Error),
    /// Known to the person already.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A result with this service's error.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Error {
    /// The stable word for a cluster's health and for problem documents.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Database(_)
            | Self::Stored(_)
            | Self::Vault(_)
            | Self::Event(_)
            | Self::Fault(_) => "internal",
            Self::Rapi(error) => error.code(),
            Self::OtherCluster { .. } => "other_cluster",
            Self::Answer(_) => "rapi_protocol",
            Self::Address(_) => "rapi_address",
        }
    }

    /// Whether the database, and not the cluster, is at fault.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Self::Database(_) | Self::Event(_) | Self::Fault(_))
    }

    /// Whether its text is Ganeti's, the network's, or about an address.
    pub(crate) fn is_said_outside(&self) -> bool {
        match self {
            Self::Rapi(_) | Self::OtherCluster { .. } | Self::Answer(_) | Self::Address(_) => true,
            Self::Fault(fault) => fault.reason == crate::poll::UNREACHABLE,
            Self::Database(_) | Self::Vault(_) | Self::Event(_) | Self::Stored(_) => false,
        }
    }

    /// Whether an administrator wants the cluster left alone: no failure, and no news.
    pub(crate) fn is_paused(&self) -> bool {
        matches!(self, Self::Fault(fault) if fault.reason == crate::domain::PAUSED)
    }

    /// Whether trying again within seconds can't help: somebody must do something.
    pub(crate) fn is_definitive(&self) -> bool {
        match self {
            Self::OtherCluster { .. } | Self::Address(_) | Self::Stored(_) | Self::Vault(_) => true,
            Self::Rapi(error) => matches!(
                error.code(),
                "rapi_certificate_changed"
                    | "rapi_certificate_invalid"
                    | "rapi_unauthorized"
                    | "rapi_forbidden"
                    | "rapi_not_tls"
                    | "rapi_refused"
                    | "rapi_dns"
            ),
            Self::Database(_) | Self::Event(_) | Self::Fault(_) | Self::Answer(_) => false,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Fault(fault) => fault,
            Error::Database(error) => match error.kind() {
                gwm_pg::Kind::Unavailable | gwm_pg::Kind::Retry => {
                    tracing::warn!(error = %chain(&error), "database unavailable");
                    Self::unavailable("the inventory's database does not answer; try again")
                        .retry_after(Duration::from_secs(5))
                }
                gwm_pg::Kind::Conflict if matches!(error, gwm_pg::Error::LeaseLost { .. }) => {
                    Self::unavailable("this cluster's reader has just changed; try again")
                        .retry_after(Duration::from_secs(1))
                }
                gwm_pg::Kind::AlreadyExists
                | gwm_pg::Kind::Conflict
                | gwm_pg::Kind::NotFound
                | gwm_pg::Kind::Internal => Self::internal(chain(&error)),
            },
            Error::Rapi(_) | Error::OtherCluster { .. } | Error::Address(_) | Error::Answer(_) => {
                let reason = error.reason();
                Self::new(ErrorCode::Unavailable, reason, error.to_string())
                    .retry_after(Duration::from_secs(10))
            }
            Error::Stored(_) | Error::Vault(_) | Error::Event(_) => Self::internal(chain(&error)),
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        Fault::from(error).into()
    }
}

/// What is wrong with a list request.
pub(crate) fn bad_list(error: &gwm_query::Error) -> Fault {
    let mut fault = Fault::invalid(error.field(), error.to_string());
    fault.position = error.position();
    if *error == gwm_query::Error::Cursor {
        fault.reason = "invalid_cursor".into();
    }
    fault
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
