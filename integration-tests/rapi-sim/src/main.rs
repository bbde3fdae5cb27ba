//! `rapi-sim`: simulated Ganeti clusters as a process.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    gwm_rapi_sim::cli::run().await
}
