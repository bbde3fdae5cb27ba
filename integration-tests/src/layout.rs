//! The five services, their names, and where their programs are.

use std::path::PathBuf;

use anyhow::Context;

/// One of the five services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Who may do what.
    Auth,
    /// What is there.
    CacheUpdater,
    /// What is being done.
    JobRunner,
    /// Screens.
    VncProxy,
    /// What people and scripts talk to.
    WebGateway,
}

impl Part {
    /// All, in the order in which they are started.
    pub const ALL: [Self; 5] =
        [Self::Auth, Self::CacheUpdater, Self::JobRunner, Self::VncProxy, Self::WebGateway];

    /// Its name, without `gwm-`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::CacheUpdater => "cache-updater",
            Self::JobRunner => "job-runner",
            Self::VncProxy => "vnc-proxy",
            Self::WebGateway => "web-gateway",
        }
    }

    /// Its database, if it has one.
    #[must_use]
    pub fn database(self) -> Option<&'static str> {
        match self {
            Self::Auth => Some("gwm_auth"),
            Self::CacheUpdater => Some("gwm_cache"),
            Self::JobRunner => Some("gwm_jobs"),
            Self::VncProxy | Self::WebGateway => None,
        }
    }

    /// Its usual ports: gRPC, admin, and where browsers connect.
    pub(crate) fn usual_ports(self) -> Ports {
        let (grpc, admin, http) = match self {
            Self::Auth => (7101, 7201, 0),
            Self::CacheUpdater => (7102, 7202, 0),
            Self::JobRunner => (7103, 7203, 0),
            Self::VncProxy => (7104, 7204, 8081),
            Self::WebGateway => (0, 7200, 8080),
        };
        Ports { grpc, admin, http }
    }

    pub(crate) fn has_grpc(self) -> bool {
        self != Self::WebGateway
    }

    pub(crate) fn is_public(self) -> bool {
        matches!(self, Self::WebGateway | Self::VncProxy)
    }
}

/// Ports of one replica; 0 where it has none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) grpc: u16,
    pub(crate) admin: u16,
    pub(crate) http: u16,
}

/// Where cargo puts the programs: beside this one, or a level up for test programs.
///
/// # Errors
/// The current executable is unknown.
pub fn binary_directory() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("where this program is")?;
    let directory = own.parent().context("a program lies in a directory")?;
    let directory = if directory.ends_with("deps") {
        directory.parent().context("deps lies in a directory")?
    } else {
        directory
    };
    Ok(directory.to_path_buf())
}
