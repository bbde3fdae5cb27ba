//! The relay: publishes what the outbox holds, in order for each object, at least once.

use std::convert::Infallible;
use std::time::Duration;

use async_nats::HeaderMap;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use gwm_pg::outbox::{self, OutboxRow, Published, Unpublished};
use sqlx::postgres::PgListener;
use sqlx::{Acquire, PgConnection, PgPool};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::publish::{self, Outgoing};
use crate::types::Object;
use crate::types::inventory::{STREAM_RESET, Stream};
use crate::{Class, Error, Event, Nats, Result, ensure_mirrors, ensure_streams, streams};

/// How many rows are taken at once.
const BATCH: i64 = 1000;
/// How many objects' events are on their way at once.
const IN_FLIGHT: usize = 256;
const LOOK_EVERY: Duration = Duration::from_secs(60);
const PURGE_EVERY: Duration = Duration::from_secs(600);
const KEEP_PUBLISHED: Duration = Duration::from_secs(24 * 3600);

/// The relay of one database. Each replica runs one; an advisory lock lets one of them work.
#[derive(Debug)]
pub struct Relay {
    pool: PgPool,
    nats: Nats,
    classes: Vec<Class>,
}

impl<T: Object> Event<T> {
    /// The row to append to the outbox, in the transaction of the change.
    pub fn outbox_row(&self) -> Result<OutboxRow> {
        self.row(self.class(), self.nats_subject()?.to_string())
    }

    /// The same for what only auth may publish: audit records and consoles' facts.
    pub fn intake_row(&self, service: &str) -> Result<OutboxRow> {
        self.row(Class::Intake, self.intake_subject(service)?)
    }

    fn row(&self, class: Class, subject: String) -> Result<OutboxRow> {
        Ok(OutboxRow {
            event_id: self.id,
            object_key: format!("{class}/{}", self.object_key()),
            class: class.as_str().to_owned(),
            subject,
            payload: self.encode()?,
            traceparent: self.traceparent.clone(),
        })
    }
}

impl Relay {
    /// The relay of the service that `nats` connects as: it creates the streams of the classes
    /// that this service publishes.
    pub fn new(pool: PgPool, nats: Nats) -> Self {
        let service = nats.service().to_owned();
        let classes = Class::ALL.into_iter().filter(|class| class.publisher() == service).collect();
        Self { pool, nats, classes }
    }

