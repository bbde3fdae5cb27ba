//! Whoever can hold rights and own instances: a user or a group.

use std::fmt;

use gwm_types::Username;

/// A persona by name: `user/NAME` or `group/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PersonaName {
    pub(crate) kind: &'static str,
    pub(crate) name: Username,
}

impl PersonaName {
    /// Reads `NAME`, `user/NAME` or `group/NAME`; the text says what is wrong. Both kinds of names have
    /// the same characters, none of which is a slash.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (kind, name) = match text.split_once('/') {
            None => ("user", text),
            Some(("user", name)) => ("user", name),
            Some(("group", name)) => ("group", name),
            Some(_) => return Err("give NAME, user/NAME or group/NAME".to_owned()),
        };
        let name = name.parse().map_err(|_| {
            let clipped: String = text.chars().take(80).collect();
            format!("{clipped:?} is no {kind} name")
        })?;
        Ok(Self { kind, name })
    }
}

impl fmt::Display for PersonaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_is_a_users_and_other_kinds_are_refused() {
        let read = |text: &str| PersonaName::parse(text).map(|p| p.to_string());
        assert_eq!(read("jane"), Ok("user/jane".to_owned()));
        assert_eq!(read("user/jane"), Ok("user/jane".to_owned()));
        assert_eq!(read("group/shop"), Ok("group/shop".to_owned()));
        for bad in ["", "group/", "role/x", "group/a/b", "Jane", "group/Shop", "/jane"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
