//! Users, sessions, API tokens, grants and console tickets: who somebody is, and what they may do.
//!
//! Invariants:
//! - Passwords are kept as Argon2id hashes; session tokens, API tokens and tickets as SHA-256 of
//!   32 random bytes. None of them is ever logged, answered again or put into an event.
//! - Whatever changes a right, ends a session or revokes a token takes a number in its transaction
//!   ([`store::change`]); every replica tells its watchers in that order, and falls silent when it
//!   can't see the database.
//! - A ticket opens one console once: one conditional update decides.
//!
//! Called by web-gateway for people, by all other services for decisions, by vnc-proxy to redeem a
//! ticket, by job-runner to settle a job. Calls directories (LDAP), where some are configured.

mod app;
mod cli;
mod clients;
mod config;
mod domain;
mod error;
mod grpc;
mod metrics;
mod service;
mod store;
mod tasks;

pub use config::Config;
pub use grpc::CALLERS;
pub use service::Service;
