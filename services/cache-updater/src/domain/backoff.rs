//! When to try again after a failure.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);

/// After this many failures in a row the breaker is open: only polls try, everything else is
/// refused at once with the last error.
pub(crate) const BREAKER_AT: u32 = 2;

/// Failures in a row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It worked.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// It didn't; the pause before the next attempt. `chance` is from 0 to 1.
    pub(crate) fn failed(&mut self, chance: f64) -> Duration {
        let pause = FIRST * 2_u32.saturating_pow(self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        // Clusters that failed together must not come back together.
        pause.min(LONGEST).mul_f64(0.8 + 0.4 * chance)
    }

    /// How often in a row.
    pub(crate) fn failures(self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes_and_begin_anew() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u64> = (0..12).map(|_| backoff.failed(0.5).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        backoff.succeeded();
        assert_eq!(backoff.failed(0.5).as_secs(), 1);
        assert!(backoff.failed(1.0) > backoff.failed(0.0) / 2);
    }
}
