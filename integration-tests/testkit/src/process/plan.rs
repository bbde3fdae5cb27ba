use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Supervised;
use crate::Error;

const SUPERVISE: &str = include_str!("supervise.sh");

/// What to start, and how to stop it.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(super) name: String,
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    keep_environment: bool,
    user: Option<(u32, u32)>,
    directory: PathBuf,
    run_directory: PathBuf,
    stop_signal: &'static str,
    pub(super) grace: Duration,
}

impl Plan {
    /// A program that keeps its log (`<name>.log`) and process number (`<name>.pid`) in `run_directory`.
    #[must_use]
    pub fn new(name: &str, program: impl AsRef<OsStr>, run_directory: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            keep_environment: true,
            user: None,
            directory: PathBuf::from("/"),
            run_directory: run_directory.to_path_buf(),
            stop_signal: "TERM",
            grace: Duration::from_secs(10),
        }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// One environment variable.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Starts from an empty environment (but for `PATH`) instead of ours.
    #[must_use]
    pub fn clean_environment(mut self) -> Self {
        self.keep_environment = false;
        self
    }

    /// Runs it as another user; needs root.
    #[must_use]
    pub fn user(mut self, user: Option<(u32, u32)>) -> Self {
        self.user = user;
        self
    }

    /// Its working directory (default `/`).
    #[must_use]
    pub fn directory(mut self, directory: &Path) -> Self {
        self.directory = directory.to_path_buf();
        self
    }

    /// The signal that asks it to stop (`TERM` if not said), and how long it may take.
    #[must_use]
    pub fn stop_with(mut self, signal: &'static str, grace: Duration) -> Self {
        self.stop_signal = signal;
        self.grace = grace;
        self
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.run_directory.join(format!("{}.log", self.name))
    }

    pub(super) fn pid_file(&self) -> PathBuf {
        self.run_directory.join(format!("{}.pid", self.name))
    }

    /// Starts it. The log is appended to, so that a restart keeps what was said before.
    pub fn start(self) -> Result<Supervised, Error> {
        let log_file = self.log_file();
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log_file)
            .map_err(Error::file(&log_file))?;
        let errors = log.try_clone().map_err(Error::file(&log_file))?;
        let said_before = log.metadata().map_or(0, |metadata| metadata.len());
        // A number left by an earlier start must not be taken for this one's.
        let _ = std::fs::remove_file(self.pid_file());
        let mut shell = Command::new("/bin/sh");
        shell
            .arg("-c")
            .arg(SUPERVISE)
            .arg(&self.name)
            .arg(self.pid_file())
            .arg(self.stop_signal)
            .arg(self.grace.as_secs().to_string())
            .arg(&self.program)
            .args(&self.arguments)
            .current_dir(&self.directory)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .process_group(0);
        if !self.keep_environment {
            let path = std::env::var_os("PATH").unwrap_or_default();
            shell.env_clear().env("PATH", path);
        }
        shell.envs(self.environment.iter().map(|(key, value)| (key, value)));
        if let Some((user, group)) = self.user {
            shell.uid(user).gid(group);
        }
        let child =
            shell.spawn().map_err(|source| Error::Spawn { name: self.name.clone(), source })?;
        Ok(Supervised::new(child, self, said_before))
    }
}
