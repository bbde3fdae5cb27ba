//! What was asked for, by verb and environment, and where things are kept.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gwm_integration_tests::{Options, Part, Place, Stack, belong_together};
use gwm_rapi_sim::{Sim, demo};
use gwm_testkit::Postgres;
use gwm_testkit::paths::project_root;
use serde_json::json;

use crate::say;

/// The verbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// With a simulated fleet.
    Run,
    /// With two real clusters on this machine.
    Lab,
}

/// A cluster that the environment names.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) endpoint: String,
    pub(crate) username: String,
    pub(crate) password: String,
}

/// What was asked for.
#[derive(Debug)]
pub(crate) struct SetUp {
    pub(crate) mode: Mode,
    pub(crate) given: Option<Given>,
    demo: bool,
    replicas: usize,
    state: PathBuf,
    postgres: PathBuf,
    password: String,
    // Whether the banner may show it: made by us, and not shown before.
    show_password: bool,
    _lock: File,
}

impl SetUp {
    pub(crate) fn read(mode: Mode) -> anyhow::Result<Self> {
        let root = project_root();
        let usual = Postgres::usual_directory(&root);
        let (state, postgres) = match mode {
            Mode::Run => (root.join(".local/stack"), usual),
            Mode::Lab => (root.join(".local/lab-stack"), beside(&usual, "-lab")),
        };
        std::fs::create_dir_all(&state)?;
        let lock = lock(&state)?;
        belong_together(&state, &postgres)?;
        set_logs_aside(&state);
        let replicas = env("REPLICAS").map(|text| text.parse::<usize>()).transpose();
        let replicas = replicas.ok().flatten().unwrap_or(1);
        anyhow::ensure!((1..=5).contains(&replicas), "REPLICAS must be from 1 to 5");
        let kept = std::fs::read_to_string(state.join("secrets/admin.password")).ok();
        let show_password = kept.is_none() && env("GWM_ADMIN_PASSWORD").is_none();
        let password = kept.or_else(|| env("GWM_ADMIN_PASSWORD")).unwrap_or_else(new_password);
        Ok(Self {
            mode,
            given: given()?,
            demo: mode == Mode::Run && env("DEMO").as_deref() != Some("0"),
            replicas,
            state,
            postgres,
            password,
            show_password,
            _lock: lock,
        })
    }

    /// The demo fleet, unless something real or nothing was asked for.
    pub(crate) async fn simulator(&self) -> anyhow::Result<Option<Sim>> {
        if !self.demo {
            return Ok(None);
        }
        say("Starting the simulated fleet ...");
        Ok(Some(Sim::start(demo(7)).await.context("starting the simulated fleet")?))
    }

    pub(crate) fn options(&self) -> Options {
        // Small clusters on this machine: they are looked at more often than the usual 30 s.
        let interval = if self.given.is_some() { "30s" } else { "5s" };
        let poll = json!({ "poll": { "interval": interval } });
        Options {
            name: "run".to_owned(),
            place: Place::Lasting { state: self.state.clone(), postgres: self.postgres.clone() },
            replicas: self.replicas,
            admin_password: self.password.clone(),
            usual_ports: true,
            settings: vec![(Part::CacheUpdater, poll)],
            progress: |what| say(&format!("Starting {what} ...")),
        }
    }

    /// What people need to know.
    pub(crate) fn banner(&self, stack: &Stack) -> String {
        let url = stack.url();
        let login = if self.show_password {
            format!("admin / {}   (shown this once)", self.password)
        } else if env("GWM_ADMIN_PASSWORD").as_deref() == Some(self.password.as_str()) {
            "admin, with GWM_ADMIN_PASSWORD".to_owned()
        } else {
            let file = self.state.join("secrets/admin.password");
            format!("admin, with the password of the first start ({})", short(&file))
        };
        let nats = stack.nats_url();
        let seed = stack.integrator_seed();
        let logs = stack.logs();
        let mut more = match self.replicas {
            1 => String::new(),
            replicas => format!("\n  Replicas     {replicas} of each service"),
        };
        let moved = stack.moved_ports();
        if !moved.is_empty() {
            more += &format!("\n  Ports        were taken: {}", moved.join(", "));
        }
        format!(
            "\n  Open         {url}\n  Log in       {login}\n  Events       {nats}, read-only nkey user integrator, \
             seed in {}\n               nats --server {nats} --nkey {} sub 'gwm.v1.>'\n  Logs         \
             {}{more}\n\n  Ctrl-C stops all of it.\n",
            short(&seed),
            short(&seed),
            short(&logs),
        )
    }
}

/// The same path with a longer last name.
fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    name.into()
}

/// Two at once would take each other's data.
fn lock(state: &Path) -> anyhow::Result<File> {
    let file = File::create(state.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => anyhow::bail!(
            "it runs already, in another terminal: its data in {} can be used once at a time",
            state.display()
        ),
        Err(TryLockError::Error(error)) => Err(error).context("locking"),
    }
}

/// Each start has logs of its own; those of the one before are kept.
fn set_logs_aside(state: &Path) {
    let entries = std::fs::read_dir(state.join("logs")).into_iter().flatten().flatten();
    for path in
        entries.map(|entry| entry.path()).filter(|p| p.extension().is_some_and(|e| e == "log"))
    {
        // Not worth failing a start for.
        drop(std::fs::rename(&path, path.with_extension("log.before")));
    }
}

fn given() -> anyhow::Result<Option<Given>> {
    let Some(endpoint) = env("CLUSTER") else { return Ok(None) };
    let username = env("RAPI_USER").context("CLUSTER needs RAPI_USER=NAME too")?;
    let file = env("RAPI_PASSWORD_FILE").context("CLUSTER needs RAPI_PASSWORD_FILE=FILE too")?;
    let password =
        std::fs::read_to_string(&file).with_context(|| format!("RAPI_PASSWORD_FILE {file}"))?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    Ok(Some(Given { endpoint, username, password }))
}

/// A variable that is set to something.
pub(crate) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn new_password() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>())
}

/// A path as seen from where people are.
fn short(path: &Path) -> String {
    path.strip_prefix(project_root()).unwrap_or(path).display().to_string()
}
