//! Paths and queries in which no name can become another call.

use super::super::error::ErrorKind;

/// Longest name that goes into a path; RAPI's start line holds 8192 bytes.
const MAX_SEGMENT: usize = 512;

/// Joins segments to a path, each percent-encoded but for unreserved characters.
///
/// A segment of dots only is refused: URL parsers resolve it even when it is encoded.
pub(crate) fn path_of(segments: &[&str]) -> Result<String, ErrorKind> {
    let mut path = String::new();
    for segment in segments {
        let refuse = |why: &str| {
            let shown: String = segment.chars().take(60).flat_map(char::escape_default).collect();
            Err(ErrorKind::InvalidInput { detail: format!("\"{shown}\" can't be a name: {why}") })
        };
        if segment.is_empty() {
            return refuse("it is empty");
        }
        if segment.len() > MAX_SEGMENT {
            return refuse("it is too long");
        }
        if segment.bytes().all(|byte| byte == b'.') {
            return refuse("it is only dots");
        }
        if segment.chars().any(char::is_control) {
            return refuse("it holds control characters");
        }
        path.push('/');
        encode(segment, &mut path);
    }
    Ok(path)
}

/// `k=v&k=v`, both encoded.
pub(crate) fn query_string(pairs: &[(&str, &str)]) -> String {
    let mut query = String::new();
    for (key, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        encode(key, &mut query);
        query.push('=');
        encode(value, &mut query);
    }
    query
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_stay_one_segment() {
        for (name, path) in [
            ("web1.example.com", "/2/instances/web1.example.com"),
            ("../x", "/2/instances/..%2Fx"),
            ("a/b", "/2/instances/a%2Fb"),
            ("x?dry-run=1", "/2/instances/x%3Fdry-run%3D1"),
            ("x#y", "/2/instances/x%23y"),
            ("%2e%2e", "/2/instances/%252e%252e"),
            ("a b", "/2/instances/a%20b"),
            ("ä", "/2/instances/%C3%A4"),
        ] {
            assert_eq!(path_of(&["2", "instances", name]).unwrap(), path);
        }
    }

    #[test]
    fn what_no_encoding_saves_is_refused() {
        for name in ["", ".", "..", "...", "a\0b", "a\r\nb", &"x".repeat(600)] {
            assert!(path_of(&["2", "instances", name]).is_err(), "{name:?}");
        }
    }

    #[test]
    fn query_is_encoded() {
        assert_eq!(
            query_string(&[("reason", "gwm:op=1;job=2&x")]),
            "reason=gwm%3Aop%3D1%3Bjob%3D2%26x"
        );
    }

    proptest! {
        #[test]
        fn a_url_parser_sees_the_same_single_segment(name in ".{1,40}") {
            if let Ok(path) = path_of(&["2", "instances", &name]) {
                let url = reqwest::Url::parse(&format!("https://h{path}")).unwrap();
                prop_assert_eq!(url.path(), path.as_str());
                prop_assert_eq!(url.path_segments().unwrap().count(), 3);
                prop_assert!(url.query().is_none() && url.fragment().is_none());
            }
        }
    }
}
