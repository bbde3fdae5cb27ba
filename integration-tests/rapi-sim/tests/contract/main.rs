//! One contract, run against the simulator and, where `GWM_LAB_RAPI` says so, real Ganeti.
//!
//! Where they differ, the simulator is wrong.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod client;
mod errors;
mod lifecycle;
mod reads;
mod shape;
mod target;
