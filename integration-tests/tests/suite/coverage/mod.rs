//! Nobody gets in who should not: every RPC and every route, tried as those who may not.
//!
//! What may be done without a right is in lists beside this file. They are checked in, so that a new
//! exception is seen by whoever reviews it; `GWM_UPDATE_GOLDEN=1` rewrites them.

mod grpc;
pub(crate) mod http;
pub(crate) mod moves;
mod rpcs;

use std::path::Path;

/// Compares with a checked-in file, or rewrites it when asked to.
fn golden(path: &Path, now: &str) {
    if std::env::var_os("GWM_UPDATE_GOLDEN").is_some() {
        std::fs::write(path, now).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    let difference = now.lines().zip(kept.lines()).find(|(now, kept)| now != kept);
    assert!(
        now == kept,
        "{} is not what it is now; first difference (now, checked in): {difference:?}\n\
         if that is meant, run the test with GWM_UPDATE_GOLDEN=1 and look at the diff",
        path.display()
    );
}
