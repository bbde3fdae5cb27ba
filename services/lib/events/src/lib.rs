//! The message bus: CloudEvents 1.0 over NATS JetStream.
//!
//! Types of events and their objects are in [`types`], one file a class; the JSON Schemas, examples
//! and AsyncAPI in proto/events/ are generated from them. Streams are those of
//! deploy/nats/streams.toml. NATS may be absent at any time, from the start too: nothing here ends
//! a service for that.
//!
//! `gwm.v1.<class>.>` is for integrators. What only auth may publish (audit records, consoles'
//! facts) goes to it on `gwm.intake.<service>.>`; auth appends, and publishes under `gwm.v1`.
//!
//! A service with a database commits events with its changes and runs the relay:
//!
//! ```ignore
//! let nats = gwm_events::connect(&config.nats, "cache-updater").await?; // never waits
//! let relay = gwm_events::Relay::new(pool.clone(), nats.clone());
//! boot.tasks().spawn("outbox-relay", relay.run(shutdown.soft.clone()));
//!
//! let mut tx = pool.begin().await?;
//! let instance = store::instance::update(&mut tx, ..).await?; // locks the row, revision + 1
//! let event = Event::new(INSTANCE_STATUS_CHANGED, "cache-updater", now, instance.into())
//!     .changed([("status".to_owned(), "ADMIN_down".into())].into())
//!     .not_before(last_look)
//!     .cause(CauseKind::Poll, None)
//!     .traceparent(gwm_kernel::current_traceparent());
//! gwm_pg::outbox::append(&mut tx, &event.outbox_row()?).await?; // audit: event.intake_row(..)
//! tx.commit().await?; // the trigger of the table wakes the relay
//! ```
//!
//! A service without one waits for the stream's acknowledgement, or follows the streams:
//!
//! ```ignore
//! let nats = gwm_events::connect(&config.nats, "vnc-proxy").await?;
//! let event = Event::new(CONSOLE_OPENED, "vnc-proxy", now, console);
//! // No console without its record: an error refuses it.
//! publish_intake_and_wait(&nats, &event, Duration::from_secs(2)).await?;
//!
//! let (out, mut items) = tokio::sync::mpsc::channel(1024);
//! let tail = Tail::new(nats, vec![(Class::Inventory, TailFrom::Last(1000))]);
//! boot.tasks().spawn("event-hub", tail.run(out, shutdown.soft.clone()));
//! while let Some(item) = items.recv().await {
//!     match item {
//!         TailItem::Message(message) => hub.push(message),
//!         TailItem::Reset { class, .. } => hub.tell_to_reload(class),
//!     }
//! }
//! ```

mod backoff;
mod class;
mod connection;
mod consumer;
pub mod dead;
mod envelope;
mod error;
mod mirrors;
mod publish;
mod received;
#[cfg(feature = "outbox")]
mod relay;
pub mod server_config;
mod settings;
mod streams;
mod subject;
mod tail;
pub mod trace;
pub mod types;

pub use class::{Class, UnknownClass};
pub use connection::{Nats, connect};
pub use consumer::{Consumer, ConsumerSettings, Handler, Verdict};
pub use envelope::{
    Actor, CONTENT_TYPE, Cause, CauseKind, Data, Event, LONGEST_MESSAGE, parse_type,
};
pub use error::{Error, Result};
pub use mirrors::ensure_mirrors;
pub use publish::{Outgoing, REQUESTS, publish_and_wait, publish_intake_and_wait, send};
pub use received::Received;
#[cfg(feature = "outbox")]
pub use relay::Relay;
pub use settings::NatsSettings;
pub use streams::{StreamSettings, ensure_streams, stream_settings};
pub use subject::Subject;
pub use tail::{From as TailFrom, Tail, TailItem, TailMessage};
