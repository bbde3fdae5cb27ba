//! The client against recorded answers and a misbehaving server.

mod decode;
mod faults;
mod fixture;
mod jobs;
mod probe;
mod requests;
mod server;
mod statuses;
mod tls;
