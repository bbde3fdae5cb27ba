//! The process `gwm-cache-updater`.

fn main() -> std::process::ExitCode {
    gwm_kernel::main::<gwm_cache_updater::Service>()
}
