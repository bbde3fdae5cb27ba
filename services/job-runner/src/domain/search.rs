//! What a search for an op proves.

use std::time::Duration;

/// What to do with an unknown submission after a search that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Ganeti has it under this number.
    Adopt(u64),
    /// It may still arrive: search again.
    Wait,
    /// It surely is not there and will not come.
    NotSent,
}

/// `found` are the numbers of Ganeti's jobs that carry the op, `unknown_for` how long nobody could
/// have been sending it when the search *began*, `wait` the time after which nothing that was sent
/// can still be on its way through RAPI and luxid.
pub(crate) fn verdict(found: &[u64], unknown_for: Duration, wait: Duration) -> Verdict {
    // Jobs made by a job inherit its trail, so the lowest number is the one that was submitted.
    match found.iter().min() {
        Some(lowest) => Verdict::Adopt(*lowest),
        None if unknown_for >= wait => Verdict::NotSent,
        None => Verdict::Wait,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_found_is_never_sent_again(
            found in proptest::collection::vec(1..1000_u64, 1..5), elapsed in 0..1000_u64,
        ) {
            let verdict = verdict(&found, Duration::from_secs(elapsed), Duration::from_secs(200));
            prop_assert_eq!(verdict, Verdict::Adopt(*found.iter().min().unwrap()));
        }

        #[test]
        fn only_a_late_search_proves_absence(elapsed in 0..1000_u64) {
            let verdict = verdict(&[], Duration::from_secs(elapsed), Duration::from_secs(200));
            let expected = if elapsed >= 200 { Verdict::NotSent } else { Verdict::Wait };
            prop_assert_eq!(verdict, expected);
        }
    }
}
