//! The connection: made in the background, so that services start and work without NATS.

use std::sync::Arc;
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::connection::State;
use async_nats::jetstream::{self, Context};
use secrecy::ExposeSecret;
use tokio::sync::watch;

use crate::{Error, NatsSettings, Result};

/// The oldest server that gwm works with: older ones silently drop several filter subjects.
const OLDEST_SERVER: (i64, i64, i64) = (2, 10, 0);
/// How long a request to the server may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How many publishes may wait for their acknowledgement.
const IN_FLIGHT: usize = 1024;

/// The bus. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Nats {
    client: async_nats::Client,
    context: Context,
    replay: Context,
    service: Arc<str>,
    replicas: usize,
    connects: watch::Receiver<usize>,
}

/// Starts connecting as `service` (the name before which nothing stands, such as `auth`) and
/// yields at once. Only settings that can never work are an error.
pub async fn connect(settings: &NatsSettings, service: &str) -> Result<Nats> {
    settings.validate()?;
    crate::subject::check_service(service)?;
    let (counter, connects) = watch::channel(0);
    let mut options = ConnectOptions::new()
        .name(format!("gwm-{service}"))
        .retry_on_initial_connect()
        // Answers go where no other user may listen.
        .custom_inbox_prefix(format!("_INBOX_{service}"))
        .connection_timeout(Duration::from_secs(3))
        .request_timeout(Some(REQUEST_TIMEOUT))
        .ping_interval(Duration::from_secs(10))
        .reconnect_delay_callback(reconnect_delay)
        .event_callback(move |event| {
            observe(&event, &counter);
            std::future::ready(())
        });
    if let Some(seed) = &settings.nkey_seed {
        options = options.nkey(seed.expose_secret().trim().to_owned());
    }
    if let Some(path) = &settings.ca_path {
        options = options.add_root_certificates(path.clone()).require_tls(true);
    }
    let client = options
        .connect(settings.urls.clone())
        .await
        .map_err(|error| Error::Settings(error.to_string()))?;
    let context = jetstream::ContextBuilder::new()
        .timeout(REQUEST_TIMEOUT)
        .ack_timeout(REQUEST_TIMEOUT)
        .max_ack_inflight(IN_FLIGHT)
        .backpressure_on_inflight(true)
        .build(client.clone());
    let replay = jetstream::ContextBuilder::new()
        .timeout(REQUEST_TIMEOUT)
        .api_prefix(crate::mirrors::REPLAY_API)
        .build(client.clone());
    let (service, replicas) = (service.into(), settings.replicas);
    Ok(Nats { client, context, replay, service, replicas, connects })
}

/// Quick at first, so that a restart of the server costs little; never more than two seconds.
fn reconnect_delay(attempts: usize) -> Duration {
    let ceiling = (50u64 << attempts.min(6)).min(2000);
    Duration::from_millis(rand::random_range(ceiling / 2..=ceiling))
}

fn observe(event: &async_nats::Event, connects: &watch::Sender<usize>) {
    match event {
        async_nats::Event::Connected => {
            connects.send_modify(|count| *count += 1);
            tracing::info!("connected to nats");
        }
        async_nats::Event::Disconnected => tracing::warn!("disconnected from nats"),
        async_nats::Event::ServerError(error) => tracing::warn!(error = %error, "nats refused"),
        async_nats::Event::SlowConsumer(_) => tracing::warn!("nats messages were dropped"),
        async_nats::Event::ClientError(_)
        | async_nats::Event::LameDuckMode
        | async_nats::Event::Draining
        | async_nats::Event::Closed => tracing::debug!(event = %event, "nats"),
    }
}

impl Nats {
    /// The name we connected by.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Whether the bus can be used now; if not, why. Readiness shows it and does not depend on it.
    pub fn check(&self) -> Result<()> {
        // Counted or not at all: a reader opened between the two would be opened anew, and what the
        // first had fetched would come again only after half a minute.
        let counted = *self.connects.borrow() > 0;
        if !counted || self.client.connection_state() != State::Connected {
            return Err(Error::Unavailable("not connected to nats".to_owned()));
        }
        let (major, minor, patch) = OLDEST_SERVER;
        if self.client.is_server_compatible(major, minor, patch) {
            Ok(())
        } else {
            Err(Error::ServerTooOld { found: self.client.server_info().version })
        }
    }

    /// Counts connections: whoever reads opens its reader anew when it moves, because what the
    /// server was asked for before a restart is forgotten there.
    pub(crate) fn connects(&self) -> watch::Receiver<usize> {
        let mut connects = self.connects.clone();
        connects.mark_unchanged();
        connects
    }

    /// Sends what waits in buffers; for the end of the process.
    pub async fn flush(&self) -> Result<()> {
        self.client.flush().await.map_err(|error| Error::unavailable(&error))
    }

    pub(crate) fn jetstream(&self) -> &Context {
        &self.context
    }

    /// Where integrators' mirrors are.
    pub(crate) fn replay(&self) -> &Context {
        &self.replay
    }

    pub(crate) fn replicas(&self) -> usize {
        self.replicas
    }
}
