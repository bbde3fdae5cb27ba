//! HTTP API and web pages.

pub mod http;
