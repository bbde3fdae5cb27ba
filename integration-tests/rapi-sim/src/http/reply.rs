//! Answers and RAPI's error bodies.

use serde_json::{Value, json};

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    /// Status.
    pub status: u16,
    /// JSON body.
    pub body: Value,
}

impl Reply {
    /// Success.
    #[must_use]
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }

    /// An error with RAPI's body; the message is escaped as Ganeti does.
    #[must_use]
    pub(crate) fn error(status: u16, message: &str) -> Self {
        let (title, explain) = words(status);
        let message = if message.is_empty() { title.to_owned() } else { escape(message) };
        Self { status, body: json!({"code": status, "message": message, "explain": explain}) }
    }

    /// 404 with the usual words.
    #[must_use]
    pub(crate) fn not_found() -> Self {
        Self::error(404, "")
    }

    /// 400 with this message.
    #[must_use]
    pub(crate) fn bad(message: &str) -> Self {
        Self::error(400, message)
    }
}

fn words(status: u16) -> (&'static str, &'static str) {
    match status {
        400 => ("Bad Request", "Bad request syntax or unsupported method"),
        401 => ("Unauthorized", "No permission -- see authorization schemes"),
        403 => ("Forbidden", "Request forbidden -- authorization will not help"),
        404 => ("Not Found", "Nothing matches the given URI"),
        415 => ("Unsupported Media Type", "Entity body in unsupported format"),
        501 => ("Not Implemented", "Server does not support this operation"),
        502 => ("Bad Gateway", "Invalid responses from another server/proxy"),
        503 => ("Service Unavailable", "The server cannot process the request due to a high load"),
        504 => ("Gateway Timeout", "The gateway server did not receive a timely response"),
        _ => ("Internal Server Error", "Server got itself in trouble"),
    }
}

/// Python's `html.escape`.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            other => out.push(other),
        }
    }
    out
}
