//! Codes of an authenticator (RFC 6238: SHA-1, six digits, 30 seconds, one step of drift), and
//! recovery codes.

use sha2::{Digest, Sha256};
use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

const ISSUER: &str = "Ganeti Web Manager";
/// How many recovery codes there are at first.
const RECOVERY_CODES: usize = 10;
/// What somebody types is never longer.
const LONGEST: usize = 64;

/// What somebody typed as a code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Six digits.
    Authenticator(String),
    /// By its hash; there are 2^80, so a plain one is enough.
    Recovery(Vec<u8>),
}

impl Code {
    /// Blanks and dashes are for reading.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let plain: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if plain.len() == 6 && plain.bytes().all(|b| b.is_ascii_digit()) {
            return Some(Self::Authenticator(plain));
        }
        (plain.len() == 16).then(|| Self::Recovery(recovery_hash(&plain)))
    }
}

/// 160 random bits, as the RFC wants them.
pub(crate) fn new_secret() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(rand::random::<[u8; 20]>().to_vec())
}

/// As one types it, and as a picture of it holds it.
pub(crate) fn shown(secret: &[u8], username: &str) -> Option<(String, String)> {
    Some((Secret::from(secret).to_base32(), totp(secret, username)?.to_url().ok()?))
}

/// Which 30 seconds the code is of, if it is one of about now.
pub(crate) fn step_of(secret: &[u8], code: &str, now: i64) -> Option<i64> {
    let step = totp(secret, "user")?.check(code, u64::try_from(now).ok()?)?;
    i64::try_from(step).ok()
}

fn totp(secret: &[u8], username: &str) -> Option<Totp> {
    let builder = Builder::new().with_secret(secret).with_account_name(username);
    builder.with_issuer(Some(ISSUER)).build().ok()
}

/// New recovery codes, and what is kept of them.
pub(crate) fn recovery_codes() -> (Vec<String>, Vec<Vec<u8>>) {
    let code = |_| {
        let text = Secret::from(rand::random::<[u8; 10]>().as_slice()).to_base32().to_lowercase();
        let hash = recovery_hash(&text);
        (format!("{}-{}-{}-{}", &text[..4], &text[4..8], &text[8..12], &text[12..]), hash)
    };
    (0..RECOVERY_CODES).map(code).unzip()
}

fn recovery_hash(plain: &str) -> Vec<u8> {
    Sha256::digest(plain.to_ascii_lowercase().as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_rfc_and_of_about_now() {
        // RFC 6238, appendix B, SHA-1; its last six digits.
        let secret = b"12345678901234567890";
        for (at, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(step_of(secret, code, at), Some(at / 30), "{at}");
            assert_eq!(step_of(secret, code, at + 30), Some(at / 30), "a step late");
            assert_eq!(step_of(secret, code, at + 90), None, "too late");
        }
        let (text, uri) = shown(secret, "jane.doe_1").unwrap();
        assert_eq!(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(uri.starts_with("otpauth://totp/") && uri.contains(&text), "{uri}");
    }

    #[test]
    fn what_is_typed_is_read_as_what_it_looks_like() {
        assert_eq!(Code::read(" 287 082 "), Some(Code::Authenticator("287082".to_owned())));
        let (codes, hashes) = recovery_codes();
        assert_eq!((codes.len(), hashes.len()), (10, 10));
        let typed = codes[0].to_uppercase().replace('-', " ");
        assert_eq!(Code::read(&typed), Some(Code::Recovery(hashes[0].clone())));
        for none in ["", "28708", "+28708", "2870822", &"x".repeat(500)] {
            assert_eq!(Code::read(none), None, "{none}");
        }
    }
}
