//! Secrets that we hand out once: random, opaque, kept as SHA-256.
//!
//! A plain hash is enough for them: there are 2^256, so nobody can go through them as through
//! passwords.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Before each API token, so that scanners for leaked secrets recognise it.
pub(crate) const PAT_PREFIX: &str = "gwm_pat_";
/// No secret of ours is longer; what is, need not be hashed.
const LONGEST: usize = 128;

/// One of them, in the clear. Its `Debug` shows nothing.
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// A new one: `prefix` and 32 random bytes.
    pub(crate) fn generate(prefix: &str) -> Self {
        let bytes = Zeroizing::new(rand::random::<[u8; 32]>());
        Self(Zeroizing::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(*bytes))))
    }

    /// One that somebody shows us; `None` when it can't be one of ours.
    pub(crate) fn shown(text: String) -> Option<Self> {
        let text = Zeroizing::new(text);
        (!text.is_empty() && text.len() <= LONGEST).then_some(Self(text))
    }

    /// What is stored and searched for.
    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.as_bytes()).to_vec()
    }

    /// To be answered, once.
    pub(crate) fn expose(&self) -> String {
        self.0.to_string()
    }

    /// Enough of an API token to recognise it by, and too little to use it.
    pub(crate) fn prefix(&self) -> String {
        self.0.chars().take(PAT_PREFIX.len() + 4).collect()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_fits_a_header_and_is_never_the_same() {
        let (one, other) = (Secret::generate(PAT_PREFIX), Secret::generate(PAT_PREFIX));
        assert_eq!(one.expose().len(), PAT_PREFIX.len() + 43);
        assert!(one.expose().bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)));
        assert_ne!(one.hash(), other.hash());
        assert_eq!(format!("{one:?}"), "Secret");
        assert_eq!(Secret::shown(one.expose()).unwrap().hash(), one.hash());
        assert!(Secret::shown("x".repeat(129)).is_none());
        assert!(Secret::shown(String::new()).is_none());
    }
}
