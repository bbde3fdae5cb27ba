//! What somebody holds: the section on the pages of users and groups.

use super::parts::{Link, When};

/// A right that is held.
#[derive(Debug, Clone)]
pub struct HeldRow {
    /// Name of the role.
    pub role: String,
    /// `cluster`, `instance`, or nothing for everything.
    pub kind: &'static str,
    /// On what; no link where the viewer does not see it.
    pub object: Link,
    /// The group that it comes by, of a user's.
    pub by: Option<Link>,
    /// Given.
    pub created: When,
}

/// What somebody holds.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// The first of them.
    pub rows: Vec<HeldRow>,
    /// How many more than are shown.
    pub more: usize,
    /// Where all of them are.
    pub all: String,
}
