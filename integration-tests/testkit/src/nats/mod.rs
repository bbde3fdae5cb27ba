//! NATS with JetStream: a throw-away server for tests, a lasting one for `make run`.

mod server;
mod test_nats;

pub use server::{NatsBuilder, NatsServer};
pub use test_nats::{NatsKey, TestNats};
