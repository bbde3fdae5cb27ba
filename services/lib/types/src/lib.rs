//! Ids, validated names, permissions: the words that every service shares. No I/O, no async.

mod id;
mod name;
mod permission;

pub use id::{
    ClusterId, ConsoleId, GrantId, InstanceUuid, InvalidId, JobId, NodeUuid, OpId, SessionId,
    TicketId, TokenId, UserId,
};
pub use name::{InvalidName, ObjectName, Slug, Username};
pub use permission::{Object, Permission, PermissionSet, UnknownPermission, words};
