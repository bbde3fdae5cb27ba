//! Which jobs a person sees, and of which clusters also where things run. The one place of this service that asks for
//! `view_placement`.

use std::collections::HashSet;

use gwm_authz::{Authz, Principal, Scope};
use gwm_types::{ClusterId, Permission, TokenId, UserId};
use uuid::Uuid;

use crate::domain::Job;

/// What lists and figures are made of for somebody.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// By `view`.
    pub(crate) scope: Scope,
    /// Jobs that they asked for are seen, whatever they are about.
    pub(crate) asker: Asker,
    /// The clusters of which `view_placement` shows where instances run; none: all.
    placed: Option<HashSet<ClusterId>>,
}

/// Whose own jobs count as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    Person(UserId),
    /// A restricted token: of its owner's jobs those that it asked for itself.
    Token(TokenId),
}

impl Asker {
    pub(crate) fn of(person: &Principal) -> Self {
        match person.token_id {
            Some(token) if person.restricted => Self::Token(token),
            Some(_) | None => Self::Person(person.user_id),
        }
    }

    /// Whether this is one of them.
    pub(crate) fn asked_for(self, job: &Job) -> bool {
        match self {
            Self::Person(user) => job.requested_by_id == user,
            Self::Token(token) => job.token_id == Some(token),
        }
    }
}

impl Seen {
    pub(crate) fn of(authz: &Authz, person: &Principal) -> Self {
        Self::with(
            authz.scope(person, Permission::View),
            Asker::of(person),
            &authz.scope(person, Permission::ViewPlacement),
        )
    }

    pub(crate) fn with(scope: Scope, asker: Asker, placement: &Scope) -> Self {
        let placed = match placement {
            Scope::Fleet => None,
            // It is held on clusters, never on single instances.
            Scope::Limited { clusters, .. } => Some(clusters.iter().copied().collect()),
        };
        Self { scope, asker, placed }
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