    /// Publishes until `shutdown`, then once more what is there. Neither an absent database nor
    /// an absent NATS ends it.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut backoff = Backoff::new();
        while !shutdown.is_cancelled() {
            match self.lead(&shutdown, &mut backoff).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(error = %error, "outbox relay interrupted");
                    backoff.wait(&shutdown).await;
                }
            }
        }
        Ok(())
    }

    /// Works on one database connection, whose lock makes it the only relay.
    async fn lead(&self, shutdown: &CancellationToken, backoff: &mut Backoff) -> Result<()> {
        let mut listener = PgListener::connect_with(&self.pool).await.map_err(database)?;
        listener.listen(outbox::CHANNEL).await.map_err(database)?;
        // Out of the pool for good: the lock lives as long as this connection.
        let mut connection = self.pool.acquire().await.map_err(database)?.detach();
        while !outbox::try_lock_relay(&mut connection).await? {
            backoff.reset();
            if wait_a_second(shutdown).await {
                return Ok(());
            }
        }
        tracing::info!("outbox relay leads");
        let connects = self.nats.connects();
        self.prepare(&mut connection).await?;
        let publish = self.publish(&mut connection, &mut listener, connects, backoff, shutdown);
        tokio::select! {
            outcome = publish => outcome,
            never = self.keep_mirrors() => match never {},
        }
    }

    /// Publishes what the outbox holds, until `shutdown`.
    async fn publish(
        &self,
        connection: &mut PgConnection,
        listener: &mut PgListener,
        mut connects: watch::Receiver<usize>,
        backoff: &mut Backoff,
        shutdown: &CancellationToken,
    ) -> Result<()> {
        let mut purged_at = tokio::time::Instant::now();
        loop {
            let stopping = shutdown.is_cancelled();
            if connects.has_changed().unwrap_or(false) {
                // Another server may have other streams, or the same one may have lost them.
                connects.mark_unchanged();
                self.prepare(connection).await?;
            }
            let full = self.drain(connection).await?;
            backoff.reset();
            if stopping && !full {
                return Ok(());
            }
            if full {
                continue;
            }
            if purged_at.elapsed() >= PURGE_EVERY {
                purged_at = tokio::time::Instant::now();
                outbox::purge_published(&self.pool, KEEP_PUBLISHED).await?;
            }
            let pause = Duration::from_millis(rand::random_range(800..=1200));
            tokio::select! {
                () = shutdown.cancelled() => {}
                // A lost notification costs a second, no more.
                woken = listener.try_recv() => { woken.map_err(database)?; }
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Sees to the integrators' mirrors, beside the publishing: events never wait for these.
    async fn keep_mirrors(&self) -> Infallible {
        let public: Vec<_> = self.classes.iter().copied().filter(|c| c.is_public()).collect();
        let (mut backoff, never) = (Backoff::new(), CancellationToken::new());
        let mut connects = self.nats.connects();
        let mut told = String::new();
        loop {
            if let Err(error) = ensure_mirrors(&self.nats, &public).await {
                let error = error.to_string();
                if told != error {
                    tracing::warn!(error, "integrators can't read events again");
                    told = error;
                }
                backoff.wait(&never).await;
                continue;
            }
            backoff.reset();
            told.clear();
            tokio::select! {
                // Another server may have other streams.
                Ok(()) = connects.changed() => {}
                // Somebody may have deleted one.
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Sees to the streams, and tells consumers of one that was made anew.
    async fn prepare(&self, connection: &mut PgConnection) -> Result<()> {
        ensure_streams(&self.nats, &self.classes).await?;
        for &class in &self.classes {
            let Some(info) = streams::find(self.nats.jetstream(), class).await? else { continue };
            let created_at = streams::created_at(&info);
            let mut transaction = connection.begin().await.map_err(database)?;
            let recreated =
                outbox::observe_stream(&mut transaction, class.as_str(), &created_at).await?;
            if recreated && class.is_public() {
                tracing::warn!(stream = class.stream(), "stream was made anew");
                let revision = u64::try_from(info.created.timestamp()).unwrap_or(1);
                let stream = Stream { class, revision };
                let now = chrono::Utc::now();
                let event = Event::new(STREAM_RESET, self.nats.service(), now, stream);
                outbox::append(&mut transaction, &event.outbox_row()?).await?;
            }
            transaction.commit().await.map_err(database)?;
        }
        Ok(())
    }

    /// Publishes one batch and marks it; yields whether more may wait.
    async fn drain(&self, connection: &mut PgConnection) -> Result<bool> {
        let rows = outbox::fetch_unpublished(connection, BATCH).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        self.nats.check()?;
        let full = rows.len() == usize::try_from(BATCH).unwrap_or(usize::MAX);
        let (published, failure) = self.publish_all(rows).await;
        outbox::mark_published(connection, &published).await?;
        metrics::counter!("gwm_outbox_published_total").increment(published.len() as u64);
        match failure {
            None => Ok(full),
            Some(error) => Err(error),
        }
    }

    /// Objects beside each other, the events of one object after each other. The first failure
    /// stops what has not begun; what was acknowledged by then is still yielded.
    async fn publish_all(&self, rows: Vec<Unpublished>) -> (Vec<Published>, Option<Error>) {
        let mut chains = chains(rows).into_iter();
        let mut running: FuturesUnordered<_> =
            chains.by_ref().take(IN_FLIGHT).map(|chain| self.publish_chain(chain)).collect();
        let mut published = Vec::new();
        let mut failure = None;
        while let Some((done, failed)) = running.next().await {
            published.extend(done);
            failure = failure.or(failed);
            if failure.is_none()
                && let Some(chain) = chains.next()
            {
                running.push(self.publish_chain(chain));
            }
        }
        (published, failure)
    }

    async fn publish_chain(&self, chain: Vec<Unpublished>) -> (Vec<Published>, Option<Error>) {
        let mut published = Vec::with_capacity(chain.len());
        for row in chain {
            let message = Outgoing {
                subject: row.subject,
                message_id: row.event_id.to_string(),
                payload: row.payload.into(),
                traceparent: row.traceparent,
            };
            match publish::publish(&self.nats, message, HeaderMap::new()).await {
                Ok(sequence) => published.push(Published {
                    position: row.position,
                    class: row.class,
                    stream_sequence: i64::try_from(sequence).unwrap_or(i64::MAX),
                }),
                Err(error) => return (published, Some(error)),
            }
        }
        (published, None)
    }
}

/// The rows of each object together, in their order; objects by their first row.
fn chains(rows: Vec<Unpublished>) -> Vec<Vec<Unpublished>> {
    let mut places = std::collections::HashMap::new();
    let mut chains: Vec<Vec<Unpublished>> = Vec::new();
    for row in rows {
        let place = *places.entry(row.object_key.clone()).or_insert(chains.len());
        if place == chains.len() {
            chains.push(Vec::new());
        }
        chains[place].push(row);
    }
    chains
}

/// Waits about a second; yields whether `shutdown` came first.
async fn wait_a_second(shutdown: &CancellationToken) -> bool {
    let pause = Duration::from_millis(rand::random_range(800..=1200));
    tokio::select! {
        () = shutdown.cancelled() => true,
        () = tokio::time::sleep(pause) => false,
    }
}

fn database(error: sqlx::Error) -> Error {
    Error::Database(error.into())
}
