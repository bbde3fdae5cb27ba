//! One contract, run against the simulator and, where `GWM_LAB_RAPI` says so, real Ganeti.
//!
//! Where they differ, the simulator is wrong.

mod client;
mod errors;
mod lifecycle;
mod reads;
mod shape;
mod target;
