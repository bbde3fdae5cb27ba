//! Publishing with the stream's acknowledgement.

use std::time::Duration;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::{HeaderMap, header};
use bytes::Bytes;
use uuid::Uuid;

use crate::types::Object;
use crate::{CONTENT_TYPE, Error, Event, Nats, Result, subject, trace};

/// Where web-gateway leaves what job-runner could not take; nobody else may.
pub const REQUESTS: &str = "gwm.requests.jobs";

/// One message on its way to a stream.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where to.
    pub subject: String,
    /// The `Nats-Msg-Id`: a repeat within the duplicate window is stored once.
    pub message_id: String,
    /// The body.
    pub payload: Bytes,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

/// Publishes `event` to its class's stream and waits until it is stored; yields its sequence.
/// For those few who tell of something that no database holds. [`Error::Unavailable`] after
/// `patience`: it may have been stored all the same, and a repeat of the same event is harmless.
pub async fn publish_and_wait<T: Object>(
    nats: &Nats,
    event: &Event<T>,
    patience: Duration,
) -> Result<u64> {
    let subject = event.nats_subject()?.to_string();
    send(nats, outgoing(event, subject)?, patience).await
}

/// Tells auth of an audit record or a console's fact, and waits until that is stored: auth alone
/// appends to the audit log, and publishes. Otherwise as [`publish_and_wait`].
pub async fn publish_intake_and_wait<T: Object>(
    nats: &Nats,
    event: &Event<T>,
    patience: Duration,
) -> Result<u64> {
    let subject = event.intake_subject(nats.service())?;
    send(nats, outgoing(event, subject)?, patience).await
}

fn outgoing<T: Object>(event: &Event<T>, subject: String) -> Result<Outgoing> {
    Ok(Outgoing {
        subject,
        message_id: event.id.to_string(),
        payload: event.encode()?.into(),
        traceparent: event.traceparent.clone(),
    })
}

impl<T: Object> Event<T> {
    /// Where `service` sends this event for auth: `gwm.intake.<service>.<kind>.<event>`.
    pub fn intake_subject(&self, service: &str) -> Result<String> {
        subject::check_service(service)?;
        let (kind, event) = crate::parse_type(&self.event_type)?;
        Ok(format!("gwm.intake.{service}.{kind}.{event}"))
    }
}

/// Publishes and waits for the acknowledgement, for at most `patience`.
pub async fn send(nats: &Nats, message: Outgoing, patience: Duration) -> Result<u64> {
    nats.check()?;
    let sent = publish(nats, message, HeaderMap::new());
    tokio::time::timeout(patience, sent)
        .await
        .map_err(|_| Error::Unavailable("not acknowledged in time".to_owned()))?
}

/// Publishes and waits for the acknowledgement, as long as the connection's own limit allows.
pub(crate) async fn publish(nats: &Nats, message: Outgoing, mut headers: HeaderMap) -> Result<u64> {
    headers.insert(header::NATS_MESSAGE_ID, message.message_id.as_str());
    headers.insert("Content-Type", CONTENT_TYPE);
    trace::inject(&mut headers, message.traceparent.as_deref());
    let acknowledged = nats
        .jetstream()
        .publish_with_headers(message.subject.clone(), headers, message.payload)
        .await
        .map_err(|error| failed(&message.subject, &error))?;
    let acknowledgement = acknowledged.await.map_err(|error| failed(&message.subject, &error))?;
    Ok(acknowledgement.sequence)
}

fn failed(subject: &str, error: &async_nats::jetstream::context::PublishError) -> Error {
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => {
            Error::Refused { what: format!("a message on {subject}"), why: error.to_string() }
        }
        PublishErrorKind::StreamNotFound
        | PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence
        | PublishErrorKind::TimedOut
        | PublishErrorKind::BrokenPipe
        | PublishErrorKind::MaxAckPending
        | PublishErrorKind::Other => Error::unavailable(error),
    }
}

/// The id of a message: its header, which is the event's id.
pub(crate) fn event_id(headers: Option<&HeaderMap>) -> Option<Uuid> {
    Uuid::try_parse(headers?.get(header::NATS_MESSAGE_ID)?.as_str()).ok()
}
