//! The process of job-runner.

use std::process::ExitCode;

fn main() -> ExitCode {
    gwm_kernel::main::<gwm_job_runner::Service>()
}
