//! The owner of an instance as a tag in Ganeti: what cache-updater found to be done.

use serde::{Deserialize, Serialize};

/// Tags to give an instance, or to take away from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnerTag {
    /// Else they are taken away.
    pub(crate) add: bool,
    pub(crate) tags: Vec<String>,
}

impl OwnerTag {
    /// Whether a tag reads as one that gwm writes, this installation or another: people can't set or
    /// take away those through gwm.
    pub(crate) fn is_reserved(tag: &str) -> bool {
        let rest = tag.strip_prefix("gwm:").and_then(|rest| rest.split_once(':'));
        // What begins so decides who may do what, and is nobody's to write by a job that nobody asked for.
        !tag.starts_with(gwm_types::ACCESS_TAG)
            && rest.is_some_and(|(_, rest)| rest.starts_with("owner:"))
    }

    /// Tags that are no owner's are never touched, whatever anybody says.
    pub(crate) fn is_sound(&self) -> bool {
        !self.tags.is_empty() && self.tags.iter().all(|tag| Self::is_reserved(tag))
    }

    /// What of it is still to be done on an instance that has these tags now.
    pub(crate) fn left(&self, there: &[String]) -> Option<Self> {
        let tags: Vec<String> =
            self.tags.iter().filter(|tag| there.contains(tag) != self.add).cloned().collect();
        (!tags.is_empty()).then_some(Self { add: self.add, tags })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_reads_as_an_owner_tag_is_reserved() {
        for tag in ["gwm:lab:owner:user/carla", "gwm::owner:", "gwm:a:owner:user-id/7"] {
            assert!(OwnerTag::is_reserved(tag), "{tag}");
        }
        for tag in [
            "gwm:lab",
            "gwm:access:owner:user/carla",
            "gwm:lab:site:fra",
            "owner:carla",
            "xgwm:lab:owner:a",
            "gwm:owner",
        ] {
            assert!(!OwnerTag::is_reserved(tag), "{tag}");
        }
    }

    #[test]
    fn what_is_so_already_is_not_done_again() {
        let tag = |name: &str| format!("gwm:lab:owner:user/{name}");
        let both = OwnerTag { add: false, tags: vec![tag("a"), tag("b")] };
        let left = both.left(&[tag("b"), "site:fra".to_owned()]).unwrap();
        assert_eq!(left.tags, [tag("b")]);
        assert_eq!(both.left(&[]), None);
        let add = OwnerTag { add: true, tags: vec![tag("a")] };
        assert_eq!(add.left(&[tag("b")]), Some(add.clone()));
        assert_eq!(add.left(&[tag("a")]), None);
    }
}
