//! Where a cluster's RAPI listens.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// RAPI's port when none is named.
pub const DEFAULT_PORT: u16 = 5080;

/// Host and port of one RAPI server; always spoken to over TLS.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint {
    /// As it stands in a URL: a name, an IPv4 address, or an IPv6 address in brackets.
    host: String,
    port: u16,
}

/// Why a text is not the address of a RAPI server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Nothing was given.
    #[error("give the host name or address of the cluster's RAPI")]
    Empty,
    /// `http://` or another scheme.
    #[error("RAPI speaks HTTPS only: write https://host:5080 or just the host")]
    NotHttps,
    /// User, path, query or fragment in the address.
    #[error("give only host and port, like cluster.example.com:5080, without user or path")]
    Extra,
    /// Not a host name or address.
    #[error("this is not a host name or address")]
    Invalid,
}

impl Endpoint {
    /// Reads `host`, `host:port`, or `https://host[:port][/]`.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(EndpointError::Empty);
        }
        let full = match text.split_once("://") {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => text.to_owned(),
            Some(_) => return Err(EndpointError::NotHttps),
            None if is_bare_ipv6(text) => format!("https://[{text}]"),
            None => format!("https://{text}"),
        };
        // The URL parser drops tabs and newlines silently; a person who pasted them should know.
        if full.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(EndpointError::Invalid);
        }
        let url = reqwest::Url::parse(&full).map_err(|_| EndpointError::Invalid)?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        if !plain {
            return Err(EndpointError::Extra);
        }
        let host = url.host_str().filter(|h| !h.is_empty()).ok_or(EndpointError::Invalid)?;
        // The URL parser forgets `:443`, its own default, so the port is read from the text.
        let port = match url.port() {
            Some(port) => port,
            None if full.trim_end_matches('/').ends_with(":443") => 443,
            None => DEFAULT_PORT,
        };
        if port == 0 || host.len() > 253 {
            return Err(EndpointError::Invalid);
        }
        Ok(Self { host: host.to_owned(), port })
    }

    /// The host without brackets, as a resolver or a certificate check wants it.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `https://host:port`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("https://{}:{}", self.host, self.port)
    }
}

fn is_bare_ipv6(text: &str) -> bool {
    text.parse::<std::net::Ipv6Addr>().is_ok()
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.base_url()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_gets_the_default_port() {
        for text in
            ["c.example.com", " c.example.com/ ", "https://c.example.com", "HTTPS://C.example.com/"]
        {
            assert_eq!(
                Endpoint::parse(text).unwrap().base_url(),
                "https://c.example.com:5080",
                "{text}"
            );
        }
    }

    #[test]
    fn named_port_is_kept_even_when_it_is_443() {
        assert_eq!(Endpoint::parse("c:443").unwrap().port(), 443);
        assert_eq!(Endpoint::parse("https://c:443/").unwrap().port(), 443);
        assert_eq!(Endpoint::parse("127.0.0.1:15080").unwrap().to_string(), "127.0.0.1:15080");
    }

    #[test]
    fn ipv6_is_taken_bare_and_in_brackets() {
        assert_eq!(Endpoint::parse("fd00::1").unwrap().host(), "fd00::1");
        assert_eq!(Endpoint::parse("[fd00::1]:99").unwrap().to_string(), "[fd00::1]:99");
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in ["", "  "] {
            assert_eq!(Endpoint::parse(text), Err(EndpointError::Empty));
        }
        assert_eq!(Endpoint::parse("http://c"), Err(EndpointError::NotHttps));
        for text in ["https://u:p@c", "c/2/info", "c?x=1", "c#f", "u@c"] {
            assert_eq!(Endpoint::parse(text), Err(EndpointError::Extra), "{text}");
        }
        for text in ["c:99999", "a b", "c\n.d", "https://", "c:0", "a\\b"] {
            assert_eq!(Endpoint::parse(text), Err(EndpointError::Invalid), "{text}");
        }
    }

    #[test]
    fn survives_serde_as_text() {
        let endpoint = Endpoint::parse("[fd00::1]:99").unwrap();
        let text = serde_json::to_string(&endpoint).unwrap();
        assert_eq!(serde_json::from_str::<Endpoint>(&text).unwrap(), endpoint);
    }
}
