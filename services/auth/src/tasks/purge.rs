//! Removing old rows, every few minutes. Replicas need not agree: deleting twice is deleting once.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::chain;
use crate::store::{self, Store};

const EVERY: Duration = Duration::from_secs(300);

/// Runs until `soft`.
pub(crate) async fn purge(store: Store, soft: CancellationToken) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = soft.cancelled() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
        match store::purge::round(store.pool()).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "old rows removed"),
            Err(error) => tracing::debug!(error = chain(&error), "old rows stay for now"),
        }
    }
}
