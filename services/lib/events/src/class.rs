//! The classes of events: one stream and one publisher each.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A class of messages, kept in one stream.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Clusters, nodes, instances. Published by cache-updater.
    Inventory,
    /// Jobs. Published by job-runner.
    Jobs,
    /// Users, sessions, tokens, grants. Published by auth.
    Access,
    /// Consoles. Published by auth.
    Console,
    /// The audit log. Published by auth.
    Audit,
    /// What services tell auth for the audit log and for consoles; not part of the contract.
    Intake,
    /// Requests that job-runner could not take yet; not part of the contract.
    Requests,
    /// Dead letters; not part of the contract.
    Dead,
}

impl Class {
    /// The classes of the contract with integrators.
    pub const PUBLIC: [Self; 5] =
        [Self::Inventory, Self::Jobs, Self::Access, Self::Console, Self::Audit];

    /// All classes.
    pub const ALL: [Self; 8] = [
        Self::Inventory,
        Self::Jobs,
        Self::Access,
        Self::Console,
        Self::Audit,
        Self::Intake,
        Self::Requests,
        Self::Dead,
    ];

    /// The word in subjects, tables and configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Jobs => "jobs",
            Self::Access => "access",
            Self::Console => "console",
            Self::Audit => "audit",
            Self::Intake => "intake",
            Self::Requests => "requests",
            Self::Dead => "dead",
        }
    }

    /// The name of its stream.
    pub fn stream(self) -> &'static str {
        match self {
            Self::Inventory => "GWM_INVENTORY",
            Self::Jobs => "GWM_JOBS",
            Self::Access => "GWM_ACCESS",
            Self::Console => "GWM_CONSOLE",
            Self::Audit => "GWM_AUDIT",
            Self::Intake => "GWM_INTAKE",
            Self::Requests => "GWM_REQUESTS",
            Self::Dead => "GWM_DEAD",
        }
    }

    /// The service that creates its stream: who publishes it, or who reads it where others publish.
    pub fn publisher(self) -> &'static str {
        match self {
            Self::Inventory => "cache-updater",
            Self::Jobs | Self::Requests => "job-runner",
            Self::Access | Self::Console | Self::Audit | Self::Intake | Self::Dead => "auth",
        }
    }

    /// Whether integrators may read it.
    pub fn is_public(self) -> bool {
        Self::PUBLIC.contains(&self)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no event class")]
pub struct UnknownClass(String);

impl FromStr for Class {
    type Err = UnknownClass;

    fn from_str(text: &str) -> Result<Self, UnknownClass> {
        Self::ALL
            .into_iter()
            .find(|class| class.as_str() == text)
            .ok_or_else(|| UnknownClass(text.chars().take(64).collect()))
    }
}
