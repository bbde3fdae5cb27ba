//! Where an instance's console is.

use serde::{Deserialize, Serialize};

use super::lenient::{null_as_default, text_or_number};

/// VNC's first port: display N listens on 5900 + N.
pub const CONSOLE_PORT_BASE: u16 = 5900;

/// The kind of a console.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsoleKind {
    /// VNC on `host` and `port`.
    Vnc,
    /// SPICE on `host` and `port`.
    Spice,
    /// A command to be run over SSH.
    Ssh,
    /// None; `message` says why.
    #[serde(rename = "msg")]
    Message,
    /// One that this code doesn't know.
    #[serde(untagged)]
    Other(String),
}

/// The answer of `/2/instances/NAME/console`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Console {
    /// The instance's name.
    #[serde(default)]
    pub instance: Option<String>,
    /// What it is.
    pub kind: ConsoleKind,
    /// Host, or the bind address: `0.0.0.0` means the primary node.
    #[serde(default)]
    pub host: Option<String>,
    /// Port.
    #[serde(default)]
    pub port: Option<u16>,
    /// VNC display.
    #[serde(default, deserialize_with = "text_or_number")]
    pub display: Option<String>,
    /// User for SSH.
    #[serde(default)]
    pub user: Option<String>,
    /// Command for SSH.
    #[serde(default, deserialize_with = "null_as_default")]
    pub command: Vec<String>,
    /// Words for a person.
    #[serde(default)]
    pub message: Option<String>,
}
