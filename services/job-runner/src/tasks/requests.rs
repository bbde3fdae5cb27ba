//! Requests that waited in JetStream, in their order.

use std::time::Duration;

use gwm_events::{Class, Consumer, ConsumerSettings, Handler, Nats, Received, Verdict};
use gwm_kernel::{ErrorCode, with_request_id};
use gwm_proto::jobs::WaitingRequest;
use prost::Message;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::grpc::{JobsServer, NotTaken};

/// How often something that is our own fault is tried again.
const MOST_TRIES: u64 = 100;
const PAUSE: Duration = Duration::from_secs(1);

struct Requests {
    server: JobsServer,
    soft: CancellationToken,
}

impl Requests {
    /// Another service that is away is waited for here: those that come after it need it too.
    async fn take_up(&self, message: &Received) -> Verdict {
        loop {
            match self.server.take_up(message).await {
                Ok(()) => return Verdict::Done,
                Err(NotTaken::Bad(why)) => return Verdict::Reject(why),
                Err(NotTaken::Now(fault)) => {
                    tracing::warn!(%fault, "a request that waited goes on waiting");
                    if fault.code == ErrorCode::Internal {
                        return Verdict::Retry(PAUSE);
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.soft.cancelled() => return Verdict::Retry(PAUSE),
            }
        }
    }
}

impl Handler for Requests {
    async fn handle(&self, message: &Received) -> Verdict {
        let waited = WaitingRequest::decode(message.payload.clone()).unwrap_or_default();
        let span = tracing::info_span!(
            "waited",
            request_id = waited.request_id,
            trace_id = tracing::field::Empty,
        );
        gwm_kernel::continue_trace(&span, message.traceparent.as_deref());
        with_request_id(waited.request_id, Box::pin(self.take_up(message)).instrument(span)).await
    }
}

/// Runs until `soft`. Replicas share the work.
pub(crate) async fn requests(
    server: JobsServer,
    nats: Nats,
    soft: CancellationToken,
) -> anyhow::Result<()> {
    let settings = ConsumerSettings {
        class: Class::Requests,
        purpose: "requests".to_owned(),
        filters: Vec::new(),
        concurrency: 1,
        max_deliver: MOST_TRIES,
    };
    Consumer::new(nats, settings).run(Requests { server, soft: soft.clone() }, soft).await
}
