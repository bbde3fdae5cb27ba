//! Pauses between attempts: growing, jittered, cut short by shutdown.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

const FIRST: u64 = 100;
const LONGEST: u64 = 5_000;

#[derive(Debug)]
pub(crate) struct Backoff {
    ceiling: u64,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { ceiling: FIRST }
    }

    pub(crate) fn reset(&mut self) {
        self.ceiling = FIRST;
    }

    pub(crate) async fn wait(&mut self, shutdown: &CancellationToken) {
        let pause = rand::random_range(self.ceiling / 2..=self.ceiling);
        self.ceiling = (self.ceiling * 2).min(LONGEST);
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(pause)) => {}
        }
    }
}
