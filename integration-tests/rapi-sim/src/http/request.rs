//! A request taken apart.

use serde_json::Value;

/// A request as the resources see it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Method.
    pub method: String,
    /// Path as sent, without query.
    pub path: String,
    /// Query string as sent.
    pub raw_query: String,
    /// Query arguments, decoded, in order.
    pub query: Vec<(String, String)>,
    /// `Authorization` header.
    pub authorization: Option<String>,
    /// `Content-Type` header.
    pub content_type: Option<String>,
    /// Body as sent.
    pub raw_body: Vec<u8>,
    /// Body as JSON; `None` when none was sent.
    pub body: Option<Value>,
}

impl Request {
    /// First value of a query argument.
    #[must_use]
    pub(crate) fn arg(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a query argument.
    #[must_use]
    pub(crate) fn args(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, v)| v.as_str()).collect()
    }

    /// A number as a yes/no argument, as `bulk=1`.
    #[must_use]
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.arg(name).and_then(|v| v.parse::<i64>().ok()).is_some_and(|n| n != 0)
    }
}

/// Decodes `%41` and, in queries, `+`.
#[must_use]
pub(crate) fn decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match (bytes[at], pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) if plus => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Takes a query string apart; like Python's `parse_qs`, drops empty values.
#[must_use]
pub(crate) fn parse_query(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter_map(|part| part.split_once('='))
        .map(|(key, value)| (decode(key, true), decode(value, true)))
        .collect()
}
