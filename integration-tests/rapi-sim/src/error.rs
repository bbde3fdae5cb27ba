//! Why a simulator does not start.

use std::net::SocketAddr;

/// What can go wrong while a simulator starts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address can't be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No loopback network is left for node addresses.
    #[error("no free loopback network for node addresses")]
    NoNodeNetwork,
    /// A certificate can't be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// TLS can't be set up.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}
