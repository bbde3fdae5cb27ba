//! The client against recorded answers and a misbehaving server.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

mod decode;
mod faults;
mod fixture;
mod jobs;
mod probe;
mod requests;
mod server;
mod statuses;
mod tls;
