//! Consoles through the firewall, without passwords.
//!
//! A browser comes with a one-use ticket; auth says whose it is and for which instance,
//! cache-updater says where that instance's VNC server listens at this moment. The proxy speaks
//! RFB's handshake with the node (with the cluster's VNC password, if there is one) and another
//! one with the browser (without), then carries bytes both ways. The browser never learns a node's
//! address or the password. A console ends when the right to it does.

mod config;
mod consoles;
mod grpc;
mod http;
mod opening;
mod relay;
mod rfb;
mod service;

pub use config::Config;
pub use service::Service;
