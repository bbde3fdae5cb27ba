//! Until when a submission may still leave this process.

use std::time::{Duration, Instant};

/// Two moments of the monotonic clock: the last at which bytes may be sent, the last at which we wait for the answer.
///
/// The first covers connect, TLS and send, and must be shorter than the rest of the caller's lease: a process that
/// was stopped in between and wakes up later must not send on a lease that another one holds by then.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    send_by: Instant,
    answer_by: Instant,
}

impl Deadline {
    /// One moment for both.
    #[must_use]
    pub fn at(moment: Instant) -> Self {
        Self { send_by: moment, answer_by: moment }
    }

    /// From now on; a convenience where no lease is involved.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self::at(Instant::now() + duration)
    }

    /// Waits longer for the answer than for the send; an earlier moment changes nothing.
    #[must_use]
    pub fn answer_by(self, moment: Instant) -> Self {
        Self { answer_by: moment.max(self.send_by), ..self }
    }

    /// The last moment at which bytes may be sent.
    #[must_use]
    pub fn send_by_moment(&self) -> Instant {
        self.send_by
    }

    /// The last moment at which the answer is awaited.
    #[must_use]
    pub fn answer_by_moment(&self) -> Instant {
        self.answer_by
    }

    /// Whether sending is forbidden by now.
    #[must_use]
    pub fn send_is_over(&self) -> bool {
        Instant::now() >= self.send_by
    }
}
