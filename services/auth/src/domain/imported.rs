//! Password hashes as the predecessor kept them, which was a Django application: PBKDF2.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Django's own number was a million in 2025. More would let one line of an imported file keep a core
/// busy with each login.
pub(crate) const MOST_ITERATIONS: u32 = 2_000_000;
const LONGEST_SALT: usize = 128;

/// `pbkdf2_sha256$ITERATIONS$SALT$HASH`, or the same with `pbkdf2_sha1`.
pub(crate) struct ImportedHash {
    kind: Kind,
    iterations: u32,
    salt: String,
    hash: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sha256,
    Sha1,
}

/// Iterations of each kind that a comparison takes, whoever it is about: else its time would tell whose
/// hash is an imported one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ImportedWork {
    pub(crate) sha256: u32,
    pub(crate) sha1: u32,
}

impl ImportedHash {
    /// Reads one; the text says what is wrong with it, and holds nothing of it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split('$').collect::<Vec<_>>();
        let kind = match parts[0] {
            "pbkdf2_sha256" => Kind::Sha256,
            "pbkdf2_sha1" => Kind::Sha1,
            _ => {
                return Err("only pbkdf2_sha256 and pbkdf2_sha1 hashes can be imported".to_owned());
            }
        };
        let [_, iterations, salt, hash] = parts[..] else {
            return Err("a hash has four parts, joined by '$'".to_owned());
        };
        let iterations = iterations.parse().ok().filter(|i| (1..=MOST_ITERATIONS).contains(i));
        let iterations = iterations.ok_or_else(|| {
            format!("a hash has 1 to {MOST_ITERATIONS} iterations as its second part")
        })?;
        if salt.is_empty() || salt.len() > LONGEST_SALT {
            return Err(format!(
                "a hash has a salt of 1 to {LONGEST_SALT} bytes as its third part"
            ));
        }
        let hash = STANDARD.decode(hash).ok().filter(|hash| hash.len() == kind.length());
        let hash = hash.ok_or_else(|| {
            format!("this kind of hash ends with {} bytes in base64", kind.length())
        })?;
        Ok(Self { kind, iterations, salt: salt.to_owned(), hash })
    }

    /// Whether the password is the hashed one.
    pub(crate) fn matches(&self, password: &str) -> bool {
        let mut derived = vec![0; self.kind.length()];
        self.kind.derive(password, &self.salt, self.iterations, &mut derived);
        derived.ct_eq(&self.hash).into()
    }
}

impl Kind {
    fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha1 => 20,
        }
    }

    fn derive(self, password: &str, salt: &str, iterations: u32, derived: &mut [u8]) {
        let (password, salt) = (password.as_bytes(), salt.as_bytes());
        match self {
            Self::Sha256 => pbkdf2_hmac::<Sha256>(password, salt, iterations, derived),
            Self::Sha1 => pbkdf2_hmac::<Sha1>(password, salt, iterations, derived),
        }
    }
}

impl ImportedWork {
    /// What is left of it when a hash was compared.
    pub(super) fn without(self, done: Option<&ImportedHash>) -> Self {
        let spent = |kind| done.filter(|d| d.kind == kind).map_or(0, |d| d.iterations);
        Self {
            sha256: self.sha256.saturating_sub(spent(Kind::Sha256)),
            sha1: self.sha1.saturating_sub(spent(Kind::Sha1)),
        }
    }

    pub(super) fn spend(self, password: &str) {
        for (kind, iterations) in [(Kind::Sha256, self.sha256), (Kind::Sha1, self.sha1)] {
            if iterations > 0 {
                let mut derived = vec![0; kind.length()];
                kind.derive(password, "spent for nothing", iterations, &mut derived);
                // The work must not be found to be of no use.
                std::hint::black_box(derived);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Both made with Python's hashlib as Django does it: "correct horse", salt "seasalt".
    const SHA256: &str = "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=";
    const SHA1: &str = "pbkdf2_sha1$1000$seasalt$iQvkNOF1wEL4Khh8eogJ8rUhipM=";

    #[test]
    fn both_kinds_know_their_password() {
        for stored in [SHA256, SHA1] {
            let hash = ImportedHash::parse(stored).unwrap();
            assert!(hash.matches("correct horse"), "{stored}");
            assert!(!hash.matches("correct horses"), "{stored}");
        }
    }

    #[test]
    fn each_comparison_takes_the_same_work() {
        let work = ImportedWork { sha256: 5000, sha1: 1000 };
        let left = |stored: &str| {
            let left = work.without(Some(&ImportedHash::parse(stored).unwrap()));
            (left.sha256, left.sha1)
        };
        assert_eq!(left(SHA256), (4000, 1000));
        assert_eq!(left(SHA1), (5000, 0));
        assert_eq!((work.without(None).sha256, work.without(None).sha1), (5000, 1000));
    }

    #[test]
    fn what_is_no_such_hash_is_refused_with_the_rule() {
        let hash = SHA256.rsplit_once('$').unwrap().1;
        for (text, why) in [
            (String::new(), "only pbkdf2"),
            ("!".to_owned(), "only pbkdf2"),
            (format!("bcrypt$12$seasalt${hash}"), "only pbkdf2"),
            (format!("pbkdf2_sha256$1000${hash}"), "four parts"),
            (format!("{SHA256}$x"), "four parts"),
            (format!("pbkdf2_sha256$0$seasalt${hash}"), "iterations"),
            (format!("pbkdf2_sha256$2000001$seasalt${hash}"), "iterations"),
            (format!("pbkdf2_sha256$99999999999$seasalt${hash}"), "iterations"),
            (format!("pbkdf2_sha256$-1$seasalt${hash}"), "iterations"),
            (format!("pbkdf2_sha256$1000$${hash}"), "salt"),
            (format!("pbkdf2_sha256$1000${}${hash}", "x".repeat(129)), "salt"),
            (format!("pbkdf2_sha1$1000$seasalt${hash}"), "20 bytes"),
            ("pbkdf2_sha256$1000$seasalt$aGFzaA==".to_owned(), "32 bytes"),
            ("pbkdf2_sha256$1000$seasalt$*".to_owned(), "32 bytes"),
        ] {
            let said = ImportedHash::parse(&text).err().unwrap_or_default();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
