//! The auth service's process.

fn main() -> std::process::ExitCode {
    gwm_kernel::main::<gwm_auth::Service>()
}
