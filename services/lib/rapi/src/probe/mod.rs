//! A first look at a RAPI server, before and after a person has confirmed its certificate.

mod certificate;
mod look;
mod problem;
mod steps;

pub use certificate::CertificateInfo;
pub(crate) use certificate::not_after;
pub use problem::Problem;
pub use steps::{CredentialReport, ProbeOutcome, ProbeRequest, probe};

/// The oldest Ganeti that gwm works with: major and minor number.
pub const OLDEST_VERSION: (u32, u32) = (3, 0);

/// Reads major and minor number from a version like `3.0.2`, `3.1.0~rc2` or `2.16.0-5`.
#[must_use]
pub fn version_numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim().split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(version_numbers("3.0.2"), Some((3, 0)));
        assert_eq!(version_numbers("3.1~rc1"), Some((3, 1)));
        assert_eq!(version_numbers("2.16.0-5"), Some((2, 16)));
        assert_eq!(version_numbers("three"), None);
        assert_eq!(version_numbers("3"), None);
    }
}
