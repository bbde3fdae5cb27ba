//! How long a call may take and how large its answer may be.

use std::time::Duration;

/// Bounds of a client's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Name lookup, connect and TLS.
    pub connect: Duration,
    /// A whole read of one object or a short list.
    pub read: Duration,
    /// A whole bulk read; a black-holed node costs Ganeti's own RPC time-out.
    pub bulk_read: Duration,
    /// Largest answer to a read of one object or a short list.
    pub answer_bytes: usize,
    /// Largest bulk answer: 1.1 kB an instance, so 64 MiB is some 60,000.
    pub bulk_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(40),
            bulk_read: Duration::from_secs(120),
            answer_bytes: 8 << 20,
            bulk_bytes: 64 << 20,
        }
    }
}
