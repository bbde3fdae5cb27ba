//! What a person sees of the inventory, and of which clusters also where things run. The one place of this service that
//! asks for `view_placement`.

use std::collections::HashSet;

use gwm_authz::{Authz, Principal, Scope};
use gwm_types::{ClusterId, NodeGroupUuid, Permission};
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
    /// The clusters that may be known of, by any right on anything there; none: all.
    pub(crate) clusters: Option<Vec<Uuid>>,
}

/// Where somebody sees where instances run: nodes, node groups, storage, links, parameters of hypervisors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Placement {
    Everywhere,
    In {
        /// All of these.
        clusters: Vec<ClusterId>,
        /// Of others these: their nodes, and the instances that have all of theirs there.
        node_groups: Vec<(ClusterId, NodeGroupUuid)>,
    },
}

impl Seen {
    pub(crate) fn of(authz: &Authz, person: &Principal) -> Self {
        let known = authz.known_clusters(person);
        Self {
            scope: authz.scope(person, Permission::View),
            placement: Placement::of(authz, person),
            clusters: known.map(|known| known.into_iter().map(|c| c.0).collect()),
        }
    }

    /// What these show, and the clusters of what is in the scope.
    pub(crate) fn by(scope: Scope, placement: Placement) -> Self {
        let clusters = scope.visible_clusters().map(|seen| seen.into_iter().map(|c| c.0).collect());
        Self { scope, placement, clusters }
    }

    /// All there is.
    pub(crate) fn everything() -> Self {
        Self { scope: Scope::Fleet, placement: Placement::Everywhere, clusters: None }
    }

    /// The same for what is nothing but placement: nodes and node groups.
    pub(crate) fn placed(&self) -> Self {
        Self::by(self.placement.scope(), self.placement.clone())
    }

    /// Whether nothing is hidden of what this shows: then lists are read as they are stored, and indexes serve.
    pub(crate) fn hides_nothing(&self) -> bool {
        match (&self.placement, &self.scope) {
            (Placement::Everywhere, _) => true,
            (Placement::In { .. }, Scope::Fleet) => false,
            (Placement::In { clusters: shown, .. }, Scope::Limited { .. }) => {
                let shown: HashSet<ClusterId> = shown.iter().copied().collect();
                self.scope.visible_clusters().is_some_and(|seen| seen.is_subset(&shown))
            }
        }
    }
}

impl Placement {
    pub(crate) fn of(authz: &Authz, person: &Principal) -> Self {
        match authz.scope(person, Permission::ViewPlacement) {
            Scope::Fleet => Self::Everywhere,
            // It is held on clusters and node groups, never on single instances.
            Scope::Limited { clusters, .. } => {
                let mut node_groups = authz.node_groups(person, Permission::ViewPlacement);
                node_groups.retain(|(cluster, _)| !clusters.contains(cluster));
                Self::In { clusters, node_groups }
            }
        }
    }

    /// Nowhere at all.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self::In { clusters: Vec::new(), node_groups: Vec::new() }
    }

    /// Whether all of the cluster is shown.
    pub(crate) fn shows(&self, cluster: Uuid) -> bool {
        match self {
            Self::Everywhere => true,
            Self::In { clusters, .. } => clusters.iter().any(|c| c.0 == cluster),
        }
    }

    /// Whether a node group of the cluster is shown, with its nodes.
    pub(crate) fn shows_node_group(&self, cluster: Uuid, node_group: Uuid) -> bool {
        let of = |(c, g): &(ClusterId, NodeGroupUuid)| c.0 == cluster && g.0 == node_group;
        self.shows(cluster) || self.node_groups().iter().any(of)
    }

    /// Those of clusters that are not shown as a whole.
    pub(crate) fn node_groups(&self) -> &[(ClusterId, NodeGroupUuid)] {
        match self {
            Self::Everywhere => &[],
            Self::In { node_groups, .. } => node_groups,
        }
    }

    /// The same, as two columns.
    pub(crate) fn node_group_columns(&self) -> (Vec<Uuid>, Vec<Uuid>) {
        self.node_groups().iter().map(|(cluster, group)| (cluster.0, group.0)).unzip()
    }

    pub(crate) fn nowhere(&self) -> bool {
        match self {
            Self::Everywhere => false,
            Self::In { clusters, node_groups } => clusters.is_empty() && node_groups.is_empty(),
        }
    }

    fn scope(&self) -> Scope {
        match self {
            Self::Everywhere => Scope::Fleet,
            Self::In { clusters, .. } => Scope::limited(clusters.clone(), Vec::new()),
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
        let scope = |clusters: &[ClusterId], instances: &[ClusterId]| {
            let instances = instances.iter().map(|c| (*c, InstanceUuid::generate()));
            Scope::limited(clusters.to_vec(), instances.collect())
        };
        let shown = |clusters: &[ClusterId]| Placement::In {
            clusters: clusters.to_vec(),
            node_groups: vec![(two, NodeGroupUuid(Uuid::from_u128(1)))],
        };
        let hides_nothing =
            |placement: Placement, scope: Scope| Seen::by(scope, placement).hides_nothing();
        assert!(hides_nothing(Placement::Everywhere, Scope::Fleet));
        assert!(hides_nothing(shown(&[one]), scope(&[one], &[one])));
        assert!(hides_nothing(shown(&[one, two]), scope(&[one], &[two])));
        assert!(!hides_nothing(shown(&[one]), Scope::Fleet));
        assert!(!hides_nothing(shown(&[one]), scope(&[one, two], &[])));
        assert!(!hides_nothing(shown(&[one]), scope(&[one], &[two])));
        assert!(!hides_nothing(shown(&[]), scope(&[], &[one])));
    }
}
