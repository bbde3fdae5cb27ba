//! What a person sees of the inventory, and of which clusters also where things run. The one place of this service that
//! asks for `view_placement`.

use std::collections::HashSet;

use gwm_authz::{Authz, Principal, Scope};
use gwm_types::{ClusterId, Permission};
use uuid::Uuid;

/// What stands instead of a text in Ganeti's or the network's words, in which a node's name or address may be.
pub(crate) const FOR_OPERATORS: &str = "the details are for operators of this cluster";

/// What lists, search and figures are made of for somebody.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// By `view`.
    pub(crate) scope: Scope,
    /// By `view_placement`.
    pub(crate) placement: Placement,
}

/// Of which clusters somebody sees where instances run: nodes, node groups, storage, links, parameters of hypervisors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Placement {
    Everywhere,
    In(Vec<ClusterId>),
}

impl Seen {
    pub(crate) fn of(authz: &Authz, person: &Principal) -> Self {
        Self {
            scope: authz.scope(person, Permission::View),
            placement: Placement::of(authz, person),
        }
    }

    /// All there is.
    pub(crate) fn everything() -> Self {
        Self { scope: Scope::Fleet, placement: Placement::Everywhere }
    }

    /// The same for what is nothing but placement: nodes and node groups.
    pub(crate) fn placed(&self) -> Self {
        Self { scope: self.placement.scope(), placement: self.placement.clone() }
    }

    /// Whether nothing is hidden of what this shows: then lists are read as they are stored, and indexes serve.
    pub(crate) fn hides_nothing(&self) -> bool {
        match (&self.placement, &self.scope) {
            (Placement::Everywhere, _) => true,
            (Placement::In(_), Scope::Fleet) => false,
            (Placement::In(shown), Scope::Limited { clusters, instances }) => {
                let shown: HashSet<&ClusterId> = shown.iter().collect();
                clusters.iter().chain(instances.iter().map(|(c, _)| c)).all(|c| shown.contains(c))
            }
        }
    }
}

impl Placement {
    pub(crate) fn of(authz: &Authz, person: &Principal) -> Self {
        match authz.scope(person, Permission::ViewPlacement) {
            Scope::Fleet => Self::Everywhere,
            // It is held on clusters, never on single instances.
            Scope::Limited { clusters, .. } => Self::In(clusters),
        }
    }

    pub(crate) fn shows(&self, cluster: Uuid) -> bool {
        match self {
            Self::Everywhere => true,
            Self::In(clusters) => clusters.iter().any(|c| c.0 == cluster),
        }
    }

    pub(crate) fn nowhere(&self) -> bool {
        matches!(self, Self::In(clusters) if clusters.is_empty())
    }

    fn scope(&self) -> Scope {
        match self {
            Self::Everywhere => Scope::Fleet,
            Self::In(clusters) => {
                Scope::Limited { clusters: clusters.clone(), instances: Vec::new() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gwm_types::InstanceUuid;

    use super::*;

    #[test]
    fn lists_are_read_as_they_are_stored_only_where_all_of_it_may_be_seen() {
        let (one, two) = (ClusterId::generate(), ClusterId::generate());
        let scope = |clusters: &[ClusterId], instances: &[ClusterId]| Scope::Limited {
            clusters: clusters.to_vec(),
            instances: instances.iter().map(|c| (*c, InstanceUuid::generate())).collect(),
        };
        let hides_nothing =
            |placement: Placement, scope: Scope| Seen { scope, placement }.hides_nothing();
        assert!(hides_nothing(Placement::Everywhere, Scope::Fleet));
        assert!(hides_nothing(Placement::In(vec![one]), scope(&[one], &[one])));
        assert!(hides_nothing(Placement::In(vec![one, two]), scope(&[one], &[two])));
        assert!(!hides_nothing(Placement::In(vec![one]), Scope::Fleet));
        assert!(!hides_nothing(Placement::In(vec![one]), scope(&[one, two], &[])));
        assert!(!hides_nothing(Placement::In(vec![one]), scope(&[one], &[two])));
        assert!(!hides_nothing(Placement::In(vec![]), scope(&[], &[one])));
    }
}
