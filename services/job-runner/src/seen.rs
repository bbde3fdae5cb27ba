//! Which jobs a person sees, and of which clusters also where things run. The one place of this service that asks for
//! `view_placement`.

use std::collections::HashSet;

use gwm_authz::{Authz, Principal, Scope};
use gwm_types::{ClusterId, Permission, UserId};
use uuid::Uuid;

/// What lists and figures are made of for somebody.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// By `view`.
    pub(crate) scope: Scope,
    /// Jobs that this person asked for are seen, whatever they are about; with a restricted token, none but by rights.
    pub(crate) person: UserId,
    /// The clusters of which `view_placement` shows where instances run; none: all.
    placed: Option<HashSet<ClusterId>>,
}

impl Seen {
    pub(crate) fn of(authz: &Authz, person: &Principal) -> Self {
        Self::with(
            authz.scope(person, Permission::View),
            person.holder(),
            &authz.scope(person, Permission::ViewPlacement),
        )
    }

    pub(crate) fn with(scope: Scope, person: UserId, placement: &Scope) -> Self {
        let placed = match placement {
            Scope::Fleet => None,
            // It is held on clusters, never on single instances.
            Scope::Limited { clusters, .. } => Some(clusters.iter().copied().collect()),
        };
        Self { scope, person, placed }
    }

    /// Whether the person sees where the instances of this cluster run.
    pub(crate) fn placement(&self, cluster: ClusterId) -> bool {
        self.placed.as_ref().is_none_or(|placed| placed.contains(&cluster))
    }

    /// The clusters of which that is seen; none: all.
    pub(crate) fn placed(&self) -> Option<Vec<Uuid>> {
        self.placed.as_ref().map(|placed| placed.iter().map(|id| id.0).collect())
    }
}
