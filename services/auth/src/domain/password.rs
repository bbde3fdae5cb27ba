//! Passwords: Argon2id, 64 MiB, three passes, one lane.

use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordVerifier, Version};

/// In bytes; longer ones cost without being safer.
pub(crate) const LONGEST: usize = 1024;
const SHORTEST: usize = 10;
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;

/// Hashes and compares. Both take a tenth of a second and 64 MiB: never on a runtime thread.
#[derive(Clone)]
pub(crate) struct PasswordHasher {
    argon: Argon2<'static>,
    /// Of a password that nobody has: what an unknown user's is compared with, so that the answer
    /// takes as long.
    dummy: String,
}

impl PasswordHasher {
    pub(crate) fn new() -> Self {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("within Argon2's limits");
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash_with(&argon, &rand::random::<[u8; 32]>());
        Self { argon, dummy }
    }

    /// A new hash with a new salt, as a PHC string.
    pub(crate) fn hash(&self, password: &str) -> String {
        hash_with(&self.argon, password.as_bytes())
    }

    /// Whether the password is the hashed one; without a hash, false after the same work.
    pub(crate) fn verify(&self, password: &str, stored: Option<&str>) -> bool {
        let known = stored.is_some();
        let Ok(hash) = PasswordHash::new(self.compared(stored)) else {
            tracing::error!("a stored password hash can't be read");
            return false;
        };
        self.argon.verify_password(password.as_bytes(), &hash).is_ok() && known
    }

    /// What a password is compared with: there is always something, as costly as the real one.
    fn compared<'a>(&'a self, stored: Option<&'a str>) -> &'a str {
        stored.unwrap_or(&self.dummy)
    }
}

fn hash_with(argon: &Argon2<'_>, password: &[u8]) -> String {
    let hash: PasswordHash =
        argon.hash_password(password).expect("the password is short and the system gives entropy");
    hash.to_string()
}

/// Why a new password is refused; the text is for the person.
pub(crate) fn check_strength(password: &str, username: &str) -> Result<(), String> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(format!(
            "a password has at least {SHORTEST} characters; this one has {length}"
        ));
    }
    if password.len() > LONGEST {
        return Err(format!("a password has at most {LONGEST} bytes"));
    }
    if password.eq_ignore_ascii_case(username) {
        return Err("a password must not be the user name".to_owned());
    }
    let first = password.chars().next();
    if password.chars().all(|c| Some(c) == first) {
        return Err("a password must not be one character repeated".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_names_the_settled_parameters_and_knows_its_password() {
        let hasher = PasswordHasher::new();
        let hash = hasher.hash("correct\0horse");
        assert!(hash.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"), "{hash}");
        assert!(hasher.verify("correct\0horse", Some(&hash)));
        assert!(!hasher.verify("correct", Some(&hash)));
        assert!(!hasher.verify("correct\0horse", None));
        assert!(!hasher.verify("x", Some("no hash")));
        let parameters = |hash: &str| hash.rsplitn(3, '$').nth(2).unwrap().to_owned();
        assert_eq!(parameters(hasher.compared(None)), parameters(&hash));
        assert_eq!(hasher.compared(None).len(), hash.len());
    }

    #[test]
    fn weak_passwords_are_refused_with_the_rule() {
        assert!(check_strength("short", "jane").unwrap_err().contains("10"));
        assert!(check_strength(&"x".repeat(1025), "jane").is_err());
        assert!(check_strength("aaaaaaaaaaaa", "jane").is_err());
        assert!(check_strength("Jane.Doe.1234", "jane.doe.1234").is_err());
        assert!(check_strength("ten chars!", "jane").is_ok());
        assert!(check_strength("äöüäöüäöüß", "jane").is_ok());
    }
}
