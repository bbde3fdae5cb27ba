//! Secrets at rest in our database: AES-256-GCM under the installation's master key.
//!
//! What is sealed is bound to its place (table, row, column): moved elsewhere it does not open.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Key, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

const NONCE: usize = 12;

/// The installation's master key.
#[derive(Clone)]
pub(crate) struct MasterKey(Aes256Gcm);

impl MasterKey {
    /// Reads 32 bytes in base64.
    pub(crate) fn parse(text: &SecretString) -> anyhow::Result<Self> {
        let wrong = "master_key must be 32 bytes in base64 (openssl rand -base64 32)";
        let decoded = STANDARD.decode(text.expose_secret().trim()).map(Zeroizing::new);
        let bytes = decoded.map_err(|_| anyhow::anyhow!(wrong))?;
        let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| anyhow::anyhow!(wrong))?;
        Ok(Self(Aes256Gcm::new(&Key::<Aes256Gcm>::from(*bytes))))
    }

    /// Nonce and ciphertext, for one place only.
    pub(crate) fn seal(&self, place: &str, secret: &[u8]) -> Vec<u8> {
        let nonce = rand::random::<[u8; NONCE]>();
        let payload = Payload { msg: secret, aad: place.as_bytes() };
        let sealed = self
            .0
            .encrypt(&Nonce::from(nonce), payload)
            .expect("a short text is within the cipher's limits");
        [nonce.as_slice(), &sealed].concat()
    }

    /// What was sealed for this place; `None` with another key, another place, or changed bytes.
    pub(crate) fn open(&self, place: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_at_checked(NONCE)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        let payload = Payload { msg: text, aad: place.as_bytes() };
        self.0.decrypt(&Nonce::from(nonce), payload).ok().map(Zeroizing::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MasterKey {
        MasterKey::parse(&STANDARD.encode([byte; 32]).into()).unwrap()
    }

    #[test]
    fn it_opens_only_with_its_key_in_its_place_and_unchanged() {
        let mut sealed = key(1).seal("t|r|c", b"secret");
        assert_eq!(key(1).open("t|r|c", &sealed).unwrap().as_slice(), b"secret");
        assert!(key(2).open("t|r|c", &sealed).is_none());
        assert!(key(1).open("t|other|c", &sealed).is_none());
        sealed[20] ^= 1;
        assert!(key(1).open("t|r|c", &sealed).is_none());
        assert!(key(1).open("t|r|c", b"short").is_none());
    }

    #[test]
    fn a_key_of_another_length_is_refused_without_being_shown() {
        for text in ["", "c2hvcnQ=", "not base64!"] {
            let Err(error) = MasterKey::parse(&text.into()) else { panic!("{text} taken") };
            assert!(error.to_string().contains("32 bytes"));
            assert!(text.is_empty() || !error.to_string().contains(text));
        }
    }
}
