//! How old what is shown is, when cache-updater does not answer and its last answers stand in.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::parts::{Notice, Tone};
use super::text;

/// The age of what one request shows. Clones share it: the calls to cache-updater write it, the page's
/// banner and the answer's header read it.
#[derive(Debug, Clone, Default)]
pub struct Aged(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    oldest: Option<Duration>,
    told: bool,
}

impl Aged {
    /// Notes that something this old is shown; false when it can't be told any more, because the
    /// answer's head has left already: then it must not be shown.
    #[must_use]
    pub(crate) fn note(&self, age: Duration) -> bool {
        let mut state = self.0.lock().expect("no panic while held");
        if !state.told {
            state.oldest = state.oldest.max(Some(age));
        }
        !state.told
    }

    /// The age for the answer's head, after which nothing old may be shown.
    pub(crate) fn tell(&self) -> Option<Duration> {
        let mut state = self.0.lock().expect("no panic while held");
        state.told = true;
        state.oldest
    }

    /// The banner of a page that shows something old.
    pub(crate) fn notice(&self) -> Option<Notice> {
        let oldest = self.0.lock().expect("no panic while held").oldest?;
        let age = text::span(oldest.as_secs());
        Some(Notice::new(
            Tone::Warn,
            "The inventory service does not answer",
            format!(
                "What is shown is what it answered {age} ago. Machines run on; what is shown here \
                 changes when it is back."
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_counts_and_nothing_old_follows_a_head_that_left() {
        let aged = Aged::default();
        assert!(aged.notice().is_none());
        for seconds in [5, 130, 40] {
            assert!(aged.note(Duration::from_secs(seconds)));
        }
        assert!(aged.notice().unwrap().detail.contains("2 min 10 s ago"));
        assert_eq!(aged.tell(), Some(Duration::from_secs(130)));
        assert!(!aged.note(Duration::from_secs(1)), "a stream can't say it any more");
    }
}
