//! Passwords: Argon2id, 64 MiB, three passes, one lane.

use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordVerifier, Version};
use zxcvbn::{Score, zxcvbn};

use super::imported::{ImportedHash, ImportedWork};

/// In bytes; longer ones cost without being safer.
pub(crate) const LONGEST: usize = 1024;
const SHORTEST: usize = 10;
const LOOKED_AT: usize = 64;
const ADVICE: &str = "Several words that have nothing to do with each other are good.";
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

/// What comparing a password with a hash came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, and the hash was an imported one: this one takes its place.
    Outdated(String),
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

    /// Whether the password is the hashed one. Without a hash, and with one of another kind, it takes the
    /// same work: that of `imported`, which is what the costliest imported hash takes, and that of Argon2.
    pub(crate) fn verify(
        &self,
        password: &str,
        stored: Option<&str>,
        imported: ImportedWork,
    ) -> Verdict {
        let old = stored.and_then(|stored| ImportedHash::parse(stored).ok());
        let matches = old.as_ref().is_some_and(|old| old.matches(password));
        imported.without(old.as_ref()).spend(password);
        if matches {
            return Verdict::Outdated(self.hash(password));
        }
        let (hash, known) = self.compared(stored.filter(|_| old.is_none()));
        if self.argon.verify_password(password.as_bytes(), &hash).is_ok() && known {
            Verdict::Right
        } else {
            Verdict::Wrong
        }
    }

    /// What a password is compared with, and whether it is somebody's: there is always something, as
    /// costly as the real one.
    fn compared<'a>(&'a self, stored: Option<&'a str>) -> (PasswordHash, bool) {
        let own = |hash: &PasswordHash| hash.algorithm.as_str().starts_with("argon2");
        match stored.map(PasswordHash::new) {
            Some(Ok(hash)) if own(&hash) => (hash, true),
            unreadable => {
                if unreadable.is_some() {
                    tracing::error!("a stored password hash can't be read");
                }
                (PasswordHash::new(&self.dummy).expect("it was made here"), false)
            }
        }
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
    // What stands behind this many characters changes nothing, but takes time.
    let looked_at = password.chars().take(LOOKED_AT).collect::<String>();
    let estimate = zxcvbn(&looked_at, &[username, "ganeti", "gwm"]);
    if estimate.score() >= Score::Three {
        return Ok(());
    }
    let mut why = "this password is too easy to guess".to_owned();
    if let Some(feedback) = estimate.feedback() {
        if let Some(warning) = feedback.warning() {
            why = format!("{why}: {}", lower_first(&warning.to_string()));
        }
        let advice = feedback.suggestions().first().map(ToString::to_string);
        why = why.trim_end_matches('.').to_owned();
        why = format!("{why}. {}", advice.as_deref().unwrap_or(ADVICE));
    } else {
        why = format!("{why}. {ADVICE}");
    }
    Err(why)
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |c| c.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_names_the_settled_parameters_and_knows_its_password() {
        let hasher = PasswordHasher::new();
        let hash = hasher.hash("correct\0horse");
        assert!(hash.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"), "{hash}");
        let verify =
            |password: &str, stored| hasher.verify(password, stored, ImportedWork::default());
        assert_eq!(verify("correct\0horse", Some(&hash)), Verdict::Right);
        assert_eq!(verify("correct", Some(&hash)), Verdict::Wrong);
        assert_eq!(verify("correct\0horse", None), Verdict::Wrong);
        assert_eq!(verify("x", Some("no hash")), Verdict::Wrong);
        // Unknown users and what can't be read cost what a known one costs.
        let parameters = |hash: &str| hash.rsplitn(3, '$').nth(2).unwrap().to_owned();
        for stored in [None, Some("no hash"), Some("bcrypt$$2b$12$abc"), Some("")] {
            let (compared, known) = hasher.compared(stored);
            assert!(!known, "{stored:?}");
            assert_eq!(parameters(&compared.to_string()), parameters(&hash), "{stored:?}");
            assert_eq!(compared.to_string().len(), hash.len(), "{stored:?}");
        }
        assert!(hasher.compared(Some(&hash)).1);
    }

    #[test]
    fn an_imported_hash_knows_its_password_and_gives_way_to_a_new_one() {
        let hasher = PasswordHasher::new();
        // Made by Django's make_password("correct horse").
        let old = "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=";
        let work = ImportedWork { sha256: 1000, sha1: 0 };
        assert_eq!(hasher.verify("correct", Some(old), work), Verdict::Wrong);
        let Verdict::Outdated(new) = hasher.verify("correct horse", Some(old), work) else {
            panic!("it is the password");
        };
        assert!(new.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"), "{new}");
        assert_eq!(hasher.verify("correct horse", Some(&new), work), Verdict::Right);
        // One that would keep a core busy is none.
        let endless = old.replace("$1000$", "$4000000000$");
        assert_eq!(hasher.verify("correct horse", Some(&endless), work), Verdict::Wrong);
    }

    #[test]
    fn weak_passwords_are_refused_with_the_rule() {
        assert!(check_strength("short", "jane").unwrap_err().contains("10"));
        assert!(check_strength(&"x".repeat(1025), "jane").is_err());
        assert!(check_strength("aaaaaaaaaaaa", "jane").is_err());
        assert!(check_strength("Jane.Doe.1234", "jane.doe.1234").is_err());
        assert!(check_strength("ten chars!", "jane").is_ok());
        for guessable in ["Winter2026!", "qwertyuiop12", "jane-password", "äöüäöüäöüß"] {
            let why = check_strength(guessable, "jane").unwrap_err();
            assert!(why.starts_with("this password is too easy to guess"), "{why}");
            assert!(why.contains(". "), "says what to do: {why}");
            assert!(!why.contains(guessable), "{why}");
        }
        assert!(check_strength("walnut tree by the well", "jane").is_ok());
        assert!(check_strength("плотина у мельницы", "jane").is_ok());
        assert!(check_strength(&"long and winding ".repeat(50), "jane").is_ok());
    }
}
