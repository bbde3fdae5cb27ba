//! Ids, validated names, permissions: the words that every service shares. No I/O, no async.

mod id;
mod name;
mod permission;
mod selector;

pub use id::{
    ClusterId, ConsoleId, GrantId, InstanceUuid, InvalidId, JobId, NodeGroupUuid, NodeUuid, OpId,
    SelectorId, SessionId, TicketId, TokenId, UserId,
};
pub use name::{InvalidName, ObjectName, Slug, Username};
pub use permission::{Object, Permission, PermissionSet, UnknownPermission, words};
pub use selector::{ACCESS_TAG, InvalidSelector, SelectorText};
