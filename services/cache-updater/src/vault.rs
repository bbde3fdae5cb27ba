//! Secrets at rest: a data key for each cluster, sealed by the installation's master key; each
//! value sealed by the data key and bound to table, row and column, so that a value can't be moved
//! to another cluster. A blob is version (1), key id (8), nonce (12), ciphertext with tag.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gwm_query::CursorKey;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const KEY_ID: usize = 8;
const NONCE: usize = 12;
const HEAD: usize = 1 + KEY_ID + NONCE;

/// Why a secret can't be sealed or opened. Never holds one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    /// The configured key.
    #[error("master_key must be 32 random bytes in base64 (make one: openssl rand -base64 32)")]
    MasterKey,
    /// Sealed by another master key than the configured one.
    #[error(
        "the stored secrets were sealed by another master key (id {stored}, configured {configured})"
    )]
    OtherKey { stored: String, configured: String },
    /// Cut, altered or moved from another row or column.
    #[error("a stored secret of {0} is damaged or does not belong there")]
    Damaged(String),
    /// No text.
    #[error("a stored secret is no text")]
    NotText,
}

/// Seals and opens with the master key.
#[derive(Clone)]
pub(crate) struct Vault {
    master: Key,
}

/// The open data key of one row.
pub(crate) struct Row {
    id: Uuid,
    key: Key,
}

#[derive(Clone)]
struct Key {
    cipher: Aes256Gcm,
    id: [u8; KEY_ID],
    secret: Zeroizing<[u8; 32]>,
}

impl Key {
    fn new(secret: [u8; 32]) -> Self {
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&Sha256::digest(secret)[..KEY_ID]);
        let cipher = Aes256Gcm::new_from_slice(&secret).expect("a key has 32 bytes");
        Self { cipher, id, secret: Zeroizing::new(secret) }
    }

    fn seal(&self, plain: &[u8], place: &str) -> Vec<u8> {
        let nonce: [u8; NONCE] = rand::random();
        let sealed = self
            .cipher
            .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: place.as_bytes() })
            .expect("secrets are shorter than AES-GCM's limit");
        let mut blob = vec![VERSION];
        blob.extend(self.id);
        blob.extend(nonce);
        blob.extend(sealed);
        blob
    }

    fn open(&self, blob: &[u8], place: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let damaged = || VaultError::Damaged(place.to_owned());
        if blob.len() < HEAD || blob[0] != VERSION {
            return Err(damaged());
        }
        let id = &blob[1..=KEY_ID];
        if id != self.id {
            return Err(VaultError::OtherKey { stored: hex(id), configured: hex(&self.id) });
        }
        let nonce: [u8; NONCE] = blob[1 + KEY_ID..HEAD].try_into().map_err(|_| damaged())?;
        let payload = Payload { msg: &blob[HEAD..], aad: place.as_bytes() };
        let plain = self.cipher.decrypt(&Nonce::from(nonce), payload).map_err(|_| damaged())?;
        Ok(Zeroizing::new(plain))
    }
}

impl Vault {
    /// Reads the configured key.
    pub(crate) fn new(master_key: &SecretString) -> Result<Self, VaultError> {
        let bytes = Zeroizing::new(
            STANDARD
                .decode(master_key.expose_secret().trim())
                .map_err(|_| VaultError::MasterKey)?,
        );
        let secret: [u8; 32] = bytes.as_slice().try_into().map_err(|_| VaultError::MasterKey)?;
        Ok(Self { master: Key::new(secret) })
    }

    /// A new data key for the row `id`, and its sealed form.
    pub(crate) fn new_row(&self, id: Uuid) -> (Row, Vec<u8>) {
        let secret: [u8; 32] = rand::random();
        let sealed = self.master.seal(&secret, &place(id, "data_key"));
        (Row { id, key: Key::new(secret) }, sealed)
    }

    /// Opens the data key of the row `id`.
    pub(crate) fn row(&self, id: Uuid, sealed: &[u8]) -> Result<Row, VaultError> {
        let place = place(id, "data_key");
        let secret = self.master.open(sealed, &place)?;
        let secret: [u8; 32] =
            secret.as_slice().try_into().map_err(|_| VaultError::Damaged(place))?;
        Ok(Row { id, key: Key::new(secret) })
    }

    /// What cursors are signed with: the same on all replicas.
    pub(crate) fn cursor_key(&self) -> CursorKey {
        CursorKey::derive(self.master.secret.as_slice())
    }
}

impl Row {
    /// Seals a value for a column of this row.
    pub(crate) fn seal(&self, column: &str, secret: &SecretString) -> Vec<u8> {
        self.key.seal(secret.expose_secret().as_bytes(), &place(self.id, column))
    }

    /// Opens a column's value.
    pub(crate) fn open(&self, column: &str, blob: &[u8]) -> Result<SecretString, VaultError> {
        let plain = self.key.open(blob, &place(self.id, column))?;
        let text = std::str::from_utf8(&plain).map_err(|_| VaultError::NotText)?;
        Ok(SecretString::from(text))
    }
}

fn place(id: Uuid, column: &str) -> String {
    format!("cluster|{id}|{column}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::new(&SecretString::from(STANDARD.encode([byte; 32]))).unwrap()
    }

    #[test]
    fn a_value_opens_only_in_its_own_row_and_column() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let vault = vault(1);
        let (row, data_key) = vault.new_row(one);
        let blob = row.seal("read_password", &SecretString::from("marker-secret"));
        assert!(!blob.windows(6).any(|w| w == b"marker"));
        let again = vault.row(one, &data_key).unwrap();
        assert_eq!(again.open("read_password", &blob).unwrap().expose_secret(), "marker-secret");
        assert!(again.open("write_password", &blob).is_err());
        assert!(vault.row(other, &data_key).is_err());
        let mut altered = blob.clone();
        *altered.last_mut().unwrap() ^= 1;
        assert!(again.open("read_password", &altered).is_err());
    }

    #[test]
    fn another_master_key_is_named_by_its_id() {
        let (_, data_key) = vault(1).new_row(Uuid::from_u128(1));
        let error = vault(2).row(Uuid::from_u128(1), &data_key).err().unwrap();
        assert!(matches!(error, VaultError::OtherKey { .. }), "{error}");
    }

    #[test]
    fn a_key_of_another_length_is_refused_with_how_to_make_one() {
        let error = Vault::new(&SecretString::from("c2hvcnQ=")).unwrap_err();
        assert!(error.to_string().contains("openssl rand"), "{error}");
    }
}
