use std::fmt::Display;
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Asks `check` until it answers `Ok`, and returns that.
///
/// `check` says in its `Err` what it saw instead; the last of these is in the failure's text.
///
/// # Panics
/// When the deadline passes first.
pub async fn wait_for<T, E: Display>(
    what: &str,
    deadline: Duration,
    check: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    match try_wait_for(what, deadline, check).await {
        Ok(value) => value,
        Err(message) => panic!("{message}"),
    }
}

/// [`wait_for`] outside tests: the failure is returned as text.
pub async fn try_wait_for<T, E: Display>(
    what: &str,
    deadline: Duration,
    mut check: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, String> {
    let mut patience = Patience::new(what, deadline);
    loop {
        match tokio::time::timeout(patience.left(), check()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(status)) => patience.pause(&status).await?,
            Err(_) => return Err(patience.exhausted()),
        }
    }
}

/// The same for a loop of one's own, whose future must be `Send` (those of async closures are not).
pub(crate) struct Patience<'a> {
    what: &'a str,
    deadline: Duration,
    end: Instant,
    pause: Duration,
    last: String,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(what: &'a str, deadline: Duration) -> Self {
        let last = "nothing yet: the first look never ended".to_owned();
        Self { what, deadline, end: Instant::now() + deadline, pause: FIRST_PAUSE, last }
    }

    pub(crate) async fn pause(&mut self, status: &impl Display) -> Result<(), String> {
        self.last = status.to_string();
        if self.left().is_zero() {
            return Err(self.exhausted());
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    fn exhausted(&self) -> String {
        format!("waited {:?} for {}; last seen: {}", self.deadline, self.what, self.last)
    }
}
