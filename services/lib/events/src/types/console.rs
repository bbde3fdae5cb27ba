//! Consoles: who looked at which screen.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventType;

/// A console was opened.
pub const CONSOLE_OPENED: EventType<Console> = EventType::new("opened", "A console was opened.");
/// A console was closed.
pub const CONSOLE_CLOSED: EventType<Console> = EventType::new("closed", "A console was closed.");
/// A console was refused.
pub const CONSOLE_REFUSED: EventType<Console> =
    EventType::new("refused", "A console was asked for and refused; `reason` says why.");

/// A console of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Console {
    /// gwm's id.
    pub id: String,
    /// The cluster's slug; null when it was refused before that was known.
    pub cluster: Option<String>,
    /// Ganeti's UUID of the instance.
    pub instance_uuid: Option<String>,
    /// The instance's name.
    pub instance: Option<String>,
    /// `vnc`.
    pub kind: String,
    /// Who, by id; null for a ticket that belongs to nobody.
    pub user_id: Option<String>,
    /// Who, by login name.
    pub username: Option<String>,
    /// Where from.
    pub client_address: Option<String>,
    /// When it was opened.
    pub opened_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// Why it was closed or refused.
    pub reason: Option<String>,
    /// 1 when opened or refused, 2 when closed.
    pub revision: u64,
}
