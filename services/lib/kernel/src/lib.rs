//! What every service process shares: `main`, configuration, telemetry, health, shutdown, tasks,
//! and the edges of gRPC and HTTP. It holds no word of the domain.
//!
//! A service is a type that implements [`Service`]; its `main.rs` is one line:
//!
//! ```ignore
//! fn main() -> std::process::ExitCode { gwm_kernel::main::<gwm_auth::Service>() }
//! ```

mod admin;
mod boot;
mod config;
mod error;
pub mod grpc;
mod health;
mod http;
mod process;
mod request;
pub mod tasks;
mod telemetry;

pub use boot::{Boot, Service};
pub use config::{KernelConfig, TlsPaths, load};
pub use error::{ErrorCode, Fault};
pub use health::{Condition, Health};
pub use http::HttpTls;
pub use process::main;
pub use request::{continue_trace, current_request_id, current_traceparent, with_request_id};
pub use tasks::{Shutdown, Tasks};
