//! Reading what other services tell us.

use std::time::Duration;

use gwm_events::{Class, Consumer, ConsumerSettings, Handler, Nats, Received, Verdict};
use tokio_util::sync::CancellationToken;

use crate::app::{NotTaken, take_in};
use crate::error::chain;
use crate::store::Store;

/// Longer than any outage that an operator would sleep through: records are not to be lost.
const MOST_TRIES: u64 = 10_000;
const RETRY: Duration = Duration::from_secs(1);

struct Intake(Store);

impl Handler for Intake {
    async fn handle(&self, message: &Received) -> Verdict {
        match take_in(&self.0, message).await {
            Ok(()) => Verdict::Done,
            Err(NotTaken::Bad(why)) => Verdict::Reject(why),
            Err(NotTaken::Now(error)) => {
                tracing::warn!(error = chain(&error), "a record waits");
                Verdict::Retry(RETRY)
            }
        }
    }
}

/// Runs until `soft`. Replicas share the work; the audit log's own lock orders it.
pub(crate) async fn intake(
    store: Store,
    nats: Nats,
    soft: CancellationToken,
) -> anyhow::Result<()> {
    let settings = ConsumerSettings {
        class: Class::Intake,
        purpose: "intake".to_owned(),
        filters: Vec::new(),
        concurrency: 1,
        max_deliver: MOST_TRIES,
    };
    Consumer::new(nats, settings).run(Intake(store), soft).await
}
