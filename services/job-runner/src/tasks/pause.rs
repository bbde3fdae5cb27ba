//! Pauses after failures: doubling, with jitter, up to a limit.

use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_secs(1);

/// The pause after `failures` failures in a row: between half and all of it, so that many that
/// failed together don't come back together.
pub(super) fn after(failures: u32, longest: Duration) -> Duration {
    let full = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest);
    full.mul_f64(rand::random_range(0.5..=1.0))
}

/// Whether a cluster is left alone for a while: the breaker of its circuit.
#[derive(Debug, Default)]
pub(super) struct Pause {
    failures: u32,
    until: Option<Instant>,
}

impl Pause {
    /// Whether to try.
    pub(super) fn is_over(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() >= until)
    }

    /// It failed.
    pub(super) fn failed(&mut self, longest: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.until = Some(Instant::now() + after(self.failures, longest));
    }

    /// It worked.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_limit_and_no_further() {
        let longest = Duration::from_secs(60);
        for failures in 1..100 {
            let full = (1_u64 << (failures - 1).min(6)).min(60);
            let pause = after(failures, longest);
            assert!(pause <= Duration::from_secs(full), "{failures}: {pause:?}");
            assert!(pause >= Duration::from_secs(full) / 2, "{failures}: {pause:?}");
        }
    }
}
