//! One type an id, so that a job's id is never passed where an instance's UUID is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is no UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a UUID")]
pub struct InvalidId(String);

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Makes a new one, ordered by time of making (UUIDv7).
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| InvalidId(text.chars().take(64).collect()))
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

ids! {
    /// gwm's id of a cluster.
    ClusterId,
    /// gwm's id of an open console.
    ConsoleId,
    /// gwm's id of a grant.
    GrantId,
    /// Ganeti's UUID of an instance.
    InstanceUuid,
    /// gwm's id of a job.
    JobId,
    /// Ganeti's UUID of a node group.
    NodeGroupUuid,
    /// Ganeti's UUID of a node.
    NodeUuid,
    /// gwm's id of one submission to Ganeti (job, step, attempt).
    OpId,
    /// gwm's id of a selector: of instances that have something in common.
    SelectorId,
    /// gwm's id of a login.
    SessionId,
    /// gwm's id of a console ticket.
    TicketId,
    /// gwm's id of an API token.
    TokenId,
    /// gwm's id of a user.
    UserId,
}
