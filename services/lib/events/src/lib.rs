//! The message bus: CloudEvents over NATS JetStream.

mod backoff;
mod class;
mod connection;
mod consumer;
pub mod dead;
mod envelope;
mod error;
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
pub use publish::{Outgoing, publish_and_wait, publish_intake_and_wait, send};
pub use received::Received;
#[cfg(feature = "outbox")]
pub use relay::Relay;
pub use settings::NatsSettings;
pub use streams::{StreamSettings, ensure_streams, stream_settings};
pub use subject::Subject;
pub use tail::{From as TailFrom, Tail, TailItem, TailMessage};
