//! Reading an answer no further than its limit, and naming an error status.

use bytes::{Bytes, BytesMut};
use reqwest::StatusCode;
use serde::Deserialize;

use crate::error::{ErrorKind, clean, kind_of_transport_error, unescape};

/// RAPI's error body.
#[derive(Deserialize)]
struct RapiError {
    code: Option<u16>,
    message: Option<String>,
}

/// Reads the body; stops at once when it is, or says it will be, larger than the limit.
pub(crate) async fn read_bounded(
    response: &mut reqwest::Response,
    limit: usize,
) -> Result<Bytes, ErrorKind> {
    let announced = response.content_length();
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(ErrorKind::TooLarge { limit });
    }
    let hint = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut body = BytesMut::with_capacity(hint);
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                return Err(ErrorKind::TooLarge { limit });
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.freeze()),
            Err(error) => return Err(kind_of_transport_error(&error, true)),
        }
    }
}

/// Names an answer that isn't a success.
pub(crate) fn kind_of_status(status: StatusCode, body: &[u8]) -> ErrorKind {
    let rapi: Option<RapiError> = serde_json::from_slice(body).ok();
    let own = rapi.as_ref().is_some_and(|error| error.code == Some(status.as_u16()));
    let message = rapi
        .and_then(|error| error.message)
        .map(|message| clean(&unescape(&message)))
        // Ganeti repeats the status' name when it has nothing to say.
        .filter(|message| Some(message.as_str()) != status.canonical_reason())
        .unwrap_or_default();
    let status = status.as_u16();
    match status {
        300..400 => ErrorKind::Protocol {
            detail: format!("a redirect ({status}), which is never followed"),
        },
        401 => ErrorKind::Unauthorized,
        403 if own => ErrorKind::Forbidden { message },
        // "Not found" makes callers believe that an object is gone: only Ganeti itself may say so.
        404 if own => ErrorKind::NotFound { message },
        415 if own => ErrorKind::Unsupported { status, message },
        400..500 if own => ErrorKind::BadRequest { status, message },
        501 if own => ErrorKind::Unsupported { status, message },
        502 if own && message.starts_with("Master seems to be unreachable") => {
            ErrorKind::MasterDown { status, message }
        }
        503 if own => ErrorKind::Busy { message },
        504 => ErrorKind::MasterDown { status, message },
        500..600 => ErrorKind::ServerError { status, message },
        _ => ErrorKind::Protocol { detail: format!("status {status} without RAPI's error text") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, body: &str) -> ErrorKind {
        kind_of_status(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn only_ganeti_itself_can_say_not_found() {
        let own = r#"{"code": 404, "message": "Not Found", "explain": "x"}"#;
        assert_eq!(kind(404, own), ErrorKind::NotFound { message: String::new() });
        assert!(matches!(kind(404, "<h1>404</h1>"), ErrorKind::Protocol { .. }));
        assert!(matches!(kind(404, r#"{"code": 400}"#), ErrorKind::Protocol { .. }));
        assert!(matches!(kind(503, "<h1>upstream</h1>"), ErrorKind::ServerError { .. }));
    }

    #[test]
    fn messages_are_unescaped() {
        let body = r#"{"code": 400, "message": "Can&#x27;t do &lt;it&gt;"}"#;
        assert_eq!(
            kind(400, body),
            ErrorKind::BadRequest { status: 400, message: "Can't do <it>".to_owned() }
        );
    }

    #[test]
    fn master_daemon_down_has_its_kind() {
        let body = r#"{"code": 502, "message": "Master seems to be unreachable: x"}"#;
        assert!(matches!(kind(502, body), ErrorKind::MasterDown { status: 502, .. }));
        assert!(matches!(
            kind(502, r#"{"code": 502, "message": "x"}"#),
            ErrorKind::ServerError { .. }
        ));
        assert!(matches!(kind(504, ""), ErrorKind::MasterDown { status: 504, .. }));
    }
}
