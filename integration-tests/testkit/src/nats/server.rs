use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::paths::program;
use crate::wait::Patience;
use crate::{Error, Plan, ReservedPort, Supervised};

const READY: Duration = Duration::from_secs(30);
const PORT_TRIES: usize = 5;

/// A private NATS server to be started, with JetStream.
#[derive(Debug, Clone)]
pub struct NatsBuilder {
    directory: PathBuf,
    port: u16,
    configuration: String,
    lasting: bool,
}

impl NatsBuilder {
    /// One whose streams last in `directory`.
    #[must_use]
    pub fn lasting(directory: &Path) -> Self {
        let configuration = String::new();
        Self { directory: directory.to_path_buf(), port: 0, configuration, lasting: true }
    }

    /// One for tests: stopping it takes no time.
    #[must_use]
    pub fn throw_away(directory: &Path) -> Self {
        Self { lasting: false, ..Self::lasting(directory) }
    }

    /// The port to take if it is free (any other if not).
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// More of `nats-server`'s configuration: `accounts { .. }`, `authorization { .. }`, limits.
    #[must_use]
    pub fn configuration(mut self, text: &str) -> Self {
        text.clone_into(&mut self.configuration);
        self
    }

    /// Starts it and waits until it takes connections.
    pub async fn start(self) -> Result<NatsServer, Error> {
        let directory = &self.directory;
        std::fs::create_dir_all(directory).map_err(Error::file(directory))?;
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(directory, private).map_err(Error::file(directory))?;
        let mut tries = 1;
        loop {
            let reserved = ReservedPort::preferring(self.port).map_err(Error::file("127.0.0.1"))?;
            let started = self.start_on(reserved.release()).await;
            let taken = matches!(&started, Err(Error::EndedEarly { log, .. })
                if log.contains("address already in use"));
            if !taken || tries == PORT_TRIES {
                let (process, port) = started?;
                return Ok(NatsServer { process: Some(process), port, builder: self });
            }
            tries += 1;
        }
    }

    async fn start_on(&self, port: u16) -> Result<(Supervised, u16), Error> {
        let file = self.directory.join("nats.conf");
        let store = self.directory.join("jetstream");
        let text = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\" }}\n{}\n",
            store.display(),
            self.configuration
        );
        std::fs::write(&file, text).map_err(Error::file(&file))?;
        let plan = Plan::new("nats", program("nats-server")?, &self.directory).arg("-c").arg(&file);
        let plan = if self.lasting {
            plan.stop_with("TERM", Duration::from_secs(10))
        } else {
            plan.stop_with("KILL", Duration::from_secs(1))
        };
        let mut process = plan.start()?;
        let mut patience = Patience::new("NATS to take connections", READY);
        loop {
            process.check_alive()?;
            // By its log, since a stranger may have been faster to take the port.
            if process.has_said("Server is ready") {
                return Ok((process, port));
            }
            patience.pause(&"not ready by its log").await.map_err(Error::NotReady)?;
        }
    }
}

/// A running private NATS; dropping it stops it.
#[derive(Debug)]
pub struct NatsServer {
    process: Option<Supervised>,
    port: u16,
    builder: NatsBuilder,
}

impl NatsServer {
    /// Its port on 127.0.0.1; a restart keeps it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where clients connect (credentials are theirs to add).
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The process, for freezing it (`STOP`, `CONT`) or reloading its configuration (`HUP`).
    pub fn process(&mut self) -> Result<&mut Supervised, Error> {
        self.process.as_mut().ok_or_else(|| Error::NotReady("NATS is stopped".to_owned()))
    }

    /// Ends it as a power cut would.
    pub async fn kill(&mut self) -> Result<(), Error> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.signal("KILL")?;
        process.wait(READY).await?;
        Ok(())
    }

    /// Ends it in order.
    pub async fn stop(&mut self) -> Result<(), Error> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.signal("TERM")?;
        process.wait(READY).await?;
        Ok(())
    }

    /// Starts it again after [`kill`](Self::kill) or [`stop`](Self::stop): same port, same streams.
    pub async fn start_again(&mut self) -> Result<(), Error> {
        self.process = None;
        self.process = Some(self.builder.start_on(self.port).await?.0);
        Ok(())
    }
}
