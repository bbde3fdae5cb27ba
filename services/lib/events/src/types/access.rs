//! Access: users, sessions, tokens and grants. What may be done is never decided from these.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventType;

/// A user was created.
pub const USER_CREATED: EventType<User> = EventType::new("created", "A user was created.");
/// A user became an administrator or is none any more, or was disabled or enabled.
pub const USER_CHANGED: EventType<User> = EventType::new(
    "changed",
    "A user became an administrator or is none any more, or was disabled or enabled; `changed` \
     names what it was before. A disabled user can't log in and has no rights meanwhile.",
);
/// Somebody logged in.
pub const SESSION_STARTED: EventType<Session> = EventType::new("started", "Somebody logged in.");
/// A session ended: by logout, by time or by an administrator.
pub const SESSION_ENDED: EventType<Session> =
    EventType::new("ended", "A session ended: by logout, by time or by an administrator.");
/// An API token was created.
pub const TOKEN_CREATED: EventType<Token> = EventType::new("created", "An API token was created.");
/// An API token was revoked.
pub const TOKEN_REVOKED: EventType<Token> =
    EventType::new("revoked", "An API token was revoked, or has ended by time.");
/// A right was granted.
pub const GRANT_ADDED: EventType<Grant> = EventType::new("added", "A right was granted.");
/// A right was taken away.
pub const GRANT_REMOVED: EventType<Grant> = EventType::new("removed", "A right was taken away.");

/// A group was created.
pub const GROUP_CREATED: EventType<Group> = EventType::new("created", "A group was created.");
/// A group has other members, or another description.
pub const GROUP_CHANGED: EventType<Group> =
    EventType::new("changed", "A group has other members, or another description.");
/// A group was deleted.
pub const GROUP_DELETED: EventType<Group> =
    EventType::new("deleted", "A group was deleted. What it held has events of its own.");

/// A role was created.
pub const ROLE_CREATED: EventType<Role> = EventType::new("created", "A role was created.");
/// A role allows other things, or has another description.
pub const ROLE_CHANGED: EventType<Role> = EventType::new(
    "changed",
    "A role allows other things, or has another description; whoever holds it has these permissions now.",
);
/// A public SSH key was added.
pub const SSH_KEY_ADDED: EventType<SshKey> =
    EventType::new("added", "Somebody has put a public SSH key on their account.");
/// A public SSH key was removed.
pub const SSH_KEY_REMOVED: EventType<SshKey> = EventType::new(
    "removed",
    "A public SSH key is on an account no more. Machines on which it was installed keep it.",
);

/// A role was deleted.
pub const ROLE_DELETED: EventType<Role> =
    EventType::new("deleted", "A role was deleted. Nobody held it any more.");

/// An instance has another owner, or none any more.
pub const OWNER_CHANGED: EventType<InstanceOwner> = EventType::new(
    "changed",
    "An instance has another owner, or none any more; `changed` names the former one. It gives \
     nobody a right: those have events of their own.",
);

/// Other limits were chosen.
pub const QUOTA_CHANGED: EventType<Quota> = EventType::new(
    "changed",
    "Somebody chose other limits: for one persona, or for everybody who has none of their own. What runs \
     goes on; only what would make use grow is refused.",
);

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// gwm's id.
    pub id: String,
    /// The login name.
    pub username: String,
    /// Whether everything is allowed.
    pub is_admin: bool,
    /// Whether logging in is refused.
    pub disabled: bool,
    /// When the user was created.
    pub created_at: DateTime<Utc>,
    /// Grows with each change.
    pub revision: u64,
}

/// A login in a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// gwm's id, which is not the cookie's value.
    pub id: String,
    /// The user's id.
    pub user_id: String,
    /// The user's login name.
    pub username: String,
    /// Where from.
    pub client_address: Option<String>,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Grows with each change.
    pub revision: u64,
}

/// An API token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Token {
    /// gwm's id, which is not the secret.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// The owner's id.
    pub user_id: String,
    /// The owner's login name.
    pub username: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// It may do less than its owner.
    pub restricted: bool,
    /// When it was revoked, or ended.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Grows with each change.
    pub revision: u64,
}

/// A right of somebody on something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Grant {
    /// gwm's id.
    pub id: String,
    /// Whose it is: `user/NAME` or `group/NAME`.
    pub persona: String,
    /// The id of that user or group.
    pub persona_id: String,
    /// Of a user's: the user's id; null: a group's.
    pub user_id: Option<String>,
    /// Of a user's: the login name; null: a group's.
    pub username: Option<String>,
    /// Name of the role that was given: a set of permissions.
    pub role: String,
    /// On what.
    pub object: GrantObject,
    /// When it was granted.
    pub created_at: DateTime<Utc>,
    /// The login name of who granted it.
    pub created_by: Option<String>,
    /// Grows with each change.
    pub revision: u64,
}

