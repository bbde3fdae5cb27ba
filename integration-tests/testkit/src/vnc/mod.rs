//! A VNC viewer for tests: RFB 3.8 over any stream, whole pictures, keys.

mod auth;
mod client;
mod frame;

pub use auth::{challenge_response, vnc_key};
pub use client::VncClient;
pub use frame::Frame;
