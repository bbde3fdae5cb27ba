//! What a grant may allow, and on what.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ClusterId, InstanceUuid};

/// One verb of the table in the README of auth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// See it: lists, pages, its jobs and events.
    View,
    /// Open its console. Includes `view`.
    Console,
    /// Start, stop and reboot it. Includes `console` and `view`.
    Power,
    /// Everything. Not granted on objects yet: only the administrator has it.
    Admin,
}

impl Permission {
    /// All, weakest first.
    pub const ALL: [Self; 4] = [Self::View, Self::Console, Self::Power, Self::Admin];

    /// Those that can be granted on a cluster or an instance.
    pub const GRANTABLE: [Self; 3] = [Self::View, Self::Console, Self::Power];

    /// Whether holding `self` also allows `other`.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        // The variants are ordered so that each includes those before it.
        self >= other
    }

    /// The word used in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Console => "console",
            Self::Power => "power",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no permission: use view, console or power")]
pub struct UnknownPermission(String);

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        Self::ALL
            .into_iter()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| UnknownPermission(text.chars().take(64).collect()))
    }
}

/// What a right is held on, or asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// The whole installation.
    Fleet,
    /// A cluster and all in it.
    Cluster(ClusterId),
    /// One instance, by Ganeti's UUID.
    Instance(ClusterId, InstanceUuid),
}

impl Object {
    /// The cluster it is in; none for the fleet.
    #[must_use]
    pub fn cluster(self) -> Option<ClusterId> {
        match self {
            Self::Fleet => None,
            Self::Cluster(cluster) | Self::Instance(cluster, _) => Some(cluster),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stronger_includes_weaker_and_never_the_reverse() {
        assert!(Permission::Power.includes(Permission::Console));
        assert!(Permission::Console.includes(Permission::View));
        assert!(!Permission::View.includes(Permission::Console));
        assert!(!Permission::Console.includes(Permission::Power));
    }
}
