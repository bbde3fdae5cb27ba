//! The auth service alone, as a process, through gRPC with mTLS: real Postgres, real NATS.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking, as tests do")]

mod account;
mod audit;
mod bootstrap;
mod callers;
mod directory;
mod events;
mod grants;
mod groups;
mod imported;
mod invites;
mod keys;
mod login;
mod owners;
mod people;
mod personas;
mod proxy;
mod quotas;
mod recount;
mod refusals;
mod roles;
mod second_factor;
mod selectors;
mod settle;
mod sign_in;
mod tickets;
mod token_limits;
mod tokens;
mod verify;
mod views;
mod watch;
mod world;
