//! Public SSH keys, as people paste them.

use ssh_key::{Algorithm, HashAlg, PublicKey};

/// Longer than any key that is of use: RSA with 16,384 bits has some 2,800 characters.
const LONGEST: usize = 8192;
const SMALLEST_RSA_BITS: usize = 2048;

/// A key that is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParsedKey {
    /// As OpenSSH names it.
    pub(crate) algorithm: String,
    /// Algorithm and key, without a comment.
    pub(crate) public_key: String,
    /// `SHA256:…`.
    pub(crate) fingerprint: String,
    /// May be empty.
    pub(crate) comment: String,
}

/// Reads one line of a `.pub` file; the text says what is wrong. Nothing else than a key is taken: options before it
/// (`command="…"`) would end up on every machine that the key is installed on.
pub(crate) fn parse_ssh_key(text: &str) -> Result<ParsedKey, String> {
    let text = text.trim();
    if text.len() > LONGEST {
        return Err(format!("a public key has at most {LONGEST} characters"));
    }
    if text.contains("PRIVATE KEY") {
        return Err("this is a private key, which nobody but you may have: paste the file that ends in .pub, \
                    and make a new pair if you have sent this one to others"
            .to_owned());
    }
    if text.lines().count() > 1 {
        return Err("give one key, as one line".to_owned());
    }
    let mut key = PublicKey::from_openssh(text).map_err(|_| {
        "this is no public key as OpenSSH writes it, such as \"ssh-ed25519 AAAA… comment\""
            .to_owned()
    })?;
    match key.algorithm() {
        Algorithm::Dsa => {
            return Err(
                "DSA keys are not safe any more, and OpenSSH refuses them: use Ed25519".to_owned()
            );
        }
        Algorithm::Rsa { .. } => {
            let bits = key.key_data().rsa().map_or(0, |rsa| bits(rsa.n.as_positive_bytes()));
            if bits < SMALLEST_RSA_BITS {
                return Err(format!(
                    "an RSA key needs at least {SMALLEST_RSA_BITS} bits, and this one has {bits}: use Ed25519"
                ));
            }
        }
        Algorithm::Ed25519
        | Algorithm::SkEd25519
        | Algorithm::Ecdsa { .. }
        | Algorithm::SkEcdsaSha2NistP256 => {}
        other @ (Algorithm::Other(_) | _) => {
            return Err(format!("keys of the kind {other} are not taken: use Ed25519"));
        }
    }
    let comment = key.comment().chars().filter(|c| !c.is_control()).take(100).collect();
    key.set_comment("");
    let public_key =
        key.to_openssh().map_err(|error| format!("this key can't be written again: {error}"))?;
    Ok(ParsedKey {
        algorithm: key.algorithm().to_string(),
        public_key: public_key.trim().to_owned(),
        fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        comment,
    })
}

fn bits(modulus: Option<&[u8]>) -> usize {
    let Some(bytes) = modulus else { return 0 };
    let first = bytes.first().map_or(8, |byte| byte.leading_zeros() as usize);
    (bytes.len() * 8).saturating_sub(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with ssh-keygen for this test; the private halves were thrown away.
    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKF5shemlAwkL+HRXJBdCmJ8a8d8yhHj6XFkwmM2dYcg ann@laptop";
    const RSA_1024: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDb3wMwb9Wl1EtYrjYQ6SKgD1bJxnXZlOyc2BBzvjYyTlEsyesyuQDW1BmFopTtezVjdjCusVKEmcdIQB2hL6S1ot3XEMMcY1qRg9P79nIb83hUQM1/ZWonYRoaELxINIrJoktoRT6bBh74wbAyqgangWzlxLSQFTrKfp8Hn3u5iQ== old";
    const RSA_2048: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDWJnkiSh/WflqWUL0i2ftWgb6oNJ3yxaJuP74JvfjQv1mwx//QMm/34kTmjYk5e6MkrPXYyjOS3DGrUwsi4KT1Srer+Y/s7uu9J0OqnmQeiN9HsPbg6rWakF+W/mAd1iSW1k8GOt28V3peylz8aoiol6eFIEDZpWYC7KmIvAQImj1ILv6eWMLEwnskF4FmDh77N+VFqPoCj/73HJCFl2RKLj3AwINw6JsHU7qHMd86JEUNnZXjNwMbDgnEHNzAiuYOhy9QoHzCAKgO4h8s//OLoDAjbARwgBkqd9AXtLu0rMbKMmHvB0caZmFS3wmfDSwq3VuPD8jruAWw2OvSc6rB";
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBLvjmmwIRF6ScbUdQYvMcjTD/ALNCgDCUENPcVg27l/ZVkidg5dnm5qn9gcyitKvczxMIGVaTMsg7rnJ/uCd9fc= x";

    #[test]
    fn keys_are_taken_as_ssh_keygen_writes_them() {
        let read = parse_ssh_key(&format!("  {ED25519}\n")).unwrap();
        assert_eq!(read.algorithm, "ssh-ed25519");
        assert_eq!(read.comment, "ann@laptop");
        assert_eq!(read.fingerprint, "SHA256:tgkYCRsRvL9W7lyj2a4HFFZdS3pHvt+x924e5dfuevQ");
        assert_eq!(format!("{} ann@laptop", read.public_key), ED25519);
        assert_eq!(parse_ssh_key(RSA_2048).unwrap().algorithm, "ssh-rsa");
        assert_eq!(parse_ssh_key(ECDSA).unwrap().algorithm, "ecdsa-sha2-nistp256");
    }

    /// As a security key's: such a pair can't be made without the device, so the public half is put together here.
    #[test]
    fn keys_of_security_keys_are_taken() {
        use base64::Engine;
        let kind = "sk-ssh-ed25519@openssh.com";
        let mut wire = Vec::new();
        for part in [kind.as_bytes(), &[7; 32], b"ssh:"] {
            wire.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
            wire.extend(part);
        }
        let text = format!(
            "{kind} {} ann@yubikey",
            base64::engine::general_purpose::STANDARD.encode(wire)
        );
        let read = parse_ssh_key(&text).unwrap();
        assert_eq!((read.algorithm.as_str(), read.comment.as_str()), (kind, "ann@yubikey"));
        assert!(text.starts_with(&read.public_key));
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        let refused = |text: &str| parse_ssh_key(text).unwrap_err();
        assert!(refused(RSA_1024).contains("1024"));
        assert!(refused(&format!("command=\"rm -rf /\" {ED25519}")).contains("no public key"));
        assert!(refused(&format!("{ED25519}\n{ECDSA}")).contains("one line"));
        assert!(refused("-----BEGIN OPENSSH PRIVATE KEY-----\nx").contains("private key"));
        for text in ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-rsa !!! x", "hello"] {
            assert!(refused(text).contains("no public key"), "{text:?}");
        }
        assert!(refused(&"x".repeat(LONGEST + 1)).contains("at most"));
        // A newline in the middle would be a second line of everybody's authorized_keys.
        assert!(parse_ssh_key(&ED25519.replace(" ann", "\nssh-ed25519 ann")).is_err());
    }
}
