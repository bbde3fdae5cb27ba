use std::path::PathBuf;

/// Why something that a test or `make run` needs could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program that the set-up scripts install is not there.
    #[error("{program} not found; run `make setup` (looked in {looked})")]
    ProgramMissing {
        /// The program's name.
        program: String,
        /// Where it was looked for.
        looked: String,
    },
    /// A started program ended at once; its last words follow.
    #[error("{name} ended early ({status}):\n{log}")]
    EndedEarly {
        /// What was started.
        name: String,
        /// Its exit status.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// It runs but never became usable.
    #[error("{0}")]
    NotReady(String),
    /// A file could not be read, written or given away.
    #[error("{}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A program could not be started.
    #[error("starting {name}")]
    Spawn {
        /// What was to be started.
        name: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A database could not be made or migrated.
    #[error("database")]
    Database(#[from] sqlx::Error),
    /// Its migrations could not be applied.
    #[error("migrations")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A certificate could not be made.
    #[error("certificate")]
    Certificate(#[from] rcgen::Error),
}

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
