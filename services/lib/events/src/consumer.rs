//! The runner of durable consumers.
//!
//! Measured on nats-server 2.15 with async-nats 0.51: after a restart of the server the message
//! iterator yields `MissingHeartbeat` about once a heartbeat and then goes on; for a deleted
//! consumer it yields `ConsumerDeleted` and ends. So: log the first, rebuild on the second. The
//! iterator may take half a minute to ask a restarted server again, so a new connection is also a
//! reason to rebuild.

use std::time::Duration;

use async_nats::jetstream::consumer::pull::{Config, MessagesErrorKind, Stream};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::{AckKind, Message};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::{Class, Error, Nats, Received, Result, dead, ensure_streams, publish, subject, trace};

const ACK_WAIT: Duration = Duration::from_secs(30);
const PROGRESS: Duration = Duration::from_secs(10);
const LONGEST_RETRY: Duration = Duration::from_secs(300);
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Its effect is committed.
    Done,
    /// Something was in the way: again after this time, doubled with each delivery.
    Retry(Duration),
    /// It will never work: to the dead letters, with the reason.
    Reject(String),
}

/// Acts on messages.
pub trait Handler: Send + Sync {
    /// Acts on one message. Delivery is at least once: record the event's id in the inbox, in the
    /// transaction of the effect.
    fn handle(&self, message: &Received) -> impl Future<Output = Verdict> + Send;
}

/// What a consumer reads and how.
#[derive(Debug, Clone)]
pub struct ConsumerSettings {
    /// The class to read.
    pub class: Class,
    /// What it is for, after the service's name: `auth-intake` is `intake` of `auth`.
    pub purpose: String,
    /// Subjects to read; all of the class if empty.
    pub filters: Vec<String>,
    /// How many messages are handled at once; 1 keeps their order.
    pub concurrency: usize,
    /// How often a message is tried before it is a dead letter.
    pub max_deliver: u64,
}

/// A durable consumer, shared by the replicas of a service.
#[derive(Debug)]
pub struct Consumer {
    nats: Nats,
    settings: ConsumerSettings,
    healthy: watch::Sender<bool>,
}

impl Consumer {
    /// A consumer to be [run](Self::run).
    pub fn new(nats: Nats, settings: ConsumerSettings) -> Self {
        Self { nats, settings, healthy: watch::Sender::new(false) }
    }

    /// Whether it is reading, for readiness and metrics.
    pub fn healthy(&self) -> watch::Receiver<bool> {
        self.healthy.subscribe()
    }

    /// Reads until `shutdown`, whatever happens to NATS meanwhile; handlers that run then are
    /// waited for.
    pub async fn run<H: Handler>(
        self,
        handler: H,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        subject::check_service(&self.settings.purpose)?;
        let mut backoff = Backoff::new();
        while !shutdown.is_cancelled() {
            let connects = self.nats.connects();
            let outcome = match self.open().await {
                Ok(stream) => {
                    backoff.reset();
                    self.healthy.send_replace(true);
                    self.read(stream, connects, &handler, &shutdown).await
                }
                Err(error) => Err(error),
            };
            self.healthy.send_replace(false);
            if let Err(error) = outcome {
                tracing::warn!(consumer = self.durable(), error = %error, "consumer interrupted");
                backoff.wait(&shutdown).await;
            }
        }
        Ok(())
    }

    fn durable(&self) -> String {
        format!("{}-{}", self.nats.service(), self.settings.purpose)
    }

    async fn open(&self) -> Result<Stream> {
        self.nats.check()?;
        let settings = &self.settings;
        // Only the publisher of a class may make its stream; others wait until it is there.
        if settings.class.publisher() == self.nats.service() {
            ensure_streams(&self.nats, &[settings.class]).await?;
        }
        let config = Config {
            durable_name: Some(self.durable()),
            description: Some(format!("{} of {}", settings.purpose, self.nats.service())),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            deliver_policy: DeliverPolicy::All,
            // Without a limit in the server: it would stop silently where we write a dead letter.
            max_deliver: -1,
            max_ack_pending: i64::try_from(settings.concurrency.max(1)).unwrap_or(1),
            filter_subjects: settings.filters.clone(),
            ..Config::default()
        };
        let consumer: PullConsumer = self
            .nats
            .jetstream()
            .create_consumer_on_stream(config, settings.class.stream())
            .await
            .map_err(|error| Error::unavailable(&error))?;
        consumer
            .stream()
            .max_messages_per_batch(settings.concurrency.max(1))
            .heartbeat(HEARTBEAT)
            .expires(Duration::from_secs(30))
            .messages()
            .await
            .map_err(|error| Error::unavailable(&error))
    }

