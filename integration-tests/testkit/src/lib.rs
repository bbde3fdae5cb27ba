//! Postgres, NATS, certificates, consoles and waiting, for tests and for `make run`.
//!
//! Knows no service. Whatever it starts ends with the process that started it, even when that one is
//! killed with SIGKILL: see [`process`].

pub mod ca;
pub mod directory;
mod error;
mod identity;
pub mod nats;
pub mod paths;
pub mod pg;
mod port;
pub mod process;
pub mod vnc;
mod wait;

pub use ca::Ca;
pub use directory::TestDirectory;
pub use error::Error;
pub use identity::TestProvider;
pub use nats::{NatsServer, TestNats};
pub use pg::{Migrations, Postgres, TestDatabase, TestPg};
pub use port::ReservedPort;
pub use process::{Plan, Scratch, Supervised};
pub use wait::{try_wait_for, wait_for};
