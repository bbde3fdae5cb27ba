//! Tasks that somebody answers for, and the end of the process.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// When the process ends. `soft`: take nothing new, finish what runs. `hard`: stop at once.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Take nothing new.
    pub soft: CancellationToken,
    /// Stop at once.
    pub hard: CancellationToken,
    failed: Arc<AtomicBool>,
}

impl Shutdown {
    /// Ends the process with a failing exit code.
    pub fn fail(&self, why: &str) {
        tracing::error!(why, "fault: shutting down");
        self.failed.store(true, Ordering::SeqCst);
        self.soft.cancel();
    }

    /// Whether a fault, not a wish, ended the process.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }
}

/// All tasks of a process.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    shutdown: Shutdown,
}

impl Tasks {
    /// Tasks that end with `shutdown`.
    #[must_use]
    pub fn new(shutdown: Shutdown) -> Self {
        Self { tracker: TaskTracker::new(), shutdown }
    }

    /// The tokens that the tasks watch.
    #[must_use]
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Runs what must run as long as the process does: its early end, or an error, or a panic, is
    /// a fault that ends the process.
    pub fn spawn(
        &self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.track(self.watched(name, task));
    }

    /// The same for what others need until they have ended: connections to peers, decisions. It
    /// goes on while the process drains, and the end of the process does not wait for it.
    #[expect(clippy::disallowed_methods, reason = "the one place where tasks are made")]
    pub fn support(
        &self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        drop(tokio::spawn(self.watched(name, task)));
    }

    fn watched(
        &self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let shutdown = self.shutdown.clone();
        let watched = self.start(name, task);
        async move {
            match watched.await {
                Ok(Ok(())) if shutdown.soft.is_cancelled() => {}
                Ok(Ok(())) => shutdown.fail(&format!("task {name} ended early")),
                Ok(Err(error)) => shutdown.fail(&format!("task {name}: {error:#}")),
                Err(error) if error.is_panic() => {
                    shutdown.fail(&format!("task {name} panicked"));
                }
                Err(_) => {}
            }
        }
    }

    /// Runs something that ends by itself (a connection, a request); the end of the process waits
    /// for it.
    pub fn run(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let watched = self.start(name, task);
        self.track(async move {
            if let Err(error) = watched.await
                && error.is_panic()
            {
                tracing::error!(task = name, "task panicked");
            }
        });
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where tasks are made")]
    fn start<T: Send + 'static>(
        &self,
        name: &'static str,
        task: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        let hard = self.shutdown.hard.clone();
        let span = tracing::info_span!("task", task = name);
        let stopped = async move {
            tokio::select! {
                out = task => out,
                () = hard.cancelled() => std::future::pending().await,
            }
        };
        tokio::spawn(stopped.instrument(span))
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where tasks are made")]
    fn track(&self, watcher: impl Future<Output = ()> + Send + 'static) {
        let hard = self.shutdown.hard.clone();
        tokio::spawn(self.tracker.track_future(async move {
            tokio::select! {
                () = watcher => {}
                () = hard.cancelled() => {}
            }
        }));
    }

    /// Waits for all, at most `budget`; then stops the rest.
    pub async fn drain(&self, budget: Duration) {
        self.tracker.close();
        if tokio::time::timeout(budget, self.tracker.wait()).await.is_err() {
            tracing::warn!(tasks = self.tracker.len(), "tasks did not end in time");
            self.shutdown.hard.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_early_ends_the_process_with_a_fault() {
        let tasks = Tasks::new(Shutdown::default());
        tasks.spawn("short", async { Ok(()) });
        tasks.shutdown().soft.cancelled().await;
        assert!(tasks.shutdown().failed());
    }

    #[tokio::test]
    async fn a_task_that_panics_ends_the_process_with_a_fault() {
        let tasks = Tasks::new(Shutdown::default());
        tasks.spawn("bad", async { panic!("made to") });
        tasks.shutdown().soft.cancelled().await;
        assert!(tasks.shutdown().failed());
    }

    #[tokio::test]
    async fn the_end_waits_for_tasks_and_not_for_what_supports_them() {
        let tasks = Tasks::new(Shutdown::default());
        let hard = tasks.shutdown().hard.clone();
        tasks.support("peer", async move {
            hard.cancelled().await;
            Ok(())
        });
        tasks.shutdown().soft.cancel();
        tasks.drain(Duration::from_secs(3600)).await;
        assert!(!tasks.shutdown().hard.is_cancelled());
    }

    #[tokio::test]
    async fn a_task_that_ends_after_the_soft_signal_is_no_fault() {
        let tasks = Tasks::new(Shutdown::default());
        let soft = tasks.shutdown().soft.clone();
        tasks.spawn("good", async move {
            soft.cancelled().await;
            Ok(())
        });
        tasks.shutdown().soft.cancel();
        tasks.drain(Duration::from_secs(5)).await;
        assert!(!tasks.shutdown().failed());
    }
}
