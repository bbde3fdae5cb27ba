//! What every handler shares.

use std::sync::Arc;
use std::time::Duration;

use gwm_authz::{Authz, Principal};
use moka::sync::Cache;
use tokio_util::sync::CancellationToken;

use crate::clients::Clients;
use crate::config::HttpConfig;
use crate::hub::Hub;
use crate::waiting::Waiting;

/// Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct AppState(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) clients: Clients,
    pub(crate) authz: Authz,
    pub(crate) hub: Hub,
    pub(crate) waiting: Waiting,
    pub(crate) http: HttpConfig,
    /// By SHA-256 of the cookie's or token's value; an entry is worth no more than its assertion.
    pub(crate) people: Cache<[u8; 32], Principal>,
    /// Streams end with it.
    pub(crate) shutdown: CancellationToken,
}

impl AppState {
    pub(crate) fn new(
        clients: Clients,
        authz: Authz,
        hub: Hub,
        waiting: Waiting,
        http: HttpConfig,
        shutdown: CancellationToken,
    ) -> Self {
        let people =
            Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(60)).build();
        Self(Arc::new(Inner { clients, authz, hub, waiting, http, people, shutdown }))
    }
}

impl std::ops::Deref for AppState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
