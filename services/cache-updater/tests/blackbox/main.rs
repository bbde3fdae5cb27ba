//! The service alone, as a process: real Postgres and NATS, Ganeti simulated, auth played by the
//! test.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod answers;
mod auth;
mod console;
mod find;
mod gone;
mod health;
mod inventory;
mod notes;
mod objects;
mod owner_tags;
mod owners;
mod pause;
mod placement;
mod registry;
mod replicas;
mod secrets;
mod upgrade;
mod usage;
mod watch;
mod world;
