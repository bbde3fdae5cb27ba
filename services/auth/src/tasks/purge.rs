//! Removing old rows, every few minutes. Replicas need not agree: deleting twice is deleting once.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::{purge_owners, purge_selectors};
use crate::error::chain;
use crate::store::{self, Store};

const FIRST: Duration = Duration::from_secs(3);
const EVERY: Duration = Duration::from_secs(300);

/// Runs until `soft`.
pub(crate) async fn purge(store: Store, soft: CancellationToken) -> anyhow::Result<()> {
    // The first round soon after the start: a process that is restarted often must not keep all.
    let mut pause = FIRST;
    loop {
        tokio::select! {
            () = soft.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => pause = EVERY,
        }
        match purge_owners(&store).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "owners of what is long gone released"),
            Err(error) => tracing::debug!(error = chain(&error), "owners stay for now"),
        }
        match purge_selectors(&store).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "selectors that give nothing forgotten"),
            Err(error) => tracing::debug!(error = chain(&error), "selectors stay for now"),
        }
        match store::purge::round(store.pool()).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "old rows removed"),
            Err(error) => tracing::debug!(error = chain(&error), "old rows stay for now"),
        }
    }
}