/// A group of people. What its members may do by it is said by grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Group {
    /// gwm's id.
    pub id: String,
    /// Its name, which is never changed.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Who belongs to it, by name.
    pub members: Vec<GroupMember>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Grows with each change.
    pub revision: u64,
}

/// Somebody's public SSH key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SshKey {
    /// gwm's id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// The owner's id.
    pub user_id: String,
    /// The owner's login name.
    pub username: String,
    /// As OpenSSH names it: `ssh-ed25519`.
    pub algorithm: String,
    /// Algorithm and key, as in `authorized_keys`, without a comment.
    pub public_key: String,
    /// `SHA256:…`, as `ssh-keygen -l` shows it.
    pub fingerprint: String,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// Grows with each change.
    pub revision: u64,
}

/// A named set of permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Role {
    /// gwm's id.
    pub id: String,
    /// Its name, which is never changed.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// As chosen; each may bring others with it.
    pub permissions: Vec<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Grows with each change.
    pub revision: u64,
}

/// One who belongs to a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GroupMember {
    /// gwm's id of the user.
    pub user_id: String,
    /// The login name.
    pub username: String,
    /// Whether the user chooses the group's members.
    pub is_admin: bool,
    /// Since when.
    pub added_at: DateTime<Utc>,
}

/// What a right is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GrantObject {
    /// `fleet` (everything), `cluster`, `node_group`, `selector` or `instance`.
    pub kind: String,
    /// gwm's id of the cluster; null for the fleet, and for a selector of instances of any cluster.
    pub cluster_id: Option<String>,
    /// The cluster's slug; null as above, and where it isn't known.
    #[serde(default)]
    pub cluster: Option<String>,
    /// Ganeti's UUID of the instance or node group, gwm's id of the selector; null for what is wider.
    pub uuid: Option<String>,
    /// Of a selector or a node group: what instances have in common on which it is, by names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
}

/// Who is charged for an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InstanceOwner {
    /// Ganeti's UUID of the instance.
    pub uuid: String,
    /// gwm's id of its cluster.
    pub cluster_id: String,
    /// The cluster's slug; null where it isn't known.
    #[serde(default)]
    pub cluster: Option<String>,
    /// The instance's name when the owner was set; null where only its UUID was known.
    pub name: Option<String>,
    /// `user/NAME` or `group/NAME`; null: nobody.
    pub owner: Option<String>,
    /// gwm's id of the owner.
    pub owner_id: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// The login name of who set it; null: the job that made the instance.
    pub set_by: Option<String>,
    /// Grows with each change.
    pub revision: u64,
}

/// What was chosen to limit a persona, or everybody, in a cluster or in the whole fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Quota {
    /// gwm's id.
    pub id: String,
    /// Whose it is: `user/NAME` or `group/NAME`; null: everybody's who has no limits of their own.
    pub persona: Option<String>,
    /// The id of that user or group.
    pub persona_id: Option<String>,
    /// gwm's id of the cluster; null: all clusters together.
    pub cluster_id: Option<String>,
    /// The cluster's slug; null as above, and where it isn't known.
    #[serde(default)]
    pub cluster: Option<String>,
    /// The memory of instances, in MiB.
    pub memory_mib: QuotaChoice,
    /// Their virtual CPUs.
    pub vcpus: QuotaChoice,
    /// Their disks as guests see them, in MiB.
    pub disk_mib: QuotaChoice,
    /// How many instances.
    pub instances: QuotaChoice,
    /// How many jobs that have not ended.
    pub open_jobs: QuotaChoice,
    /// Of a cluster's limits for everybody: `running` (memory and vCPUs of running instances count) or `all`.
    pub counts: String,
    /// The same: the most memory that one instance may have, in MiB.
    pub most_memory_mib: QuotaChoice,
    /// The most virtual CPUs.
    pub most_vcpus: QuotaChoice,
    /// The most disk, in MiB.
    pub most_disk_mib: QuotaChoice,
    /// Grows with each change.
    pub revision: u64,
}

/// What was chosen for one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuotaChoice {
    /// `inherit`, `unlimited` or `value`.
    pub choice: String,
    /// With `value`.
    pub value: Option<u64>,
}
