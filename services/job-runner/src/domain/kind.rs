//! What a job does.

use std::fmt;
use std::str::FromStr;

use gwm_types::Permission;

/// What can be asked for, and what gwm does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Create,
    Startup,
    Shutdown,
    Reboot,
    Remove,
    /// Gwm's own: people can't ask for it.
    OwnerTag,
}

/// What a job makes grow, and so what is reserved before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Growth {
    /// An instance with memory, vCPUs and disk.
    Made,
    /// The memory and vCPUs that run.
    Started,
    Nothing,
}

impl Growth {
    /// The word in the checked-in list.
    #[cfg(test)]
    fn as_str(self) -> &'static str {
        match self {
            Self::Made => "instances, disk_mib, memory_mib, vcpus",
            Self::Started => "memory_mib, vcpus",
            Self::Nothing => "nothing",
        }
    }
}

impl Kind {
    /// The five things that can be asked for.
    const ASKED: [Self; 5] =
        [Self::Create, Self::Startup, Self::Shutdown, Self::Reboot, Self::Remove];

    /// From the database.
    pub(crate) fn stored(text: &str) -> Result<Self, String> {
        if text == Self::OwnerTag.as_str() { Ok(Self::OwnerTag) } else { text.parse() }
    }

    /// The word in APIs, events and the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Startup => "startup",
            Self::Shutdown => "shutdown",
            Self::Reboot => "reboot",
            Self::Remove => "remove",
            Self::OwnerTag => "owner_tag",
        }
    }

    /// Whether auth must hear of the end: somebody gains or loses rights by it.
    pub(crate) fn settles(self) -> bool {
        matches!(self, Self::Create | Self::Remove)
    }

    /// What of its instance grows by it. A reboot starts what is stopped.
    pub(crate) fn grows(self) -> Growth {
        match self {
            Self::Create => Growth::Made,
            Self::Startup | Self::Reboot => Growth::Started,
            Self::Shutdown | Self::Remove | Self::OwnerTag => Growth::Nothing,
        }
    }

    /// What it takes on the instance, or on the cluster of one that is made.
    pub(crate) fn needs(self) -> Permission {
        match self {
            Self::Create => Permission::CreateVm,
            Self::OwnerTag => Permission::Admin,
            Self::Remove => Permission::Remove,
            Self::Startup | Self::Shutdown | Self::Reboot => Permission::Power,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ASKED.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            format!("{shown:?} is no kind of job: use create, startup, shutdown, reboot or remove")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever adds a kind of job says here what it makes grow. What grows is reserved: the tests in
    /// `tests/blackbox/quotas.rs` read the same list.
    #[test]
    fn each_kind_says_what_it_makes_grow() {
        let all: Vec<String> = Kind::ASKED
            .into_iter()
            .chain([Kind::OwnerTag])
            .map(|kind| format!("{kind}: {}", kind.grows().as_str()))
            .collect();
        let list: Vec<&str> = include_str!("../../growth.txt").lines().collect();
        assert_eq!(all, list, "bring growth.txt up to date");
    }
}
