//! The HTTP API and the web pages.
//!
//! Owns nothing and is stateless, but for a memory of cache-updater's last answers. Pages and API call
//! the same peers with the person's assertion; what is allowed is decided there. The one exception is
//! `/api/v1/events`, where the gateway filters per event with the authorisation library.

mod clients;
mod config;
pub mod http;
mod hub;
mod kept;
mod service;
mod waiting;

pub use config::Config;
pub use service::Service;
