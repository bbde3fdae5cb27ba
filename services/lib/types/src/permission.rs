//! What a grant may allow, and on what: the one table.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ClusterId, InstanceUuid, NodeGroupUuid, SelectorId};

/// One verb of the table in the README of auth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// See it: lists, pages, its jobs and events.
    View,
    /// Open its console.
    Console,
    /// Start, stop and reboot it.
    Power,
    /// Change its settings and notes.
    Modify,
    /// Change its tags, but for those that decide who may do what.
    Tags,
    /// Remove it.
    Remove,
    /// Make instances there, and see what there is to choose from.
    CreateVm,
    /// Move instances there, and take nodes in and out of service for it.
    Migrate,
    /// Move the mirrors of disks there.
    ReplaceDisks,
    /// Export instances there.
    Export,
    /// See where instances run: nodes, node groups, storage.
    ViewPlacement,
    /// Change nodes and node groups.
    ManageNodes,
    /// Change networks.
    ManageNetworks,
    /// Read the SSH keys of those who may log in, for installation scripts.
    ReadKeys,
    /// Everything that can be done to it, and to hand on rights to it.
    Admin,
}

impl Permission {
    /// All, in the order in which people are shown them.
    pub const ALL: [Self; 15] = [
        Self::View,
        Self::Console,
        Self::Power,
        Self::Modify,
        Self::Tags,
        Self::Remove,
        Self::CreateVm,
        Self::Migrate,
        Self::ReplaceDisks,
        Self::Export,
        Self::ViewPlacement,
        Self::ManageNodes,
        Self::ManageNetworks,
        Self::ReadKeys,
        Self::Admin,
    ];

    /// Everything that holding it allows, itself included.
    #[must_use]
    pub const fn closure(self) -> PermissionSet {
        let with = match self {
            Self::View | Self::CreateVm | Self::ViewPlacement | Self::ManageNetworks => {
                PermissionSet::EMPTY
            }
            Self::Console
            | Self::Modify
            | Self::Tags
            | Self::Remove
            | Self::Export
            | Self::ReadKeys => PermissionSet::EMPTY.with(Self::View),
            Self::Power => PermissionSet::EMPTY.with(Self::Console).with(Self::View),
            Self::Migrate | Self::ReplaceDisks => {
                PermissionSet::EMPTY.with(Self::View).with(Self::ViewPlacement)
            }
            Self::ManageNodes => PermissionSet::EMPTY.with(Self::ViewPlacement),
            Self::Admin => PermissionSet::ALL,
        };
        with.with(self)
    }

    /// The word used in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Console => "console",
            Self::Power => "power",
            Self::Modify => "modify",
            Self::Tags => "tags",
            Self::Remove => "remove",
            Self::CreateVm => "create_vm",
            Self::Migrate => "migrate",
            Self::ReplaceDisks => "replace_disks",
            Self::Export => "export",
            Self::ViewPlacement => "view_placement",
            Self::ManageNodes => "manage_nodes",
            Self::ManageNetworks => "manage_networks",
            Self::ReadKeys => "read_keys",
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
#[error("{0:?} is no permission: use one of {all}", all = words(&Permission::ALL))]
pub struct UnknownPermission(String);

/// The words for a message: `view, console, power`.
#[must_use]
pub fn words(permissions: &[Permission]) -> String {
    permissions.iter().map(|p| p.as_str()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        Self::ALL
            .into_iter()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| UnknownPermission(text.chars().take(64).collect()))
    }
}

/// Several permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct PermissionSet(u16);

impl PermissionSet {
    /// None of them.
    pub const EMPTY: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self((1 << Permission::ALL.len()) - 1);
    /// Those that can be held on a single instance: the others are about where instances run, and whoever
    /// may do everything to an instance knows nothing of that.
    pub const ON_INSTANCE: Self = Self::EMPTY
        .with(Permission::View)
        .with(Permission::Console)
        .with(Permission::Power)
        .with(Permission::Modify)
        .with(Permission::Tags)
        .with(Permission::Remove)
        .with(Permission::ReadKeys)
        .with(Permission::Admin);

    /// Those that can be held on a node group: also what is about its nodes, and where its instances run.
    pub const ON_NODE_GROUP: Self = Self::ON_INSTANCE
        .with(Permission::Migrate)
        .with(Permission::ReplaceDisks)
        .with(Permission::ViewPlacement)
        .with(Permission::ManageNodes);

