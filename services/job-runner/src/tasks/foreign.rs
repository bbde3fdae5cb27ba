//! Ganeti's own job lists, as cache-updater tells of them: what is not ours is kept as history.

use std::time::Duration;

use gwm_events::types::inventory::GanetiJob;
use gwm_events::{Class, Consumer, ConsumerSettings, Handler, Nats, Received, Verdict};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::ForeignJob;
use crate::store::{self, Store, foreign};

const CONSUMER: &str = "foreign";
/// Ganeti makes a job of it when somebody asks for its OSes; gwm does so itself, every hour.
const READING: &str = "OP_OS_DIAGNOSE";
const MOST_TRIES: u64 = 100;
const PAUSE: Duration = Duration::from_secs(1);

struct Foreign {
    store: Store,
}

impl Foreign {
    async fn keep(
        &self,
        event_id: Uuid,
        job: &ForeignJob,
        ours: Option<Uuid>,
    ) -> gwm_pg::Result<()> {
        let mut tx = self.store.begin().await?;
        if !gwm_pg::inbox::first_time(&mut tx, CONSUMER, event_id).await? {
            return Ok(());
        }
        let ours = match ours {
            Some(id) => foreign::is_ours(&mut tx, id, job.cluster_id).await?,
            None => false,
        };
        if !ours {
            foreign::put(&mut tx, job).await?;
        }
        store::commit(tx).await
    }
}

impl Handler for Foreign {
    async fn handle(&self, message: &Received) -> Verdict {
        let event = match message.decode::<GanetiJob>() {
            Ok(event) => event,
            Err(error) => return Verdict::Reject(error.to_string()),
        };
        let told = &event.data.object;
        let Some(job) = ForeignJob::of(told, event.data.observed_at) else {
            return Verdict::Reject("the cluster's id is no UUID".to_owned());
        };
        if told.op_code == READING {
            return Verdict::Done;
        }
        let ours = told.gwm_job.as_deref().and_then(|id| Uuid::parse_str(id).ok());
        match self.keep(event.id, &job, ours).await {
            Ok(()) => Verdict::Done,
            Err(error) => {
                tracing::warn!(%error, "a foreign job is not kept yet");
                Verdict::Retry(PAUSE)
            }
        }
    }
}

/// Runs until `soft`. Replicas share the work.
pub(crate) async fn foreign_jobs(
    store: Store,
    nats: Nats,
    soft: CancellationToken,
) -> anyhow::Result<()> {
    let settings = ConsumerSettings {
        class: Class::Inventory,
        purpose: CONSUMER.to_owned(),
        filters: vec!["gwm.v1.inventory.*.ganeti_job.>".to_owned()],
        concurrency: 1,
        max_deliver: MOST_TRIES,
    };
    Consumer::new(nats, settings).run(Foreign { store }, soft).await
}
