//! Names with rules: what does not fit them is refused at the edge, with the rule in the message.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a name was refused; the text is for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(&'static str);

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident: $check:path),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                $check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                $check(&text).map(|()| Self(text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    )+};
}

names! {
    /// A cluster's short name in URLs, subjects and queries: `[a-z0-9-]{1,40}`, never changed.
    Slug: check_slug,
    /// A user's login name: `[a-z0-9._-]{1,64}`, starting with a letter or digit.
    Username: check_username,
    /// A name of Ganeti's (instance, node): what a host name may hold, at most 253 characters.
    ObjectName: check_object_name,
}

fn check_slug(text: &str) -> Result<(), InvalidName> {
    let fits = (1..=40).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits {
        Ok(())
    } else {
        Err(InvalidName("a cluster's short name has 1 to 40 of the characters a-z, 0-9 and -"))
    }
}

fn check_username(text: &str) -> Result<(), InvalidName> {
    let fits = (1..=64).contains(&text.len())
        && text.as_bytes()[0].is_ascii_alphanumeric()
        && text.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-')
        });
    if fits {
        Ok(())
    } else {
        Err(InvalidName(
            "a user name has 1 to 64 of the characters a-z, 0-9, '.', '_' and '-', \
             and starts with a letter or digit",
        ))
    }
}

fn check_object_name(text: &str) -> Result<(), InvalidName> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if (1..=253).contains(&text.len()) && text.split('.').all(label) {
        Ok(())
    } else {
        Err(InvalidName(
            "a name is a host name: letters, digits and '-' in parts of at most 63 characters, \
             joined by '.', 253 characters in all",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slug_takes_only_its_alphabet() {
        assert!("fra1-prod".parse::<Slug>().is_ok());
        for bad in ["", "Fra1", "fra.1", "a b", "../x", &"x".repeat(41)] {
            assert!(bad.parse::<Slug>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn object_name_refuses_what_would_be_another_request() {
        assert!("web1.example.com".parse::<ObjectName>().is_ok());
        for bad in ["../x", "a/b", "a?dry-run=1", "a#b", "a b", ".", "a..b", "-a", "a\u{202e}b", ""]
        {
            assert!(bad.parse::<ObjectName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn username_starts_with_a_letter_or_digit() {
        assert!("jane.doe".parse::<Username>().is_ok());
        for bad in ["", ".jane", "Jane", "jane doe", "jane\0"] {
            assert!(bad.parse::<Username>().is_err(), "{bad:?}");
        }
    }
}
