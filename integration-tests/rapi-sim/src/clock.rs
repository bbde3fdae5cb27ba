//! Times in Ganeti's two ways of writing them.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stamp {
    seconds: u64,
    nanos: u32,
}

impl Stamp {
    /// The present.
    #[must_use]
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { seconds: since.as_secs(), nanos: since.subsec_nanos() }
    }

    /// This many seconds before.
    #[must_use]
    pub(crate) fn before(self, seconds: u64) -> Self {
        Self { seconds: self.seconds.saturating_sub(seconds), ..self }
    }

    /// `[seconds, microseconds]`, as in jobs.
    #[must_use]
    pub(crate) fn pair(self) -> Value {
        json!([self.seconds, self.nanos / 1000])
    }

    /// Seconds with a fraction, as in `ctime`.
    #[must_use]
    pub(crate) fn float(self) -> f64 {
        let micros = self.seconds * 1_000_000 + u64::from(self.nanos / 1000);
        micros as f64 / 1_000_000.0
    }

    /// Nanoseconds, as in reason trails.
    #[must_use]
    pub(crate) fn nanos(self) -> u64 {
        self.seconds * 1_000_000_000 + u64::from(self.nanos)
    }
}