    /// Yields `Ok` on shutdown only.
    async fn read<H: Handler>(
        &self,
        mut stream: Stream,
        mut connects: watch::Receiver<usize>,
        handler: &H,
        shutdown: &CancellationToken,
    ) -> Result<()> {
        let concurrency = self.settings.concurrency.max(1);
        let mut running = FuturesUnordered::new();
        let outcome = loop {
            tokio::select! {
                () = shutdown.cancelled() => break Ok(()),
                Ok(()) = connects.changed() => break Err(reconnected()),
                Some(()) = running.next(), if !running.is_empty() => {}
                next = stream.next(), if running.len() < concurrency => match next {
                    Some(Ok(message)) => running.push(self.handle(handler, message).boxed()),
                    Some(Err(error)) if error.kind() == MessagesErrorKind::MissingHeartbeat => {
                        tracing::info!(consumer = self.durable(), "nats missed a heartbeat");
                    }
                    Some(Err(error)) => break Err(Error::unavailable(&error)),
                    None => break Err(Error::Unavailable("the consumer ended".to_owned())),
                },
            }
        };
        while running.next().await.is_some() {}
        outcome
    }

    async fn handle<H: Handler>(&self, handler: &H, message: Message) {
        let Some(received) = received(self.settings.class, &message) else {
            tracing::warn!(subject = %message.subject, "message without delivery data");
            return;
        };
        let mut verdict = std::pin::pin!(handler.handle(&received));
        let verdict = loop {
            tokio::select! {
                verdict = &mut verdict => break verdict,
                () = tokio::time::sleep(PROGRESS) => {
                    if let Err(error) = message.ack_with(AckKind::Progress).await {
                        tracing::info!(error = %error, "progress not told");
                    }
                }
            }
        };
        let last = received.delivered >= self.settings.max_deliver;
        let verdict = if last && matches!(verdict, Verdict::Retry(_)) {
            Verdict::Reject(format!("given up after {} deliveries", received.delivered))
        } else {
            verdict
        };
        if let Err(error) = self.settle(&received, &message, verdict).await {
            // It will be delivered again; the inbox makes that harmless.
            tracing::warn!(subject = received.subject, error = %error, "message not settled");
        }
    }

    async fn settle(&self, received: &Received, message: &Message, verdict: Verdict) -> Result<()> {
        let counted = match &verdict {
            Verdict::Done => "done",
            Verdict::Retry(_) => "retry",
            Verdict::Reject(_) => "reject",
        };
        metrics::counter!("gwm_events_consumed_total", "consumer" => self.durable(),
            "verdict" => counted)
        .increment(1);
        let acknowledged = match verdict {
            Verdict::Done => message.double_ack().await,
            Verdict::Retry(after) => {
                let doublings = u32::try_from(received.delivered.clamp(1, 16)).unwrap_or(1) - 1;
                let delay = after.saturating_mul(1 << doublings).min(LONGEST_RETRY);
                message.ack_with(AckKind::Nak(Some(delay))).await
            }
            Verdict::Reject(why) => {
                tracing::error!(subject = received.subject, why, "message rejected");
                let letter = dead::letter(&self.nats, &self.durable(), received, &why);
                publish::publish(&self.nats, letter.0, letter.1).await?;
                message.double_ack_with(AckKind::Term).await
            }
        };
        acknowledged.map_err(|error| Error::unavailable(&error))
    }
}

fn reconnected() -> Error {
    Error::Unavailable("the connection was made anew".to_owned())
}

fn received(class: Class, message: &Message) -> Option<Received> {
    let info = message.info().ok()?;
    Some(Received {
        class,
        subject: message.subject.to_string(),
        stream_sequence: info.stream_sequence,
        published_at: info.published,
        delivered: u64::try_from(info.delivered).unwrap_or(1),
        event_id: publish::event_id(message.headers.as_ref()),
        payload: message.payload.clone(),
        traceparent: trace::extract(message.headers.as_ref()),
    })
}
