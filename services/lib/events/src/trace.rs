//! W3C trace context as text: it travels in outbox rows, event envelopes and NATS headers.

/// The name of the header and of the CloudEvents attribute.
pub const TRACEPARENT: &str = "traceparent";

/// Whether `text` is a usable `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`, ids not all zero.
pub fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, span, flags] = parts[..] else { return false };
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    hex(version, 2)
        && version != "ff"
        && hex(trace, 32)
        && hex(span, 16)
        && hex(flags, 2)
        && trace.bytes().any(|b| b != b'0')
        && span.bytes().any(|b| b != b'0')
}

/// The trace id of a `traceparent`, for logs.
pub fn trace_id(traceparent: &str) -> Option<&str> {
    is_traceparent(traceparent).then(|| &traceparent[3..35])
}

/// The `traceparent` of received headers, if it is one.
pub fn extract(headers: Option<&async_nats::HeaderMap>) -> Option<String> {
    let text = headers?.get(TRACEPARENT)?.as_str();
    is_traceparent(text).then(|| text.to_owned())
}

/// Adds a `traceparent` to headers about to be sent; one that is none is left out.
pub fn inject(headers: &mut async_nats::HeaderMap, traceparent: Option<&str>) {
    if let Some(text) = traceparent.filter(|text| is_traceparent(text)) {
        headers.insert(TRACEPARENT, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_context_is_passed_on() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_traceparent(good));
        assert_eq!(trace_id(good), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for bad in [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nX: y",
        ] {
            assert!(!is_traceparent(bad), "{bad:?}");
        }
    }
}
