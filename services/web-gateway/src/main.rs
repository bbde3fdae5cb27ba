//! The web-gateway process.

use std::process::ExitCode;

fn main() -> ExitCode {
    gwm_kernel::main::<gwm_web_gateway::Service>()
}
