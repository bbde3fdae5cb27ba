//! Starting, disturbing and stopping the suite.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use gwm_rapi_sim::SimCluster;
use gwm_testkit::nats::{NatsBuilder, NatsServer};
use gwm_testkit::pg::PostgresServer;
use gwm_testkit::{Plan, Postgres, Scratch};
use serde_json::{Value, json};

use crate::balancer::Balancer;
use crate::files::{Files, INTEGRATOR, write};
use crate::layout::Ports;
use crate::replica::Replica;
use crate::settings::{self, Addresses};
use crate::{Api, Integrator, Options, Part, Place, binary_directory};

/// The five services and what they need, running.
#[derive(Debug)]
pub struct Stack {
    // In the order in which they go.
    replicas: BTreeMap<(Part, usize), Replica>,
    _balancers: Vec<Balancer>,
    nats: NatsServer,
    postgres: Option<PostgresServer>,
    postgres_plan: Postgres,
    addresses: Addresses,
    files: Files,
    root: PathBuf,
    options: Options,
    http: reqwest::Client,
    _scratch: Option<Scratch>,
}

impl Stack {
    /// Starts everything and waits until each service is ready.
    ///
    /// # Errors
    /// A part that does not start; the text has the end of its log.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        // Another stack of this process may have installed it already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("HTTP client")?;
        let (scratch, root, postgres_directory) = match &options.place {
            Place::Scratch => {
                let scratch = Scratch::new("gwm-stack-")?;
                let root = scratch.path().to_path_buf();
                // The user postgres must get through to its data.
                std::fs::set_permissions(
                    &root,
                    std::os::unix::fs::PermissionsExt::from_mode(0o711),
                )?;
                let postgres = root.join("postgres");
                (Some(scratch), root, postgres)
            }
            Place::Lasting { state, postgres } => (None, state.clone(), postgres.clone()),
        };
        let lasting = scratch.is_none();
        let files = Files::new(&root)?;
        let nats_users = files.prepare(&options.admin_password)?;

        (options.progress)("Postgres and NATS");
        let port = |usual| if options.usual_ports { usual } else { 0 };
        let postgres_plan = match lasting {
            true => Postgres::lasting(&postgres_directory),
            false => Postgres::throw_away(&postgres_directory),
        };
        let nats_builder = match lasting {
            true => NatsBuilder::lasting(&files.nats()),
            false => NatsBuilder::throw_away(&files.nats()),
        };
        let nats_builder = nats_builder.port(port(4222)).configuration(&nats_users);
        let (postgres, nats) = tokio::join!(postgres_plan.clone().start(), nats_builder.start());
        let (postgres, nats) = (postgres?, nats?);
        let password = std::fs::read_to_string(postgres.password_file())?;
        write(&files.secret("database.password"), &password)?;
        for part in Part::ALL {
            if let Some(database) = part.database() {
                postgres.ensure_database(database).await?;
            }
        }

