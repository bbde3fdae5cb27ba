use std::ops::{Deref, DerefMut};

use nkeys::KeyPair;

use super::{NatsBuilder, NatsServer};
use crate::Error;
use crate::process::Scratch;

/// A throw-away NATS with JetStream in a temporary store; all of [`NatsServer`] can be called on it.
#[derive(Debug)]
pub struct TestNats {
    server: NatsServer,
    // After the server: its files go last.
    _directory: Scratch,
}

impl TestNats {
    /// A server that lets anybody in.
    ///
    /// # Panics
    /// When it can't be started.
    pub async fn start() -> Self {
        Self::with("").await
    }

    /// A server with this added to its configuration (accounts, users, limits).
    ///
    /// # Panics
    /// When it can't be started.
    pub async fn with(configuration: &str) -> Self {
        Self::try_with(configuration).await.unwrap_or_else(|error| panic!("test NATS: {error}"))
    }

    async fn try_with(configuration: &str) -> Result<Self, Error> {
        let directory = Scratch::new("gwm-test-nats-")?;
        let builder = NatsBuilder::throw_away(directory.path()).configuration(configuration);
        Ok(Self { server: builder.start().await?, _directory: directory })
    }
}

impl Deref for TestNats {
    type Target = NatsServer;

    fn deref(&self) -> &NatsServer {
        &self.server
    }
}

impl DerefMut for TestNats {
    fn deref_mut(&mut self) -> &mut NatsServer {
        &mut self.server
    }
}

/// A new NATS user by key: the public half goes into the server's configuration, the seed to the client.
#[derive(Clone)]
pub struct NatsKey {
    /// `U...`, for `users: [{ nkey: U... }]`.
    pub public: String,
    /// `SU...`, the secret.
    pub seed: String,
}

impl NatsKey {
    /// A fresh pair.
    #[must_use]
    pub fn generate() -> Self {
        let pair = KeyPair::new_user();
        let seed = pair.seed().expect("a generated pair has its seed");
        Self { public: pair.public_key(), seed }
    }
}

impl std::fmt::Debug for NatsKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("NatsKey").field("public", &self.public).finish_non_exhaustive()
    }
}