    /// These and one more.
    #[must_use]
    pub const fn with(self, permission: Permission) -> Self {
        Self(self.0 | 1 << permission as u16)
    }

    /// These but that one.
    #[must_use]
    pub const fn without(self, permission: Permission) -> Self {
        Self(self.0 & !(1 << permission as u16))
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of these that are among those.
    #[must_use]
    pub const fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it is among them.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & 1 << permission as u16 != 0
    }

    /// Whether all of those are among these.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |p| self.contains(*p))
    }
}

/// What a right is held on, or asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// The whole installation.
    Fleet,
    /// A cluster and all in it.
    Cluster(ClusterId),
    /// A node group, by Ganeti's UUID: its nodes, and the instances whose primary node is one of them.
    NodeGroup(ClusterId, NodeGroupUuid),
    /// The instances that have in common what a selector says. Which these are, only auth knows.
    Selector(SelectorId),
    /// One instance, by Ganeti's UUID.
    Instance(ClusterId, InstanceUuid),
}

impl Object {
    /// The cluster it is in; none for the fleet, and for a selector, which may reach beyond one.
    #[must_use]
    pub fn cluster(self) -> Option<ClusterId> {
        match self {
            Self::Fleet | Self::Selector(_) => None,
            Self::Cluster(cluster) | Self::NodeGroup(cluster, _) | Self::Instance(cluster, _) => {
                Some(cluster)
            }
        }
    }

    /// What it is, in a word.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Cluster(_) => "cluster",
            Self::NodeGroup(..) => "node_group",
            Self::Selector(_) => "selector",
            Self::Instance(..) => "instance",
        }
    }

    /// It and all that it is in, inside out: what is held on any of them counts on it. Which selectors an instance
    /// is in isn't said by its ids.
    pub fn and_around(self) -> impl Iterator<Item = Self> {
        let cluster = match self {
            Self::Instance(cluster, _) | Self::NodeGroup(cluster, _) => {
                Some(Self::Cluster(cluster))
            }
            Self::Fleet | Self::Cluster(_) | Self::Selector(_) => None,
        };
        let fleet = (self != Self::Fleet).then_some(Self::Fleet);
        std::iter::once(self).chain(cluster).chain(fleet)
    }

    /// What can be held on it by a grant. Who may do everything everywhere is an administrator, and needs none.
    #[must_use]
    pub const fn may_hold(self) -> PermissionSet {
        match self {
            Self::Fleet => PermissionSet::ALL.without(Permission::Admin),
            Self::Cluster(_) => PermissionSet::ALL,
            Self::NodeGroup(..) => PermissionSet::ON_NODE_GROUP,
            Self::Selector(_) | Self::Instance(..) => PermissionSet::ON_INSTANCE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of auth's README, line by line.
    #[test]
    fn what_includes_what() {
        let says = |permission: Permission| {
            permission.closure().iter().map(Permission::as_str).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(says(Permission::View), "view");
        assert_eq!(says(Permission::Console), "view console");
        assert_eq!(says(Permission::Power), "view console power");
        assert_eq!(says(Permission::Modify), "view modify");
        assert_eq!(says(Permission::Tags), "view tags");
        assert_eq!(says(Permission::Remove), "view remove");
        assert_eq!(says(Permission::CreateVm), "create_vm");
        assert_eq!(says(Permission::Migrate), "view migrate view_placement");
        assert_eq!(says(Permission::ReplaceDisks), "view replace_disks view_placement");
        assert_eq!(says(Permission::Export), "view export");
        assert_eq!(says(Permission::ViewPlacement), "view_placement");
        assert_eq!(says(Permission::ManageNodes), "view_placement manage_nodes");
        assert_eq!(says(Permission::ManageNetworks), "manage_networks");
        assert_eq!(says(Permission::ReadKeys), "view read_keys");
        assert_eq!(Permission::Admin.closure(), PermissionSet::ALL);
        assert_eq!(PermissionSet::ALL.iter().count(), Permission::ALL.len());
    }

    #[test]
    fn what_a_permission_brings_brings_nothing_more() {
        for permission in Permission::ALL {
            let set = permission.closure();
            assert!(set.contains(permission));
            for brought in set.iter() {
                assert!(set.covers(brought.closure()), "{permission}");
            }
        }
    }

    #[test]
    fn words_are_read_again() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(permission));
        }
        let error = "root".parse::<Permission>().unwrap_err().to_string();
        assert!(error.contains("use one of view, console, power, modify, tags, remove, create_vm"));
    }
}