        let (replicas, public) = choose_ports(&options);
        let addresses = Addresses { replicas, public, postgres: postgres.port(), nats: nats.url() };
        let mut stack = Self {
            replicas: BTreeMap::new(),
            _balancers: Vec::new(),
            postgres_plan: postgres_plan.port(postgres.port()),
            postgres: Some(postgres),
            nats,
            addresses,
            files,
            root,
            options,
            http,
            _scratch: scratch,
        };
        stack.configure()?;
        stack.migrate().await?;
        stack.serve().await?;
        Ok(stack)
    }

    fn configure(&mut self) -> anyhow::Result<()> {
        let programs = binary_directory()?;
        for (&(part, index), &ports) in &self.addresses.replicas {
            let name = replica_name(part, index);
            let (files, more) = (&self.files, &self.options.settings);
            let text = settings::text(files, &self.addresses, part, index, more)?;
            write(&files.config(&name), &text)?;
            let program = programs.join(format!("gwm-{}", part.name()));
            anyhow::ensure!(
                program.is_file(),
                "{} is not there: run `cargo build --workspace --bins`",
                program.display()
            );
            let plan = Plan::new(&name, program, &files.logs())
                .arg("--config")
                .arg(files.config(&name))
                .stop_with("TERM", Duration::from_secs(8));
            self.replicas.insert((part, index), Replica::new(&name, ports, plan));
        }
        Ok(())
    }

    async fn migrate(&self) -> anyhow::Result<()> {
        (self.options.progress)("tables");
        let programs = binary_directory()?;
        let verbs = Part::ALL.into_iter().filter(|part| part.database().is_some()).map(|part| {
            let mut command =
                tokio::process::Command::new(programs.join(format!("gwm-{}", part.name())));
            command.arg("--config").arg(self.files.config(&replica_name(part, 0))).arg("migrate");
            command.stdin(Stdio::null()).kill_on_drop(true);
            async move { (part, command.output().await) }
        });
        for (part, output) in futures::future::join_all(verbs).await {
            let output = output.with_context(|| format!("{} migrate", part.name()))?;
            anyhow::ensure!(
                output.status.success(),
                "{} migrate failed: {}{}",
                part.name(),
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    async fn serve(&mut self) -> anyhow::Result<()> {
        (self.options.progress)("the services");
        if self.options.replicas > 1 {
            for part in Part::ALL.into_iter().filter(|part| part.is_public()) {
                let of_part = self.addresses.replicas.iter().filter(|((p, _), _)| *p == part);
                let backends = of_part.map(|(_, ports)| ports.http).collect();
                let public = self.addresses.public[&part];
                self._balancers.push(Balancer::start(public, backends).await?);
            }
        }
        for replica in self.replicas.values_mut() {
            replica.start()?;
        }
        let http = self.http.clone();
        for replica in self.replicas.values_mut() {
            replica.ready(&http).await?;
        }
        Ok(())
    }

    /// How many there are of each service.
    #[must_use]
    pub fn replicas(&self) -> usize {
        self.options.replicas
    }

    /// What people type: `http://localhost:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.addresses.public_url()
    }

    /// The port where browsers find a public service.
    #[must_use]
    pub fn public_port(&self, part: Part) -> u16 {
        self.addresses.public[&part]
    }

    /// Where a replica answers gRPC, as `127.0.0.1:PORT`.
    #[must_use]
    pub fn grpc_address(&self, part: Part, index: usize) -> String {
        format!("127.0.0.1:{}", self.addresses.replicas[&(part, index)].grpc)
    }

    /// Where a replica answers `/readyz` and `/metrics`, as `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn admin_url(&self, part: Part, index: usize) -> String {
        format!("http://127.0.0.1:{}", self.addresses.replicas[&(part, index)].admin)
    }

    /// A PEM file: `ca.pem`, `<service>.pem`, `<service>.key`; `stranger` is a service that may call
    /// nothing.
    #[must_use]
    pub fn tls_file(&self, name: &str) -> PathBuf {
        self.files.tls(name)
    }

    /// Where logs are.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.files.logs()
    }

    /// Its directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Ports that were taken, with what was chosen instead, in words.
    #[must_use]
    pub fn moved_ports(&self) -> Vec<String> {
        let mut moved = Vec::new();
        for part in Part::ALL {
            let (usual, chosen) = (part.usual_ports(), self.addresses.replicas[&(part, 0)]);
            let public = self.addresses.public.get(&part).copied().unwrap_or_default();
            for (what, usual, now) in [
                ("", usual.http, public),
                (" (gRPC)", usual.grpc, chosen.grpc),
                (" (admin)", usual.admin, chosen.admin),
            ] {
                if usual != 0 && usual != now {
                    moved.push(format!("{}{what} at {now} instead of {usual}", part.name()));
                }
            }
        }
        if self.nats.port() != 4222 {
            moved.push(format!("NATS at {} instead of 4222", self.nats.port()));
        }
        moved
    }

    /// NATS, to stop and start again.
    pub fn nats(&mut self) -> &mut NatsServer {
        &mut self.nats
    }

    /// Where NATS is.
    #[must_use]
    pub fn nats_url(&self) -> String {
        self.nats.url()
    }

    /// The seed of the read-only NATS user.
    #[must_use]
    pub fn integrator_seed(&self) -> PathBuf {
        self.files.secret(&Files::seed(INTEGRATOR))
    }

    /// The URL of a database, with its password.
    ///
    /// # Errors
    /// Postgres is stopped.
    pub fn database_url(&self, part: Part) -> anyhow::Result<String> {
        let postgres = self.postgres.as_ref().context("Postgres is stopped")?;
        Ok(postgres.url(part.database().context("it has no database")?))
    }

    /// Somebody anonymous.
    #[must_use]
    pub fn anonymous(&self) -> Api {
        Api::anonymous(&self.http, &self.url())
    }

    /// The first administrator, signed in.
    ///
    /// # Errors
    /// The login is refused.
    pub async fn admin(&self) -> anyhow::Result<Api> {
        self.anonymous().login("admin", &self.options.admin_password).await
    }

    /// A subscription of the read-only NATS user.
    ///
    /// # Errors
    /// NATS does not let it in.
    pub async fn integrator(&self) -> anyhow::Result<Integrator> {
        Integrator::subscribe(&self.nats_url(), &self.integrator_seed(), None).await
    }

    /// Adds a simulated cluster as a person would: with its pinned certificate and both users.
    ///
    /// # Errors
    /// It is refused.
    pub async fn add_sim(&self, api: &Api, slug: &str, sim: &SimCluster) -> anyhow::Result<Value> {
        api.post("/clusters", &sim_body(slug, sim)).await.accepted()
    }

    /// Ends a replica as a power cut would.
    ///
    /// # Errors
    /// It can't be reached.
    pub async fn kill(&mut self, part: Part, index: usize) -> anyhow::Result<()> {
        self.replica(part, index)?.kill().await
    }

    /// Freezes a replica.
    ///
    /// # Errors
    /// It is not running.
    pub fn freeze(&mut self, part: Part, index: usize) -> anyhow::Result<()> {
        Ok(self.replica(part, index)?.process()?.signal("STOP")?)
    }

    /// Lets a frozen replica go on.
    ///
    /// # Errors
    /// It is not running.
    pub fn thaw(&mut self, part: Part, index: usize) -> anyhow::Result<()> {
        Ok(self.replica(part, index)?.process()?.signal("CONT")?)
    }

    /// Starts a replica again and waits until it is ready.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn restart(&mut self, part: Part, index: usize) -> anyhow::Result<()> {
        let http = self.http.clone();
        let replica = self.replica(part, index)?;
        replica.start()?;
        replica.ready(&http).await
    }

    /// Stops Postgres at once.
    pub fn stop_postgres(&mut self) {
        self.postgres = None;
    }

    /// Starts it again, at the same port with the same data.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_postgres(&mut self) -> anyhow::Result<()> {
        self.postgres = Some(self.postgres_plan.clone().start().await?);
        Ok(())
    }

    fn replica(&mut self, part: Part, index: usize) -> anyhow::Result<&mut Replica> {
        let name = replica_name(part, index);
        self.replicas.get_mut(&(part, index)).with_context(|| format!("there is no {name}"))
    }

    /// Starts again whatever ended without being told to; yields their names.
    pub fn start_fallen(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        for replica in self.replicas.values_mut() {
            let fallen = replica.process().is_ok_and(|process| process.ended().is_some());
            if fallen && replica.start().is_ok() {
                names.push(replica.name().to_owned());
            }
        }
        names
    }

    /// Keeps the logs of a failed test where people look for them.
    fn keep_logs(&self) {
        let Ok(programs) = binary_directory() else { return };
        let target = programs.parent().unwrap_or(&programs).join("failed-stacks");
        let target = target.join(&self.options.name);
        let copied = (|| {
            std::fs::create_dir_all(&target)?;
            for entry in std::fs::read_dir(self.logs())? {
                let entry = entry?;
                std::fs::copy(entry.path(), target.join(entry.file_name()))?;
            }
            std::io::Result::Ok(())
        })();
        let place = target.display();
        match copied {
            Ok(()) => say(&format!("the logs of the services are in {place}")),
            Err(error) => say(&format!("the logs could not be kept in {place}: {error}")),
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep_logs();
        }
        // All at once: each may take a while to let go of what it holds.
        for replica in self.replicas.values_mut() {
            replica.begin_stop();
        }
        for replica in self.replicas.values_mut() {
            replica.end_stop();
        }
    }
}

