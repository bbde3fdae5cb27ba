//! What stops the work on a whole cluster.

use gwm_kernel::{ErrorCode, Fault};

use crate::domain::is_credential;

/// Why nothing more can be done with a cluster now.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The database, the lease included.
    #[error(transparent)]
    Database(#[from] gwm_pg::Error),
    /// RAPI does not answer, or not as it should.
    #[error("{0}")]
    Unreachable(String),
    /// RAPI refuses the credential.
    #[error("{0}")]
    Unauthorized(gwm_rapi::Error),
    /// cache-updater does not answer.
    #[error("{0}")]
    Credential(Fault),
    /// There is no write credential.
    #[error("the cluster has no write credential")]
    ReadOnly,
    /// The cluster's record is gone.
    #[error("the cluster was removed from gwm")]
    Removed,
}

impl From<gwm_rapi::Error> for Trouble {
    fn from(error: gwm_rapi::Error) -> Self {
        if is_credential(&error) {
            Self::Unauthorized(error)
        } else {
            Self::Unreachable(error.to_string())
        }
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        match (fault.code, fault.reason.as_ref()) {
            (ErrorCode::NotFound, _) => Self::Removed,
            (_, "cluster_read_only") => Self::ReadOnly,
            _ => Self::Credential(fault),
        }
    }
}
