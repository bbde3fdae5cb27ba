//! Which clusters this process works on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gwm_kernel::Condition;
use gwm_types::ClusterId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Engine;
use super::runner::Runner;
use crate::store::{Listener, job};

const PURGE_EVERY: Duration = Duration::from_secs(3600);

/// The clusters that a runner of this process works on, each with what wakes it.
type Running = Arc<Mutex<HashMap<ClusterId, Arc<Notify>>>>;

/// Looks for clusters with open jobs, as often as a job is accepted and about once a second, and
/// starts a runner for each whose lease is free. Keeps `database` in step.
pub(crate) async fn supervise(
    engine: Arc<Engine>,
    soft: CancellationToken,
    database: Condition,
) -> anyhow::Result<()> {
    let running = Running::default();
    let mut listener: Option<Listener> = None;
    let mut purged_at = tokio::time::Instant::now();
    while !soft.is_cancelled() {
        match look(&engine, &running, &soft).await {
            Ok(()) => database.up(),
            Err(error) => {
                tracing::warn!(%error, "looking for jobs failed");
                if error.kind() == gwm_pg::Kind::Unavailable {
                    database.down(error.to_string());
                }
                listener = None;
            }
        }
        if purged_at.elapsed() >= PURGE_EVERY {
            purged_at = tokio::time::Instant::now();
            if let Err(error) = engine.store.purge_idempotency().await {
                tracing::warn!(%error, "idempotency keys not purged");
            }
        }
        tokio::select! {
            () = soft.cancelled() => {}
            () = wait(&engine, &mut listener) => {}
        }
    }
    Ok(())
}

/// Until a job is accepted, or about a second.
async fn wait(engine: &Engine, listener: &mut Option<Listener>) {
    let pause = Duration::from_millis(rand::random_range(700..=1000));
    if listener.is_none() {
        *listener = engine.store.listen().await.ok();
    }
    let heard = match listener {
        Some(listener) => listener.wait(pause).await.is_ok(),
        None => false,
    };
    if !heard {
        *listener = None;
        tokio::time::sleep(pause).await;
    }
}

async fn look(
    engine: &Arc<Engine>,
    running: &Running,
    soft: &CancellationToken,
) -> gwm_pg::Result<()> {
    let mut connection = engine.store.connection().await?;
    let open = job::open_clusters(&mut connection).await?;
    drop(connection);
    for (cluster, slug) in open {
        let known = running.lock().expect("no panic while held").get(&cluster).cloned();
        if let Some(wake) = known {
            wake.notify_one();
            continue;
        }
        let settings = engine.config.lease_settings();
        let Some(held) = engine.store.acquire(cluster, &engine.holder, &settings).await? else {
            continue;
        };
        tracing::info!(cluster = slug, generation = held.generation(), "submit lease taken");
        let wake = Arc::new(Notify::new());
        running.lock().expect("no panic while held").insert(cluster, wake.clone());
        let runner = Runner::new(engine.clone(), held, cluster, slug, wake);
        let (running, soft) = (running.clone(), soft.clone());
        engine.tasks.run("cluster-runner", async move {
            let _entry = Entry { running, cluster };
            Box::pin(runner.run(soft)).await;
        });
    }
    Ok(())
}

/// Takes the cluster off the list even when its runner panics.
struct Entry {
    running: Running,
    cluster: ClusterId,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Ok(mut running) = self.running.lock() {
            running.remove(&self.cluster);
        }
    }
}
