//! Owners as tags in Ganeti: asks cache-updater what is not as it should be, and makes a job of it. Nothing is
//! remembered here: what a kill interrupts is found again by comparing.

use std::sync::Arc;

use gwm_kernel::Fault;
use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::store::{commit, owner_tag};

/// Runs until `soft`. Replicas need not know of each other: a cluster has one such job at a time.
pub(crate) async fn owner_tags(engine: Arc<Engine>, soft: CancellationToken) -> anyhow::Result<()> {
    let pace = &engine.config.owner_tags;
    while !soft.is_cancelled() {
        let pause = match round(&engine).await {
            Ok(true) => pace.pace,
            Ok(false) => pace.look,
            Err(fault) => {
                tracing::info!(error = %fault, "owner tags can't be looked at");
                pace.look
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = soft.cancelled() => {}
        }
    }
    Ok(())
}

/// Yields whether there is more to do soon.
async fn round(engine: &Engine) -> Result<bool, Fault> {
    let pace = &engine.config.owner_tags;
    let mut connection = engine.store.connection().await?;
    owner_tag::purge(&mut connection).await?;
    let busy = owner_tag::busy(&mut connection, pace).await?;
    drop(connection);
    let mut soon = busy.soon;
    for due in engine.cache.next_owner_tags(&busy).await? {
        if !due.change.is_sound() {
            tracing::error!(cluster = due.cluster_slug, instance = due.name, "no owner's tag");
            continue;
        }
        let mut tx = engine.store.begin().await?;
        let made = owner_tag::insert(&mut tx, &due, pace).await?;
        commit(tx).await?;
        if let Some(job) = made {
            tracing::info!(job_id = %job.job_id, cluster = job.cluster_slug,
                instance = job.object_name, add = due.change.add, "owner tag to be changed");
        }
        soon = true;
    }
    Ok(soon)
}
