//! A message that a consumer was given.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{Class, Event, Result};

/// A message that a consumer was given.
#[derive(Debug, Clone)]
pub struct Received {
    /// The class of the stream it came from.
    pub class: Class,
    /// Its subject.
    pub subject: String,
    /// Its place in the stream.
    pub stream_sequence: u64,
    /// When the server stored it.
    pub published_at: DateTime<Utc>,
    /// How often it was delivered by now, this time included.
    pub delivered: u64,
    /// The event's id, for the inbox; none if the publisher gave none.
    pub event_id: Option<Uuid>,
    /// The event.
    pub payload: Bytes,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

impl Received {
    /// Reads the event. A handler answers a failure with [`crate::Verdict::Reject`].
    pub fn decode<T: DeserializeOwned>(&self) -> Result<Event<T>> {
        Event::decode(&self.payload)
    }
}
