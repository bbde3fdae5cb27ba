//! One submission to Ganeti.

use gwm_types::{JobId, OpId};

/// What is known of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpState {
    /// The call may be on its way.
    Sending,
    /// Nobody sends it any more; Ganeti may have it.
    Unknown,
    /// Ganeti has it, under a number.
    Submitted,
    /// Ganeti surely doesn't have it.
    NotSent,
    /// Ganeti refused it.
    Refused,
}

impl OpState {
    /// The word in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Unknown => "unknown",
            Self::Submitted => "submitted",
            Self::NotSent => "not_sent",
            Self::Refused => "refused",
        }
    }
}

/// A submission that is to be searched for.
#[derive(Debug, Clone)]
pub(crate) struct Op {
    pub(crate) op_id: OpId,
    pub(crate) job_id: JobId,
    /// The search begins after this number.
    pub(crate) after_ganeti_job: u64,
    /// Why it is unknown.
    pub(crate) error_code: Option<String>,
    pub(crate) error_message: Option<String>,
}
