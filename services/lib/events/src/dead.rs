//! Dead letters: messages that a consumer gave up on, as they came, on `gwm.dead.<service>`.

use async_nats::HeaderMap;

use crate::publish::Outgoing;
use crate::{Nats, Received};

/// The consumer that gave up.
pub const CONSUMER: &str = "Gwm-Consumer";
/// Why.
pub const REASON: &str = "Gwm-Reason";
/// The subject that the message had.
pub const SUBJECT: &str = "Gwm-Subject";
/// The place in its stream that the message had.
pub const SEQUENCE: &str = "Gwm-Sequence";

pub(crate) fn letter(
    nats: &Nats,
    consumer: &str,
    received: &Received,
    why: &str,
) -> (Outgoing, HeaderMap) {
    let mut headers = HeaderMap::new();
    headers.insert(CONSUMER, consumer);
    headers.insert(SUBJECT, received.subject.as_str());
    headers.insert(SEQUENCE, received.stream_sequence.to_string().as_str());
    headers.insert(REASON, header_text(why).as_str());
    let letter = Outgoing {
        subject: format!("gwm.dead.{}", nats.service()),
        // A second rejection of the same delivery is the same letter.
        message_id: format!("{consumer}/{}/{}", received.class, received.stream_sequence),
        payload: received.payload.clone(),
        traceparent: received.traceparent.clone(),
    };
    (letter, headers)
}

/// Line ends would be headers of their own.
fn header_text(text: &str) -> String {
    text.chars().take(500).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
