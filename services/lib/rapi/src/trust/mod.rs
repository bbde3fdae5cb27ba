//! How the server's certificate is judged.

mod fingerprint;
mod tls;
mod verifier;

pub use fingerprint::{Fingerprint, FingerprintError};
pub use tls::{CaBundle, CaError};
pub(crate) use tls::{client_config, observing_config};
pub(crate) use verifier::PinMismatch;

/// What makes a server's certificate acceptable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Exactly this certificate, whatever its names, version or dates.
    Pinned(Fingerprint),
    /// Ordinary verification against these authorities, host name included.
    Ca(CaBundle),
    /// Any certificate. For a first look only: a client with this trust can't hold credentials.
    Observe,
}
