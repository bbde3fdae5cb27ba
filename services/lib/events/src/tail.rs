//! Following streams without a trace in the server: for the gateway's event hub.

use std::time::Duration;

use async_nats::jetstream::consumer::pull::{Config, Stream};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::stream::Info;
use bytes::Bytes;
use futures::StreamExt;
use futures::future::join_all;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::{Class, Error, Nats, Result, streams};

const HEARTBEAT: Duration = Duration::from_secs(5);

/// Where to begin in a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// With what is published from now on.
    Now,
    /// With the last so many messages.
    Last(u64),
    /// With this sequence.
    Sequence(u64),
}

/// What a tail yields.
#[derive(Debug, Clone)]
pub enum TailItem {
    /// The next message of a class.
    Message(TailMessage),
    /// Messages of this class were lost, or its stream was made anew and its sequences began
    /// again: whoever holds state from it must read that state again. Messages follow from
    /// `next_sequence`.
    Reset {
        /// The class.
        class: Class,
        /// The sequence of the message that comes next at the earliest.
        next_sequence: u64,
    },
}

/// A message and its place.
#[derive(Debug, Clone)]
pub struct TailMessage {
    /// The class.
    pub class: Class,
    /// Its place in the class's stream.
    pub stream_sequence: u64,
    /// Its subject.
    pub subject: String,
    /// The event.
    pub payload: Bytes,
}

/// A follower of several classes, in the order of each.
#[derive(Debug)]
pub struct Tail {
    nats: Nats,
    starts: Vec<(Class, From)>,
}

impl Tail {
    /// A follower to be [run](Self::run).
    pub fn new(nats: Nats, starts: Vec<(Class, From)>) -> Self {
        Self { nats, starts }
    }

    /// Follows until `shutdown` or until nobody receives, through restarts of the server.
    /// A full `out` holds up the reading, nothing is dropped.
    pub async fn run(
        self,
        out: mpsc::Sender<TailItem>,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let followers = self.starts.into_iter().map(|(class, from)| {
            let follower = Follower {
                nats: self.nats.clone(),
                class,
                out: out.clone(),
                position: Position::Start(from),
                created: None,
            };
            follower.run(&shutdown)
        });
        join_all(followers).await;
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
enum Position {
    Start(From),
    Next(u64),
}

struct Follower {
    nats: Nats,
    class: Class,
    out: mpsc::Sender<TailItem>,
    position: Position,
    created: Option<chrono::DateTime<chrono::Utc>>,
}

impl Follower {
    async fn run(mut self, shutdown: &CancellationToken) {
        let mut backoff = Backoff::new();
        let out = self.out.clone();
        loop {
            let mut connects = self.nats.connects();
            let read = async {
                let stream = self.open().await?;
                backoff.reset();
                self.read(stream).await
            };
            let outcome = tokio::select! {
                () = shutdown.cancelled() => return,
                () = out.closed() => return,
                // A restarted server has forgotten the reader and would be silent.
                Ok(()) = connects.changed() => Err(Error::Unavailable("reconnected".to_owned())),
                outcome = read => outcome,
            };
            if let Err(error) = outcome {
                tracing::info!(class = %self.class, error = %error, "tail interrupted");
            }
            backoff.wait(shutdown).await;
        }
    }

    /// Finds where to go on, tells of a reset if there was one, and opens a reader from there.
    async fn open(&mut self) -> Result<Stream> {
        self.nats.check()?;
        let info = streams::find(self.nats.jetstream(), self.class)
            .await?
            .ok_or_else(|| Error::Unavailable(format!("no stream {}", self.class.stream())))?;
        let (next, reset) = resume(self.position, self.created, &info);
        if reset {
            self.send(TailItem::Reset { class: self.class, next_sequence: next }).await;
        }
        self.position = Position::Next(next);
        self.created = Some(info.created);
        let config = Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: next },
            ack_policy: AckPolicy::None,
            inactive_threshold: Duration::from_secs(60),
            memory_storage: true,
            num_replicas: 1,
            ..Config::default()
        };
        let consumer: PullConsumer = self
            .nats
            .jetstream()
            .create_consumer_on_stream(config, self.class.stream())
            .await
            .map_err(|error| Error::unavailable(&error))?;
        consumer
            .stream()
            .max_messages_per_batch(500)
            .heartbeat(HEARTBEAT)
            .expires(Duration::from_secs(30))
            .messages()
            .await
            .map_err(|error| Error::unavailable(&error))
    }

    /// Reads until something is wrong with the reader. Any error ends it: a new reader costs
    /// little and starts exactly after the last message passed on.
    async fn read(&mut self, mut stream: Stream) -> Result<()> {
        let mut consumer_sequence = 0;
        while let Some(message) = stream.next().await {
            let message = message.map_err(|error| Error::unavailable(&error))?;
            let info = message.info().map_err(|error| Error::unavailable(&error))?;
            consumer_sequence += 1;
            if info.consumer_sequence != consumer_sequence {
                return Err(Error::Unavailable("a message was lost on the way".to_owned()));
            }
            let stream_sequence = info.stream_sequence;
            self.send(TailItem::Message(TailMessage {
                class: self.class,
                stream_sequence,
                subject: message.subject.to_string(),
                payload: message.payload.clone(),
            }))
            .await;
            self.position = Position::Next(stream_sequence + 1);
        }
        Err(Error::Unavailable("the reader ended".to_owned()))
    }

    async fn send(&self, item: TailItem) {
        // A closed channel ends the follower elsewhere.
        let _closed = self.out.send(item).await;
    }
}

/// The next sequence to read, and whether what came before it is lost.
fn resume(
    position: Position,
    created: Option<chrono::DateTime<chrono::Utc>>,
    info: &Info,
) -> (u64, bool) {
    let (first, last) = (info.state.first_sequence.max(1), info.state.last_sequence);
    let recreated = created.is_some_and(|created| created != info.created);
    match position {
        Position::Start(From::Now) => (last + 1, false),
        Position::Start(From::Last(count)) => ((last + 1).saturating_sub(count).max(first), false),
        Position::Start(From::Sequence(next)) | Position::Next(next) => {
            if recreated || next > last + 1 || next < first { (first, true) } else { (next, false) }
        }
    }
}
