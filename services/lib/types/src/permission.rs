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
    /// Everything that can be done to it, removing it too. Held on instances; on clusters and the
    /// whole installation only the administrator has it.
    Admin,
}

impl Permission {
    /// All, weakest first.
    pub const ALL: [Self; 4] = [Self::View, Self::Console, Self::Power, Self::Admin];

    /// Those that can be granted on a cluster and on an instance; see [`Permission::grantable_on`].
    pub const GRANTABLE: [Self; 3] = [Self::View, Self::Console, Self::Power];

    /// Whether it can be given on such an object: `admin` on instances only.
    #[must_use]
    pub fn grantable_on(self, object: Object) -> bool {
        match object {
            Object::Fleet => false,
            Object::Cluster(_) => self != Self::Admin,
            Object::Instance(..) => true,
        }
    }

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
#[error("{0:?} is no permission: use view, console, power or admin")]
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
        assert!(Permission::Admin.includes(Permission::Power));
        assert!(!Permission::Power.includes(Permission::Admin));
    }

    #[test]
    fn admin_is_given_on_instances_only() {
        let (cluster, instance) = (ClusterId::generate(), InstanceUuid::generate());
        assert!(Permission::Admin.grantable_on(Object::Instance(cluster, instance)));
        assert!(!Permission::Admin.grantable_on(Object::Cluster(cluster)));
        assert!(Permission::Power.grantable_on(Object::Cluster(cluster)));
        assert!(!Permission::View.grantable_on(Object::Fleet));
    }
}
