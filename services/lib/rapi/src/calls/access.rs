//! What a user of RAPI may do, found out without changing anything.

use http::Method;
use serde_json::json;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::query::{Cell, Resource};

/// What a known user may do, from its options in RAPI's users file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// No option: plain reads only, neither queries nor consoles. Too little for gwm.
    Plain,
    /// `read`: every read.
    Read,
    /// `write`: reads and changes.
    Write,
}

impl Client {
    /// Finds out what this client's user may do. A wrong password is [`ErrorKind::Unauthorized`].
    pub async fn access(&self) -> Result<Access, Error> {
        if self.may_write().await? {
            return Ok(Access::Write);
        }
        match self.query::<(Cell<String>,)>(Resource::Group, &["name"], None).await {
            Ok(_) => Ok(Access::Read),
            Err(error) if matches!(error.kind(), ErrorKind::Forbidden { .. }) => Ok(Access::Plain),
            Err(error) => Err(error),
        }
    }

    /// Whether this client's user may make changes.
    ///
    /// Asks for a create of data version 0, which Ganeti dropped in 2.5: RAPI checks the user first (403 without
    /// `write`), then refuses the version (400), in the RAPI daemon itself and before any opcode is built. No request
    /// reaches the master daemon, and no job can come of it.
    pub async fn may_write(&self) -> Result<bool, Error> {
        let outdated = json!({"__version__": 0});
        let refused: Result<serde_json::Value, Error> = self
            .ask(
                Method::POST,
                &["2", "instances"],
                &[("reason", "gwm:access-test")],
                Some(&outdated),
                false,
            )
            .await;
        match refused {
            Err(error) => match error.kind() {
                ErrorKind::BadRequest { status: 400, .. } => Ok(true),
                ErrorKind::Forbidden { .. } => Ok(false),
                ErrorKind::Dns { .. }
                | ErrorKind::Refused
                | ErrorKind::Unreachable { .. }
                | ErrorKind::TimedOut { .. }
                | ErrorKind::NotTls
                | ErrorKind::TlsFailed { .. }
                | ErrorKind::CertificateChanged { .. }
                | ErrorKind::CertificateInvalid { .. }
                | ErrorKind::Unauthorized
                | ErrorKind::NotFound { .. }
                | ErrorKind::BadRequest { .. }
                | ErrorKind::Busy { .. }
                | ErrorKind::MasterDown { .. }
                | ErrorKind::Unsupported { .. }
                | ErrorKind::ServerError { .. }
                | ErrorKind::TooLarge { .. }
                | ErrorKind::Cut
                | ErrorKind::Protocol { .. }
                | ErrorKind::InvalidInput { .. } => Err(error),
            },
            Ok(_) => {
                let detail = "it accepted a create request of version 0".to_owned();
                Err(Error::new("POST /2/instances", true, ErrorKind::Protocol { detail }))
            }
        }
    }
}
