//! The `reason` of a call: the tag by which a Ganeti job is found again.

use std::fmt;

use uuid::Uuid;

/// Longest reason we send; RAPI's start line has room for it beside any path.
pub const MAX_REASON: usize = 200;

const PREFIX: &str = "gwm:";
const OP_PREFIX: &str = "gwm:op=";

/// A validated reason. Always starts with `gwm:`, so no user text can become `rate-limit:` or forge another's op.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

/// Why a text can't be a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReasonError {
    /// Too long.
    #[error("a reason has at most {MAX_REASON} characters")]
    TooLong,
    /// Outside printable ASCII.
    #[error("a reason holds printable ASCII only")]
    Characters,
    /// Would read as an op tag.
    #[error("a plain reason must not look like an op tag")]
    Forged,
}

impl Reason {
    /// The tag of one submission: `gwm:op=<uuid>;job=<uuid>`.
    #[must_use]
    pub fn for_op(op: Uuid, job: Uuid) -> Self {
        Self(format!("{OP_PREFIX}{op};job={job}"))
    }

    /// A plain reason for a call that carries no op, `gwm:<text>`.
    pub fn plain(text: &str) -> Result<Self, ReasonError> {
        if text.len() + PREFIX.len() > MAX_REASON {
            return Err(ReasonError::TooLong);
        }
        if !text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return Err(ReasonError::Characters);
        }
        if text.to_ascii_lowercase().contains("op=") {
            return Err(ReasonError::Forged);
        }
        Ok(Self(format!("{PREFIX}{text}")))
    }

    /// The text that goes to Ganeti.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the op out of a reason text that [`Reason::for_op`] made; anything else is `None`.
#[must_use]
pub fn op_of_reason(text: &str) -> Option<Uuid> {
    let (op, _) = text.strip_prefix(OP_PREFIX)?.split_once(";job=")?;
    op.parse().ok()
}

/// Reads gwm's job out of such a reason text.
#[must_use]
pub fn job_of_reason(text: &str) -> Option<Uuid> {
    op_of_reason(text)?;
    let (_, job) = text.strip_prefix(OP_PREFIX)?.split_once(";job=")?;
    job.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op_tag_reads_back() {
        let (op, job) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let reason = Reason::for_op(op, job);
        assert_eq!(
            reason.as_str(),
            "gwm:op=00000000-0000-0000-0000-000000000001;job=00000000-0000-0000-0000-000000000002"
        );
        assert_eq!(op_of_reason(reason.as_str()), Some(op));
        assert_eq!(job_of_reason(reason.as_str()), Some(job));
        assert!(reason.as_str().len() <= MAX_REASON);
    }

    #[test]
    fn foreign_text_is_no_op() {
        for text in
            ["because", "gwm:op=", "gwm:op=x;job=y", "x gwm:op=1;job=2", "rate-limit:1:gwm:op=1"]
        {
            assert_eq!(op_of_reason(text), None, "{text}");
        }
    }

    #[test]
    fn plain_reason_is_checked() {
        assert_eq!(Reason::plain("refresh").unwrap().as_str(), "gwm:refresh");
        assert_eq!(Reason::plain(&"x".repeat(MAX_REASON)), Err(ReasonError::TooLong));
        assert_eq!(Reason::plain("a\nb"), Err(ReasonError::Characters));
        assert_eq!(Reason::plain("OP=1"), Err(ReasonError::Forged));
    }
}
