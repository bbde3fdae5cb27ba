//! Who somebody is by a directory.

use std::collections::BTreeSet;

/// Longer ones are nobody's.
const LONGEST_LOGIN: usize = 128;

/// Somebody who gave the password that a directory has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identified {
    /// `ldap/NAME`
    pub(crate) provider: String,
    /// Its own stable id of them.
    pub(crate) subject: String,
    /// As they signed in.
    pub(crate) login: String,
    /// As it calls them.
    pub(crate) username: String,
    /// Groups here that theirs stand for; nothing: its groups mean nothing here.
    pub(crate) groups: Option<BTreeSet<String>>,
    /// Whether it makes them an administrator; nothing: it has no say in that.
    pub(crate) admin: Option<bool>,
}

/// What directories know of a name and a password.
#[derive(Debug)]
pub(crate) enum Answer {
    Is(Identified),
    IsNot,
    /// One that may know them doesn't answer.
    Silent,
}

/// A name as directories compare it. Only what has one spelling: they take small and large letters, spaces and
/// much of Unicode for the same, and each spelling could be tried as often as one.
pub(crate) fn directory_login(typed: &str) -> Option<String> {
    let typed = typed.trim();
    let fits = (1..=LONGEST_LOGIN).contains(&typed.len())
        && typed.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| typed.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling() {
        assert_eq!(
            directory_login(" Jane.Doe@Example.org ").as_deref(),
            Some("jane.doe@example.org")
        );
        for other in ["", " ", "jane doe", "ja\u{ff4e}e", "jane\0", "\u{e4}nne", &"x".repeat(129)] {
            assert_eq!(directory_login(other), None, "{other:?}");
        }
    }
}
