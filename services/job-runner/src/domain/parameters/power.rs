//! Parameters of startup, shutdown and reboot, in RAPI's words.

use gwm_rapi::{RebootKind, ShutdownOptions, StartupOptions};
use serde::{Deserialize, Serialize};

use super::fields::{Fields, Invalid};

/// A day: longer waits are a mistake.
const LONGEST_TIMEOUT: u64 = 86_400;

/// Starting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Startup {
    pub(crate) force: bool,
    pub(crate) no_remember: bool,
}

/// Stopping.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shutdown {
    /// Seconds for the guest to stop by itself.
    pub(crate) timeout: Option<u32>,
    pub(crate) force: bool,
    pub(crate) no_remember: bool,
}

/// Rebooting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reboot {
    pub(crate) r#type: RebootType,
}

/// How.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RebootType {
    #[default]
    Hard,
    Soft,
    Full,
}

impl Startup {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, Invalid> {
        Ok(Self {
            force: fields.flag("force")?.unwrap_or_default(),
            no_remember: fields.flag("no_remember")?.unwrap_or_default(),
        })
    }

    /// For RAPI.
    pub(crate) fn options(&self) -> StartupOptions {
        StartupOptions { force: self.force, no_remember: self.no_remember }
    }
}

impl Shutdown {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, Invalid> {
        let timeout = fields.integer("timeout", 0..=LONGEST_TIMEOUT)?;
        Ok(Self {
            timeout: timeout.and_then(|seconds| u32::try_from(seconds).ok()),
            force: fields.flag("force")?.unwrap_or_default(),
            no_remember: fields.flag("no_remember")?.unwrap_or_default(),
        })
    }

    /// For RAPI.
    pub(crate) fn options(&self) -> ShutdownOptions {
        ShutdownOptions {
            timeout_seconds: self.timeout,
            force: self.force,
            no_remember: self.no_remember,
        }
    }
}

impl Reboot {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, Invalid> {
        let r#type = match fields.text("type", 16)?.as_deref() {
            None | Some("hard") => RebootType::Hard,
            Some("soft") => RebootType::Soft,
            Some("full") => RebootType::Full,
            Some(_) => return Err(fields.invalid("type", "is hard, soft or full")),
        };
        Ok(Self { r#type })
    }
}

impl RebootType {
    /// For RAPI.
    pub(crate) fn kind(self) -> RebootKind {
        match self {
            Self::Hard => RebootKind::Hard,
            Self::Soft => RebootKind::Soft,
            Self::Full => RebootKind::Full,
        }
    }
}
