//! gRPC between the services: mTLS always, the caller known by its certificate, each RPC with the
//! list of callers it takes.

mod client;
mod identity;
mod server;

pub use client::{Peer, connect_replica};
pub use identity::{Caller, TlsIdentity, service_host};
pub use server::GrpcServer;
