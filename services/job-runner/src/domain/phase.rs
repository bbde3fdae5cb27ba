//! Where a job is, and where it may go from there.

use std::fmt;
use std::str::FromStr;

/// The internal states of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// Accepted; nobody works on it.
    Queued,
    /// Taken up: what must be so before the call is being looked at.
    Claimed,
    /// Its op is committed; the call may be on its way.
    Sending,
    /// Whether Ganeti got the call is not known; it is being searched for.
    Unknown,
    /// Ganeti gave a number, and works.
    Submitted,
    /// Ganeti's job ended; the inventory reads the object.
    Observing,
    /// auth is being told who may what from now on.
    Settling,
    /// Ended as asked.
    Succeeded,
    /// Ended otherwise.
    Failed,
    /// Given up on request.
    Canceled,
}

impl Phase {
    pub(crate) const ALL: [Self; 10] = [
        Self::Queued,
        Self::Claimed,
        Self::Sending,
        Self::Unknown,
        Self::Submitted,
        Self::Observing,
        Self::Settling,
        Self::Succeeded,
        Self::Failed,
        Self::Canceled,
    ];

    /// The word in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Claimed => "claimed",
            Self::Sending => "sending",
            Self::Unknown => "unknown",
            Self::Submitted => "submitted",
            Self::Observing => "observing",
            Self::Settling => "settling",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// One of the five words of the API.
    pub(crate) fn public(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Claimed
            | Self::Sending
            | Self::Unknown
            | Self::Submitted
            | Self::Observing
            | Self::Settling => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// Whether nothing changes any more.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }

    /// Whether Ganeti may have the call: from here no second one may be sent.
    pub(crate) fn may_be_at_ganeti(self) -> bool {
        matches!(self, Self::Sending | Self::Unknown | Self::Submitted)
    }

    /// Whether a job may go from here to there. Staying is no transition.
    pub(crate) fn may_become(self, next: Self) -> bool {
        match self {
            Self::Queued => matches!(next, Self::Claimed | Self::Failed | Self::Canceled),
            Self::Claimed => matches!(next, Self::Sending | Self::Failed | Self::Canceled),
            // Back to claimed only when it surely was not sent.
            Self::Sending => {
                matches!(next, Self::Submitted | Self::Unknown | Self::Claimed | Self::Failed)
            }
            Self::Unknown => matches!(next, Self::Submitted | Self::Claimed | Self::Failed),
            Self::Submitted => matches!(next, Self::Observing | Self::Failed),
            Self::Observing => {
                matches!(next, Self::Settling | Self::Succeeded | Self::Failed | Self::Canceled)
            }
            Self::Settling => matches!(next, Self::Succeeded | Self::Failed | Self::Canceled),
            Self::Succeeded | Self::Failed | Self::Canceled => false,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Phase {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|phase| phase.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no phase of a job"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_read_back() {
        for phase in Phase::ALL {
            assert_eq!(phase.as_str().parse(), Ok(phase));
        }
    }

    #[test]
    fn every_open_phase_has_a_way_to_an_end() {
        for start in Phase::ALL {
            let mut reached = vec![start];
            let mut next = 0;
            while let Some(from) = reached.get(next).copied() {
                next += 1;
                for to in Phase::ALL.into_iter().filter(|to| from.may_become(*to)) {
                    if !reached.contains(&to) {
                        reached.push(to);
                    }
                }
            }
            assert!(reached.iter().any(|phase| phase.is_final()), "{start} never ends");
        }
    }

    proptest! {
        /// Along any legal path: nothing follows an end, the public state never goes back to
        /// queued, and a call leaves only from `claimed`.
        #[test]
        fn legal_paths_keep_the_promises(choices in proptest::collection::vec(0..10_usize, 0..40)) {
            let mut phase = Phase::Queued;
            for choice in choices {
                let next = Phase::ALL[choice];
                if !phase.may_become(next) {
                    continue;
                }
                prop_assert!(!phase.is_final());
                prop_assert_ne!(next.public(), "queued");
                if next == Phase::Sending {
                    prop_assert_eq!(phase, Phase::Claimed);
                    prop_assert!(!phase.may_be_at_ganeti());
                }
                if phase == Phase::Submitted {
                    prop_assert!(!next.may_be_at_ganeti());
                }
                phase = next;
            }
        }
    }
}
