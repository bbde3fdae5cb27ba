//! Why a job failed: a stable code, Ganeti's own words, and what to do.

use gwm_rapi::{ErrorKind, OpError};

/// A failure as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// Whether RAPI refused who we are, not what we asked for.
pub(crate) fn is_credential(error: &gwm_rapi::Error) -> bool {
    matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Forbidden { .. })
}

const CHECK_LOG: &str = "the job's log and Ganeti's own (gnt-job info on the master) say more";

impl Failure {
    pub(crate) fn new(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), hint: hint.into() }
    }

    /// Another instance has the name now, or none has.
    pub(crate) fn replaced(name: &str, there: bool) -> Self {
        let message = if there {
            format!("{name} is another instance than the one that was meant; nothing was sent")
        } else {
            format!("Ganeti has no instance {name} any more; nothing was sent")
        };
        Self::new(
            "object_replaced",
            message,
            "it was renamed, removed or made anew meanwhile: look for it in the list and ask again",
        )
    }

    /// The name of a new instance is taken.
    pub(crate) fn exists(name: &str) -> Self {
        Self::new(
            "already_exists",
            format!("there is an instance {name} on this cluster already; nothing was sent"),
            "choose another name",
        )
    }

    /// What was to be done is done, or is not wanted any more.
    pub(crate) fn superseded(name: &str) -> Self {
        Self::new(
            "superseded",
            format!("the owner tags of {name} are as they should be by now; nothing was sent"),
            "",
        )
    }

    /// gwm may only look.
    pub(crate) fn read_only(slug: &str) -> Self {
        Self::new(
            "read_only",
            format!("gwm has no credential to change anything on cluster {slug}"),
            "an administrator can add a write credential on the cluster's page",
        )
    }

    /// The cluster's record is gone.
    pub(crate) fn cluster_removed(slug: &str, ganeti_job: Option<u64>, maybe_sent: bool) -> Self {
        let message = match (ganeti_job, maybe_sent) {
            (Some(number), _) => format!(
                "cluster {slug} was removed from gwm while Ganeti's job {number} was at work"
            ),
            (None, true) => format!(
                "cluster {slug} was removed from gwm before it was known whether Ganeti got this"
            ),
            (None, false) => {
                format!("cluster {slug} was removed from gwm before this was sent")
            }
        };
        Self::new("cluster_removed", message, "look at the instance with Ganeti's own commands")
    }

    /// Ganeti forgot the job.
    pub(crate) fn lost(number: u64) -> Self {
        Self::new(
            "ganeti_job_lost",
            format!("Ganeti does not know its job {number} any more"),
            "look at the instance: whether the job was done can't be told from here",
        )
    }

    /// RAPI understood and refused.
    pub(crate) fn refused(error: &gwm_rapi::Error) -> Self {
        if is_credential(error) {
            return Self::new(
                "unauthorized",
                error.to_string(),
                "an administrator can check the cluster's write credential on its page",
            );
        }
        let mut message = error.to_string();
        if let ErrorKind::BadRequest { message: own, .. } | ErrorKind::NotFound { message: own } =
            error.kind()
            && !own.is_empty()
        {
            message.clone_from(own);
        }
        Self::new("rejected", message, "change the request and try again")
    }

    /// Ganeti's job failed.
    pub(crate) fn of_ganeti(error: &OpError) -> Self {
        let ecode = error.ecode.as_deref().unwrap_or_default();
        let (code, hint) = match ecode {
            "already_exists" => ("already_exists", "choose another name"),
            "insufficient_resources" | "temp_insufficient_resources" => {
                ("insufficient_resources", "free something, ask for less, or choose another node")
            }
            "wrong_state" => ("ganeti_error", "bring the instance or node into the state named"),
            "wrong_input" => ("ganeti_error", "change what is named and try again"),
            "unknown_entity" => ("ganeti_error", "what is named is not there any more"),
            _ => ("ganeti_error", CHECK_LOG),
        };
        Self::new(code, error.to_string(), hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ganetis_words_stay_and_known_codes_get_their_own() {
        let error = OpError {
            class: Some("OpPrereqError".to_owned()),
            text: "Instance 'a' is already in the cluster".to_owned(),
            ecode: Some("already_exists".to_owned()),
        };
        let failure = Failure::of_ganeti(&error);
        assert_eq!(failure.code, "already_exists");
        assert_eq!(failure.message, "Instance 'a' is already in the cluster");
        let failure = Failure::of_ganeti(&OpError { ecode: None, ..error });
        assert_eq!(failure.code, "ganeti_error");
    }
}
