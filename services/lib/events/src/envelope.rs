//! The envelope: CloudEvents 1.0, structured JSON.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::types::{EventType, Object};
use crate::{Class, Error, Result, Subject};

/// The media type of every message.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// The longest message in bytes that is published or decoded: with its headers it must stay below
/// what NATS takes by default, 1 MiB.
pub const LONGEST_MESSAGE: usize = 1_000_000;

/// Before each event type's name.
pub(crate) const TYPE_PREFIX: &str = "org.ganeti.gwm.";

/// Before each schema's file name: a name, not an address to fetch from.
pub(crate) const SCHEMA_PREFIX: &str = "urn:gwm:events:";

/// One event. `T` is the object that it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event<T> {
    /// Always `1.0`.
    pub specversion: String,
    /// The same on each delivery and republish; also the `Nats-Msg-Id`.
    pub id: Uuid,
    /// Which service found out: `urn:gwm:<service>`.
    pub source: String,
    /// `org.ganeti.gwm.<kind>.<event>.v1`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// `<cluster>/<kind>/<name>`, for people; `_` where there is no cluster.
    pub subject: String,
    /// When it happened, as far as known: `data.effective_at`, else `data.observed_at`.
    pub time: DateTime<Utc>,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The name of the JSON Schema of `data`.
    pub dataschema: String,
    /// W3C trace context of the request that caused it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub traceparent: Option<String>,
    /// The object's revision: 20 decimal digits with leading zeros. CloudEvents wants a text whose
    /// order is that of the events; read as a number it is the object's `revision`.
    pub sequence: String,
    /// What happened.
    pub data: Data<T>,
}

/// What happened to the object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Data<T> {
    /// The object after the event; for one that is gone, as it was last.
    pub object: T,
    /// Names of the fields that changed, with the value before.
    #[serde(default)]
    pub changed: BTreeMap<String, Value>,
    /// When gwm saw the new state.
    pub observed_at: DateTime<Utc>,
    /// The last look that showed the old state: it happened after that.
    #[serde(default)]
    pub not_before: Option<DateTime<Utc>>,
    /// When it happened, where Ganeti says so.
    #[serde(default)]
    pub effective_at: Option<DateTime<Utc>>,
    /// What brought it about, where known.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// Who did it, where known.
    #[serde(default)]
    pub actor: Option<Actor>,
}

/// What brought a change about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// The kind of cause.
    pub kind: CauseKind,
    /// The job's id or number; none for a poll or an import.
    #[serde(default)]
    pub id: Option<String>,
}

/// The kinds of causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// A job of gwm's.
    GwmJob,
    /// A job that Ganeti ran for somebody else.
    GanetiJob,
    /// A hook told us.
    Hook,
    /// The next regular look found it so.
    Poll,
    /// The first look at a cluster.
    Import,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Actor {
    /// gwm's id of the user.
    pub user_id: String,
    /// The login name.
    pub username: String,
    /// The persona acted as, when it is not the person: `group/NAME`.
    #[serde(default)]
    pub acting_as: Option<String>,
}

impl<T: Object> Event<T> {
    /// An event of `object`, found out by `service` at `observed_at`. Identity, subject and
    /// sequence are the object's own.
    pub fn new(
        event_type: EventType<T>,
        service: &str,
        observed_at: DateTime<Utc>,
        object: T,
    ) -> Self {
        let cluster = object.cluster().unwrap_or("_");
        Self {
            specversion: "1.0".to_owned(),
            id: Uuid::now_v7(),
            source: format!("urn:gwm:{service}"),
            event_type: event_type.name(),
            subject: format!("{cluster}/{}/{}", event_type.kind, object.name()),
            time: observed_at,
            datacontenttype: "application/json".to_owned(),
            dataschema: event_type.schema_name(),
            traceparent: None,
            sequence: format!("{:020}", object.revision()),
            data: Data {
                object,
                changed: BTreeMap::new(),
                observed_at,
                not_before: None,
                effective_at: None,
                cause: None,
                actor: None,
            },
        }
    }

    /// The class, and by it the stream.
    pub fn class(&self) -> Class {
        self.data.object.class()
    }

    /// The NATS subject of this event.
    pub fn nats_subject(&self) -> Result<Subject> {
        let (kind, event) = parse_type(&self.event_type)?;
        let object = &self.data.object;
        Subject::new(object.class(), object.cluster(), kind, &object.id(), event)
    }

    /// Events of one key are published one at a time, in their order.
    pub fn object_key(&self) -> String {
        let object = &self.data.object;
        format!("{}/{}/{}", object.cluster().unwrap_or("_"), T::KIND, object.order_key())
    }
}

impl<T> Event<T> {
    /// Names the fields that changed, with the value before.
    #[must_use]
    pub fn changed(mut self, changed: BTreeMap<String, Value>) -> Self {
        self.data.changed = changed;
        self
    }

    /// Says when the old state was last seen.
    #[must_use]
    pub fn not_before(mut self, at: Option<DateTime<Utc>>) -> Self {
        self.data.not_before = at;
        self
    }

    /// Says when it happened, by Ganeti's own account.
    #[must_use]
    pub fn effective_at(mut self, at: Option<DateTime<Utc>>) -> Self {
        self.data.effective_at = at;
        self.time = at.unwrap_or(self.data.observed_at);
        self
    }

    /// Says what brought it about.
    #[must_use]
    pub fn cause(mut self, kind: CauseKind, id: Option<String>) -> Self {
        self.data.cause = Some(Cause { kind, id });
        self
    }

    /// Says who did it.
    #[must_use]
    pub fn actor(mut self, actor: Option<Actor>) -> Self {
        self.data.actor = actor;
        self
    }

    /// Carries the trace of the request that caused it; one that is none is left out.
    #[must_use]
    pub fn traceparent(mut self, traceparent: Option<String>) -> Self {
        self.traceparent = traceparent.filter(|text| crate::trace::is_traceparent(text));
        self
    }

    /// The object's revision, from `sequence`.
    pub fn revision(&self) -> Result<u64> {
        self.sequence
            .parse()
            .map_err(|_| Error::Decode(format!("sequence {:?} is no number", self.sequence)))
    }
}

impl<T: Serialize> Event<T> {
    /// The event as it goes over the wire.
    pub fn encode(&self) -> Result<String> {
        let text = serde_json::to_string(self).map_err(|error| Error::Decode(error.to_string()))?;
        if text.len() > LONGEST_MESSAGE {
            return Err(Error::Decode(format!("{} bytes are too many", text.len())));
        }
        Ok(text)
    }
}

impl<T: DeserializeOwned> Event<T> {
    /// Reads an event. Unknown fields are let through: within v1 the contract only grows.
    pub fn decode(payload: &[u8]) -> Result<Self> {
        if payload.len() > LONGEST_MESSAGE {
            return Err(Error::Decode(format!("{} bytes are too many", payload.len())));
        }
        let event: Self =
            serde_json::from_slice(payload).map_err(|error| Error::Decode(error.to_string()))?;
        if event.specversion != "1.0" {
            return Err(Error::Decode("specversion must be 1.0".to_owned()));
        }
        event.revision()?;
        Ok(event)
    }
}

/// Kind and event of a type's name.
pub fn parse_type(name: &str) -> Result<(&str, &str)> {
    name.strip_prefix(TYPE_PREFIX)
        .and_then(|rest| rest.strip_suffix(".v1"))
        .and_then(|rest| rest.split_once('.'))
        .ok_or_else(|| Error::Decode(format!("unknown type {:?}", name.get(..80).unwrap_or(name))))
}
