//! The vnc-proxy process.

use std::process::ExitCode;

fn main() -> ExitCode {
    gwm_kernel::main::<gwm_vnc_proxy::Service>()
}
