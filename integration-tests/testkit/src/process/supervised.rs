use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use super::Plan;
use crate::Error;
use crate::wait::Patience;

/// How long, beyond the grace time, the shell itself may take on a busy machine.
const SHELL: Duration = Duration::from_secs(30);

/// A running program; dropping this stops it and waits until it is gone.
#[derive(Debug)]
pub struct Supervised {
    shell: Child,
    plan: Plan,
    said_before: u64,
}

impl Supervised {
    pub(super) fn new(shell: Child, plan: Plan, said_before: u64) -> Self {
        Self { shell, plan, said_before }
    }

    /// The name it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Where its output goes.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.plan.log_file()
    }

    /// The last lines of its output.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        let text = std::fs::read(self.log_file()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let all: Vec<_> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// Whether its output since this start holds a text.
    #[must_use]
    pub fn has_said(&self, text: &str) -> bool {
        let log = std::fs::read(self.log_file()).unwrap_or_default();
        let before = usize::try_from(self.said_before).unwrap_or(usize::MAX);
        String::from_utf8_lossy(log.get(before..).unwrap_or_default()).contains(text)
    }

    /// The program's own process number (not the shell's); `None` until it has started,
    /// never once it has said something.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        // Without its line end the number is not all there yet.
        std::fs::read_to_string(self.plan.pid_file()).ok()?.strip_suffix('\n')?.parse().ok()
    }

    /// Sends it a signal by name without `SIG`: `KILL`, `STOP`, `CONT`, `TERM`, `HUP`.
    pub fn signal(&mut self, signal: &str) -> Result<(), Error> {
        let name = self.plan.name.clone();
        let Some(pipe) = self.shell.stdin.as_mut() else {
            return Err(Error::NotReady(format!("{name} is stopping already")));
        };
        pipe.write_all(format!("{signal}\n").as_bytes())
            .map_err(|source| Error::Spawn { name: format!("signal {signal} to {name}"), source })
    }

    /// Its exit status once it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.shell.try_wait().ok().flatten()
    }

    /// `Err` with the end of its log when it is not running any more.
    pub fn check_alive(&mut self) -> Result<(), Error> {
        match self.ended() {
            None => Ok(()),
            Some(status) => Err(Error::EndedEarly {
                name: self.plan.name.clone(),
                status: status.to_string(),
                log: self.log_tail(30),
            }),
        }
    }

    /// Waits until it has ended by itself or by a signal sent before.
    pub async fn wait(&mut self, deadline: Duration) -> Result<ExitStatus, Error> {
        let what = format!("the end of {}", self.plan.name);
        let mut patience = Patience::new(&what, deadline);
        loop {
            if let Some(status) = self.ended() {
                return Ok(status);
            }
            patience.pause(&"still running").await.map_err(Error::NotReady)?;
        }
    }

    /// Asks it to stop as planned, and waits.
    pub async fn stop(&mut self) -> Result<ExitStatus, Error> {
        drop(self.shell.stdin.take());
        self.wait(self.plan.grace + SHELL).await
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // The shell kills the program itself after the grace time; this bound is for a broken shell.
        let end = Instant::now() + self.plan.grace + SHELL;
        while self.ended().is_none() {
            if Instant::now() > end {
                let _ = self.shell.kill();
                let _ = self.shell.wait();
                return;
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "Drop can't await; the program must be gone before its files are"
            )]
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
