//! RFB's handshake, on both ends. After it nobody here looks into the bytes.

mod client;
mod server;
mod vnc_auth;

pub(crate) use client::greet_node;
pub(crate) use server::{Step, greet_browser};

use tokio::io::AsyncReadExt;

/// The longest reason that is read from a server that refuses.
const LONGEST_REASON: u32 = 4096;

/// What went wrong with the VNC server of a node. The texts are for the person at the console.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RfbError {
    #[error("the node's console port does not speak RFB: is it SPICE?")]
    NotRfb,
    #[error("the VNC server refused: {0}")]
    Refused(String),
    #[error(
        "the VNC server wants a password and gwm has none for this cluster; \
         enter it on the cluster's page"
    )]
    PasswordNeeded,
    #[error("the VNC server did not take the cluster's VNC password; correct it on its page")]
    WrongPassword,
    #[error(
        "the VNC server offers only security types that gwm does not speak ({0:?}); \
         TLS for VNC (vnc_tls) can't be used here"
    )]
    NoSecurityType(Vec<u8>),
    #[error("the connection to the node broke: {0}")]
    Io(#[from] std::io::Error),
}

/// RFB's length-prefixed reason, shortened and without control characters.
async fn read_reason(from: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let Ok(length) = from.read_u32().await else { return "without a reason".to_owned() };
    let mut bytes = vec![0; length.min(LONGEST_REASON) as usize];
    if from.read_exact(&mut bytes).await.is_err() {
        return "without a reason".to_owned();
    }
    String::from_utf8_lossy(&bytes).chars().filter(|c| !c.is_control()).take(200).collect()
}
