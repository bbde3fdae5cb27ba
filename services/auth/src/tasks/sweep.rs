//! Ending sessions and API tokens that are over by time, so that what they hold open ends too.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::SessionConfig;
use crate::error::{Result, chain};
use crate::store::{Store, change, commit, event, session, token};

/// Runs on each replica; rows that one is ending are skipped by the others.
pub(crate) async fn sweep(
    store: Store,
    times: SessionConfig,
    soft: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let pause = match round(&store, &times).await {
            // A full round: there may be more.
            Ok(ended) if ended >= 500 => Duration::ZERO,
            Ok(_) => times.sweep,
            Err(error) => {
                tracing::debug!(error = chain(&error), "sessions could not be swept");
                times.sweep
            }
        };
        tokio::select! {
            () = soft.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// The same for API tokens. It looks twice a second: what a token holds open is to end as quickly as a right that
/// was taken away.
pub(crate) async fn sweep_tokens(store: Store, soft: CancellationToken) -> anyhow::Result<()> {
    loop {
        match end_tokens(&store).await {
            Ok(ended) if ended >= 500 => continue,
            Ok(_) => {}
            Err(error) => tracing::debug!(error = chain(&error), "tokens could not be swept"),
        }
        tokio::select! {
            () = soft.cancelled() => return Ok(()),
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
    }
}

async fn end_tokens(store: &Store) -> Result<usize> {
    let mut tx = store.begin().await?;
    let rows = token::end_expired(&mut tx).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let revoked_tokens = rows.iter().map(|r| r.token_id).collect();
    change::record(&mut tx, &change::Touched { revoked_tokens, ..Default::default() }).await?;
    for row in &rows {
        event::token_revoked(&mut tx, row, None).await?;
    }
    commit(tx).await?;
    tracing::info!(tokens = rows.len(), "API tokens ended by time");
    Ok(rows.len())
}

async fn round(store: &Store, times: &SessionConfig) -> Result<usize> {
    let mut tx = store.begin().await?;
    let rows = session::end_expired(&mut tx, times).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let ended_sessions = rows.iter().map(|r| r.session_id).collect();
    change::record(&mut tx, &change::Touched { ended_sessions, ..Default::default() }).await?;
    for row in &rows {
        event::session_ended(&mut tx, row, None).await?;
    }
    commit(tx).await?;
    tracing::info!(sessions = rows.len(), "sessions ended by time");
    Ok(rows.len())
}