#[expect(clippy::print_stderr, reason = "beside the panic that it belongs to")]
fn say(text: &str) {
    eprintln!("{text}");
}

/// The body of `POST /clusters` for a simulated cluster.
fn sim_body(slug: &str, sim: &SimCluster) -> Value {
    let described = sim.describe();
    let user = |name: &str| {
        let users = sim.users();
        let user = users.iter().find(|user| user.name == name);
        user.map(|user| json!({ "username": user.name, "password": user.password }))
    };
    let mut body = json!({
        "slug": slug,
        "endpoints": [sim.url()],
        "read": user("gwm-read"),
        "write": user("gwm-write"),
        "fingerprint": sim.fingerprint(),
        "console": { "enabled": true },
    });
    if let Some(password) = described["vnc_password"].as_str() {
        body["console"]["vnc_password"] = password.into();
    }
    body
}

fn replica_name(part: Part, index: usize) -> String {
    if index == 0 { part.name().to_owned() } else { format!("{}-{}", part.name(), index + 1) }
}

type ChosenPorts = (BTreeMap<(Part, usize), Ports>, BTreeMap<Part, u16>);

fn choose_ports(options: &Options) -> ChosenPorts {
    let mut replicas = BTreeMap::new();
    let mut public = BTreeMap::new();
    for part in Part::ALL {
        let usual = part.usual_ports();
        let balanced = part.is_public() && options.replicas > 1;
        if balanced {
            public.insert(part, free_port(options.usual_ports.then_some(usual.http)));
        }
        for index in 0..options.replicas.max(1) {
            let wanted = |port: u16| (options.usual_ports && index == 0).then_some(port);
            let http = match (part.is_public(), balanced) {
                (false, _) => 0,
                (true, false) => free_port(wanted(usual.http)),
                (true, true) => free_port(None),
            };
            let grpc = if part.has_grpc() { free_port(wanted(usual.grpc)) } else { 0 };
            let admin = free_port(wanted(usual.admin));
            replicas.insert((part, index), Ports { grpc, admin, http });
            if part.is_public() && !balanced {
                public.insert(part, http);
            }
        }
    }
    (replicas, public)
}

/// A port that nobody has. Below those that the system hands out for outgoing connections: a
/// replica that is restarted must find its port free.
fn free_port(wanted: Option<u16>) -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let random = std::iter::repeat_with(|| rand::random_range(12_000..32_000));
    wanted
        .into_iter()
        .chain(random)
        .find(|&port| {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
            free && given.insert(port)
        })
        .expect("random numbers never end")
}
