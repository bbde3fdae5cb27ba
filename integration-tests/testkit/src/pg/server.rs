use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};

use crate::paths::{account, is_root, postgres_bin};
use crate::wait::Patience;
use crate::{Error, Plan, ReservedPort, Supervised};

const READY: Duration = Duration::from_secs(60);
/// Another process may take a port between our letting go of it and Postgres' binding it.
const PORT_TRIES: usize = 5;
/// For data that nobody will miss.
const FORGETFUL: [&str; 5] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum_naptime=1h",
    "shared_buffers=32MB",
];

/// A private Postgres to be started; the superuser is `gwm`.
#[derive(Debug, Clone)]
pub struct Postgres {
    directory: PathBuf,
    port: u16,
    lasting: bool,
    settings: Vec<String>,
}

impl Postgres {
    /// One whose data lasts in `directory`, made on the first start: fsync on, SCRAM passwords.
    #[must_use]
    pub fn lasting(directory: &Path) -> Self {
        Self { directory: directory.to_path_buf(), port: 0, lasting: true, settings: Vec::new() }
    }

    /// One for tests: nothing is synced to disk.
    #[must_use]
    pub fn throw_away(directory: &Path) -> Self {
        let settings = FORGETFUL.map(str::to_owned).to_vec();
        Self { directory: directory.to_path_buf(), port: 0, lasting: false, settings }
    }

    /// Where the lasting data of a project checked out at `root` belongs: `.local/postgres`, but as
    /// root a directory under `/var/tmp`, since the user `postgres` can't enter root's home.
    #[must_use]
    pub fn usual_directory(root: &Path) -> PathBuf {
        if is_root() {
            let name = root.to_string_lossy().replace('/', "-");
            PathBuf::from(format!("/var/tmp/gwm-postgres{name}"))
        } else {
            root.join(".local/postgres")
        }
    }

    /// The port to take if it is free (any other if not).
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// One more setting of `postgresql.conf`, as `name=value`.
    #[must_use]
    pub fn setting(mut self, setting: &str) -> Self {
        self.settings.push(setting.to_owned());
        self
    }

    /// Starts it and waits until it answers.
    pub async fn start(self) -> Result<PostgresServer, Error> {
        let user = if is_root() { Some(account("postgres")?) } else { None };
        self.prepare(user)?;
        for _ in 1..PORT_TRIES {
            let started = self.start_once(user).await;
            let taken = matches!(&started, Err(Error::EndedEarly { log, .. })
                if log.contains("could not bind"));
            if !taken {
                return started;
            }
        }
        self.start_once(user).await
    }

    fn prepare(&self, user: Option<(u32, u32)>) -> Result<(), Error> {
        let directory = &self.directory;
        std::fs::create_dir_all(directory).map_err(Error::file(directory))?;
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(directory, private).map_err(Error::file(directory))?;
        if let Some((user, group)) = user {
            chown(directory, Some(user), Some(group)).map_err(Error::file(directory))?;
        }
        Ok(())
    }

    async fn start_once(&self, user: Option<(u32, u32)>) -> Result<PostgresServer, Error> {
        let port = ReservedPort::preferring(self.port).map_err(Error::file("127.0.0.1"))?.release();
        let mut process = self.plan(user, port)?.start()?;
        let data = self.directory.join("data");
        let mut patience = Patience::new("Postgres to answer", READY);
        loop {
            process.check_alive()?;
            match ask(port, &data).await {
                Ok(password) => return Ok(PostgresServer { process, port, password, data }),
                Err(status) => patience.pause(&status).await.map_err(Error::NotReady)?,
            }
        }
    }

    fn plan(&self, user: Option<(u32, u32)>, port: u16) -> Result<Plan, Error> {
        let bin = postgres_bin()?;
        let data = self.directory.join("data");
        // Plain passwords cost nothing over loopback; SCRAM costs 4096 hash rounds a connection.
        let (auth, template) = if self.lasting {
            ("scram-sha-256", self.directory.join("template"))
        } else {
            ("password", shared_template(&bin, user))
        };
        let mut plan = Plan::new("postgres", "/bin/sh", &self.directory)
            .args(["-c", include_str!("start.sh"), "start-postgres"])
            .arg(template)
            .arg(bin)
            .arg(data)
            .arg("-c")
            .arg(format!("port={port}"))
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
            .args(["-c", "max_connections=200", "-c", "logging_collector=off"])
            .env("AUTH", auth)
            .user(user);
        for setting in &self.settings {
            plan = plan.arg("-c").arg(setting);
        }
        Ok(if self.lasting {
            plan.stop_with("INT", Duration::from_secs(20))
        } else {
            plan.stop_with("QUIT", Duration::from_secs(5))
        })
    }
}

/// Connects once; returns the superuser's password.
async fn ask(port: u16, data: &Path) -> Result<String, String> {
    let password =
        std::fs::read_to_string(data.join("gwm-password")).map_err(|error| error.to_string())?;
    let options = PgConnectOptions::new()
        .host("127.0.0.1")
        .port(port)
        .username("gwm")
        .password(&password)
        .database("postgres")
        .ssl_mode(PgSslMode::Disable)
        .disable_statement_logging();
    let mut connection =
        PgConnection::connect_with(&options).await.map_err(|error| error.to_string())?;
    // Another test's server, copied from the same template, may have been faster to take the port.
    let serves: String = sqlx::query_scalar("select current_setting('data_directory')")
        .fetch_one(&mut connection)
        .await
        .map_err(|error| error.to_string())?;
    let _ = connection.close().await;
    if Path::new(&serves) == data { Ok(password) } else { Err(format!("{serves} answers there")) }
}

/// An empty data directory is copied in 0.05 s, made in 0.7 s: all test processes share one pattern.
fn shared_template(bin: &Path, user: Option<(u32, u32)>) -> PathBuf {
    let version = bin.ancestors().nth(1).and_then(Path::file_name).unwrap_or_default();
    let user = user.unwrap_or_else(crate::paths::effective_user).0;
    PathBuf::from(format!("/var/tmp/gwm-pg-template-{user}-{}", version.to_string_lossy()))
}

/// A running private Postgres; dropping it stops it.
#[derive(Debug)]
pub struct PostgresServer {
    process: Supervised,
    port: u16,
    password: String,
    data: PathBuf,
}

impl PostgresServer {
    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one of its databases, with the superuser's password.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://gwm:{}@127.0.0.1:{}/{database}?sslmode=disable",
            self.password, self.port
        )
    }

    /// The file that holds only the superuser's password.
    #[must_use]
    pub fn password_file(&self) -> PathBuf {
        self.data.join("gwm-password")
    }

    /// The process, for tests that kill, freeze or stop it.
    pub fn process(&mut self) -> &mut Supervised {
        &mut self.process
    }

    /// Makes a database unless it is there.
    pub async fn ensure_database(&self, name: &str) -> Result<(), Error> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        let there: bool =
            sqlx::query_scalar("select exists(select from pg_database where datname = $1)")
                .bind(name)
                .fetch_one(&mut connection)
                .await?;
        if !there {
            super::database::create(&mut connection, name).await?;
        }
        connection.close().await?;
        Ok(())
    }
}
