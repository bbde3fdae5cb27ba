//! Telling auth what instances take: all, then each change.

use std::collections::HashSet;
use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use gwm_proto::cache::usage_server::Usage;
use gwm_proto::cache::{InstanceUsage, WatchUsageRequest, WatchUsageResponse};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::usage::UsageRow;

/// How often changes are looked for; a heartbeat comes as often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Instances in one message.
const PART: usize = 1000;

/// Needs nothing but the database.
#[derive(Debug, Clone)]
pub(crate) struct UsageServer {
    pub(crate) store: Store,
    /// Whoever follows is let go when the process ends.
    pub(crate) soft: CancellationToken,
}

#[tonic::async_trait]
impl Usage for UsageServer {
    type WatchUsageStream = Pin<Box<dyn Stream<Item = Result<WatchUsageResponse, Status>> + Send>>;

    async fn watch_usage(
        &self,
        _: Request<WatchUsageRequest>,
    ) -> Result<Response<Self::WatchUsageStream>, Status> {
        let feed = feed(self.store.clone(), self.soft.clone());
        Ok(Response::new(Box::pin(feed.map(|message| message.map_err(Status::from)))))
    }
}

fn feed(
    store: Store,
    soft: CancellationToken,
) -> impl Stream<Item = Result<WatchUsageResponse>> + Send {
    async_stream::try_stream! {
        // Before the first part is read: what changes meanwhile is told once more.
        let mut known = store.oldest_open().await.map_err(Error::from)?;
        let mut after = None;
        loop {
            let rows = store.usage_after(after, PART as i64).await.map_err(Error::from)?;
            let last = rows.len() < PART;
            after = rows.last().map(|row| (row.cluster_id, row.uuid));
            yield WatchUsageResponse { instances: messages(&rows), whole: true, last };
            if last {
                break;
            }
        }
        // As long as a transaction goes on, what is newer than it is found each time.
        let mut told: HashSet<(Uuid, Uuid, i64)> = HashSet::new();
        loop {
            tokio::select! {
                () = soft.cancelled() => break,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let next = store.oldest_open().await.map_err(Error::from)?;
            let rows = store.usage_since(&known).await.map_err(Error::from)?;
            known = next;
            let fresh: Vec<UsageRow> =
                rows.iter().filter(|row| !told.contains(&key(row))).cloned().collect();
            told = rows.iter().map(key).collect();
            if fresh.is_empty() {
                yield WatchUsageResponse::default();
            }
            for part in fresh.chunks(PART) {
                yield WatchUsageResponse { instances: messages(part), ..Default::default() };
            }
        }
    }
}

fn key(row: &UsageRow) -> (Uuid, Uuid, i64) {
    (row.cluster_id, row.uuid, row.revision)
}

fn messages(rows: &[UsageRow]) -> Vec<InstanceUsage> {
    // Sizes and revisions are never negative.
    let number = |value: i64| u64::try_from(value).unwrap_or_default();
    let message = |row: &UsageRow| InstanceUsage {
        cluster_id: row.cluster_id.to_string(),
        uuid: row.uuid.to_string(),
        memory_mib: number(row.memory_mib),
        vcpus: number(row.vcpus),
        disk_mib: number(row.disk_mib),
        admin_up: row.admin_up,
        revision: number(row.revision),
    };
    rows.iter().map(message).collect()
}
